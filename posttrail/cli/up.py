"""`posttrail up` and `posttrail down`: everything on this machine, in the foreground or not.

The supervisor is a process of its own. In the foreground it hangs on this one by a lifeline, so it
ends however this one ends; detached, it lives until `posttrail down`.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.status import Status

from posttrail import config
from posttrail.cli.supervise import PROGRAM
from posttrail.config import Settings
from posttrail.errors import BadInput, Exit, Stop, TimedOut

if TYPE_CHECKING:
    from posttrail_answers.standing import Lag, Observer
    from posttrail_embedded.state import Layout, State

SINKS = 2
"""The slowest part of an import is a sink with the PostgreSQL process that works for it: with short
ids, one such pair leaves half a core idle on two cores."""
_LOOK_S = 0.1
_STOP_S = 60.0
STALLED_S = 120.0
"""An import that does not move for so long is given up; what is in Kafka stays there."""

# Of the terminal: everything but answers goes to standard error.
_console = Console(stderr=True, highlight=False)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(up)
    app.command()(down)


def up(
    *,
    log: Annotated[
        Path | None,
        typer.Option(metavar="FILE", readable=False, help="Import this log, then show counts."),
    ] = None,
    year: Annotated[
        int | None, typer.Option(help="Year of the log's first line, where its stamps have none.")
    ] = None,
    zone: Annotated[
        str | None, typer.Option(help="Time zone of its stamps, where they have none.")
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Leave it running in the background.")
    ] = False,
    processors: Annotated[int, typer.Option(min=0, help="How many processors to start.")] = 1,
    sinks: Annotated[int, typer.Option(min=0, help="How many sinks to start.")] = SINKS,
) -> None:
    """Run Kafka, PostgreSQL and all stages on this machine."""
    from posttrail_embedded import state

    settings = config.load()
    layout = state.Layout(config.home(settings))
    _require_readable(log)
    counts = ("--processors", str(processors), "--sinks", str(sinks))
    bring_in = [] if log is None else _import_command(log, year, zone)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _end_on_signal)
    if state.is_running(layout):
        _say(f"already running below {layout.home}")
        _use(settings, bring_in)
    elif detach:
        with _detached(layout, counts):
            _use(settings, bring_in)
        _how_to_go_on()
    else:
        with _foreground(layout, counts) as wait:
            _use(settings, bring_in)
            _say("running; Ctrl-C ends it")
            wait()


def down() -> None:
    """Stop what `posttrail up` runs; the data stay."""
    from posttrail_embedded import state

    layout = state.Layout(config.home(config.load()))
    found = state.running(layout)
    if found is None:
        _say(f"nothing runs below {layout.home}")
        return
    _stop(layout, found.pid)
    _say("stopped; the data stay")


def _say(text: str) -> None:
    _console.print(text)


_asked_by: list[int] = []


def _end_on_signal(number: int, _frame: FrameType | None) -> None:
    """So that every `finally` on the way out is done."""
    _asked_by.append(number)
    _end_if_asked()


def _end_if_asked() -> None:
    """Whoever waits asks this: Python drops what a signal raises while it cleans up objects."""
    if _asked_by:
        sys.exit(128 + _asked_by[0])


def _require_readable(log: Path | None) -> None:
    """Before anything is started for it."""
    try:
        if log is not None:
            log.open("rb").close()
    except OSError as error:
        raise BadInput(f"cannot read {log}: {error.strerror}") from None


def _import_command(log: Path, year: int | None, zone: str | None) -> list[str]:
    given = (("--year", year), ("--zone", zone))
    options = [word for name, value in given if value is not None for word in (name, str(value))]
    return [*PROGRAM, "produce", "file", *options, str(log)]


def _wait_until_ready(
    layout: "Layout", before: "State | None", exit_code: Callable[[], int | None]
) -> None:
    """Show the steps of the start; `before` is what an earlier run left written.

    Raises:
        posttrail.errors.Stop: it failed, with the supervisor's own words and exit code.
    """
    with _console.status("starting") as spinner:
        while True:
            _end_if_asked()
            ended = exit_code() is not None  # before the state is read: it may say why
            found = _newer(layout, before)
            if found is not None and found.phase == "ready" and not ended:
                return
            if ended:
                raise _why(found, layout)
            if found is not None and found.doing:
                spinner.update(found.doing)
            time.sleep(_LOOK_S)


def _newer(layout: "Layout", before: "State | None") -> "State | None":
    from posttrail_embedded import state

    found = state.read(layout)
    return None if found is None or (before and found.started == before.started) else found


def _why(found: "State | None", layout: "Layout") -> Stop:
    if found is None or found.phase != "failed":
        return Stop(f"the supervisor ended; see {layout.logs / 'up.log'}")
    error = Stop(found.error)
    error.exit_code = Exit(found.exit_code)
    return error


@contextmanager
def _foreground(layout: "Layout", counts: tuple[str, ...]) -> Iterator[Callable[[], None]]:
    from posttrail_embedded import state
    from posttrail_embedded.process import Child

    layout.make()
    before = state.read(layout)
    log = layout.logs / "up.log"
    child = Child([*PROGRAM, "supervise", *counts], log=log, grace=_STOP_S)

    def wait() -> None:
        while child.exit_code() is None:
            _end_if_asked()
            time.sleep(_LOOK_S)
        raise Stop(f"the supervisor ended; see {log}")

    try:
        _wait_until_ready(layout, before, child.exit_code)
        yield wait
    finally:
        child.stop()


@contextmanager
def _detached(layout: "Layout", counts: tuple[str, ...]) -> Iterator[None]:
    """It stays only where all that is done within goes well."""
    from posttrail_embedded import state

    layout.make()
    before = state.read(layout)
    with (layout.logs / "up.log").open("ab") as output:
        started = subprocess.Popen(
            [*PROGRAM, "supervise", *counts], stdin=subprocess.DEVNULL, stdout=output,
            stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        _wait_until_ready(layout, before, started.poll)
        yield
    except BaseException:
        started.terminate()
        started.wait()
        raise


def _stop(layout: "Layout", pid: int) -> None:
    from posttrail_embedded import state

    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_S
    while state.is_running(layout) or _is_alive(pid):
        if time.monotonic() > deadline:
            raise TimedOut(f"the supervisor (pid {pid}) does not stop; see {layout.logs}")
        time.sleep(_LOOK_S)


def _is_alive(pid: int) -> bool:
    """Whether the process is more than an entry that nobody has fetched yet."""
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _use(settings: Settings, bring_in: list[str]) -> None:
    """Import where something is to be imported, then show what there is."""
    from posttrail_answers.standing import observing

    if bring_in:
        with observing(settings) as observer:
            since = observer.raw_ends()
            _import(bring_in)
            _show_result(observer, since)


def _import(command: list[str]) -> None:
    from posttrail_embedded.process import Child

    child = Child(command, log=None, stop_signal=signal.SIGTERM)
    try:
        code = child.wait() or 0
    finally:
        child.stop()
    if code != 0:
        error = Stop("nothing was imported; the line above says why")
        error.exit_code = Exit(code) if code in set(Exit) else Exit.FAILED
        raise error


def _show_result(observer: "Observer", since: Mapping[int, int]) -> None:
    with _console.status("lines and facts on their way") as spinner:
        observer.wait_until_idle(_Patience(spinner))
    for name, rows in observer.rows().items():
        _say(f"{name:>14} {rows}")
    example = observer.example(since) or observer.example({})
    if example is not None:
        _say(f"\nOne of them, `posttrail trace {example}`:\n")
        subprocess.run([*PROGRAM, "trace", example], check=False)


class _Patience:
    """Gives up on what does not move any more, and shows what moves."""

    def __init__(self, spinner: Status) -> None:
        self._spinner = spinner
        self._seen: Lag | None = None
        self._moved = time.monotonic()

    def __call__(self, waiting: "Lag") -> bool:
        """Whether nothing has moved for too long."""
        if waiting != self._seen:
            self._seen, self._moved = waiting, time.monotonic()
        self._spinner.update(f"on their way: {waiting.raw} lines, {waiting.deliveries} facts")
        return time.monotonic() - self._moved > STALLED_S


def _how_to_go_on() -> None:
    program = Path(sys.argv[0])
    name = os.path.relpath(program) if program.is_absolute() else str(program)
    _say(
        "\nIt runs in the background. Go on with\n"
        f"  {name} trace QUEUE_ID_OR_MESSAGE_ID\n"
        f"  {name} status\n"
        f"  {name} down, or make stop"
    )
