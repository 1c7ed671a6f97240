"""The end of a file that may be written on, cut off and written anew."""

import time

from posttrail.textfiles import BLOCK, Damaged, TextFile
from posttrail_producers.opened import Opened

_WITNESS = 256
"""Bytes before the place that are looked at again, to see that they are still the same."""
_YOUNG_S = 5.0
"""A compressed file written this recently may still be being written."""


class CutOff(Exception):
    """The file was truncated: what stands before our place is not what was read."""


class Tail:
    """Bytes of an open file from a place on, up to a limit, as far as they are there."""

    def __init__(self, opened: Opened, offset: int) -> None:
        """Go on at an offset of the text."""
        self.opened = opened
        self.offset = offset
        self.limit = 0
        """No byte at or after this offset is read. Compressed files know no limit."""
        self.idle_since = time.monotonic()
        self._text: TextFile | None = None
        self._has_ended = False
        self._witness = b""
        self.go_to(offset)

    def go_to(self, offset: int) -> None:
        """Read from this offset of the text on."""
        self.offset = offset
        if self.opened.compression is None:
            start = max(0, offset - _WITNESS)
            self._witness = self.opened.pread(offset - start, start)

    def read(self, size: int = BLOCK) -> bytes:
        """At most so many bytes; none: no more up to the limit.

        Raises:
            CutOff: the file is not what it was.
            Damaged: a compressed file breaks off, and is not being written.
        """
        if self.opened.compression is not None:
            return self._decompressed(size)
        data = self.opened.pread(min(size, max(0, self.limit - self.offset)), self.offset)
        # After the read: had the file been cut off before it, the witness would show that.
        self._check()
        return self._took(data)

    def _took(self, data: bytes) -> bytes:
        if data:
            self.offset += len(data)
            self._witness = (self._witness + data)[-_WITNESS:]
            self.idle_since = time.monotonic()
        return data

    def _check(self) -> None:
        start = self.offset - len(self._witness)
        if self.opened.pread(len(self._witness), start) != self._witness:
            raise CutOff(str(self.opened.path))

    def _decompressed(self, size: int) -> bytes:
        if self._text is None:
            self._text = self.opened.text(self.offset)
        try:
            data = self._text.read(size)
        except Damaged:
            if time.time() - self.opened.modified() / 1_000_000 > _YOUNG_S:
                raise
            self._text.close()
            self._text = None
            return b""
        self._has_ended = not data
        return self._took(data)

    @property
    def is_at_end(self) -> bool:
        """Whether all that is there now is read."""
        if self.opened.compression is not None:
            return self._has_ended
        return self.offset >= self.opened.size()

    def restart(self) -> None:
        """Read what stands there now, from the first byte on."""
        self.limit = 0
        self.go_to(0)

    def close(self) -> None:
        """Close the file."""
        if self._text is not None:
            self._text.close()
        self.opened.close()
