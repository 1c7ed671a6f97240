"""The journal as a source: raw lines and positions from real journal files, no Kafka yet."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from posttrail_producers import journal_source
from posttrail_producers.journal_source import JournalSource

from posttrail import metrics
from posttrail.config import Journal
from posttrail.errors import BadInput, Retry
from tests.fix_journal import (
    MACHINE,
    NOON,
    Fields,
    Journald,
    entries_to_file,
    mail_entry,
    running_journald,
    short_directory,
)
from tests.waiting import eventually

pytestmark = [pytest.mark.journal, pytest.mark.usefixtures("systemd_python")]

OTHER_MACHINE = b"3" * 32
HOSTS = ("mx", "mx2")
NOWHERE: dict[str, bytes] = {}


def opened(
    directory: Path, positions: dict[str, bytes] | None = None, since: int = 0, **settings: object
) -> JournalSource:
    source = JournalSource(Journal(directory=directory, **settings), "here", since)  # type: ignore[arg-type]
    source.resume(positions or NOWHERE)
    return source


class Reading:
    """All that a source gave so far."""

    def __init__(self, source: JournalSource) -> None:
        self.source = source
        self.keys: list[str] = []
        self.lines: list[str] = []
        self.positions: dict[str, bytes] = {}

    def more(self) -> bool:
        """One batch; whether there was one."""
        batch = self.source.read(1000)
        self.keys += [key.decode() for key, _ in batch.records]
        self.lines += [line.decode() for _, line in batch.records]
        self.positions |= batch.positions
        return bool(batch.positions)

    def all(self) -> "Reading":
        """To the end for now."""
        while self.more():
            pass
        return self

    def upto(self, number: int) -> list[str]:
        """Read on until there are so many lines."""

        def enough() -> bool:
            if not self.more():
                self.source.wait(0.1)
            return len(self.lines) >= number

        eventually(enough)
        return self.lines

    @property
    def messages(self) -> list[str]:
        return [line.partition("]: ")[2] for line in self.lines]


def read_all(directory: Path, positions: dict[str, bytes] | None = None) -> Reading:
    return Reading(opened(directory, positions)).all()


def test_an_entry_becomes_a_record_with_the_entry_s_host_as_key(tmp_path: Path) -> None:
    entries_to_file(tmp_path / "a.journal", [mail_entry(0)])
    found = read_all(tmp_path)
    assert found.keys == ["mx"]
    assert found.lines == ["2030-01-01T12:00:00.000000+00:00 mx postfix/smtpd[4711]: line 0"]


def test_without_a_directory_the_journal_of_this_host_is_read(journald: Journald) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may enter the journald's namespace")
    journald.log("line 0")
    journald.sync()
    program = """
from posttrail.config import Journal
from posttrail_producers.journal_source import JournalSource
source = JournalSource(Journal(), "here")
source.resume({})
print(source.id, *(line.decode() for _, line in source.read(10).records))
"""
    name, *words = journald.inside(sys.executable, "-c", program).splitlines()[-1].split()
    assert (name, words[-3:]) == ("journal:here", ["postfix/smtpd[4711]:", "line", "0"])


def test_an_entry_without_host_is_of_the_producer_s(tmp_path: Path) -> None:
    bare = mail_entry(0)
    del bare["_HOSTNAME"]
    entries_to_file(tmp_path / "a.journal", [bare])
    found = read_all(tmp_path)
    assert (found.keys, found.lines[0].split()[1]) == (["here"], "here")


def test_an_entry_with_newlines_is_one_line(tmp_path: Path) -> None:
    entries_to_file(tmp_path / "a.journal", [mail_entry(0, MESSAGE=b"a\nb\xff")])
    batch = opened(tmp_path).read(10)
    assert [line.partition(b"]: ")[2] for _, line in batch.records] == [b"a?b\xff"]


def test_a_line_of_megabytes_is_cut_and_said_to_be(tmp_path: Path) -> None:
    entries_to_file(tmp_path / "a.journal", [mail_entry(0, MESSAGE=b"x" * 700_000)])
    line, gap = read_all(tmp_path).lines
    assert len(line) == 512 * 1024
    assert "gap: lines=1 source=journal reason=a line of 700057 bytes is cut after" in gap


def test_a_source_goes_on_from_its_position(tmp_path: Path) -> None:
    entries_to_file(tmp_path / "a.journal", [mail_entry(number) for number in range(5)])
    source = opened(tmp_path)
    first = source.read(2)
    second = read_all(tmp_path, dict(first.positions))
    assert (len(first.records), second.messages) == (2, ["line 2", "line 3", "line 4"])


def test_nothing_new_gives_an_empty_batch(tmp_path: Path) -> None:
    entries_to_file(tmp_path / "a.journal", [mail_entry(0)])
    found = read_all(tmp_path)
    again = read_all(tmp_path, found.positions)
    assert (again.lines, again.positions) == ([], {})


def test_a_source_may_begin_at_a_time(tmp_path: Path) -> None:
    entries_to_file(tmp_path / "a.journal", [mail_entry(number) for number in range(5)])
    found = Reading(opened(tmp_path, since=NOON + 3_000_000)).all()
    assert found.messages == ["line 3", "line 4"]


def test_how_far_it_is_behind_is_a_metric(tmp_path: Path) -> None:
    an_hour_ago = int(time.time() - 3600) * 1_000_000
    old = mail_entry(0, _SOURCE_REALTIME_TIMESTAMP=b"%d" % an_hour_ago)
    entries_to_file(tmp_path / "a.journal", [old])
    reading = Reading(opened(tmp_path))
    behind = metrics.PRODUCER_BEHIND.labels(reading.source.id)._value
    reading.more()
    assert behind.get() >= 3600
    reading.all()
    assert behind.get() == 0


def test_a_position_beats_the_time_to_begin_at(tmp_path: Path) -> None:
    entries_to_file(tmp_path / "a.journal", [mail_entry(number) for number in range(5)])
    taken = dict(opened(tmp_path).read(4).positions)
    found = Reading(opened(tmp_path, taken, since=NOON)).all()
    assert found.messages == ["line 4"]


def test_only_the_instances_of_the_setting_are_read(tmp_path: Path) -> None:
    out = mail_entry(1, SYSLOG_IDENTIFIER=b"postfix-out/smtpd")
    entries_to_file(tmp_path / "a.journal", [mail_entry(0), out])
    found = Reading(opened(tmp_path, instances=("postfix-out",))).all()
    assert found.messages == ["line 1"]


def other_entry(number: int) -> Fields:
    """Of another host."""
    return mail_entry(number, _MACHINE_ID=OTHER_MACHINE, _HOSTNAME=b"mx2", _BOOT_ID=b"4" * 32)


def test_what_comes_late_from_one_host_is_read(tmp_path: Path) -> None:
    """sd-journal sorts by time over all files: what lies before the place it never shows."""
    entries_to_file(tmp_path / "a.journal", [mail_entry(5), mail_entry(6)])
    entries_to_file(tmp_path / "b.journal", [other_entry(0)])
    reading = Reading(opened(tmp_path)).all()
    entries_to_file(tmp_path / "c.journal", [mail_entry(9)])
    reading.upto(4)
    entries_to_file(tmp_path / "d.journal", [other_entry(3), other_entry(4)])
    reading.upto(6)
    of_mx, of_mx2 = ([line[-1] for line in reading.lines if f" {host} " in line] for host in HOSTS)
    assert (of_mx, of_mx2) == (["5", "6", "9"], ["0", "3", "4"])


def test_a_host_that_is_new_in_the_directory_is_found(tmp_path: Path) -> None:
    reading = Reading(opened(tmp_path)).all()
    entries_to_file(tmp_path / "a.journal", [mail_entry(0)])
    reading.upto(1)
    entries_to_file(tmp_path / "b.journal", [other_entry(0)])
    reading.upto(2)
    assert reading.keys == ["mx", "mx2"]
    assert read_all(tmp_path, reading.positions).lines == []


def test_a_vacuumed_place_gives_a_gap_line_before_what_follows(tmp_path: Path) -> None:
    old = tmp_path / "old.journal"
    entries_to_file(old, [mail_entry(number) for number in range(3)])
    taken = dict(opened(tmp_path).read(2).positions)
    old.unlink()
    entries_to_file(tmp_path / "new.journal", [mail_entry(5)])
    gap, line = read_all(tmp_path, taken).lines
    assert gap == (
        f"2030-01-01T12:00:05.000700+00:00 mx posttrail/producer[{os.getpid()}]: gap: "
        "lines=unknown source=journal "
        "reason=the journal no longer holds the place that was read last"
    )
    assert line.endswith("line 5")


def test_a_gap_is_told_once_even_when_nothing_follows_it(journald: Journald) -> None:
    journald.log("line 0")
    journald.sync()
    taken = read_all(journald.directory).positions
    journald.log("line 1")
    journald.rotate()
    for file in journald.files():
        if file.name != "system.journal":
            file.unlink()
    first = read_all(journald.directory, taken)
    assert [": gap: lines=unknown " in line for line in first.lines] == [True]
    assert read_all(journald.directory, first.positions).lines == []


def test_a_journal_that_closes_while_it_is_read_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become nobody")
    monkeypatch.setattr(journal_source, "LOOK_EVERY_S", 0.1)
    with short_directory() as directory, short_directory() as elsewhere:
        directory.chmod(0o755)
        entries_to_file(directory / "a.journal", [mail_entry(0)])
        (directory / "a.journal").chmod(0o644)
        entries_to_file(elsewhere / "b.journal", [mail_entry(1)])
        (elsewhere / "b.journal").chmod(0)
        os.seteuid(65534)
        try:
            reading = Reading(opened(directory)).all()
            assert reading.messages == ["line 0"]
            os.seteuid(0)
            (elsewhere / "b.journal").rename(directory / "b.journal")
            os.seteuid(65534)
            with pytest.raises(BadInput, match="usermod -aG systemd-journal"):
                reading.upto(2)
        finally:
            os.seteuid(0)


def test_a_position_of_another_kind_stops(tmp_path: Path) -> None:
    source = JournalSource(Journal(directory=tmp_path), "here")
    with pytest.raises(BadInput, match="not one of a journal"):
        source.resume({source.id: b"[1]"})


def test_a_journal_that_cannot_be_read_this_time_is_tried_again(tmp_path: Path) -> None:
    entries_to_file(tmp_path / "a.journal", [mail_entry(0)])
    reading = Reading(opened(tmp_path)).all()
    no_journal = os.open("/", os.O_RDONLY)
    os.dup2(no_journal, reading.source._readers[MACHINE].fileno)
    os.close(no_journal)
    with pytest.raises(Retry, match="cannot read the journal"):
        reading.upto(2)
    reading.source.resume(reading.positions)
    entries_to_file(tmp_path / "b.journal", [mail_entry(1)])
    assert reading.upto(2)[1].endswith("line 1")


@pytest.fixture
def strict_journald() -> Iterator[Journald]:
    """One that lets few lines of a unit through at a time."""
    with running_journald(RateLimitIntervalSec="1s", RateLimitBurst="100") as started:
        yield started


def test_kept_and_suppressed_lines_are_all_that_were_sent(strict_journald: Journald) -> None:
    """journald says what it dropped when the unit next logs after the interval."""
    sent = 0

    def send(lines: int) -> None:
        nonlocal sent
        for _ in range(lines):
            sent += logger.send(b"<22>Jan  1 12:00:00 postfix/smtpd[4711]: x") > 0

    with strict_journald.unit("postfix@-.service"), strict_journald.logger() as logger:
        send(3_000)
        reading = Reading(opened(strict_journald.directory)).all()

        def is_told() -> bool:
            send(1)
            strict_journald.sync()
            reading.all()
            return any(": Suppressed " in line for line in reading.lines)

        eventually(is_told)
    kept = reading.messages.count("x")
    (notice,) = [message for message in reading.messages if message.startswith("Suppressed ")]
    assert 0 < kept < sent
    assert kept + int(notice.split()[1]) == sent
