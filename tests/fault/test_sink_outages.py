"""PostgreSQL is cut off, refuses or hangs: a sink waits, says so once, and goes on."""

from collections.abc import Callable, Iterator, Sequence

import pytest
from posttrail_sinks import offsets
from posttrail_sinks.database import Cursor
from posttrail_sinks.offsets import Log, Span

from posttrail.config import Settings
from posttrail.server_settings import Postgres
from tests.fault.proxy import Proxy, in_front_of
from tests.fix_postgres import execute
from tests.sink_world import (
    CountingWriter,
    ids,
    landed,
    mails,
    produce,
    rows,
    running,
    until,
    wait_for_rows,
)

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


@pytest.fixture
def proxied(sink_settings: Settings, dsn: str) -> Iterator[tuple[Proxy, Settings]]:
    """The sink's way to PostgreSQL, to be disturbed."""
    with in_front_of(dsn) as (proxy, through):
        postgres = Postgres.model_validate({"dsn": through})
        yield proxy, sink_settings.model_copy(update={"postgres": postgres})


class DisturbedWriter(CountingWriter):
    """Does something to the world at a step of the first batches."""

    def __init__(self, step: str, disturb: Callable[[], None], times: int = 2) -> None:
        self._step, self._disturb, self.left = step, disturb, times

    def at(self, step: str) -> None:
        if step == self._step and self.left:
            self.left -= 1
            self._disturb()

    def write(self, cursor: Cursor, prepared: Sequence[str]) -> None:
        self.at("before COPY")
        cursor.execute("SELECT 1")
        super().write(cursor, prepared)
        self.at("after the rows")


STEPS = ("before COPY", "after the rows", "before COMMIT", "COMMIT without its answer")


@pytest.mark.parametrize("step", STEPS)
def test_a_connection_that_breaks_at_any_step_costs_and_doubles_nothing(
    proxied: tuple[Proxy, Settings], dsn: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, settings = proxied

    def lose_answers() -> None:
        proxy.answers_are_lost = True

    writer = DisturbedWriter(step, lose_answers if "answer" in step else proxy.cut)
    advance = offsets.advance

    def disturbed_advance(cursor: Cursor, log: Log, spans: Sequence[Span]) -> None:
        advance(cursor, log, spans)
        writer.at("before COMMIT")
        writer.at("COMMIT without its answer")

    monkeypatch.setattr(offsets, "advance", disturbed_advance)
    monkeypatch.setattr(proxy, "cut", healing(proxy))
    sent = mails(400)
    produce(settings, sent)

    with running(settings, writer):
        wait_for_rows(dsn, 400)

    assert writer.left == 0
    assert landed(dsn) == ids(sent)


def healing(proxy: Proxy) -> Callable[[], None]:
    """A cut after which answers come through again."""
    cut = proxy.cut

    def cut_and_heal() -> None:
        cut()
        proxy.answers_are_lost = False

    return cut_and_heal


@pytest.mark.parametrize(
    "condition",
    [
        "disk_full", "read_only_sql_transaction", "deadlock_detected", "admin_shutdown",
    ],
)  # fmt: skip
def test_a_sink_waits_while_postgresql_cannot(
    sink_settings: Settings, dsn: str, condition: str, capsys: pytest.CaptureFixture[str]
) -> None:
    execute(
        dsn,
        f"""CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '{condition}'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON landed EXECUTE FUNCTION refuse()""",
    )
    produce(sink_settings, mails(100))
    said = ""

    with running(sink_settings) as sink:
        until(lambda: epochs(dsn) >= 3 * 6)
        said = capsys.readouterr().out
        execute(dsn, "DROP TRIGGER refuse ON landed")
        wait_for_rows(dsn, 100)
        assert sink.alive

    assert said.count("sink waits and tries again") == 1
    assert "not now" in said
    assert "sink goes on" in capsys.readouterr().out
    assert landed(dsn) == ids(mails(100))


def epochs(dsn: str) -> int:
    return int(rows(dsn, "SELECT coalesce(sum(epoch), 0) FROM sink_offset")[0][0])


def test_a_sink_outlives_a_server_that_is_away(
    proxied: tuple[Proxy, Settings], dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    proxy, settings = proxied
    produce(settings, mails(100))
    with running(settings) as sink:
        wait_for_rows(dsn, 100)
        proxy.refuses = True
        proxy.cut()
        produce(settings, mails(1000, 100))
        until(lambda: "cannot connect" in capsys.readouterr().out)
        assert sink.sink.claimed == set()
        assert not sink.sink.health().ready
        assert sink.sink.health().live
        proxy.flow()
        wait_for_rows(dsn, 1100)
        until(lambda: sink.sink.health().ready)

    assert landed(dsn) == ids(mails(1100))


def test_an_idle_sink_notices_that_the_server_was_away_and_is_back(
    proxied: tuple[Proxy, Settings], dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    proxy, settings = proxied
    with running(settings) as sink:
        until(lambda: len(sink.sink.claimed) == 6)
        proxy.refuses = True
        proxy.cut()
        until(lambda: not sink.sink.health().ready)
        proxy.flow()
        until(lambda: sink.sink.health().ready and len(sink.sink.claimed) == 6)

    assert capsys.readouterr().out.count("sink goes on") == 1


def test_a_sink_ends_within_seconds_while_the_server_hangs(
    proxied: tuple[Proxy, Settings], dsn: str
) -> None:
    proxy, settings = proxied
    produce(settings, mails(100))
    with running(settings) as sink:
        wait_for_rows(dsn, 100)
        proxy.hang()
        produce(settings, mails(100, 100))
        until(lambda: sink.sink.busy)
        sink.stop(10)

    assert landed(dsn) == ids(mails(100))
