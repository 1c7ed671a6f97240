"""kill -9 and SIGSTOP of a sink at every step: the rows are those of an undisturbed run."""

import os
import random
import signal
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from posttrail_sinks.writer import Writer

from posttrail.config import Settings
from posttrail.records import AnyFact
from tests.fault.dying_sink import STEPS, RealAndCounting, dying_sink
from tests.fix_postgres import execute, on_database
from tests.sink_world import (
    ROUNDS,
    everything,
    landed,
    produce,
    running,
    traffic,
    until,
    wait_for_rows,
)

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


@pytest.fixture
def undisturbed(postgres: str, template: str) -> Any:
    """A second migrated database, for the run that nothing disturbs."""
    name = f"undisturbed_{os.getpid()}_{random.getrandbits(32):08x}"
    execute(postgres, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield on_database(postgres, name)
    execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


def write_at_once(dsn: str, facts: list[AnyFact]) -> None:
    writer = Writer()
    with closing(psycopg2.connect(dsn)) as connection:
        writer.prepare_connection(connection)
        with connection, connection.cursor() as cursor:
            writer.write(cursor, writer.prepare(facts))


def test_rows_are_those_of_an_undisturbed_run_after_kills_at_every_step(
    sink_settings: Settings, dsn: str, undisturbed: str, tmp_path: Path
) -> None:
    dice = random.Random(11)
    steps = [STEPS[number % len(STEPS)] for number in range(ROUNDS)]
    sent = traffic(60 * ROUNDS)
    for number, step in enumerate(steps):
        produce(sink_settings, sent[number * 300 : number * 300 + 300])
        nth = dice.randint(1, 3)
        with dying_sink(sink_settings, step, signal.SIGKILL, nth, tmp_path / "said") as sink:
            sink.join(30)
            assert sink.exitcode == -signal.SIGKILL, (step, nth, (tmp_path / "said").read_text())

    with running(sink_settings, RealAndCounting()):
        wait_for_rows(dsn, len(sent))

    write_at_once(undisturbed, sent)
    assert everything(dsn) == everything(undisturbed)
    assert len(landed(dsn)) == len(sent)


def test_a_sink_stopped_inside_copy_loses_its_partitions_and_is_fenced(
    sink_settings: Settings, dsn: str, undisturbed: str, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    sent = traffic(100)
    produce(sink_settings, sent)
    with dying_sink(sink_settings, "in COPY", signal.SIGSTOP, 2, said) as frozen:
        until(lambda: is_stopped(frozen.pid))

        with running(sink_settings, RealAndCounting()):
            wait_for_rows(dsn, len(sent))
        write_at_once(undisturbed, sent)
        before = everything(dsn)
        assert before == everything(undisturbed)

        os.kill(frozen.pid or 0, signal.SIGCONT)
        until(lambda: "fenced" in said.read_text())
        until(lambda: "partitions claimed" in said.read_text().partition("fenced")[2])
        assert everything(dsn) == before
        assert len(landed(dsn)) == len(sent)

        frozen.terminate()
        frozen.join(15)
        assert frozen.exitcode == 0


def is_stopped(pid: int | None) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
