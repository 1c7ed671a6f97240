"""The journal reader on real journal files: every trap of sd-journal that loses or repeats entries.

Files made entry by entry with systemd-journal-remote, or written by a private journald.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from posttrail_producers.journal_access import refuse_closed
from posttrail_producers.journal_cursor import Missing
from posttrail_producers.journal_lines import matches
from posttrail_producers.journal_reader import Gap, JournalReader, Stood

from posttrail.config import Journal
from posttrail.errors import BadInput
from tests.fix_journal import (
    MACHINE,
    NOON,
    Fields,
    Journald,
    entries_to_file,
    mail_entry,
    short_directory,
)
from tests.waiting import eventually

pytestmark = [pytest.mark.journal, pytest.mark.usefixtures("systemd_python")]


def made(directory: Path, *entries: Fields, name: str = "made") -> Path:
    file = directory / f"{name}.journal"
    entries_to_file(file, entries)
    return file


def numbered(first: int, end: int) -> list[Fields]:
    return [mail_entry(number) for number in range(first, end)]


def reader_of(directory: Path, stood: Stood = Stood(), since: int = 0) -> JournalReader:  # noqa: B008
    return JournalReader(directory, matches(Journal()), stood=stood, since=since)


def messages(reader: JournalReader) -> list[str]:
    return [entry.message.decode() for entry in reader.read(1000)]


def follow(reader: JournalReader, number: int) -> list[str]:
    """The next so many messages, whenever they come."""
    found: list[str] = []

    def enough() -> bool:
        reader.refresh()
        found.extend(messages(reader))
        return len(found) >= number

    eventually(enough)
    return found


def vacuum(journald: Journald) -> None:
    """Remove all files but the active one."""
    for file in journald.files():
        if file.name != "system.journal":
            file.unlink()


@pytest.mark.parametrize("taken", [1, 3, 5])
def test_a_reader_goes_on_behind_the_entry_it_stood_on(tmp_path: Path, taken: int) -> None:
    """seek_cursor() and next gives the cursor's own entry."""
    made(tmp_path, *numbered(0, 5))
    before = reader_of(tmp_path)
    before.read(taken)
    assert messages(reader_of(tmp_path, before.stood)) == [f"line {n}" for n in range(taken, 5)]


def test_a_reader_may_begin_at_a_time(tmp_path: Path) -> None:
    """seek_realtime() takes an integer as microseconds and a float as seconds."""
    made(tmp_path, *numbered(0, 5))
    assert messages(reader_of(tmp_path, since=NOON + 3_000_000)) == ["line 3", "line 4"]


def test_nothing_is_skipped_when_the_entry_we_stood_on_is_gone(tmp_path: Path) -> None:
    """seek_cursor() and next then gives the next entry that is there."""
    old = made(tmp_path, *numbered(0, 3), name="old")
    made(tmp_path, *numbered(3, 6), name="new")
    before = reader_of(tmp_path)
    before.read(2)
    old.unlink()
    after = reader_of(tmp_path, before.stood)
    gap = after.gap()
    assert gap is not None
    assert (gap.missing, gap.host) == (Missing(None), b"mx")
    assert messages(after) == ["line 3", "line 4", "line 5"]


def test_what_is_missing_is_told_when_something_follows(tmp_path: Path) -> None:
    old = made(tmp_path, *numbered(0, 3), name="old")
    before = reader_of(tmp_path)
    before.read(2)
    old.unlink()
    after = reader_of(tmp_path, before.stood)
    assert (after.gap(), after.unchecked) == (None, True)
    made(tmp_path, *numbered(5, 6), name="new")
    eventually(after.refresh)
    assert after.gap() is not None
    assert messages(after) == ["line 5"]


def test_what_is_missing_is_told_once(tmp_path: Path) -> None:
    old = made(tmp_path, *numbered(0, 3), name="old")
    made(tmp_path, *numbered(3, 6), name="new")
    before = reader_of(tmp_path)
    before.read(2)
    old.unlink()
    after = reader_of(tmp_path, before.stood)
    assert after.gap() is not None
    assert after.gap() is None
    assert reader_of(tmp_path, after.stood).gap() is None


def test_entries_that_moved_to_another_file_are_neither_repeated_nor_missed(tmp_path: Path) -> None:
    """As when journald flushes /run to /var: the copies have another sequence and cursor."""
    old = made(tmp_path, *numbered(0, 3), name="old")
    before = reader_of(tmp_path)
    before.read(2)
    old.unlink()
    made(tmp_path, *numbered(0, 5), name="new")
    after = reader_of(tmp_path, before.stood)
    assert after.gap() is None
    assert messages(after) == ["line 2", "line 3", "line 4"]


def test_a_filter_without_a_hit_yet_loses_nothing_that_comes(journald: Journald) -> None:
    """seek_tail() and next gives the last entry again and then skips some."""
    reader = reader_of(journald.directory)
    assert messages(reader) == []
    reader.look_ahead()
    assert messages(reader) == []
    for number in range(5):
        journald.log(f"line {number}")
    assert follow(reader, 5) == [f"line {n}" for n in range(5)]


def test_looking_ahead_loses_nothing_that_comes_meanwhile(journald: Journald) -> None:
    journald.log("line 0")
    journald.sync()
    reader = reader_of(journald.directory)
    assert messages(reader) == ["line 0"]
    journald.log("of another program", tag="cron[1]", priority=78)
    journald.log("line 1")
    journald.sync()
    reader.look_ahead()
    journald.log("line 2")
    journald.sync()
    assert messages(reader) == ["line 1", "line 2"]
    assert messages(reader_of(journald.directory, reader.stood)) == []


def test_a_host_that_mails_little_does_not_lose_its_place(journald: Journald) -> None:
    """Entries of other programs that were passed over are not missing when they are vacuumed."""
    journald.log("line 0")
    journald.sync()
    oldest = journald.files()[0]
    reader = reader_of(journald.directory)
    assert messages(reader) == ["line 0"]
    journald.rotate()
    rotated = next(file for file in journald.files() if file != oldest)
    journald.log("of another program", tag="cron[1]", priority=78)
    journald.sync()
    reader.refresh()
    reader.look_ahead()
    assert messages(reader) == []
    rotated.unlink()
    assert reader_of(journald.directory, reader.stood).gap() is None


def test_missing_entries_are_counted_within_one_sequence(journald: Journald) -> None:
    journald.log("line 0")
    journald.sync()
    reader = reader_of(journald.directory)
    assert messages(reader) == ["line 0"]
    journald.rotate()
    journald.log("line 1")
    journald.log("line 2")
    journald.rotate()
    vacuum(journald)
    journald.log("line 3")
    journald.sync()
    after = reader_of(journald.directory, reader.stood)
    gap = after.gap()
    assert gap is not None
    assert gap.missing.entries is not None
    assert gap.missing.entries >= 2
    assert messages(after) == ["line 3"]


def test_files_that_are_removed_under_a_reader_are_read_to_the_end(journald: Journald) -> None:
    """They are lost at wait() or process() only; both would jump on and say nothing."""
    for number in range(10):
        journald.log(f"line {number}")
    journald.rotate()
    journald.log("line 10")
    journald.sync()
    reader = reader_of(journald.directory)
    first = [entry.message.decode() for entry in reader.read(3)]
    journald.files()[-1].unlink()
    assert first + messages(reader) == [f"line {n}" for n in range(11)]


def test_a_place_that_is_removed_under_a_reader_shows_as_a_gap(journald: Journald) -> None:
    journald.log("line 0")
    journald.sync()
    reader = reader_of(journald.directory)
    assert messages(reader) == ["line 0"]
    journald.rotate()
    journald.log("line 1")
    journald.rotate()
    journald.log("line 2")
    journald.sync()
    vacuum(journald)
    eventually(reader.refresh)
    assert reader.gap() is not None
    assert messages(reader) == ["line 2"]


def test_a_reader_follows_through_rotations(journald: Journald) -> None:
    """files=[…] would stay with the files it was given."""
    reader = reader_of(journald.directory)
    for number in range(5):
        journald.log(f"line {number}")
        journald.rotate()
    assert follow(reader, 5) == [f"line {n}" for n in range(5)]
    assert reader.gap() is None


def test_lines_in_an_active_file_that_was_deleted_show_as_a_gap(journald: Journald) -> None:
    reader = reader_of(journald.directory)
    journald.log("line 0")
    assert follow(reader, 1) == ["line 0"]
    (active,) = journald.files()
    active.unlink()
    journald.log("line 1")
    journald.rotate()
    journald.log("line 2")
    eventually(reader.refresh)
    gaps: list[Gap] = []

    def is_told() -> bool:
        reader.refresh()
        if reader.unchecked and (gap := reader.gap()):
            gaps.append(gap)
        return gaps != []

    eventually(is_told)
    assert follow(reader, 1) == ["line 2"]


@pytest.mark.parametrize("cursor", ["rubbish", "s=1;i=zz", "s=;;;", "\ud800"])
def test_a_malformed_cursor_stops_with_words(tmp_path: Path, cursor: str) -> None:
    """sd-journal gives ValueError or OSError 99."""
    made(tmp_path, *numbered(0, 1))
    with pytest.raises(BadInput, match="not a journal cursor"):
        reader_of(tmp_path, Stood(cursor)).gap()


def test_binary_repeated_and_missing_fields_are_read(tmp_path: Path) -> None:
    """systemd-python gives bytes or a list for them, or does not give them."""
    binary = mail_entry(0, MESSAGE=b"caf\xe9\n\x00", SYSLOG_PID=b"\xff")
    repeated = mail_entry(1, MESSAGE=[b"first", b"second"], SYSLOG_IDENTIFIER=[b"a", b"b"])
    bare = {
        name: value
        for name, value in mail_entry(2).items()
        if name not in {"MESSAGE", "SYSLOG_PID", "SYSLOG_IDENTIFIER", "_HOSTNAME"}
    }
    made(tmp_path, binary, repeated, bare)
    first, second, third = reader_of(tmp_path).read(10)
    assert (first.message, first.pid) == (b"caf\xe9\n\x00", b"\xff")
    assert second.message in {b"first", b"second"}
    assert second.identifier in {b"a", b"b"}
    assert (third.message, third.identifier, third.pid, third.host) == (b"", b"", b"", b"")


def test_a_long_field_is_read_whole(tmp_path: Path) -> None:
    """By default fields end after 64 KiB, unsaid."""
    made(tmp_path, mail_entry(0, MESSAGE=b"x" * 300_000))
    (entry,) = reader_of(tmp_path).read(10)
    assert len(entry.message) == 300_000


def test_the_time_is_when_the_line_was_sent(tmp_path: Path) -> None:
    """journald's own stamp is later, by seconds when it is busy."""
    received = {"__REALTIME_TIMESTAMP": b"%d" % (NOON + 9_000_000)}
    made(tmp_path, mail_entry(0, **received), mail_entry(1, _SOURCE_REALTIME_TIMESTAMP=b"soon"))
    first, second = reader_of(tmp_path).read(10)
    assert (first.micros, second.micros) == (NOON, NOON + 1_000_700)


def test_entries_without_a_unit_are_read(tmp_path: Path) -> None:
    """journald looks the unit up after the fact: lines of postsuper often have none."""
    with_unit = mail_entry(0, _SYSTEMD_UNIT=b"postfix@-.service")
    made(tmp_path, with_unit, mail_entry(1, SYSLOG_IDENTIFIER=b"postfix/postsuper"))
    assert messages(reader_of(tmp_path)) == ["line 0", "line 1"]


def test_other_facilities_and_levels_are_passed_over(tmp_path: Path) -> None:
    daemon, debug = mail_entry(1, SYSLOG_FACILITY=b"3"), mail_entry(2, PRIORITY=b"7")
    made(tmp_path, mail_entry(0), daemon, debug, mail_entry(3, PRIORITY=b"2"))
    assert messages(reader_of(tmp_path)) == ["line 0", "line 3"]


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read everything."""
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if was_root:
            os.seteuid(0)


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """That nobody may enter; pytest's own may be entered by its owner alone."""
    with short_directory() as made:
        made.chmod(0o755)
        yield made


def test_a_journal_that_may_not_be_read_stops_with_the_cure(open_directory: Path) -> None:
    """sd-journal shows no entries and no error."""
    made(open_directory, *numbered(0, 3)).chmod(0)
    with as_nobody():
        assert messages(reader_of(open_directory)) == []
        with pytest.raises(BadInput, match="usermod -aG systemd-journal"):
            refuse_closed(open_directory)


@pytest.mark.parametrize("below", ["", "journal", MACHINE])
def test_a_directory_that_may_not_be_read_stops_with_the_cure(
    open_directory: Path, below: str
) -> None:
    closed = open_directory / "closed"
    (closed / below).mkdir(parents=True)
    closed.chmod(0)
    with as_nobody(), pytest.raises(BadInput, match="usermod -aG systemd-journal"):
        refuse_closed(closed / below)


def test_a_folder_of_something_else_may_be_closed(open_directory: Path) -> None:
    (open_directory / "lost+found").mkdir(mode=0)
    with as_nobody():
        refuse_closed(open_directory)


def test_an_empty_directory_is_no_error(tmp_path: Path) -> None:
    refuse_closed(tmp_path)
    reader = reader_of(tmp_path)
    assert messages(reader) == []
    made(tmp_path, *numbered(0, 2))
    assert follow(reader, 2) == ["line 0", "line 1"]


def test_a_missing_directory_is_one(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not a directory"):
        refuse_closed(tmp_path / "nowhere")
