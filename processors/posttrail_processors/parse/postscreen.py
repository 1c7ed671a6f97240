"""postscreen, dnsblog and tlsproxy: postscreen/*.c, dnsblog/dnsblog.c, tlsproxy/tlsproxy.c.

Client addresses stand in brackets and without a host name: `[ADDR]:PORT`.
"""

import re

from posttrail_processors.parse.formats import Component, Format, Reading, known, said, says, table
from posttrail_processors.parse.shared import PLAIN, STARTTLS
from posttrail_processors.parse.tails import take_tail
from posttrail_processors.parse.tokens import CODE

_PEER = r"\[[^\]\s]*+\]:\d++"
# postscreen_smtpd.c psc_rcpt_cmd; the fields of the tail are divided by commas.
_reject = re.compile(
    rf"reject: (?P<phase>[A-Z-]++) from (?P<client>{_PEER}): {CODE}", re.DOTALL
).match


def _read_reject(message: str) -> Reading | None:
    if (found := _reject(message)) is None:
        return None
    tail = take_tail(message[found.end() :])
    fields = {"action": "reject", **said(found), "reason": tail.text, **tail.fields}
    return "reject", "noqueue", fields | ({"ambiguous": "yes"} if tail.ambiguous else {})


_BUSY = "(?P<reason>too many connections|all server ports busy|all screening ports busy)"
_CONNECT = rf"(?P<client>{_PEER}): {_BUSY}"
_REFUSED = {"action": "reject", "phase": "CONNECT"}
_TESTS = (  # postscreen_early.c, postscreen_smtpd.c, postscreen_misc.c
    "PREGREET", "HANGUP", "DNSBL", "COMMAND TIME LIMIT", "COMMAND COUNT LIMIT",
    "COMMAND LENGTH LIMIT", "COMMAND PIPELINING", "NON-SMTP COMMAND", "BARE NEWLINE",
    "DATA without valid RCPT", "BDAT without valid RCPT",
)  # fmt: skip
_LISTS = ("ALLOWLISTED", "DENYLISTED", "WHITELISTED", "BLACKLISTED")

POSTSCREEN = Component(
    queued=table(),
    noqueue=table(
        Format("reject: ", _read_reject),
        says("reject", "noqueue", "reject: CONNECT from ", _CONNECT, **_REFUSED),
    ),
    plain=table(
        says("reject", "noqueue", "reject: connect from ", _CONNECT, **_REFUSED),
        known("CONNECT", "CONNECT from ", rf"{_PEER} to {_PEER}"),
        known("PASS", "PASS ", rf"(?:OLD|NEW) {_PEER}"),
        known("DISCONNECT", "DISCONNECT ", _PEER),
        *(known(test, f"{test} ", r"(?:rank )?.*\[[^\]\s]*+\]:\d+.*") for test in _TESTS),
        *(known(listed, f"{listed} ", _PEER) for listed in _LISTS),
        known("VETO", "ALLOWLIST VETO ", _PEER),
        known("VETO", "WHITELIST VETO ", _PEER),
        known("STRESS", "entering STRESS mode ", ".*"),
        known("STRESS", "leaving STRESS mode ", ".*"),
        known("STRESS", "entering STRESS mode", ".*"),
        known("STRESS", "leaving STRESS mode", ".*"),
        known("replacing command", "[", r"[^\]\s]*+\]:\d++: replacing command \".*\" with \".*\""),
        # No colon before the port: so it is written.
        known("discarding EHLO keywords", "[", r"[^\]\s]*+\]:?\d++: discarding EHLO keywords: .*"),
        known("cache", "close database ", r"\S+: .*"),
        known("cache", "cache ", r"\S+ .*cleanup.*"),
        *STARTTLS,
        *PLAIN,
    ),
)  # fmt: skip

DNSBLOG = Component(
    queued=table(),
    noqueue=table(),
    plain=table(known("listed", "addr ", r"\S+ listed by domain \S+ as .*"), *PLAIN),
)

TLSPROXY = Component(
    queued=table(),
    noqueue=table(),
    plain=table(
        known("CONNECT", "CONNECT ", rf"(?:from|to) {_PEER}.*"),
        known("DISCONNECT", "DISCONNECT ", rf"{_PEER}.*"),
        *STARTTLS,
        *PLAIN,
    ),
)
