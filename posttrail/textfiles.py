"""Opens log files as text lines on bytes, through gzip, xz, zstd and bzip2.

The first bytes tell the compression, never the name. Knows nothing of log lines.
"""

import bz2
import gzip
import io
import lzma
import re
import stat
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

from posttrail.errors import BadInput

BLOCK = 256 * 1024
_ZSTD_BLOCK = 4 * 1024
"""Decompressed at once: text that repeats itself becomes ten thousand times as long."""
_MAGIC = {b"\x1f\x8b": "gzip", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2"}
# Control characters other than tab, newline, vertical tab, form feed, return, escape.
_CONTROL = bytes(n for n in range(32) if n not in {9, 10, 11, 12, 13, 27}) + b"\x7f"
_hole = re.compile(rb"\0{512,}")
_MOST_CONTROL = 0.05
"""Random bytes hold 11 %, text in two bytes a character 50 %, a log next to none."""


class Damaged(BadInput):
    """A compressed file that breaks off or holds other bytes than were written."""


class _ZstdFile(io.BufferedIOBase):
    """The text of zstd frames. The library's own reader is silent about a frame that breaks off."""

    def __init__(self, raw: BinaryIO, name: str) -> None:
        try:
            import zstandard  # noqa: PLC0415  # optional: the extra `zstd`
        except ImportError:
            raise BadInput(
                f"{name} is zstd: install posttrail[zstd], or decompress it first (zstd -d)"
            ) from None
        self._raw = raw
        self._new_frame = zstandard.ZstdDecompressor().decompressobj
        self._error = zstandard.ZstdError
        self._frame: Any = None
        """The frame that is being read; None: between two."""
        self._input = b""
        self._text = b""

    def read1(self, size: int = -1) -> bytes:
        while not self._text and (block := self._input or self._raw.read(_ZSTD_BLOCK)):
            self._input = b""
            self._frame = self._frame or self._new_frame()
            try:
                self._text = self._frame.decompress(block)
            except self._error as error:
                raise OSError(str(error)) from error
            if self._frame.eof:
                self._input, self._frame = self._frame.unused_data, None
        if not self._text and self._frame is not None:
            raise EOFError("the file ends in the middle of a frame")
        text, self._text = self._text[:size], self._text[size:]
        return text


def _reader(raw: BinaryIO, kind: str, name: str) -> io.BufferedIOBase:
    if kind == "gzip":
        return gzip.GzipFile(fileobj=raw)
    if kind == "xz":
        return lzma.LZMAFile(raw)
    if kind == "bzip2":
        return bz2.BZ2File(raw)
    return _ZstdFile(raw, name)


def compression(start: bytes) -> str | None:
    """gzip, xz, zstd or bzip2 by the first bytes of a file; None: none of these."""
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)


def is_binary(block: bytes) -> bool:
    """Whether the first bytes of a file are no text. Long runs of NULs are no sign of it.

    A crash leaves such runs, and so does `copytruncate` under a writer that does not append.
    """
    text = _hole.sub(b"", block).strip(b"\0")
    control = len(text) - len(text.translate(None, _CONTROL))
    return control > len(text) * _MOST_CONTROL


class TextFile:
    """The uncompressed bytes of a file, from the first on."""

    def __init__(self, raw: BinaryIO, name: str) -> None:
        """Read `raw` from where it stands; `name` is for messages."""
        self._raw = io.BufferedReader(cast("io.RawIOBase", raw), BLOCK)
        self.name = name
        self.compression = compression(self._raw.peek(8)[:8])
        self._text: io.BufferedIOBase = self._raw
        self._damage: Damaged | None = None
        if self.compression is not None:
            self._text = _reader(self._raw, self.compression, name)

    def read(self, size: int = BLOCK) -> bytes:
        """So many bytes, fewer before the end and before damage, none at the end.

        Raises:
            Damaged: the compressed data breaks off or is wrong here.
        """
        parts: list[bytes] = []
        while size > 0 and (part := self._some(size)):
            parts.append(part)
            size -= len(part)
        if self._damage is not None and not parts:
            raise self._damage
        return b"".join(parts)

    def _some(self, size: int) -> bytes:
        """What the next piece gives: `read` of the libraries drops it when the one after is bad."""
        if self._damage is not None:
            return b""
        try:
            return self._text.read1(size)
        except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            kind = self.compression or "plain"
            self._damage = Damaged(f"{self.name} is damaged ({kind}: {error})")
            return b""

    def skip(self, count: int, keep: int) -> bytes:
        """Go on `count` bytes; the last `keep` of them, fewer where the text ends before.

        Raises:
            Damaged: the compressed data breaks off or is wrong on the way.
        """
        if self.compression is None and self._raw.seekable():
            self._raw.seek(self._raw.tell() + max(0, count - keep))
            return self.read(min(count, keep))
        kept = b""
        while count > 0 and (block := self.read(min(count, BLOCK))):
            count -= len(block)
            kept = (kept + block)[-keep:] if keep else b""
        return kept if count == 0 else b""

    def raw_position(self) -> int:
        """How many bytes of the file itself are read, compressed as it may be: for progress."""
        return self._raw.tell()

    def close(self) -> None:
        """Close the file."""
        self._text.close()
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_text(path: Path) -> TextFile:
    """Open a log for reading.

    Raises:
        BadInput: it is missing, may not be read, is no file, or needs a library that is not there.
    """
    try:
        raw = path.open("rb", buffering=0)
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file") from None
    except IsADirectoryError:
        raise BadInput(f"{path} is a directory: name the files in it") from None
    except PermissionError:
        raise BadInput(
            f"{path} may not be read by this user: log files usually belong to the group adm"
        ) from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        raw.close()
        raise BadInput(f"{path} is no file with lines in it")
    return TextFile(cast("BinaryIO", raw), str(path))


def first_text(file: TextFile) -> bytes:
    """The first bytes of a file that are not all NUL, checked to be text; none: it is empty.

    Raises:
        BadInput: it is binary, or holds nothing but NULs.
        Damaged: not even its beginning can be decompressed.
    """
    block = file.read()
    while block and not block.strip(b"\0"):
        block = file.read()
        if not block:
            raise BadInput(f"{file.name} holds nothing but NULs: not a log")
    if is_binary(block):
        raise BadInput(f"{file.name} is binary: not a log")
    return block
