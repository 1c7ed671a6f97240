"""Following real files through every kind of rotation, live and while the producer is down."""

import gzip
import lzma
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from posttrail_producers import chain
from posttrail_producers.file_import import Times

from posttrail.errors import BadInput
from tests.followed import Followed, append, line, text


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "mail.log"


@pytest.fixture
def follow() -> Iterator[Callable[..., Followed]]:
    started: list[Followed] = []

    def start(*patterns: object, **other: Any) -> Followed:
        started.append(Followed(*patterns, **other))
        return started[-1]

    yield start
    for one in started:
        one.stop()


Follow = Callable[..., Followed]


def rename(log: Path) -> None:
    """logrotate's `create`: mail.log.1 becomes .2 and so on, then a new file."""
    for number in range(8, 0, -1):
        for end in ("", ".gz"):
            old = log.with_name(f"{log.name}.{number}{end}")
            if old.exists():
                old.rename(log.with_name(f"{log.name}.{number + 1}{end}"))
    log.rename(log.with_name(log.name + ".1"))
    log.touch()


def compress(path: Path) -> None:
    """As gzip(1): the whole file first, then the original goes."""
    with path.open("rb") as plain, gzip.open(str(path) + ".gz", "wb") as packed:
        shutil.copyfileobj(plain, packed)
    status = path.stat()
    os.utime(str(path) + ".gz", ns=(status.st_atime_ns, status.st_mtime_ns))
    path.unlink()


def copytruncate(log: Path) -> None:
    """logrotate's `copytruncate`."""
    shutil.copy2(log, log.with_name(log.name + ".1"))
    os.truncate(log, 0)


def test_what_is_written_is_read(log: Path, follow: Follow) -> None:
    log.write_bytes(text(0, 10))
    producer = follow(log)
    producer.read()
    append(log, text(10, 20))
    producer.read()
    assert producer.numbers == [*range(20)]


def test_a_log_may_come_later(log: Path, follow: Follow) -> None:
    producer = follow(log)
    producer.read()
    log.write_bytes(text(0, 10))
    producer.read()
    assert producer.numbers == [*range(10)]


def test_a_line_waits_for_its_end(log: Path, follow: Follow) -> None:
    data = text(0, 2)
    log.write_bytes(data[:-10])
    producer = follow(log)
    producer.read()
    assert producer.numbers == [0]
    append(log, data[-10:])
    producer.read()
    assert producer.lines == [line(0), line(1)]


@pytest.mark.parametrize("down", [False, True], ids=["live", "while down"])
@pytest.mark.parametrize("times", [1, 3])
def test_renaming_loses_nothing(log: Path, follow: Follow, down: bool, times: int) -> None:
    log.write_bytes(text(0, 10))
    producer = follow(log)
    producer.read()
    if down:
        producer.stop()
    end = 10
    for _ in range(times):
        append(log, text(end, end + 10))
        rename(log)
        append(log, text(end + 10, end + 20))
        end += 20
    if down:
        producer.start_again()
    producer.read()
    assert producer.numbers == [*range(end)]
    assert producer.gaps == []


@pytest.mark.parametrize("down", [False, True], ids=["live", "while down"])
def test_compressing_at_once_loses_nothing(log: Path, follow: Follow, down: bool) -> None:
    log.write_bytes(text(0, 100))
    producer = follow(log)
    producer.read()
    if down:
        producer.stop()
    for start in (100, 300):
        append(log, text(start, start + 100))
        rename(log)
        compress(log.with_name("mail.log.1"))
        append(log, text(start + 100, start + 200))
    if down:
        producer.start_again()
    producer.read()
    assert producer.numbers == [*range(500)]
    assert producer.gaps == []


def test_postfix_logrotate_loses_nothing(log: Path, follow: Follow) -> None:
    """A dated name, gzip within a second, a new file of mode 0600 (conf/postfix-script)."""
    log.write_bytes(text(0, 100))
    producer = follow(log)
    producer.read()
    append(log, text(100, 200))
    dated = log.rename(log.with_name("mail.log.20191127-162249"))
    compress(dated)
    log.touch(0o600)
    append(log, text(200, 300))
    producer.read()
    producer.start_again()
    append(log, text(300, 400))
    producer.read()
    assert producer.numbers == [*range(400)]


def test_a_daemon_that_writes_on_into_the_renamed_file(log: Path, follow: Follow) -> None:
    log.write_bytes(text(0, 10))
    producer = follow(log)
    producer.read()
    rename(log)
    old = log.with_name("mail.log.1")
    for start in (10, 30):
        append(old, text(start, start + 10))
        producer.read()
        producer.start_again()
        append(old, text(start + 10, start + 20))
        producer.read()
    append(log, text(50, 60))
    producer.read()
    assert producer.numbers == [*range(60)]


def test_a_deleted_file_is_read_to_its_end(log: Path, follow: Follow) -> None:
    log.write_bytes(text(0, 10))
    producer = follow(log)
    producer.read()
    with log.open("ab") as daemon:
        log.unlink()
        daemon.write(text(10, 20))
        daemon.flush()
        producer.read()
        log.write_bytes(text(20, 30))
        producer.read()
    assert producer.numbers == [*range(30)]


def test_an_inode_number_that_is_used_again_is_no_sign(log: Path, follow: Follow) -> None:
    """Two rotations later the new mail.log may have the first one's inode number."""
    seen = set()
    log.write_bytes(text(0, 10))
    producer = follow(log)
    producer.read()
    for start in range(10, 300, 10):
        seen.add(log.stat().st_ino)
        producer.stop()
        log.unlink()
        log.write_bytes(text(start, start + 10))
        producer.start_again()
        producer.read()
    assert producer.numbers == [*range(300)]
    assert len(seen) < 29, "this file system never used a number again"


@pytest.mark.parametrize("down", [False, True], ids=["live", "while down"])
def test_copytruncate_loses_no_more_than_it_must(log: Path, follow: Follow, down: bool) -> None:
    log.write_bytes(text(0, 100))
    producer = follow(log)
    producer.read()
    if down:
        producer.stop()
    append(log, text(100, 200))
    copytruncate(log)
    append(log, text(200, 250))
    if down:
        producer.start_again()
    producer.read()
    assert producer.numbers == [*range(250)]
    assert producer.gaps == ["copytruncate"]
    producer.start_again()
    producer.read()
    assert producer.gaps == ["copytruncate"]


def test_copytruncate_and_gzip_while_down_is_told(log: Path, follow: Follow) -> None:
    log.write_bytes(text(0, 100))
    producer = follow(log)
    producer.read()
    producer.stop()
    append(log, text(100, 200))
    copytruncate(log)
    compress(log.with_name("mail.log.1"))
    append(log, text(200, 250))
    producer.start_again()
    producer.read()
    assert producer.numbers == [*range(250)]
    assert producer.gaps == ["copytruncate"]


def test_a_log_whose_end_is_cut_off_while_down_goes_on_behind_the_cut(
    log: Path, follow: Follow
) -> None:
    log.write_bytes(text(0, 100))
    producer = follow(log)
    producer.read()
    producer.stop()
    os.truncate(log, len(text(0, 50)))
    producer.start_again()
    producer.read()
    append(log, text(110, 300))
    producer.read()
    producer.start_again()
    producer.read()
    assert producer.numbers == [*range(100), *range(110, 300)]
    assert producer.gaps == ["its end was cut off"]


def test_a_file_that_grows_again_past_the_place_is_noticed(log: Path, follow: Follow) -> None:
    log.write_bytes(text(0, 100))
    producer = follow(log)
    producer.read()
    copytruncate(log)
    append(log, text(100, 300))
    producer.read()
    assert producer.numbers == [*range(300)]


def test_a_daemon_that_does_not_append_leaves_a_hole(log: Path, follow: Follow) -> None:
    with log.open("wb") as daemon:
        daemon.write(text(0, 100))
        daemon.flush()
        producer = follow(log)
        producer.read()
        copytruncate(log)
        daemon.write(text(100, 150))
        daemon.flush()
        producer.read()
    assert producer.numbers == [*range(150)]
    assert producer.gaps == ["copytruncate"]


def test_truncation_without_a_copy_is_a_gap_that_is_told_once(log: Path, follow: Follow) -> None:
    log.write_bytes(text(0, 10) + b"half a line")
    producer = follow(log)
    producer.read()
    os.truncate(log, 0)
    append(log, text(20, 30))
    producer.read()
    producer.start_again()
    producer.read()
    assert producer.numbers == [*range(10), *range(20, 30)]
    assert producer.gaps == ["truncated without a copy"]
    assert b"half a line" in producer.lines


def test_a_file_that_is_gone_before_it_was_read_is_a_gap_that_is_told_once(
    log: Path, follow: Follow
) -> None:
    log.write_bytes(text(0, 10))
    producer = follow(log)
    producer.read()
    producer.stop()
    append(log, text(10, 20))
    log.unlink()
    log.write_bytes(text(20, 30))
    producer.start_again()
    producer.read_and_lose()
    producer.read()
    producer.start_again()
    producer.read()
    assert producer.numbers == [*range(10), *range(20, 30)]
    assert producer.gaps == ["rotated away before it was read"]
    (gap,) = [one for one in producer.lines if b"gap:" in one]
    assert b" mx1 posttrail/producer[" in gap or b" producer.example posttrail/producer[" in gap


def test_the_same_path_on_another_host_is_another_log(log: Path, follow: Follow) -> None:
    """The positions of all hosts stand in one topic."""
    log.write_bytes(text(0, 10))
    first = follow(log, host="mx1")
    first.read()
    first.stop()
    left = dict(first.positions)
    log.unlink()
    log.write_bytes(text(10, 20))
    second = follow(log, host="mx2", positions=first.positions)
    second.read()
    second.start_again()
    second.read()

    assert second.numbers == [*range(10, 20)]
    assert second.gaps == []
    assert first.positions.items() >= left.items()


def test_nuls_of_a_crash_are_no_text(log: Path, follow: Follow) -> None:
    log.write_bytes(text(0, 10) + b"\0" * 3_000_000)
    producer = follow(log)
    producer.read()
    append(log, text(10, 20))
    producer.read()
    assert producer.numbers == [*range(20)]
    assert producer.gaps == []


def test_a_line_of_megabytes_is_cut_and_told(log: Path, follow: Follow) -> None:
    log.write_bytes(line(0) + b"x" * 3_000_000)
    producer = follow(log)
    producer.read()
    append(log, b"\n" + text(1, 3))
    producer.read()
    producer.start_again()
    producer.read()
    assert producer.numbers == [0, 1, 2]
    assert len(producer.lines[0]) == 512 * 1024
    assert producer.gaps == [f"a line of {len(line(0)) + 3_000_000} bytes is cut after 524288"]


def test_a_pattern_reads_the_rotated_files_too_oldest_first(log: Path, follow: Follow) -> None:
    log.write_bytes(text(300, 400))
    log.with_name("mail.log.1").write_bytes(text(200, 300))
    log.with_name("mail.log.2.gz").write_bytes(gzip.compress(text(100, 200)))
    log.with_name("mail.log.10.xz").write_bytes(lzma.compress(text(0, 100)))
    producer = follow(f"{log}*")
    producer.read()
    assert producer.numbers == [*range(400)]


def test_a_path_alone_reads_no_older_files(log: Path, follow: Follow) -> None:
    log.write_bytes(text(300, 400))
    log.with_name("mail.log.1").write_bytes(text(200, 300))
    producer = follow(log)
    producer.read()
    producer.start_again()
    producer.read()
    assert producer.numbers == [*range(300, 400)]


def test_a_pattern_finds_logs_that_come_later(
    tmp_path: Path, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("posttrail_producers.file_follow.LOOK_S", 0)
    producer = follow(tmp_path / "*" / "mail.log")
    for number, host in enumerate(("mx1", "mx2")):
        (tmp_path / host).mkdir()
        (tmp_path / host / "mail.log").write_bytes(text(10 * number, 10 * number + 10))
        producer.read()
    assert producer.numbers == [*range(20)]


def test_a_rotated_file_is_let_go_when_it_is_quiet(
    log: Path, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "QUIET_S", 0)
    log.write_bytes(text(0, 10) + line(10))
    producer = follow(log)
    producer.read()
    rename(log)
    append(log, text(11, 20))
    producer.read()
    producer.read()
    assert sorted(producer.numbers) == [*range(20)]


def test_years_go_on_from_file_to_file(log: Path, follow: Follow) -> None:
    def year_less(stamp: str) -> bytes:
        return f"{stamp} mx1 postfix/qmgr[7]: 0123456789: removed\n".encode()

    log.write_bytes(year_less("Dec 31 23:59:58"))
    producer = follow(log, times=Times(year=2019))
    producer.read()
    append(log, year_less("Dec 31 23:59:59"))
    rename(log)
    append(log, year_less("Jan  1 00:00:00"))
    producer.start_again()
    producer.read()
    append(log, year_less("Dec 31 23:59:57") + year_less("Jan  1 00:00:01"))
    producer.read()
    years = [one[:4].decode() for one in producer.lines]
    assert years == ["2019", "2019", "2020", "2019", "2020"]


def test_a_rotated_file_cannot_be_followed(log: Path, follow: Follow) -> None:
    with pytest.raises(BadInput, match="which leads on from it"):
        follow(log.with_name("mail.log.1"))


def test_a_directory_cannot_be_followed_but_a_pattern_can(log: Path, follow: Follow) -> None:
    with pytest.raises(
        BadInput, match=r"is a directory: follow its logs by a quoted pattern: '.*/\*\.log'"
    ):
        follow(log.parent)


def test_a_file_that_is_no_log_is_passed_over(log: Path, follow: Follow) -> None:
    log.write_bytes(text(0, 10))
    log.with_name("mail.log.1").write_bytes(os.urandom(5000))
    producer = follow(f"{log}*")
    producer.read()
    assert producer.numbers == [*range(10)]


def test_a_damaged_file_is_a_gap_that_is_told_once(log: Path, follow: Follow) -> None:
    old = log.with_name("mail.log.1.gz")
    packed = gzip.compress(b"".join(text(n, n + 1) for n in range(5000)))
    old.write_bytes(packed[: len(packed) // 2])
    os.utime(old, (1, 1))
    log.write_bytes(text(5000, 5010))
    producer = follow(f"{log}*")
    producer.read()
    producer.start_again()
    producer.read()
    assert producer.numbers == sorted(set(producer.numbers))
    assert producer.numbers[-10:] == [*range(5000, 5010)]
    assert producer.gaps == ["damaged"]


def test_one_file_under_several_names_is_read_once(log: Path, follow: Follow) -> None:
    log.write_bytes(text(0, 10))
    log.with_name("link.log").symlink_to(log)
    log.with_name("hard.log").hardlink_to(log)
    producer = follow(log, log.with_name("link.log"), log.with_name("hard.log"))
    producer.read()
    append(log, text(10, 20))
    producer.read()
    producer.start_again()
    append(log, text(20, 30))
    producer.read()
    assert producer.numbers == [*range(30)]
