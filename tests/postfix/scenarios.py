"""The mails that a test sends: a bounded mix of every way a mail can go through Postfix.

Pure: says what is sent, through which door, what Postfix must reply and what must become of it.
`{n}` stands for the number of the mail, so that every mail is one of a kind.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

from tests.postfix.truth import Row


class Door(IntEnum):
    """Where a mail comes in; the numbers are the ports of etc/master.cf."""

    MX = 10025
    POSTSCREEN = 10026
    PROXY = 10027
    FILTER = 10029
    VERIFY = 10032
    SUBMISSION = 10587
    SENDMAIL = 0


@dataclass(frozen=True)
class Rcpt:
    """One recipient: the command, the reply that must come, and the rows that must follow."""

    address: str
    rows: tuple[Row, ...] = ()
    reply: int = 250
    thrown_away: bool = False
    """Taken, then discarded by an access table, which is logged before there is a queue id."""


@dataclass(frozen=True)
class Scenario:
    """One way of a mail through Postfix."""

    name: str
    rcpts: tuple[Rcpt, ...]
    weight: int = 1
    door: Door = Door.MX
    status: str | None = "removed"
    sender: str = "s{n}@sender.test"
    options: str = ""
    helo: str = "client{n}.example.net"
    subject: str = "mail {n}"
    headers: tuple[str, ...] = ()
    login: str | None = None
    mail_reply: int = 250
    data_reply: int = 250
    early: bool = False
    """Talk before the banner: postscreen's pregreet test."""
    hang_up: bool = False
    """Close the connection after the recipients."""


def to(address: str, status: str = "sent", attempts: int = 1) -> Rcpt:
    """A recipient that keeps its address."""
    return Rcpt(address, (Row(address, status, attempts=attempts),))


def alias(address: str, *found: tuple[str, str]) -> Rcpt:
    """A recipient that becomes others before the queue."""
    return Rcpt(address, tuple(Row(one, status, address) for one, status in found))


def refused(address: str, reply: int) -> Rcpt:
    """A recipient that Postfix does not take."""
    return Rcpt(address, (), reply)


def filtered(address: str) -> Rcpt:
    """A recipient whose mail goes through the content filter and comes back as a new mail."""
    return Rcpt(address, (Row(address, "sent", forwarded=(Row(address, "sent"),)),))


_TEAM = "team@{host}.example.com"
_FORWARDED = (Row("one@ok.test", "sent", _TEAM), Row("two@lmtp.test", "sent", _TEAM))
_FORGED = "hello; from=<fake@evil.test> to=<trap@evil.test> proto=ESMTP helo=<x>: status=sent (250"

SCENARIOS = (
    Scenario("plain", (to("u{n}@ok.test"),), weight=60),
    Scenario("several", tuple(to(f"r{i}.{{n}}@ok.test") for i in range(5)), weight=8),
    Scenario("mixed", (to("a@ok.test"), to("b@lmtp.test"), to("box@virtual.test")), weight=8),
    Scenario("lmtp", (to("u{n}@lmtp.test"),), weight=5),
    Scenario("virtual", (to("box@virtual.test"),), weight=4),
    Scenario("discard", (to("u{n}@discard.test"),), weight=3),
    Scenario("far", (to("u{n}@far.test"),), weight=6),
    Scenario("late", (to("u{n}@slow.test", attempts=2),), weight=4),
    Scenario(
        "uneven",
        (to("u{n}@far.test"), to("unknown{n}@far.test", "bounced"), to("l@slow.test", attempts=2)),
        weight=4,
    ),
    Scenario("bounced", (to("unknown{n}@far.test", "bounced"),), weight=4),
    Scenario("refused at the end", (to("spam{n}@far.test", "bounced"),), weight=2),
    Scenario("null sender", (to("unknown{n}@far.test", "bounced"),), sender=""),
    Scenario("switched off", (alias("off@alias.test", ("any@error.test", "bounced")),)),
    Scenario("expired", (to("full{n}@far.test", "expired", attempts=2),), weight=2),
    Scenario("closed", (to("u{n}@closed.test", "expired", attempts=2), to("u{n}@ok.test"))),
    Scenario("alias", (alias("one@alias.test", ("seven@ok.test", "sent")),), weight=3),
    Scenario(
        "alias of many",
        (
            alias(
                "many@alias.test",
                ("first@ok.test", "sent"),
                ("second@lmtp.test", "sent"),
                ("third@discard.test", "sent"),
                ("box@virtual.test", "sent"),
            ),
        ),
    ),
    Scenario(
        "alias of two fates",
        (alias("mixed@alias.test", ("fine@ok.test", "sent"), ("unknown@far.test", "bounced")),),
    ),
    Scenario("forwarded", (Rcpt(_TEAM, (Row(_TEAM, "sent", forwarded=_FORWARDED),)),), weight=2),
    Scenario("command", (to("prog@{host}.example.com"),)),
    Scenario("bad command", (to("badprog@{host}.example.com", "bounced"),)),
    Scenario(
        "verp",
        tuple(to(f"member{i}@ok.test") for i in range(3)),
        sender="list@sender.test",
        options=" XVERP",
    ),
    Scenario(
        "utf8",
        (to("jörg{n}@münchen.test"),),
        weight=2,
        sender="rené{n}@sender.test",
        options=" SMTPUTF8 BODY=8BITMIME",
        subject="grüße {n} 日本",
    ),
    Scenario(
        "quoted", (to('"a b, >c"@ok.test'), to("u+tag=x@ok.test")), sender='"o o"@sender.test'
    ),
    Scenario(
        "forged recipient",
        (to('"x>, relay=evil[192.0.2.1]:25, status=bounced (y"@ok.test'), to("u{n}@ok.test")),
    ),
    Scenario("forged subject", (to("u{n}@ok.test"),), weight=2, subject=_FORGED),
    Scenario("forged helo", (to("u{n}@ok.test"),), helo="x>:from=<fake@evil.test>"),
    Scenario("urgent", (to("u{n}@ok.test"),), subject="urgent {n}"),
    Scenario("prepended", (to("u{n}@ok.test"),), headers=("X-Test: prepend",)),
    Scenario(
        "submission",
        (to("u{n}@ok.test"),),
        weight=4,
        door=Door.SUBMISSION,
        login="user{n}",
    ),
    Scenario("proxy filter", (to("u{n}@ok.test"),), weight=3, door=Door.PROXY),
    Scenario("content filter", (filtered("u{n}@ok.test"),), weight=3, door=Door.FILTER),
    Scenario("postscreen", (to("u{n}@ok.test"),), door=Door.POSTSCREEN),
    Scenario("pregreet", (refused("u{n}@ok.test", 550),), door=Door.POSTSCREEN, early=True),
    Scenario(
        "verified",
        (to("good{n}@far.test"), refused("unknown{n}@far.test", 450)),
        door=Door.VERIFY,
    ),
    Scenario("sendmail", (to("u{n}@ok.test"), to("v{n}@lmtp.test")), weight=2, door=Door.SENDMAIL),
    Scenario("relay denied", (refused("x{n}@elsewhere.example.org", 554),), weight=4),
    Scenario("unknown user", (refused("nobody{n}@virtual.test", 550),), weight=2),
    Scenario("blocked", (refused("blocked@ok.test", 550),), weight=2),
    Scenario("greylisted", (refused("grey@ok.test", 450),), weight=2),
    Scenario(
        "one of three", (to("u{n}@ok.test"), refused("blocked@ok.test", 550), to("b@ok.test"))
    ),
    Scenario("first refused", (refused("blocked@ok.test", 550), to("u{n}@ok.test"))),
    Scenario("bad sender", (refused("u{n}@ok.test", 554),), sender="spammer@evil.test"),
    Scenario("bad helo", (refused("u{n}@ok.test", 554),), helo="bad.helo.test"),
    Scenario("too large", (), options=" SIZE=999999", mail_reply=552),
    Scenario("warned", (to("look@ok.test"),)),
    Scenario("policy discard", (Rcpt("drop@ok.test", thrown_away=True),), status=None),
    Scenario(
        "header reject",
        (Rcpt("u{n}@ok.test"),),
        weight=2,
        status="rejected",
        headers=("X-Test: reject",),
        data_reply=550,
    ),
    Scenario(
        "header discard", (Rcpt("u{n}@ok.test"),), status="discarded", headers=("X-Test: discard",)
    ),
    Scenario("hold", (to("u{n}@ok.test"),), weight=3, headers=("X-Test: hold",)),
    Scenario("hung up", (Rcpt("u{n}@ok.test"),), status=None, hang_up=True),
)


@dataclass(frozen=True)
class Order:
    """A scenario with its number filled in: one mail to send."""

    number: int
    scenario: Scenario
    client_name: str
    client_addr: str


def _filled(scenario: Scenario, number: int, host: str) -> Scenario:
    def fill(text: str) -> str:
        return text.replace("{n}", str(number)).replace("{host}", host)

    def fill_row(row: Row) -> Row:
        asked = None if row.orig_recipient is None else fill(row.orig_recipient)
        following = tuple(fill_row(one) for one in row.forwarded)
        return Row(fill(row.recipient), row.status, asked, row.attempts, following)

    return replace(
        scenario,
        rcpts=tuple(
            replace(one, address=fill(one.address), rows=tuple(fill_row(row) for row in one.rows))
            for one in scenario.rcpts
        ),
        sender=fill(scenario.sender),
        helo=fill(scenario.helo),
        subject=fill(scenario.subject),
        login=None if scenario.login is None else fill(scenario.login),
    )


def orders(count: int, host: str, seed: int) -> Iterator[Order]:
    """`count` mails: every scenario at least its share below 4 times, the rest by weight."""
    chance = random.Random(seed)
    once = [one for one in SCENARIOS for _ in range(min(one.weight, 3))]
    weights = [one.weight for one in SCENARIOS]
    chosen = once + chance.choices(SCENARIOS, weights, k=max(0, count - len(once)))
    chance.shuffle(chosen)
    for number, scenario in enumerate(chosen):
        name = f"mail{number}.example.org" if number % 5 else "[UNAVAILABLE]"
        addr = (
            f"IPV6:2001:db8::{number + 1:x}" if number % 7 == 0 else f"203.0.113.{number % 250 + 1}"
        )
        yield Order(number, _filled(scenario, number, host), name, addr)
