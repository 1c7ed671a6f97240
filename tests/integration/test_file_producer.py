"""`posttrail produce file` into a real Kafka: every line once, in order, in canonical form."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from threading import Event

import pytest
import zstandard
from posttrail_producers.file_import import Checked, FileImport, Times, check
from posttrail_producers.publisher import Publisher
from posttrail_producers.pump import Pump, Totals

from posttrail import config
from posttrail.errors import NotReady
from posttrail.textfiles import Damaged
from posttrail.topics import RAW, partition_for
from tests.raw_topic import raw_lines, raw_reader, read_some

pytestmark = pytest.mark.kafka

Import = Callable[..., Totals]


def line(number: int, host: str = "mx1") -> bytes:
    return (
        f"2019-11-27T16:{number // 60 % 60:02}:{number % 60:02}.000001+00:00 "
        f"{host} postfix/smtpd[7]: connect from client{number}.example[192.0.2.7]"
    ).encode()


def text(*numbers: int) -> bytes:
    return b"".join(line(number) + b"\n" for number in numbers)


@pytest.fixture
def settings(kafka: str, prefix: str) -> config.Settings:
    return config.load(kafka={"bootstrap": kafka, "prefix": prefix})


@pytest.fixture
def import_file(settings: config.Settings) -> Import:
    def run(path: Path, times: Times = Times(), **limits: object) -> Totals:  # noqa: B008
        checked = check(path, times)
        assert isinstance(checked, Checked)
        source = FileImport(checked, settings, times)
        publisher = Publisher(settings, source.id, lambda: False)
        producer = config.Producer(**limits)  # type: ignore[arg-type]
        try:
            return Pump(source, publisher, producer, Event()).run()
        finally:
            source.close()

    return run


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gz": gzip.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


def test_every_line_is_there_once_and_in_order(
    kafka: str, prefix: str, import_file: Import, tmp_path: Path
) -> None:
    log = tmp_path / "mail.log"
    log.write_bytes(text(*range(500)))
    assert import_file(log, max_lines_before_commit=100).commits == 5
    assert raw_lines(kafka, prefix) == [line(number) for number in range(500)]


def test_a_file_is_known_by_its_content(
    kafka: str, prefix: str, import_file: Import, tmp_path: Path
) -> None:
    for kind, compress in COMPRESSORS.items():
        # Names say nothing: the first bytes tell the compression.
        log = tmp_path / f"mail.{kind}.log"
        log.write_bytes(compress(text(*range(300))))
        import_file(log)
    assert len(raw_lines(kafka, prefix)) == 300


@pytest.mark.parametrize("size", [3, 300])
def test_a_file_that_has_grown_goes_on(
    kafka: str, prefix: str, import_file: Import, tmp_path: Path, size: int
) -> None:
    log = tmp_path / "mail.log"
    for end in (size, 2 * size):
        log.write_bytes(text(*range(end)))
        assert import_file(log).lines == size
    assert raw_lines(kafka, prefix) == [line(number) for number in range(2 * size)]


def test_another_file_with_the_same_beginning_is_another_file(
    import_file: Import, tmp_path: Path
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(text(*range(50), *range(100, 150)))
    other.write_bytes(text(*range(50), *range(200, 250)))
    assert import_file(one).lines == 100
    assert import_file(other).lines == 100
    assert import_file(one).lines == 0


def test_a_last_line_without_a_newline_is_a_line(
    kafka: str, prefix: str, import_file: Import, tmp_path: Path
) -> None:
    log = tmp_path / "mail.log"
    log.write_bytes(text(1, 2)[:-1])
    assert import_file(log).lines == 2
    log.write_bytes(text(1, 2, 3))
    assert import_file(log).lines == 1
    assert raw_lines(kafka, prefix) == [line(1), line(2), line(3)]


def test_a_last_line_that_was_still_being_written_comes_whole(
    kafka: str, prefix: str, import_file: Import, tmp_path: Path
) -> None:
    log = tmp_path / "mail.log"
    log.write_bytes(text(1, 2)[:-20])
    import_file(log)
    log.write_bytes(text(1, 2, 3))
    import_file(log)
    assert raw_lines(kafka, prefix) == [line(1), line(2)[:-19], line(2), line(3)]


def test_key_and_partition_are_the_hosts(
    kafka: str, prefix: str, import_file: Import, tmp_path: Path
) -> None:
    hosts = [f"mx{n}" for n in range(20)]
    log = tmp_path / "mail.log"
    log.write_bytes(b"".join(line(1, host) + b"\n" for host in hosts))
    import_file(log)
    with raw_reader(kafka, prefix) as consumer:
        found = read_some(consumer)
    assert {message.key().decode() for message in found} == set(hosts)
    for message in found:
        assert message.partition() == partition_for(message.key(), RAW.partitions)


def test_lines_become_canonical_and_none_is_dropped(
    kafka: str, prefix: str, import_file: Import, tmp_path: Path
) -> None:
    log = tmp_path / "mail.log"
    log.write_bytes(
        b"Nov 27 16:22:49 mx1 postfix/qmgr[7]: 47NQzY13DbzNWNQG: removed\n"
        b"\n"
        b"no syslog \xff line\n"
        b"<22>Nov 27 16:22:50 mx1 postfix/cleanup[8]: info: \xff\xfe\n"
    )
    times = Times(year=2019, zone=UTC)
    import_file(log, times)
    assert sorted(raw_lines(kafka, prefix)) == [
        b"",
        b"2019-11-27T16:22:49+00:00 mx1 postfix/qmgr[7]: 47NQzY13DbzNWNQG: removed",
        b"2019-11-27T16:22:50+00:00 mx1 postfix/cleanup[8]: info: \xff\xfe",
        b"no syslog \xff line",
    ]


def test_what_is_readable_of_a_broken_file_is_kept(
    kafka: str, prefix: str, import_file: Import, tmp_path: Path
) -> None:
    log = tmp_path / "mail.log.gz"
    whole = gzip.compress(text(*range(5000)))
    log.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Damaged, match="damaged"):
        import_file(log)
    kept = len(raw_lines(kafka, prefix))
    assert 0 < kept < 5000

    log.write_bytes(whole)
    assert import_file(log).lines == 5000 - kept
    assert raw_lines(kafka, prefix) == [line(number) for number in range(5000)]


def test_a_missing_topic_is_said(kafka: str, tmp_path: Path) -> None:
    log = tmp_path / "mail.log"
    log.write_bytes(text(1))
    settings = config.load(kafka={"bootstrap": kafka, "prefix": "nowhere."})
    checked = check(log, Times())
    assert checked is not None
    source = FileImport(checked, settings, Times())
    publisher = Publisher(settings, source.id, lambda: False)
    with pytest.raises(NotReady, match="posttrail topics"):
        Pump(source, publisher, settings.producer, Event()).run()
