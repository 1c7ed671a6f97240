"""A file source without Kafka: what a commit would land there, lands here."""

import re
from pathlib import Path

from posttrail_producers.file_follow import FileFollow
from posttrail_producers.file_import import Times

from posttrail import config

NUMBERED = re.compile(rb"connect from client(\d+)\.example")


def line(number: int) -> bytes:
    """A line that can be told from all others."""
    return (
        f"2019-11-27T16:22:49.{number:06}+00:00 "
        f"mx1 postfix/smtpd[7]: connect from client{number}.example[192.0.2.7]"
    ).encode()


def text(first: int, end: int) -> bytes:
    """Lines from `first` to before `end`."""
    return b"".join(line(number) + b"\n" for number in range(first, end))


class Followed:
    """A producer of `patterns` whose every batch is committed at once, until `crash`."""

    def __init__(
        self,
        *patterns: object,
        times: Times = Times(),  # noqa: B008
        host: str = "producer.example",
        positions: dict[str, bytes] | None = None,
    ) -> None:
        """`positions`: as other producers left them, and shared with them from now on."""
        self.lines: list[bytes] = []
        self.positions = {} if positions is None else positions
        self._host = host
        self._patterns = [str(pattern) for pattern in patterns]
        self._times = times
        self._start()

    def _start(self) -> None:
        settings = config.load(producer={"host": self._host})
        self._source = FileFollow(self._patterns, settings, self._times)
        self._source.resume(dict(self.positions))

    def read(self) -> None:
        """All that is there now."""
        while (batch := self._source.read(1000)).positions:
            self.lines += [value for _, value in batch.records]
            self.positions |= batch.positions

    def read_and_lose(self) -> None:
        """One batch that is read and never committed; then the producer starts again."""
        self._source.read(1000)
        self.start_again()

    def start_again(self) -> None:
        """Nothing stays but what is committed."""
        self._source.close()
        self._start()

    def stop(self) -> None:
        """Let go of all files; `start_again` goes on."""
        self._source.close()

    @property
    def numbers(self) -> list[int]:
        """The numbered lines, in order."""
        return [int(found[1]) for one in self.lines if (found := NUMBERED.search(one))]

    @property
    def gaps(self) -> list[str]:
        """Reasons of the gap records."""
        return [
            one.partition(b" reason=")[2].decode() for one in self.lines if b"]: gap: lines=" in one
        ]


def append(path: Path, data: bytes) -> None:
    """As a logging daemon writes."""
    with path.open("ab") as file:
        file.write(data)
