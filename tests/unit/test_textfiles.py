"""Opening logs: compression by content, and words for what cannot be read."""

import bz2
import gzip
import io
import lzma
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import zstandard

from posttrail.errors import BadInput
from posttrail.textfiles import Damaged, TextFile, first_text, is_binary, open_text

TEXT = b"".join(b"line %d of a log\n" % number for number in range(20_000))
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "xz": partial(lzma.compress, preset=0),
    "bzip2": bz2.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


def read_all(file: TextFile) -> bytes:
    return b"".join(iter(file.read, b""))


@pytest.mark.parametrize("kind", COMPRESSORS)
def test_the_first_bytes_tell_the_compression(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    path.write_bytes(COMPRESSORS[kind](TEXT))
    with open_text(path) as file:
        assert read_all(file) == TEXT
        assert file.raw_position() == path.stat().st_size
        assert file.compression == (None if kind == "plain" else kind)


@pytest.mark.parametrize("kind", [kind for kind in COMPRESSORS if kind != "plain"])
def test_files_put_together_are_one_text(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    path.write_bytes(COMPRESSORS[kind](b"1\n") + COMPRESSORS[kind](b"2\n"))
    with open_text(path) as file:
        assert read_all(file) == b"1\n2\n"


@pytest.mark.parametrize("kind", [kind for kind in COMPRESSORS if kind != "plain"])
def test_what_stands_before_the_damage_is_read(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    text = os.urandom(1_500_000).hex().encode()
    whole = COMPRESSORS[kind](text)
    path.write_bytes(whole[: len(whole) // 2])
    found = b""
    with open_text(path) as file:
        while True:
            try:
                found += file.read()
            except Damaged as error:
                assert "mail.log is damaged" in str(error)  # noqa: PT017  # the text before counts
                break
    assert len(found) > 500_000
    assert text.startswith(found)


@pytest.mark.parametrize("kind", ["gzip", "xz", "zstd"])
def test_one_read_that_meets_damage_gives_what_stands_before(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    text = os.urandom(200_000).hex().encode()
    whole = COMPRESSORS[kind](text)
    path.write_bytes(whole[: len(whole) * 3 // 4])
    with open_text(path) as file:
        found = file.read(len(text))
        assert text.startswith(found)
        assert len(found) > len(text) // 4
        with pytest.raises(Damaged):
            file.read()


def test_zstd_that_is_not_zstd_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    path.write_bytes(b"\x28\xb5\x2f\xfd" + b"x" * 100)
    with open_text(path) as file, pytest.raises(Damaged, match="zstd"):
        file.read()


@pytest.mark.parametrize("kind", COMPRESSORS)
def test_one_can_go_on_in_the_middle(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    path.write_bytes(COMPRESSORS[kind](TEXT))
    for offset in (0, 5, 100_000, len(TEXT)):
        with open_text(path) as file:
            keep = min(10, offset)
            assert file.skip(offset, keep) == TEXT[offset - keep : offset]
            assert read_all(file) == TEXT[offset:]


@pytest.mark.parametrize("kind", COMPRESSORS)
def test_what_is_only_passed_over_is_not_kept(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    path.write_bytes(COMPRESSORS[kind](TEXT))
    with open_text(path) as file:
        assert file.skip(100_000, keep=0) == b""
        assert read_all(file) == TEXT[100_000:]


@pytest.mark.parametrize("kind", COMPRESSORS)
def test_a_text_that_ends_before_the_place_gives_less(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    path.write_bytes(COMPRESSORS[kind](b"short"))
    with open_text(path) as file:
        assert len(file.skip(100, 10)) < 10


@pytest.fixture
def nobody() -> object:
    """A user who may not read everything."""
    if os.geteuid() != 0:
        yield None
        return
    os.seteuid(65534)
    yield None
    os.seteuid(0)


def test_a_file_that_may_not_be_read_is_said(nobody: object, tmp_path_factory: object) -> None:
    with pytest.raises(BadInput, match=r"may not be read by this user|no such file"):
        open_text(Path("/etc/shadow"))


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        open_text(tmp_path / "missing")
    with pytest.raises(BadInput, match="is a directory"):
        open_text(tmp_path)
    with pytest.raises(BadInput, match="no file with lines"):
        open_text(Path("/dev/null"))


BINARY = {
    "random bytes": os.urandom(4096),
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4,
    "two bytes a character": "Nov 27 16:22:49".encode("utf-16"),
    "a tar of a log": b"mail.log" + b"\0" * 504 + b"Nov 27 16:22:49 mx1 postfix/smtpd[7]: x\n" * 9,
}
NOT_BINARY = {
    "nothing": b"",
    "a line": b"Nov 27 16:22:49 mx1 postfix/smtpd[7]: x\n",
    "NULs of a crash, then a line": b"\0" * 4000 + b"Nov 27 16:22:49 mx1 postfix/smtpd[7]: x\n",
    "a line, then NULs of a crash": b"Nov 27 16:22:49 mx1 postfix/smtpd[7]: x\n" + b"\0" * 4000,
    "a few control bytes": b"Nov 27 16:22:49 mx1 postfix/smtpd[7]: \0\1\2 " + b"x" * 200,
    "UTF-8 and Latin-1": "grüße".encode() + "grüße".encode("latin-1"),
}


@pytest.mark.parametrize("name", BINARY)
def test_what_is_binary(name: str) -> None:
    assert is_binary(BINARY[name])
    with pytest.raises(BadInput, match="is binary: not a log"):
        first_text(TextFile(io.BytesIO(BINARY[name]), "x"))


@pytest.mark.parametrize("name", NOT_BINARY)
def test_what_is_text(name: str) -> None:
    assert not is_binary(NOT_BINARY[name])
    assert first_text(TextFile(io.BytesIO(NOT_BINARY[name]), "x")) == NOT_BINARY[name]


def test_nothing_but_nuls_is_no_log() -> None:
    with pytest.raises(BadInput, match="nothing but NULs"):
        first_text(TextFile(io.BytesIO(b"\0" * 200_000), "x"))
    hole = b"\0" * 200_000 + b"Nov 27 16:22:49 mx1 postfix/smtpd[7]: x\n"
    assert b"smtpd" in first_text(TextFile(io.BytesIO(hole), "x"))
