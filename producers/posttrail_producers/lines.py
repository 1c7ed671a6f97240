"""Cuts a stream of bytes into lines, in bounded memory. Pure."""

from typing import NamedTuple

MOST_BYTES = 512 * 1024
"""Longer lines are cut here: Kafka takes records of 1 MB, Postfix writes lines of 2 kB."""
TAIL = 1024
"""How many of the last bytes are kept to know the place again."""


class Cut(NamedTuple):
    """A line that was too long, or had too many NULs in front."""

    at: int
    """Which of the chunk's lines."""
    length: int
    """Bytes of the whole line in the file, without the newline."""
    lost: int
    """Bytes of text that were cut off; NULs in front are no loss."""
    ending: bytes
    """Its last bytes and the newline."""


class Chunk(NamedTuple):
    """Some lines in order."""

    lines: list[bytes]
    size: int
    """Bytes that they take up in the file, newlines included."""
    tail: bytes
    """The last TAIL bytes up to the end of the last line."""
    cuts: list[Cut]


def _tail_of(lines: list[bytes], cuts: list[Cut], before: bytes) -> bytes:
    """The last bytes of these lines, looking no further back than needed."""
    endings = {cut.at: cut.ending for cut in cuts}
    parts: list[bytes] = []
    length = 0
    for index in range(len(lines) - 1, -1, -1):
        parts.append(endings.get(index, lines[index] + b"\n"))
        length += len(parts[-1])
        if length >= TAIL or index in endings:
            return b"".join(reversed(parts))[-TAIL:]
    return (before + b"".join(reversed(parts)))[-TAIL:]


class Lines:
    """Takes blocks of bytes, gives whole lines; what is after the last newline waits."""

    def __init__(self, tail: bytes = b"") -> None:
        """`tail`: the bytes before the first block, at most TAIL."""
        self._tail = tail
        self._whole: list[bytes] = []
        self._cuts: list[Cut] = []
        self._rest = b""
        self._length = 0
        self._lost = 0
        self._ending = b""

    @property
    def waiting(self) -> bool:
        """Whether whole lines have not been taken."""
        return bool(self._whole)

    @property
    def rest_size(self) -> int:
        """Bytes after the last newline."""
        return self._length

    def feed(self, block: bytes) -> None:
        """The next bytes of the file."""
        first, newline, others = block.partition(b"\n")
        self._lengthen(first)
        if newline:
            self._end_line()
            *whole, rest = others.split(b"\n")
            self._whole += whole
            self._lengthen(rest)

    def _lengthen(self, more: bytes) -> None:
        self._length += len(more)
        rest = self._rest + more
        if self._length > MOST_BYTES:
            self._ending = ((self._ending or self._rest) + more)[-TAIL:]
            rest = rest.lstrip(b"\0")  # a crash can leave megabytes of them
            self._lost += max(0, len(rest) - MOST_BYTES)
        self._rest = rest[:MOST_BYTES]

    def _end_line(self) -> None:
        if self._length > MOST_BYTES:
            cut = Cut(len(self._whole), self._length, self._lost, self._ending + b"\n")
            self._cuts.append(cut)
        self._whole.append(self._rest)
        self._rest, self._length, self._lost, self._ending = b"", 0, 0, b""

    def take(self, most: int) -> Chunk:
        """The next whole lines, at most so many."""
        lines, self._whole = self._whole[:most], self._whole[most:]
        cuts = [cut for cut in self._cuts if cut.at < most]
        self._cuts = [cut._replace(at=cut.at - most) for cut in self._cuts[len(cuts) :]]
        size = sum(map(len, lines)) + len(lines)
        size += sum(cut.length - len(lines[cut.at]) for cut in cuts)
        self._tail = _tail_of(lines, cuts, self._tail)
        return Chunk(lines, size, self._tail, cuts)

    def take_rest(self) -> Chunk:
        """What is after the last newline as a line of its own, for its end will not come."""
        length, before = self._length, self._tail
        if not length:
            return Chunk([], 0, before, [])
        tail = (before + (self._ending or self._rest))[-TAIL:]
        self._end_line()
        chunk = self.take(1)
        self._tail = tail
        return Chunk(chunk.lines, length, tail, chunk.cuts)
