"""`make bench` comes to its end, whatever one benchmark does."""

import sys

import psutil
import pytest

from benchmarks.__main__ import names, problem
from tests.waiting import eventually

LEAVES_SOMETHING = """
import subprocess, sys
left = subprocess.Popen(["sleep", "300"])
print(left.pid, flush=True)
sys.exit(3)
"""
NEVER_ENDS = """
import time
try:
    print("begun", flush=True)
    time.sleep(300)
finally:
    print("put away", flush=True)
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_only_benchmarks_are_run() -> None:
    assert {"parse", "journal", "whole"} <= set(names())
    assert set(names()).isdisjoint({"__main__", "traffic", "soak"})


def test_one_that_ends_well_has_no_problem() -> None:
    assert problem(python("print('1 line/s')"), 30) is None


def test_one_that_fails_leaves_nothing_behind(capfd: pytest.CaptureFixture[str]) -> None:
    said = problem(python(LEAVES_SOMETHING), 30)

    left = int(capfd.readouterr().out)
    assert said == "failed with exit code 3"
    eventually(lambda: not psutil.pid_exists(left))


def test_one_that_does_not_end_is_stopped_and_puts_its_things_away(
    capfd: pytest.CaptureFixture[str],
) -> None:
    said = problem(python(NEVER_ENDS), 10)

    assert said == "stopped, it had not ended after 10 s"
    assert capfd.readouterr().out.split("\n")[:2] == ["begun", "put away"]
