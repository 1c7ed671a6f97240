"""A log file that stays readable whatever happens to its name: renamed, compressed, deleted."""

import io
import os
import stat
from pathlib import Path
from typing import BinaryIO, cast

from posttrail.errors import BadInput
from posttrail.textfiles import TextFile, compression
from posttrail_producers.file_position import HEAD


class _Bytes(io.RawIOBase):
    """The bytes of an open file with a place of their own."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = os.dup(descriptor)
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place}.get(whence)
        self._place = place + (os.fstat(self._descriptor).st_size if start is None else start)
        return self._place

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        data = os.pread(self._descriptor, len(view), self._place)
        view[: len(data)] = data
        self._place += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()


class Opened:
    """A file by its descriptor. While it is open, its inode number belongs to it alone."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            FileNotFoundError, PermissionError, OSError: as open(2) says.
            BadInput: it is no regular file.
        """
        self.path = path
        # A pipe of that name must not hold us up.
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode):
            self.close()
            raise BadInput(f"{path} is no file with lines in it")
        self.inode = (status.st_dev, status.st_ino)
        self.compression = compression(self.pread(8, 0))

    def pread(self, size: int, offset: int) -> bytes:
        """Bytes of the file itself from an offset on, fewer at its end."""
        return os.pread(self._descriptor, size, offset)

    def size(self) -> int:
        """Bytes of the file itself, now."""
        return os.fstat(self._descriptor).st_size

    def modified(self) -> int:
        """When it was written last, microseconds since 1970 UTC."""
        return os.fstat(self._descriptor).st_mtime_ns // 1000

    def has_a_name(self) -> bool:
        """Whether it is not deleted."""
        return os.fstat(self._descriptor).st_nlink > 0

    def text(self, offset: int) -> TextFile:
        """The text from an offset on, decompressed if need be; close it."""
        file = TextFile(cast("BinaryIO", _Bytes(self._descriptor)), str(self.path))
        file.skip(offset, 0)
        return file

    def head(self) -> bytes:
        """The first HEAD bytes of the text."""
        with self.text(0) as file:
            return file.read(HEAD)

    def before(self, offset: int, size: int) -> bytes | None:
        """The bytes of the text before an offset; None: it ends before that."""
        with self.text(0) as file:
            data = file.skip(offset, size)
        return data if len(data) == size else None

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)


def inode_of(path: Path) -> tuple[int, int] | None:
    """Device and inode number of what a name leads to; None: to nothing."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
