"""Delivery lines: global/log_adhoc.c, one writer for every delivery agent.

`to=<A>[, orig_to=<A>], relay=R[, conn_use=N], delay=D[, delays=a/b/c/d][, tls=T][, dsn=x.y.z],
status=WORD (TEXT)`

A stranger chooses both addresses and, as the remote server, TEXT. What stands between is Postfix's
own and fixed in form. So the address ends where its quoting says (external form, 3.5), else at the
first place where the whole fixed part follows; TEXT is all that follows that.
"""

import re

from posttrail_processors.parse.addresses import split_pair
from posttrail_processors.parse.formats import Fields, Reading
from posttrail_processors.parse.tokens import ADDRESS

STATUSES = {
    "sent", "deferred", "bounced", "expired", "SOFTBOUNCE",
    "deliverable", "undeliverable", "undeliverable-but-not-cached",
}  # fmt: skip

# `conn_use=2 delay=`: old systems forgot the comma. delays= and dsn= came with 2.3, tls= with 3.11.
_FIXED = (
    r">, relay=([^,<>]{1,1024}+)(?:, conn_use=(\d{1,9}+),?)?,? delay=([\d.]{1,24}+)"
    r"(?:, delays=([\d./]{1,99}+))?(?:, tls=([^\s,]{1,256}+))?(?:, dsn=(\d\.\d{1,3}\.\d{1,3}))?"
    r", status=([A-Za-z-]{1,32}+)(?: \(|\Z)"
)
_NAMES = ("relay", "conn_use", "delay", "delays", "tls", "dsn", "status")
_bare = re.compile(r'to=<([^<>"\\\x00-\x20\x7f]*+)' + _FIXED).match
_quoted = re.compile(rf"to=<({ADDRESS})(?:>, orig_to=<({ADDRESS}))?{_FIXED}", re.DOTALL).match
_fixed = re.compile(_FIXED)
_domain = re.compile(r'@[^<>"\\\x00-\x20\x7f@]++').search


def _fixed_part(fields: Fields, found: re.Match[str], parts: list[str | None]) -> Reading | None:
    """Relay to status, and the response: what stands in the outer brackets.

    A line that was cut at 2000 bytes has lost the closing one.
    """
    if parts[-1] not in STATUSES:
        return None
    for name, text in zip(_NAMES, parts, strict=True):
        if text is not None:
            fields[name] = text
    text = found.string
    if text[found.end() - 1] == "(":
        fields["response"] = text[found.end() :].removesuffix(")")
    return "delivery", "to", fields


def read_delivery(message: str) -> Reading | None:
    """A delivery line; None when it is none or its fixed part was cut off."""
    if (found := _bare(message)) is not None:
        recipient, *parts = found.groups()
        fields: Fields = {"recipient": recipient}
    elif (found := _quoted(message)) is not None:
        recipient, orig_recipient, *parts = found.groups()
        fields = {"recipient": recipient}
        if orig_recipient is not None:
            fields["orig_recipient"] = orig_recipient
    else:
        return _read_internal(message)
    if message.find(">, relay=", found.end()) >= 0 and _could_go_on(message, found):
        fields["ambiguous"] = "yes"
    return _fixed_part(fields, found, parts)


def _could_go_on(message: str, found: re.Match[str]) -> bool:
    """Whether an address in internal form, without quotes, could reach to a later fixed part."""
    later = _fixed.search(message, found.end())
    if later is None or message.startswith('to=<"'):
        return False
    return _domain(message, message.rfind("@", 0, later.start()), later.start()) is not None


def _read_internal(message: str) -> Reading | None:
    """Addresses in internal form (before 3.5): without quotes, so they may hold anything."""
    found = _fixed.search(message)
    if found is None or not message.startswith("to=<"):
        return None
    recipient, orig_recipient, unsure = split_pair(message[4 : found.start()], ">, orig_to=<")
    fields = {"recipient": recipient}
    if orig_recipient is not None:
        fields["orig_recipient"] = orig_recipient
    if unsure or _fixed.search(message, found.end()):
        fields["ambiguous"] = "yes"
    return _fixed_part(fields, found, list(found.groups()))
