"""The command line. Each command lives in a module of its own here and calls a stage.

A command's module is a thin shell: arguments in, a stage's function, words out.
"""

from posttrail.cli.main import main

__all__ = ["main"]
