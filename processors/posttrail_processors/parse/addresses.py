"""Where one address ends and the next begins, when addresses stand in internal form.

Before 3.5 (and with info_log_address_format=internal) Postfix logs addresses without quotes, so
`<a> to=<b@x>` may be one address. The domain is never a stranger's to fill: what follows the last
`@` holds no bracket and no space. A split that breaks this rule is not taken.
"""

import re

from posttrail_processors.parse.tokens import ADDRESS

_MOST_SPLITS = 8
_NAMED = 8
_exact = re.compile(ADDRESS, re.DOTALL).fullmatch
_clean_domain = re.compile(r'[^<>"\\\x00-\x20\x7f]*+').fullmatch


def trust(address: str) -> int:
    """How well a text passes for an address: 2 its end is certain, 1 it may be one, 0 hardly."""
    if _exact(address):
        return 2
    return 1 if "@" in address and _clean_domain(address, address.rindex("@") + 1) else 0


def split_pair(text: str, between: str, named: str = "") -> tuple[str, str | None, bool]:
    """The one or two addresses in `text`, and whether they could be split in another way.

    Of the possible splits the one whose addresses are the most credible wins, the first among
    equals. `named` is an address that the line names elsewhere too: a split that gives it is right.
    """
    readings: list[tuple[int, str, str | None]] = []
    at = text.find(between)
    while at >= 0 and len(readings) < _MOST_SPLITS:
        first, second = text[:at], text[at + len(between) :]
        credit = min(trust(first), trust(second)) + 1
        readings.append((credit + _NAMED * (named in {first, second}), first, second))
        at = text.find(between, at + 1)
    if not readings:
        return text, None, False
    readings.append((trust(text) + _NAMED * (named == text), text, None))
    best = max(credit for credit, _, _ in readings)
    winners = [reading for reading in readings if reading[0] == best]
    return winners[0][1], winners[0][2], len(winners) > 1 or at >= 0
