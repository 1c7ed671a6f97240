"""What a webhook is signed with, so that its receiver can trust it. Pure: the clock comes in.

The receiver computes HMAC-SHA256 with the shared secret over `t`, a full stop and the body,
compares it with `v1` in constant time, and refuses a `t` that is minutes old: that is a replay.
"""

import hashlib
import hmac

SIGNATURE = "X-Posttrail-Signature"
DELIVERY = "X-Posttrail-Delivery"


def signature(secret: bytes, body: bytes, now: int) -> str:
    """The value of the header: `t=<seconds since 1970>,v1=<64 hex digits>`."""
    found = hmac.new(secret, b"%d.%b" % (now, body), hashlib.sha256).hexdigest()
    return f"t={now},v1={found}"


def headers(secret: bytes, body: bytes, delivery: str, now: int) -> dict[str, str]:
    """All headers of a webhook; `delivery` is the same for every try and every repeat."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "posttrail",
        DELIVERY: delivery,
        SIGNATURE: signature(secret, body, now),
    }
