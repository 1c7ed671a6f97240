"""The words that Postfix's lines are made of, as patterns, and the queue id in front of a line.

Every repetition is possessive or bounded: no pattern here can run longer than its text.
"""

import re
from functools import lru_cache

# A long id: global/mail_queue.h MQID_LG_*; a short one: five hex digits and an inode.
QUEUE_ID = (
    r"(?:[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,24}z[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-y]{1,16}"
    r"|[0-9A-F]{6,32})"
)

NAMADDR = r"[^ \[\]]{0,255}+\[[^ \[\]]{0,255}+\](?::\w{1,16}+)?"
"""`name[address]` or `name[address]:port`; a name that Postfix lets through holds no space."""

# External form (3.5): a local part with special characters stands in quotes,
# global/quote_822_local.c.
BARE = r'[^<>"\\\x00-\x20\x7f]*+'
"""An address that needs no quotes."""
_QUOTED = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"' + BARE
ADDRESS = f"(?:{_QUOTED}|{BARE})"
"""An address whose end cannot be mistaken."""

CODE = r"(?P<code>\d{3}) (?:(?P<dsn>[245]\.\d{1,3}\.\d{1,3}) )?"
"""Reply code and enhanced status code; the latter is missing before 2.3."""

_is_queue_id = re.compile(QUEUE_ID).fullmatch


LONGEST_ID = 41


@lru_cache(maxsize=8192)
def is_queue_id(text: str) -> bool:
    """Whether this is written as Postfix writes queue ids; kept, so ask for short texts only."""
    return _is_queue_id(text) is not None
