"""Every list of a report beside pflogsumm's on the same log.

Where pflogsumm 1.1.5 counts otherwise, the difference is counted anew from the log here and
explained in docs/report.md; none of it is taken on trust.
"""

import gzip
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from posttrail_answers.database import reading
from posttrail_answers.report import make
from posttrail_answers.report_records import Counts, Period, Report

from tests.fix_stack import SAMPLE
from tests.landed import land
from tests.pflogsumm import Numbers, Summary, as_printed, printed, summary

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
DAY = Period(MIDNIGHT, MIDNIGHT + timedelta(days=1))

OTHER_SMTPD = 67
"""Mails that pflogsumm does not see come in: it knows the smtpd of master.cf by its name only, and
`reinject/smtpd`, `filtered/smtpd` and `vrfy/smtpd` are none to it."""
PROXY_TWICE = 21
"""Mails that it counts twice: `NOQUEUE: client=` before a proxy filter makes no mail."""
QUOTED = 6
"""Deliveries it does not see: a quoted address with `>` in it ends too early for its pattern."""
OTHER_SENDERS = 7
"""Senders who sent by another smtpd only."""
HEADER_WARNINGS = 53
"""Header checks that warned, called reject warnings: nothing was refused, we count none."""
HELD = 5
"""Mails that were on hold for a while; a report tells of those that still are: none."""
WITHOUT_RELAY = 16
"""Bounces by Postfix itself: `relay=none` is no relay to us."""


class Unseen(NamedTuple):
    """What pflogsumm misses in a log, read from the log itself."""

    others: list[tuple[str, int]]
    """Sender and bytes of each mail by another smtpd that came into the queue."""
    quoted: list[tuple[str, int]]
    """Recipient and bytes of each delivery to a quoted address."""


def unseen_in(log: str) -> Unseen:
    ids = re.findall(r"/(?:reinject|filtered|vrfy)/smtpd\[\d+\]: ([0-9A-F]+): client=", log)
    entered = re.findall(r"qmgr\[\d+\]: ([0-9A-F]+): from=<(.*)>, size=(\d+)", log)
    mails = {queue_id: (sender, int(size)) for queue_id, sender, size in entered}
    quoted = re.findall(r": ([0-9A-F]+): to=<(\"[^\"]*>[^\"]*\"@\S+)>.* status=sent", log)
    return Unseen(
        [mails[each] for each in ids if each in mails],
        [(address, mails[each][1]) for each, address in quoted],
    )


def as_text(log: bytes) -> str:
    return log.decode(errors="surrogateescape")


@pytest.fixture(scope="module")
def found(sample_dsn: str) -> Report:
    with reading(sample_dsn) as opened:
        return make(opened, DAY, top=10_000)


@pytest.fixture(scope="module")
def log() -> str:
    return as_text(gzip.decompress(SAMPLE.read_bytes()))


@pytest.fixture(scope="module")
def unseen(log: str) -> Unseen:
    return unseen_in(log)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    """pflogsumm's word on the sample log."""
    plain = tmp_path_factory.mktemp("pflogsumm") / "mail.log"
    plain.write_bytes(gzip.decompress(SAMPLE.read_bytes()))
    return summary(plain)


def test_every_total_is_pflogsumms_but_for_what_it_counts_otherwise(
    found: Report, other: Summary, unseen: Unseen
) -> None:
    ours = found.totals

    assert other.totals() == printed({
        "received": ours.received - OTHER_SMTPD + PROXY_TWICE,
        "delivered": ours.delivered - QUOTED,
        "forwarded": ours.forwarded,
        "deferred": ours.deferred,
        "deferrals": ours.deferrals,
        "bounced": ours.bounced,
        "rejected": ours.rejected,
        "reject warnings": HEADER_WARNINGS,
        "held": ours.held + HELD,
        "discarded": ours.discarded,
        "bytes received": ours.bytes_received - sum(size for _, size in unseen.others),
        "bytes delivered": ours.bytes_delivered - sum(size for _, size in unseen.quoted),
        "senders": ours.senders - OTHER_SENDERS,
        "sending hosts/domains": ours.sending_domains,
        "recipients": ours.recipients - 1,
        "recipient hosts/domains": ours.recipient_domains,
    })  # fmt: skip


def test_what_pflogsumm_does_not_see_is_in_the_log(log: str, unseen: Unseen) -> None:
    assert len(re.findall(OTHERS, log)) == OTHER_SMTPD
    assert log.count(": NOQUEUE: client=") == PROXY_TWICE
    assert len(unseen.quoted) == QUOTED
    assert len({address for address, _ in unseen.quoted}) == 1
    assert log.count(": warning: header ") == HEADER_WARNINGS
    assert log.count(": hold: header ") == HELD


def without(ours: Counter[str], unseen: list[tuple[str, int]], *, by_size: bool) -> dict[str, str]:
    """A list of addresses without what pflogsumm misses, as it prints it."""
    left = ours.copy()
    for address, size in unseen:
        left[address] -= size if by_size else 1
    return printed({address or "<>": number for address, number in left.items() if number})


def test_lists_of_senders_are_pflogsumms(found: Report, other: Summary, unseen: Unseen) -> None:
    mails = Counter({each.address: each.mails for each in found.senders})
    sizes = Counter({each.address: each.bytes for each in found.senders_by_size})
    theirs = [other.people(f"Senders by message {what}") for what in ("count", "size")]
    for senders in theirs:
        senders["<>"] = senders.pop("from=<>")

    assert theirs[0] == without(mails, unseen.others, by_size=False)
    assert theirs[1] == without(sizes, unseen.others, by_size=True)
    assert len(mails) - len(theirs[0]) == OTHER_SENDERS


def test_lists_of_recipients_are_pflogsumms(found: Report, other: Summary, unseen: Unseen) -> None:
    mails = Counter({each.address: each.mails for each in found.recipients})
    sizes = Counter({each.address: each.bytes for each in found.recipients_by_size})

    assert other.people("Recipients by message count") == without(
        mails, unseen.quoted, by_size=False
    )
    assert other.people("Recipients by message size") == without(sizes, unseen.quoted, by_size=True)


def domains_of(unseen: list[tuple[str, int]], *, by_size: bool) -> Counter[str]:
    counted: Counter[str] = Counter()
    for address, size in unseen:
        counted[address.rpartition("@")[2]] += size if by_size else 1
    return counted


def test_sender_domains_are_pflogsumms(found: Report, other: Summary, unseen: Unseen) -> None:
    mails, sizes = (domains_of(unseen.others, by_size=by_size) for by_size in (False, True))

    assert mails.keys() == {"sender.test"}
    assert other.sender_domains() == {
        each.domain: (
            as_printed(each.received - mails[each.domain]),
            as_printed(each.bytes - sizes[each.domain]),
        )
        for each in found.sender_domains
    }


def test_recipient_domains_are_pflogsumms(found: Report, other: Summary, unseen: Unseen) -> None:
    """It has no domain whose mails only bounced; six fast deliveries of 858 change no delay."""
    mails, sizes = (domains_of(unseen.quoted, by_size=by_size) for by_size in (False, True))
    bounced_only = {"bounce.test", "error.test"}

    assert mails.keys() == {"ok.test"}
    assert all(
        each.bounced and not each.delivered + each.deferred
        for each in found.recipient_domains
        if each.domain in bounced_only
    )
    assert other.recipient_domains() == {
        each.domain: (
            as_printed(each.delivered - mails[each.domain]),
            as_printed(each.bytes - sizes[each.domain]),
            as_printed(each.deferred),
            f"{each.average_delay or 0:.1f}",
            f"{each.max_delay or 0:.1f}",
        )
        for each in found.recipient_domains
        if each.domain not in bounced_only
    }


def kind(reason: str) -> str:
    """pflogsumm's reason without what ours leave out: server, code, an address in front."""
    bare = re.sub(r"^(host \S+ (said|refused to talk to me): )?(\d{3}[- ])?", "", reason)
    return re.sub(r"^(\d\.\d+\.\d+ )?<[^>]*>: ", r"\1", bare)


def reasons(found: Report, status: str) -> Counter[str]:
    return Counter({each.reason: each.count for each in found.reasons if each.status == status})


def added_up(pairs: Iterator[tuple[str, int]]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for text, count in pairs:
        counted[text] += count
    return counted


def test_reasons_of_deferrals_are_pflogsumms_up_to_its_first_parenthesis(
    found: Report, other: Summary
) -> None:
    ours = reasons(found, "deferred")
    theirs = other.reasons("message deferral detail")
    cut = added_up((reason.partition(")")[0], count) for reason, count in ours.items())

    assert cut == added_up((kind(each[-1]), count) for each, count in theirs.items())
    assert cut != ours, "nothing to cut: the parenthesis needs no mention"


def test_reasons_of_bounces_are_pflogsumms(found: Report, other: Summary) -> None:
    theirs = other.reasons("message bounce detail (by relay)")

    assert reasons(found, "bounced") == added_up(
        (kind(each[-1]), count) for each, count in theirs.items()
    )


def test_bounces_of_each_relay_are_pflogsumms(found: Report, other: Summary) -> None:
    theirs = other.reasons("message bounce detail (by relay)")
    by_relay = added_up((relay, count) for (relay, _), count in theirs.items())

    assert by_relay.pop("none") == WITHOUT_RELAY
    assert by_relay == {each.relay: each.bounced for each in found.relays if each.bounced}
    assert sum(by_relay.values()) + WITHOUT_RELAY == found.totals.bounced


REFUSAL = re.compile(
    r"(?:(\d{3}) )?(?:(\d\.\d+\.\d+) )?(?:<[^>]*>: |\S+\[[^]]*\]: )?"
    r"(.*?)(?:; (?:from|to|proto)=.*)?"
)
FROM_CLEANUP = re.compile(r".* from \S+; from=.* helo=<[^>]*>: (.*)")
"""A header, where it came from, and at the end the text of the check: the reason."""


def refusals(other: Summary, action: str) -> Counter[tuple[str | None, ...]]:
    """pflogsumm's by phase, code, DSN and reason; of whom is left out."""
    counted: Counter[tuple[str | None, ...]] = Counter()
    for (phase, *texts), count in other.reasons(f"message {action} detail").items():
        if phase == "cleanup":
            said = FROM_CLEANUP.fullmatch(texts[-1])
            assert said is not None, texts
            counted[action, phase, None, None, said[1]] += count
        else:
            parts = REFUSAL.fullmatch(texts[0])
            assert parts is not None, texts
            counted[action, phase, *parts.groups()] += count
    return counted


def our_refusals(found: Report) -> Counter[tuple[str | None, ...]]:
    return Counter({
        (each.action, each.phase, each.code, each.dsn, each.reason): each.count
        for each in found.refusals
    })  # fmt: skip


def test_reasons_of_rejects_and_discards_are_pflogsumms(found: Report, other: Summary) -> None:
    assert our_refusals(found) == refusals(other, "reject") + refusals(other, "discard")


def test_a_recipient_refused_behind_a_good_one_has_the_same_reason(
    dsn: str, tmp_path: Path
) -> None:
    """The mail has its queue id by then, and the line has it in the place of NOQUEUE."""
    smtpd = "2026-11-23T10:00:00.{}+00:00 mx postfix/smtpd[1]:"
    refused = (
        " reject: RCPT from a.example[192.0.2.1]: 550 5.1.1 <{0}@b.test>: Recipient address"
        " rejected: unknown; from=<s@a.example> to=<{0}@b.test> proto=ESMTP helo=<a.example>"
    )
    lines = [
        f"{smtpd.format('000001')} NOQUEUE:{refused.format('x')}",
        f"{smtpd.format('000016')} 00010A: client=a.example[192.0.2.1]",
        f"{smtpd.format('000020')} 00010A:{refused.format('y')}",
        f"{smtpd.format('000021')} 00010A:{refused.format('z')}",
    ]
    (tmp_path / "mail.log").write_text("".join(f"{line}\n" for line in lines))
    land(dsn, [line.encode() for line in lines])

    with reading(dsn) as opened:
        ours = our_refusals(make(opened, DAY))

    reason = "Recipient address rejected: unknown"
    assert ours == {("reject", "RCPT", "550", "5.1.1", reason): 3}
    assert ours == refusals(summary(tmp_path / "mail.log"), "reject")


OTHERS = r"/(?:reinject|filtered|vrfy)/smtpd\[\d+\]: [0-9A-F]+: client="
QUOTES = r": to=<\"[^\"]*>[^\"]*\"@\S+>.* status=sent"


def otherwise(log: str, part: slice) -> dict[str, Counter[str]]:
    """How often pflogsumm counts otherwise, by this part of the stamp."""

    def counted(pattern: str) -> Counter[str]:
        return Counter(line[part] for line in log.splitlines() if re.search(pattern, line))

    return {
        "others": counted(OTHERS),
        "proxied": counted(": NOQUEUE: client="),
        "quoted": counted(QUOTES),
        "not refused": counted(r": (?:warning|hold): header "),
    }


def as_pflogsumm(ours: Counts, discarded: int, at: str, by: dict[str, Counter[str]]) -> Numbers:
    """A row of its traffic: discards, warnings and holds stand among what it calls rejected."""
    received = ours.received - by["others"][at] + by["proxied"][at]
    delivered = ours.delivered - by["quoted"][at]
    rejected = ours.rejected + by["not refused"][at] + discarded
    return tuple(map(str, (received, delivered, ours.deferred, ours.bounced, rejected)))


MOVED = ((0, 0, 10_356), (0, 3, 4000), (-1, -5, 6000), (-2, 9, 2500))
"""Days and hours later, and how many of the sample's lines come again then."""


@pytest.fixture(scope="module")
def three_days(log: str) -> str:
    """The sample and pieces of it again at other times."""
    lines = log.splitlines()

    def moved(line: str, by: timedelta) -> str:
        stamp, _, rest = line.partition(" ")
        return f"{(datetime.fromisoformat(stamp) + by).isoformat(timespec='microseconds')} {rest}"

    return "".join(
        f"{moved(line, timedelta(days=days, hours=hours))}\n"
        for days, hours, count in MOVED
        for line in lines[:count]
    )


def test_traffic_of_days_and_hours_is_pflogsumms(dsn: str, three_days: str, tmp_path: Path) -> None:
    whole, first = tmp_path / "whole.log", tmp_path / "first.log"
    of_first = "".join(line for line in three_days.splitlines(True) if line[8:10] == "23")
    for path, text in ((whole, three_days), (first, of_first)):
        path.write_bytes(text.encode(errors="surrogateescape"))
    land(dsn, whole.read_bytes().splitlines())
    discards = Counter(line[:13] for line in three_days.splitlines() if ": discard: " in line)

    with reading(dsn) as opened:
        days = make(opened, Period(MIDNIGHT - timedelta(days=2), DAY.until)).days
        hours = make(opened, DAY).hours

    by_day, by_hour = otherwise(three_days, slice(5, 10)), otherwise(of_first, slice(11, 13))
    assert summary(whole).days() == {
        f"{each.day:%m-%d}": as_pflogsumm(
            each,
            sum(count for at, count in discards.items() if at.startswith(each.day.isoformat())),
            f"{each.day:%m-%d}", by_day,
        )
        for each in days
    }  # fmt: skip
    assert summary(first).hours() == {
        each.hour: as_pflogsumm(
            each, discards[f"{MIDNIGHT:%Y-%m-%d}T{each.hour:02}"], f"{each.hour:02}", by_hour
        )
        for each in hours
    }
    assert len(days) == 3
    assert len(hours) == 2
