"""The shipped rsyslog configuration, with the real rsyslogd and a real Kafka."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Message, TopicPartition
from posttrail_processors.lines import Rules, read_line

from posttrail.records import GapFact
from posttrail.topics import RAW, partition_for
from tests.fault.proxy import Proxy
from tests.fix_rsyslog import StartsRsyslogd, shipped
from tests.waiting import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.rsyslog]

CANONICAL = re.compile(
    rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(?:Z|[+-]\d\d:\d\d) \S+ [^\s:\[]+\[\d+\]: .+\n"
)


class Raw:
    """What stands on the raw topic."""

    def __init__(self, kafka: str, prefix: str) -> None:
        self.records: list[Message] = []
        self._consumer = Consumer(
            {"bootstrap.servers": kafka, "group.id": f"{prefix}test", "log_level": 0}
        )
        self._consumer.assign(
            [TopicPartition(RAW.full_name(prefix), number, 0) for number in range(RAW.partitions)]
        )

    def read(self) -> list[Message]:
        """All that has come until now."""
        self.records += self._consumer.consume(1000, 0.2)
        return self.records

    def close(self) -> None:
        self._consumer.close()

    def values(self) -> list[bytes]:
        return [record.value() or b"" for record in self.read()]

    def wait_for(self, count: int) -> None:
        """Until so many have come, and then a moment longer: one too many must be seen, too."""
        # rsyslog and librdkafka both wait between their tries.
        eventually(lambda: len(self.read()) >= count, 90)
        for _ in range(3):
            self.read()


@pytest.fixture
def raw(kafka: str, prefix: str) -> Iterator[Raw]:
    opened = Raw(kafka, prefix)
    yield opened
    opened.close()


@contextmanager
def proxy_to(kafka: str) -> Iterator[Proxy]:
    host, port = kafka.split(":")
    proxy = Proxy(host, int(port))
    yield proxy
    proxy.close()


def numbered(numbers: range) -> list[bytes]:
    return [b"<22>Nov 24 06:00:00 postfix/smtpd[4711]: line %d" % number for number in numbers]


def numbers_of_lines(raw: Raw) -> list[int]:
    return [int(value.rpartition(b"line ")[2]) for value in raw.values() if b": line " in value]


def test_lines_come_by_host_in_canonical_form_each_once(
    rsyslogd: StartsRsyslogd, kafka: str, prefix: str, tmp_path: Path, raw: Raw
) -> None:
    daemon = rsyslogd(shipped(kafka, prefix, tmp_path), host="mx1")
    hosts = ("mx2", "mx3", "mx4", "mx5.example.com")

    daemon.log_locally(*numbered(range(100)))
    for host in hosts:
        head = f"<22>2026-11-24T05:00:00.123456+01:00 {host} postfix/relay/smtp[77]: line ".encode()
        daemon.relay(*(head + b"%d" % number for number in range(100)))

    raw.wait_for(500)
    by_host: dict[bytes, list[bytes]] = {}
    for record in raw.records:
        key, value = record.key() or b"", record.value() or b""
        assert CANONICAL.fullmatch(value), value
        assert value.split(b" ")[1] == key
        assert record.partition() == partition_for(key, RAW.partitions)
        by_host.setdefault(key, []).append(value.rpartition(b" ")[2])
    in_order = [b"%d\n" % number for number in range(100)]
    assert by_host == {host.encode(): in_order for host in ("mx1", *hosts)}
    assert daemon.errors() == ""


def test_the_parser_reads_what_rsyslog_writes(
    rsyslogd: StartsRsyslogd, kafka: str, prefix: str, tmp_path: Path, raw: Raw
) -> None:
    daemon = rsyslogd(shipped(kafka, prefix, tmp_path))

    daemon.log_locally(
        b"<22>Nov 24 06:00:00 postfix/qmgr[9]: 4jYX8V5M5Qz1T5G7: removed",
        b"<22>Nov 24 06:00:00 postfix/smtpd[9]: connect from client.example.net[192.0.2.7]",
        "<22>Nov 24 06:00:00 dovecot: imap: grüße".encode(),
        b"<30>Nov 24 06:00:00 cron[9]: not mail at all",
        b"<22>Nov 24 06:00:00 postfix/smtpd[9]: not a known line",
    )

    raw.wait_for(4)
    outcomes = [read_line(value, (0, 0), Rules(verp_marker="")) for value in raw.values()]
    assert Counter(outcome.cls for outcome in outcomes) == Counter(
        {"fact": 1, "ignored": 1, "foreign": 1, "dead": 1}
    )


def test_what_was_logged_while_kafka_was_away_comes_later_even_after_a_restart(
    rsyslogd: StartsRsyslogd, kafka: str, prefix: str, tmp_path: Path, raw: Raw
) -> None:
    with proxy_to(kafka) as proxy:
        proxy.refuses = True
        daemon = rsyslogd(shipped(f"127.0.0.1:{proxy.port}", prefix, tmp_path))
        daemon.log_locally(*numbered(range(50)))
        daemon.stop()
        daemon.start()
        daemon.log_locally(*numbered(range(50, 60)))

        proxy.refuses = False
        raw.wait_for(60)

    assert set(numbers_of_lines(raw)) == set(range(60))


def test_a_connection_that_a_broker_closes_brings_no_line_twice(
    rsyslogd: StartsRsyslogd, kafka: str, prefix: str, tmp_path: Path, raw: Raw
) -> None:
    with proxy_to(kafka) as proxy:
        daemon = rsyslogd(shipped(f"127.0.0.1:{proxy.port}", prefix, tmp_path))
        for number in range(4):
            daemon.log_locally(*numbered(range(number, number + 1)))
            raw.wait_for(number + 1)
            proxy.cut()

    assert numbers_of_lines(raw) == [0, 1, 2, 3]


def test_what_rsyslog_dropped_is_told_as_a_gap(
    rsyslogd: StartsRsyslogd, kafka: str, prefix: str, tmp_path: Path, raw: Raw
) -> None:
    daemon = rsyslogd(shipped(kafka, prefix, tmp_path), burst=20)

    sent = 50
    daemon.log_locally(*numbered(range(sent)))

    def one_more_is_sent_and_the_loss_is_told() -> bool:
        nonlocal sent
        daemon.log_locally(*numbered(range(sent, sent + 1)))
        sent += 1
        return any(b"lost due to rate-limiting" in value for value in raw.values())

    eventually(one_more_is_sent_and_the_loss_is_told)
    eventually(lambda: numbers_of_lines(raw)[-1:] == [sent - 1])

    facts = [
        fact
        for value in raw.values()
        for fact in read_line(value, (0, 0), Rules(verp_marker="")).facts
        if isinstance(fact, GapFact)
    ]
    lost = sum(fact.lines or 0 for fact in facts)
    assert [fact.source for fact in facts] == ["rsyslog", "rsyslog"]  # it begins; so many were lost
    assert lost > 0
    assert len(numbers_of_lines(raw)) + lost == sent
