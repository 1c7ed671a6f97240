"""Kafka, PostgreSQL and the stages of one home directory, from the first start to the last end.

Knows of the stages only the commands that start them, and of topics and schema only that something
prepares them.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from posttrail import config
from posttrail.config import Servers, Settings
from posttrail.errors import Exit, PosttrailError, Stop
from posttrail.logs import logger
from posttrail_embedded import leftovers, state
from posttrail_embedded.broker import EmbeddedKafka
from posttrail_embedded.database import EmbeddedPostgres
from posttrail_embedded.keeper import Kept, program, stop_all
from posttrail_embedded.process import log_tail
from posttrail_embedded.state import Layout, State

_log = logger("up")
_LOOK_S = 0.2
LARGEST_LOG = 20 * 2**20
"""Bytes; a larger log is set aside as `.old` when its program is started."""

Step = tuple[str, Callable[[], object]]
"""What a person reads while it is done, and the doing."""


def _write_private(path: Path, content: bytes) -> None:
    """Nobody but us ever reads it, not even between the making and the writing."""
    scratch = path.with_suffix(".new")
    scratch.unlink(missing_ok=True)
    scratch.touch(mode=0o600)
    scratch.write_bytes(content)
    scratch.replace(path)


class Supervisor:
    """One run. `run()` returns when somebody asks it to stop."""

    def __init__(
        self,
        settings: Settings,
        stages: Callable[[], Mapping[str, Sequence[str]]],
        prepare: Sequence[Step],
        is_ready: Callable[[], bool],
    ) -> None:
        """Nothing is started yet.

        Args:
            settings: which servers are ours to start: those that it does not name.
            stages: name -> command; asked once the steps are done.
            prepare: steps once the servers answer and before the stages start.
            is_ready: whether the stages do their work.
        """
        self._settings = settings
        self._commands = stages
        self._prepare = prepare
        self._is_ready = is_ready
        self._layout = Layout(config.home(settings))
        self._stopping = threading.Event()
        self._stages: list[Kept] = []
        self._servers: list[Kept] = []
        self._state = State(pid=os.getpid(), started=time.time())

    def run(self) -> None:
        """Start everything, keep it running until SIGTERM or SIGINT, end everything.

        Raises:
            posttrail.errors.PosttrailError: the start failed; nothing runs any more.
        """
        self._layout.make()
        with state.held(self._layout), ExitStack() as cleanup:
            self._end_leftovers()
            cleanup.callback(self._layout.state.unlink, missing_ok=True)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, lambda _number, _frame: self._stopping.set())
            try:
                self._start(cleanup)
            except PosttrailError as error:
                cleanup.pop_all().close()
                self._tell(phase="failed", error=str(error), exit_code=int(error.exit_code))
                raise
            self._watch()

    def _end_leftovers(self) -> None:
        before = state.read(self._layout) or self._state
        for name in leftovers.end((*before.servers, *before.stages), self._layout.home):
            _log.warning("ended what an earlier run left behind", program=name)
        config.servers_file(self._settings).unlink(missing_ok=True)
        self._tell()

    def _tell(self, **changes: object) -> None:
        servers = tuple(kept.member() for kept in self._servers)
        stages = tuple(kept.member() for kept in self._stages)
        self._state = msgspec.structs.replace(
            self._state, servers=servers, stages=stages, **changes
        )
        state.write(self._layout, self._state)

    def _step(self, doing: str) -> None:
        if self._stopping.is_set():
            raise Stop("stopped before everything had started")
        _log.info(doing)
        self._tell(doing=doing)

    def _start(self, cleanup: ExitStack) -> None:
        self._start_servers(cleanup)
        for doing, act in self._prepare:
            self._step(doing)
            act()
        self._step("starting the stages")
        cleanup.callback(lambda: stop_all(self._stages))
        for name, command in self._commands().items():
            self._stages.append(Kept(name, program(command, self._log_file(name))))
        self._tell()
        self._wait_until_ready()
        self._tell(phase="ready", doing="")
        _log.info("ready")

    def _log_file(self, name: str) -> Path:
        log = self._layout.logs / f"{name}.log"
        if log.exists() and log.stat().st_size > LARGEST_LOG:
            log.replace(log.with_suffix(".log.old"))
        return log

    def _start_servers(self, cleanup: ExitStack) -> None:
        home, bootstrap, dsn = self._layout.home, "", ""
        if not config.has_own_postgres(self._settings):
            postgres = EmbeddedPostgres(home / "postgres", self._log_file("postgres"))
            self._start_server("postgres", postgres, cleanup)
            dsn = postgres.dsn()
        if not self._settings.kafka.bootstrap:
            kafka = EmbeddedKafka(home / "kafka", self._log_file("kafka"))
            self._start_server("kafka", kafka, cleanup)
            bootstrap = kafka.bootstrap
        file = config.servers_file(self._settings)
        cleanup.callback(file.unlink, missing_ok=True)
        _write_private(file, msgspec.json.encode(Servers(bootstrap, dsn)))

    def _start_server(
        self, name: str, server: EmbeddedKafka | EmbeddedPostgres, cleanup: ExitStack
    ) -> None:
        self._step(f"starting {name}")
        cleanup.callback(server.stop)
        child = server.start()
        self._servers.append(Kept(name, server.start_again, running=child))
        self._tell()

    def _wait_until_ready(self) -> None:
        while not self._is_ready():
            for kept in self._stages:
                code = kept.child.exit_code()
                if code is not None:
                    raise _stage_failed(kept, code)
            if self._stopping.wait(_LOOK_S):
                raise Stop("stopped before everything had started")

    def _watch(self) -> None:
        while not self._stopping.wait(_LOOK_S):
            changed = [kept for kept in (*self._servers, *self._stages) if kept.look()]
            if changed:
                self._tell()
        _log.info("stopping")


def _stage_failed(kept: Kept, code: int) -> Stop:
    """Its own last words, and the exit code that it gave."""
    error = Stop(f"{kept.name} ended at its start: {log_tail(kept.child.log, lines=1)}")
    if code in set(Exit):
        error.exit_code = Exit(code)
    return error
