"""Lines of files become canonical records: nothing is lost, and short cuts change nothing."""

from datetime import UTC

import pytest
from posttrail_producers.canonical import Canonical

from posttrail.stamps import Stamps, State
from posttrail.years import Walk


def canonical(year: int = 2019) -> Canonical:
    def never() -> int:
        raise AssertionError("the year is known")

    stamps = Stamps(State(walk=Walk(year)), UTC, zone_given=True, year_given=True)
    return Canonical(stamps, "here", never)


MIXED = [
    b"Dec 31 23:59:59 mx1 postfix/qmgr[7]: 0123456789: removed",
    b"Dec 31 23:59:59 mx2 postfix/qmgr[8]:  two spaces",
    b"Dec 31 23:59:59 mx1 postfix/smtpd[7]: 47NQzY13DbzNWNQG: client=mail.example.com[192.0.2.7]",
    b"Dec 31 23:59:59 mx1 postfix/smtpd[7] no colon",
    b"Dec 31 23:59:59 mx1 last message repeated 2 times",
    b"Jan  1 00:00:00 mx1 postfix/qmgr[7]: 0123456789: \xff\xfe\0",
    b"Jan  1 00:00:00 mx1 postfix/qmgr[7]: [ID 1 mail.info] x",
    b"Dec 31 23:59:58 mx1 postfix/qmgr[7]: late",
    b"Dec 31 23:59:58 mx1 postfix/qmgr[7]: late too",
    b"Jan  1 00:00:00 mx1 postfix/qmgr[7]: x\r",
    b"2021-01-01T00:00:00Z mx1 postfix/qmgr[7]: x",
    b"Jan  1 00:00:00 mx1 postfix/qmgr[7]: of that year",
    b"",
    b"no syslog line",
    b"Jan  1 00:00:00 mx1 postfix/qmgr[7]: again",
]


def test_lines_may_come_one_by_one_or_all_together() -> None:
    one_by_one = canonical()
    apart = [record for line in MIXED for record in one_by_one.records([line])]
    assert canonical().records(MIXED) == apart
    assert len(apart) == len(MIXED)


def test_lines_with_one_stamp_differ_in_nothing_but_their_text() -> None:
    found = canonical().records(MIXED)
    assert found[0] == (b"mx1", b"2019-12-31T23:59:59+00:00" + MIXED[0][15:])
    assert found[5] == (b"mx1", b"2020-01-01T00:00:00+00:00" + MIXED[5][15:])
    assert found[8] == (b"mx1", b"2019-12-31T23:59:58+00:00" + MIXED[8][15:])
    assert found[11] == (b"mx1", b"2021-01-01T00:00:00+00:00" + MIXED[11][15:])
    assert found[14][1].startswith(b"2021-01-01T00:00:00+00:00 mx1 ")


@pytest.mark.parametrize("line", [b"", b"no syslog line", b"Feb 29 00:00:00 mx1 a[1]: x"])
def test_what_cannot_be_settled_goes_through_as_it_is(line: bytes) -> None:
    ((_, value),) = canonical().records([line])
    assert value == line


def test_a_canonical_line_is_not_touched() -> None:
    line = b"2021-01-01T00:00:00.5+05:30 mx1 postfix/qmgr[7]: \xff x  \t"
    assert canonical().records([line]) == [(b"mx1", line)]
