"""Stands between a supervisor and one program, so that the program never outlives the supervisor.

Run as `python guard.py LIFELINE STOP_SIGNAL GRACE COMMAND…`. LIFELINE is the read end of a pipe
whose write end only the supervisor holds. When that end closes, by `stop()` or because the
supervisor died in whatever way, the program gets STOP_SIGNAL, and after GRACE seconds SIGKILL. A
pipe is told of a death on every Unix, unlike Linux's PDEATHSIG. Only the standard library; imports
nothing of ours, so that it starts in a few milliseconds.
"""

import os
import signal
import subprocess
import sys
import threading
from types import FrameType


def _end(child: "subprocess.Popen[bytes]", stop_signal: int, grace: float) -> None:
    child.send_signal(stop_signal)
    try:
        child.wait(grace)
    except subprocess.TimeoutExpired:
        child.kill()


def _end_with(lifeline: int, child: "subprocess.Popen[bytes]", stop: int, grace: float) -> None:
    os.read(lifeline, 1)  # nobody writes: it returns when the other end is closed
    _end(child, stop, grace)


def main(arguments: list[str]) -> int:
    """Run the command until it ends or the lifeline breaks; its exit code, shell fashion."""
    lifeline, stop, grace = int(arguments[0]), int(arguments[1]), float(arguments[2])
    child = subprocess.Popen(arguments[3:])

    def pass_on(_number: int, _frame: FrameType | None) -> None:
        child.send_signal(stop)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, pass_on)
    watch = threading.Thread(target=_end_with, args=(lifeline, child, stop, grace), daemon=True)
    watch.start()
    code = child.wait()
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
