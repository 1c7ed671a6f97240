"""`posttrail report` on the sample log: its three forms, its periods, its gaps."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from posttrail_answers.database import reading
from posttrail_answers.report import hourly, make
from posttrail_answers.report_records import Narrowed, Period, Report, Totals

from tests.landed import land
from tests.program import environment, run_well

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

GOLDEN = Path(__file__).parents[1] / "golden"
DAY = Period(datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC))
DAYS = ("--since", "2026-11-23", "--until", "2026-11-24")


@pytest.fixture(scope="module")
def found(sample_dsn: str) -> Report:
    with reading(sample_dsn) as opened:
        return make(opened, DAY, top=10_000)


@pytest.mark.parametrize("form", ["text", "json", "csv"])
def test_the_report_of_the_sample_is_as_it_was(sample_dsn: str, form: str) -> None:
    env = environment(POSTGRES__DSN=sample_dsn) | {"TZ": "UTC", "COLUMNS": "120"}

    said = run_well("report", *DAYS, "--host", "vm", "--format", form, "--top", "5", env=env)

    assert said == (GOLDEN / f"report.{form}").read_text()


def test_lists_add_up_to_the_totals(found: Report) -> None:
    totals = found.totals

    assert sum(day.delivered for day in found.days) == totals.delivered
    assert sum(hour.received for hour in found.hours) == totals.received
    assert sum(each.mails for each in found.recipients) == totals.delivered
    assert len(found.senders) == totals.senders
    assert sum(each.bytes for each in found.sender_domains) == totals.bytes_received
    assert sum(each.bytes for each in found.recipient_domains) == totals.bytes_delivered
    assert sum(each.count for each in found.refusals) == totals.rejected + totals.discarded
    assert Counter(each.status for each in found.reasons).keys() == {"deferred", "bounced"}
    assert sum(each.count for each in found.reasons) == totals.deferrals + totals.bounced


def test_two_halves_of_a_day_are_the_day(sample_dsn: str, found: Report) -> None:
    noon = datetime(2026, 11, 23, 11, 7, 20, tzinfo=UTC)
    with reading(sample_dsn) as opened:
        halves = [
            make(opened, Period(since, until)).totals
            for since, until in ((DAY.since, noon), (noon, DAY.until))
        ]

    assert all(half.delivered and half.deferrals for half in halves)
    for name in ("received", "delivered", "deferrals", "bounced", "rejected", "discarded"):
        parts = [getattr(half, name) for half in halves]
        assert sum(parts) == getattr(found.totals, name), name


def test_another_host_or_domain_has_nothing(sample_dsn: str) -> None:
    nothing = Totals(**dict.fromkeys(Totals.__struct_fields__, 0))
    with reading(sample_dsn) as opened:
        assert make(opened, DAY, Narrowed(hosts=("mx9.example.com",))).totals == nothing
        assert make(opened, DAY, Narrowed(domains=("example.com",))).totals == nothing


def test_a_domain_alone_counts_its_own_deliveries(sample_dsn: str) -> None:
    with reading(sample_dsn) as opened:
        narrowed = make(opened, DAY, Narrowed(domains=("lmtp.test",)))

    assert [(each.domain, each.delivered) for each in narrowed.recipient_domains] == [
        ("lmtp.test", 201)
    ]


def test_a_day_that_ends_summer_time_has_its_hour_twice(dsn: str) -> None:
    autumn = Period(
        datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC),
        "Europe/Berlin",
    )  # fmt: skip
    land(dsn, [
        b"2026-10-25T00:30:00.000001+00:00 mx1 postfix/pickup[1]: 000F1A: uid=0 from=<a>",
        b"2026-10-25T02:30:00.000002+01:00 mx2 postfix/pickup[1]: 000F1B: uid=0 from=<a>",
    ])  # fmt: skip
    with reading(dsn) as opened:
        whole, hours = make(opened, autumn), hourly(opened, autumn)

    assert [(hour.hour, hour.received) for hour in whole.hours] == [(2, 2)]
    assert [(day.day.isoformat(), day.received) for day in whole.days] == [("2026-10-25", 2)]
    assert len(hours) == 25
    received = [hour.start for hour in hours if hour.received]
    assert received[1] - received[0] == timedelta(hours=1)


def test_lost_lines_stand_before_everything(dsn: str) -> None:
    line = b"2026-10-25T00:30:00.000001+00:00 h systemd-journald[1]: Suppressed 42 messages from a"
    land(dsn, [line])
    env = environment(POSTGRES__DSN=dsn) | {"TZ": "UTC", "COLUMNS": "120"}

    said = run_well("report", "--since", "2026-10-25", "--until", "2026-10-26", env=env)

    assert said.splitlines()[1].startswith("INCOMPLETE: 42 log lines")
    assert "journal" in said


def test_percentiles_are_those_of_all_values_sorted(sample_dsn: str, found: Report) -> None:
    """They are found from how often each value comes; PostgreSQL's own function is the measure."""
    text = """
        SELECT {} FROM delivery_to
        WHERE status = 'sent' AND NOT probe AND response NOT LIKE 'forwarded as %%'
            AND t >= %(since)s AND t < %(until)s
    """
    columns = {"whole": "delay", "a": "delays[1]", "d": "delays[4]"}
    sorted_ = "percentile_cont(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY {}::float8)"
    with reading(sample_dsn) as opened, opened.cursor() as cursor:
        cursor.execute(
            text.format(", ".join(map(sorted_.format, columns.values()))),
            {"since": DAY.since, "until": DAY.until},
        )
        expected = dict(zip(columns, next(iter(cursor)), strict=True))

    for each in found.delays:
        if each.stage in expected:
            ours = [each.p50, each.p90, each.p95, each.p99]
            assert ours == pytest.approx(expected[each.stage], rel=1e-6), each.stage
