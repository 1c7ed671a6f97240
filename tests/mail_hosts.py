"""Mail hosts that log made-up mails, and the rows that these must become: truth without a parser.

Every host has its own queue ids, short ones used again within seconds or long ones. No two lines
of a host have the same microsecond, as with one real syslog daemon.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from posttrail.identity import SECOND
from tests.stories import long_id, short_id

SLOTS = 9
"""Inodes that are in use in turn: a short id comes again after so many mails."""
INTERVAL = SECOND // 4
"""From one mail to the next; a mail lives for less than a second."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Recipient(NamedTuple):
    """What delivery_to must say of one recipient of a mail."""

    queue_id: str
    born: int
    recipient: str
    status: str
    attempts: int


class Mail(NamedTuple):
    """What delivery_from must say of a mail."""

    queue_id: str
    born: int
    sender: str
    status: str


class Host:
    """One mail host: its clock, its lines so far, and what they must become."""

    def __init__(self, name: str, start: int, *, long: bool) -> None:
        """`start`: what its clock shows first, microseconds since 1970 UTC."""
        self.name = name
        self._long = long
        self._clock = start - start % SECOND
        self._mails = 0
        self._tick = 0
        self.lines: list[bytes] = []
        self.mails: list[Mail] = []
        self.recipients: list[Recipient] = []
        self.refusals = 0
        self.classes: Counter[str] = Counter()

    def jump(self, seconds: int) -> None:
        """Somebody sets its clock."""
        self._clock += seconds * SECOND

    def log(self, mails: int) -> list[bytes]:
        """The lines of so many more mails, as they come."""
        timed: list[tuple[int, str]] = []
        for _ in range(mails):
            timed += self._mail(self._clock)
            self._clock += INTERVAL
        self._clock += 2 * SECOND  # the last mail is gone before the clock is touched
        new = [self._line(t, text) for t, text in sorted(timed)]
        self.lines += new
        return new

    def _line(self, t: int, text: str) -> bytes:
        stamp = datetime.fromtimestamp(t // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{stamp}.{t % SECOND:06d}+00:00 {self.name} {text}".encode()

    def _mail(self, at: int) -> Iterator[tuple[int, str]]:
        number = self._mails
        self._mails += 1
        slot = number % SLOTS
        # Whole seconds keep a slot's microseconds: its short id comes again as it was.
        born = at - at % SECOND + 1000 + slot * 37_111
        queue_id = (long_id if self._long else short_id)(born, 0x2400 + slot)
        for pause, kind, text in self._story(number, queue_id, born):
            self._tick = (self._tick + 1) % 900
            self.classes[kind] += 1
            yield born + pause * 1000 + self._tick, text

    def _story(self, n: int, queue_id: str, born: int) -> Iterator[tuple[int, str, str]]:
        yield 1, "ignored", f"postfix/smtpd[{n}]: connect from mail.example.com[192.0.2.9]"
        yield 2, "fact", f"postfix/smtpd[{n}]: {queue_id}: client=mail.example.com[192.0.2.9]"
        yield 4, "fact", f"postfix/cleanup[7]: {queue_id}: message-id=<{n}@example.com>"
        active = f"from=<s{n}@example.com>, size={1000 + n}, nrcpt=2 (queue active)"
        yield 6, "fact", f"postfix/qmgr[8]: {queue_id}: {active}"
        yield from self._deliveries(n, queue_id, born)
        if n % 5 == 4:
            refused = "554 5.7.1 <x@example.org>: Relay access denied"
            who = "from=<y@example.net> to=<x@example.org> proto=ESMTP helo=<example.net>"
            head = "NOQUEUE: reject: RCPT from unknown[203.0.113.5]"
            yield 300, "fact", f"postfix/smtpd[{n}]: {head}: {refused}; {who}"
            self.refusals += 1
        if n % 7 == 3:
            yield 310, "foreign", f"sshd[{n}]: session {n} closed"
        if n % 11 == 10:
            yield 320, "dead", f"postfix/smtpd[{n}]: {queue_id}: a shape that nobody knows"
        ends = n % 4 != 3
        if ends:
            yield 400, "fact", f"postfix/qmgr[8]: {queue_id}: removed"
        self.mails.append(
            Mail(queue_id, born, f"s{n}@example.com", "removed" if ends else "queued")
        )

    def _deliveries(self, n: int, queue_id: str, born: int) -> Iterator[tuple[int, str, str]]:
        relay = "relay=mx.example.net[198.51.100.7]:25, delay=0.3, delays=0.1/0/0.1/0.1"
        for number, recipient in enumerate((f"a{n}@example.net", f"b{n}@example.net")):
            attempts = 2 if (n + number) % 3 == 0 else 1
            for attempt in range(attempts):
                is_last = attempt == attempts - 1
                said = "dsn=2.0.0, status=sent (250 ok)" if is_last else (
                    "dsn=4.4.1, status=deferred (connect to mx.example.net: timed out)"
                )  # fmt: skip
                text = f"postfix/smtp[{n}]: {queue_id}: to=<{recipient}>, {relay}, {said}"
                yield 50 + attempt * 100 + number * 20, "fact", text
            self.recipients.append(Recipient(queue_id, born, recipient, "sent", attempts))
