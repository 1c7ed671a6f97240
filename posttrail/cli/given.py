"""Arguments that other users of this machine should not read in its process list."""

import sys


def given(argument: str) -> str:
    """The argument; `-` is a line of standard input."""
    return sys.stdin.readline().strip() if argument == "-" else argument
