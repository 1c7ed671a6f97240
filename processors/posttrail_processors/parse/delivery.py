"""Delivery lines: global/log_adhoc.c, one writer for every delivery agent.

`to=<A>[, orig_to=<A>], relay=R[, conn_use=N], delay=D[, delays=a/b/c/d][, tls=T][, dsn=x.y.z],
status=WORD (TEXT)`

A stranger chooses both addresses and, as the remote server, TEXT. What stands between is Postfix's
own and fixed in form. So the address ends where its quoting says (external form, 3.5), else at the
first place where the whole fixed part follows; TEXT is all that follows that.
"""

import re

from posttrail_processors.parse.addresses import split_pair
from posttrail_processors.parse.formats import Reading
from posttrail_processors.parse.tokens import ADDRESS, BARE

STATUSES = {
    "sent", "deferred", "bounced", "expired", "SOFTBOUNCE",
    "deliverable", "undeliverable", "undeliverable-but-not-cached",
}  # fmt: skip

# `conn_use=2 delay=`: old systems forgot the comma. delays= and dsn= came with 2.3, tls= with 3.11.
_FIXED = (
    r">, relay=([^,<>]{1,1024}+)(?:, conn_use=([0-9]{1,9}+),?)?,? delay=([0-9.]{1,24}+)"
    r"(?:, delays=([0-9./]{1,99}+))?(?:, tls=([^ ,]{1,256}+))?(?:, dsn=([0-9.]{5,9}+))?"
    r", status=([A-Za-z-]{1,32}+)(?: \((.*))?\Z"
)
_bare = re.compile(rf"to=<({BARE})(?:>, orig_to=<({BARE}))?{_FIXED}", re.DOTALL).match
_quoted = re.compile(rf"to=<({ADDRESS})(?:>, orig_to=<({ADDRESS}))?{_FIXED}", re.DOTALL).match
_fixed = re.compile(_FIXED, re.DOTALL).search
_domain = re.compile(r'@[^<>"\\\x00-\x20\x7f@]++').search


def read_delivery(message: str) -> Reading | None:
    """A delivery line; None when it is none or its fixed part was cut off.

    The response is what stands in the outer brackets; a line cut at 2000 bytes lost the last one.
    """
    found = _bare(message) or _quoted(message)
    if found is None:
        return _read_internal(message)
    recipient, orig_recipient, relay, conn_use, delay, delays, tls, dsn, status, text = (
        found.groups()
    )
    if status not in STATUSES:
        return None
    fields = {"recipient": recipient, "relay": relay, "delay": delay, "status": status}
    if delays is not None:
        fields["delays"] = delays
    if dsn is not None:
        fields["dsn"] = dsn
    if text is not None:
        fields["response"] = text.removesuffix(")")
    if orig_recipient is not None:
        fields["orig_recipient"] = orig_recipient
    if conn_use is not None:
        fields["conn_use"] = conn_use
    if tls is not None:
        fields["tls"] = tls
    if text is not None and ">, relay=" in text and _could_go_on(message, found.start(10)):
        fields["ambiguous"] = "yes"
    return "delivery", "to", fields


def _read_internal(message: str) -> Reading | None:
    """Addresses in internal form (before 3.5): without quotes, so they may hold anything."""
    found = _fixed(message)
    if found is None or not message.startswith("to=<"):
        return None
    reading = read_delivery("to=<" + message[found.start() :])
    if reading is None:
        return None
    fields = reading[2]
    recipient, orig_recipient, unsure = split_pair(message[4 : found.start()], ">, orig_to=<")
    fields["recipient"] = recipient
    if orig_recipient is not None:
        fields["orig_recipient"] = orig_recipient
    if unsure:
        fields["ambiguous"] = "yes"
    return reading


def _could_go_on(message: str, start: int) -> bool:
    """Whether an address in internal form, without quotes, could reach to a later fixed part."""
    later = _fixed(message, start)
    if later is None or message.startswith('to=<"'):
        return False
    return _domain(message, message.rfind("@", 0, later.start()), later.start()) is not None
