"""Where a file stands, and how it is known again: renamed, compressed, grown, on another host.

A file is known by its first bytes (inodes get reused, names change) and by the bytes before the
place where reading stopped. Pure: the file is seen through two functions.
"""

from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b

import msgspec
from msgspec.structs import replace

from posttrail.stamps import State

HEAD = 1024
"""How many of the first bytes are looked at."""


class Print(msgspec.Struct, frozen=True):
    """A fingerprint of some bytes."""

    size: int
    digest: str


class FilePosition(msgspec.Struct, frozen=True, omit_defaults=True, tag="file"):
    """A file's record in `maillog.positions`; offsets count uncompressed bytes."""

    path: str
    """Where it was seen last, for people."""
    head: Print
    """Of the first bytes, at most HEAD, that were read when this was written."""
    offset: int
    """After the last line that was taken."""
    tail: Print
    """Of the bytes before `offset`."""
    lines: int
    """Taken so far."""
    stamps: State = State()
    """What the next line needs to know of those before it."""
    torn: int = 0
    """Size of the last line taken, when it had no newline: it may have been written on since."""
    modified: int = 0
    """When the file was written last, as seen by a reader that follows; microseconds since 1970."""
    inode: tuple[int, int] | None = None
    """Device and inode number, as seen by a reader that follows: a copy has others."""
    host: str = ""
    """`producer.host` of the reader that follows: the same path is another log on another host."""
    gone: bool = False
    """Nothing more can be read of it, and what is missing was told."""


class Place(msgspec.Struct, frozen=True):
    """A position and the key that it has in `maillog.positions`."""

    key: str
    position: FilePosition


def print_of(data: bytes) -> Print:
    """The fingerprint of these bytes."""
    return Print(len(data), blake2b(data, digest_size=16).hexdigest())


_NOTHING = print_of(b"")


def unread(path: str, head: bytes, stamps: State, taken: Mapping[str, bytes]) -> Place:
    """The place at the beginning of a file that is not known yet."""
    return Place(new_key(head, taken), FilePosition(path, _NOTHING, 0, _NOTHING, 0, stamps))


def whole_line(place: Place, after: bytes) -> Place:
    """The place from which whole lines follow, given the first byte after it, if there is one.

    The last line may have had no newline when it was taken. When only the newline has come since,
    reading goes on behind it; when more text has, the line is taken again, whole.
    """
    position = place.position
    if not position.torn or not after:
        return place
    move = 1 if after == b"\n" else -position.torn
    return Place(place.key, replace(position, offset=position.offset + move, torn=0))


def new_key(head: bytes, taken: Mapping[str, bytes]) -> str:
    """A key for a file that is not known yet."""
    base = f"file#{print_of(head).digest}"
    names = (base if n == 0 else f"{base}-{n}" for n in range(len(taken) + 1))
    return next(name for name in names if name not in taken)


def places(positions: Mapping[str, bytes]) -> Iterator[Place]:
    """Of all files that were ever read."""
    for key, value in positions.items():
        if key.startswith("file#"):
            yield Place(key, msgspec.json.decode(value, type=FilePosition))


class Known:
    """All files that were ever read, by their first bytes."""

    def __init__(self, positions: Mapping[str, bytes]) -> None:
        """`positions`: what `maillog.positions` holds."""
        self._by_head: dict[tuple[int, str], list[Place]] = {}
        for place in places(positions):
            head = place.position.head
            self._by_head.setdefault((head.size, head.digest), []).append(place)

    def find(self, head: bytes, before: Callable[[int, int], bytes | None]) -> Place | None:
        """The place of the file that begins with these bytes, if it was read before.

        Args:
            head: the first HEAD bytes, fewer when it has no more.
            before: (offset, size) -> the bytes before an offset; None: the file ends before it.

        A file that ends before the place is a shorter copy of one that was read: it is known.
        """
        candidates = [
            place
            for size, digest in self._by_head
            if size <= len(head) and print_of(head[:size]).digest == digest
            for place in self._by_head[size, digest]
        ]
        for place in sorted(candidates, key=lambda place: -place.position.offset):
            tail = place.position.tail
            data = before(place.position.offset, tail.size)
            if data is None or print_of(data) == tail:
                return place
        return None
