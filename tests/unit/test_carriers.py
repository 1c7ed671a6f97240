"""Heads of syslog lines: every form that carries a Postfix message, and what is not one."""

import pytest

from posttrail.carriers import Head, Stamp, render, split

T = 1_574_871_769_000_000  # 2019-11-27 16:22:49 UTC
NOV_27 = Stamp(None, 11, 27, 16, 22, 49)
CONNECT = "connect from unknown[192.0.2.7]"


def head(**other: object) -> Head:
    parts = {"t": T, "stamp": None, "host": "mx", "tag": "postfix/smtpd", "pid": 7} | other
    return Head(**({"message": CONNECT} | parts))  # type: ignore[arg-type]


CARRIERS = {
    "RFC 3339, UTC": ("2019-11-27T16:22:49Z mx postfix/smtpd[7]: ", head()),
    "RFC 3339 with zone": ("2019-11-27T17:22:49+01:00 mx postfix/smtpd[7]: ", head()),
    "a fraction": ("2019-11-27T16:22:49.120003+00:00 mx postfix/smtpd[7]: ", head(t=T + 120_003)),
    "three digits": ("2019-11-27T16:22:49.12Z mx postfix/smtpd[7]: ", head(t=T + 120_000)),
    "nanoseconds": ("2019-11-27T16:22:49.120003999Z mx postfix/smtpd[7]: ", head(t=T + 120_003)),
    "a space for the T": ("2019-11-27 16:22:49Z mx postfix/smtpd[7]: ", head()),
    "no zone": (
        "2019-11-27T16:22:49.5 mx postfix/smtpd[7]: ",
        head(t=None, stamp=Stamp(2019, 11, 27, 16, 22, 49, 500_000)),
    ),
    "BSD": ("Nov 27 16:22:49 mx postfix/smtpd[7]: ", head(t=None, stamp=NOV_27)),
    "BSD, one digit": (
        "Nov  7 16:22:49 mx postfix/smtpd[7]: ",
        head(t=None, stamp=Stamp(None, 11, 7, 16, 22, 49)),
    ),
    "a year before BSD": (
        "2019 Nov 27 16:22:49.120 mx postfix/smtpd[7]: ",
        head(t=None, stamp=Stamp(2019, 11, 27, 16, 22, 49, 120_000)),
    ),
    "a priority": ("<22>Nov 27 16:22:49 mx postfix/smtpd[7]: ", head(t=None, stamp=NOV_27)),
    "a priority, RFC 3339": ("<22>2019-11-27T16:22:49Z mx postfix/smtpd[7]: ", head()),
    "RFC 5424": ("<22>1 2019-11-27T16:22:49.5Z mx postfix/smtpd 7 - - ", head(t=T + 500_000)),
    "RFC 5424, no priority": ("1 2019-11-27T16:22:49Z mx postfix/smtpd 7 - - ", head()),
    "RFC 5424, a byte order mark": (
        "<22>1 2019-11-27T16:22:49Z mx postfix/smtpd 7 - - \ufeff",
        head(),
    ),
    "RFC 5424, structured data": (
        r'<22>1 2019-11-27T16:22:49Z mx postfix/smtpd 7 ID1 [a@1 b="x] \"y\""][c@1] ',
        head(),
    ),
    "RFC 5424, all nil": (
        "<22>1 - - - - - - ",
        head(t=None, host="-", tag="-", pid=None),
    ),
    "Solaris": (
        "Nov 27 16:22:49 mx postfix/smtpd[7]: [ID 197553 mail.info] ",
        head(t=None, stamp=NOV_27),
    ),
    "no colon": ("2019-11-27T16:22:49Z mx postfix/smtpd[7] ", head()),
    "two spaces": ("2019-11-27T16:22:49Z mx postfix/smtpd[7]:  ", head()),
    "no pid": ("2019-11-27T16:22:49Z mx postfix/smtpd: ", head(pid=None)),
    "NULs of a crash": ("\0\0\0Nov 27 16:22:49 mx postfix/smtpd[7]: ", head(t=None, stamp=NOV_27)),
    "a service": (
        "2019-11-27T16:22:49Z mx postfix/submission/smtpd[7]: ",
        head(tag="postfix/submission/smtpd"),
    ),
    "another program": ("2019-11-27T16:22:49Z mx (systemd)[7]: ", head(tag="(systemd)")),
    "a leap second": (
        "2016-12-31T23:59:60Z mx postfix/smtpd[7]: ",
        head(t=1_483_228_800_000_000),
    ),
    "a line in a container's line": (
        "2019-11-27T16:22:50Z box docker/mail[9]: 2019-11-27T16:22:49Z mx postfix/smtpd[7]: ",
        head(),
    ),
    "a year-less line in a container's line": (
        "2019-11-27T16:22:49Z box docker[9]: <22>Nov 27 11:22:49 mx postfix/smtpd[7]: ",
        head(),
    ),
}


@pytest.mark.parametrize("name", CARRIERS)
def test_every_carrier_gives_the_same_parts(name: str) -> None:
    line, expected = CARRIERS[name]
    assert split(line + CONNECT) == expected


NOT_SYSLOG = {
    "nothing": "",
    "text": "hello world",
    "only NULs": "\0\0\0",
    "no such day": "Feb 30 16:22:49 mx postfix/smtpd[7]: x",
    "no such month": "Foo 27 16:22:49 mx postfix/smtpd[7]: x",
    "no such hour": "2019-11-27T25:22:49Z mx postfix/smtpd[7]: x",
    "no such zone": "2019-11-27T16:22:49+99:00 mx postfix/smtpd[7]: x",
    "year 0": "0000-11-27T16:22:49Z mx postfix/smtpd[7]: x",
    "two priorities": "<22><22>Nov 27 16:22:49 mx postfix/smtpd[7]: x",
    "RFC 5424 without structured data": "<22>1 2019-11-27T16:22:49Z mx postfix/smtpd 7 - connect",
}


@pytest.mark.parametrize("name", NOT_SYSLOG)
def test_what_is_no_syslog_line_has_no_head(name: str) -> None:
    assert split(NOT_SYSLOG[name]) is None


INNER = "2019-11-27T16:22:49Z mx postfix/smtpd[7]: " + CONNECT
FORGED = {
    "by a program that is no relay": "2019-11-27T16:22:50Z box nginx[9]: " + INNER,
    "behind other text": "2019-11-27T16:22:50Z box docker[9]: x " + INNER,
    "with a tag that Postfix never has": (
        "2019-11-27T16:22:50Z box docker[9]: 2019-11-27T16:22:49Z mx sshd[7]: x"
    ),
    "without a pid": (
        "2019-11-27T16:22:50Z box docker[9]: 2019-11-27T16:22:49Z mx postfix/smtpd: x"
    ),
    "by a relay inside a relay": (
        "2019-11-27T16:22:50Z box docker[9]: 2019-11-27T16:22:49Z a docker[1]: " + INNER
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_line_inside_a_line_is_not_believed(name: str) -> None:
    found = split(FORGED[name])
    assert found is not None
    assert found.host == "box"


RELAYED = {
    "by Docker": "2019-11-27T16:22:50Z box docker/mail[9]: " + INNER,
    "by Docker under the container's id": "2019-11-27T16:22:50Z box 0a1b2c3d4e5f[9]: " + INNER,
    "by a syslog daemon before whose stamp another stands": "2019-11-27T16:22:50Z box " + INNER,
}


@pytest.mark.parametrize("name", RELAYED)
def test_a_line_inside_a_line_of_a_relay_is_the_inner_line(name: str) -> None:
    assert split(RELAYED[name]) == head()


def test_relays_are_named_by_setting() -> None:
    line = "2019-11-27T16:22:50Z box k8s/mail[9]: " + INNER
    assert split(line) != head()
    assert split(line, frozenset({"k8s"})) == head()
    assert split(line, frozenset({"k8s/mail"})) == head()
    assert split(line, frozenset({"k8s/web"})) != head()


def test_a_line_without_a_tag_keeps_its_message() -> None:
    found = split("Nov 27 16:22:49 mx last message repeated 3 times")
    assert found == head(
        t=None, stamp=NOV_27, tag="", pid=None, message="last message repeated 3 times"
    )


def test_an_rfc_5424_line_without_a_program_cannot_pass_for_one() -> None:
    found = split("<22>1 2019-11-27T16:22:49Z mx - - - - postfix/smtpd[7]: x")
    assert found is not None
    again = split(render("2019-11-27T16:22:49Z", found.host, found.tag, found.pid, found.message))
    assert again == found
    assert again.tag == "-"


def test_the_canonical_line_says_the_same_again() -> None:
    line = render("2019-11-27T16:22:49Z", "mx", "postfix/smtpd", 7, CONNECT)
    assert line == INNER
    assert split(line) == head()


def test_a_carriage_return_at_the_end_belongs_to_the_file() -> None:
    assert split(INNER + "\r") == head()


@pytest.mark.parametrize("unit", ["a", " ", "[", ":", "1", "<", "\0", '[a="', "2019 ", "<22>"])
@pytest.mark.parametrize("start", ["", "2019-11-27T16:22:49Z mx ", "<22>1 - - - - - ", "Nov "])
def test_a_huge_line_is_read_in_one_go(start: str, unit: str) -> None:
    """Quadratic work on this many characters would take minutes."""
    line = start + unit * 300_000
    found = split(line)
    assert found is None or line.endswith(found.message)
