"""The metadata at the end of refusals and actions: `TEXT; from=<A> to=<A> proto=P helo=<H> …`.

smtpd/smtpd_check.c log_whatsup, cleanup/cleanup_milter.c, postscreen/postscreen_smtpd.c. TEXT and
the addresses are a stranger's, and he may write a whole tail into them. What tells the true one:

- An address in quotes is skipped to its closing quote.
- HELO holds none of ` <>()\\";@`: Postfix replaces them (NEUTER_CHARACTERS, smtpd/smtpd.c). So the
  last tail that fits to the end of the line is the true one.
- Where TEXT holds no words of third parties (a list's, a filter's, another server's), the first
  tail is the true one, whatever HELO says.

Where these rules leave two readings, the row says `ambiguous`.
"""

import re
from collections.abc import Iterator

import msgspec

from posttrail_processors.parse.addresses import split_pair
from posttrail_processors.parse.formats import Fields
from posttrail_processors.parse.tokens import ADDRESS

_CLEAN_HELO = r'[^ <>()\\";@]*+'
_MOST_CANDIDATES = 8
_SASL = (
    r"(?:,? sasl_method=(?P<sasl_method>[^\s,]++))?"
    r"(?:,? sasl_username=(?:<(?P<sasl_bracketed>[^<>]*+)>|(?P<sasl_username>[^\s<>]++)))?"
    r"(?:,? sasl_sender=(?:<(?P<sasl_sender_bracketed>[^<>]*+)>|(?P<sasl_sender>[^\s<>]++)))?"
)
_ADDRESSES = (
    rf"(?:,? from=<(?P<sender>{ADDRESS})>)?(?:,? to=<(?P<recipient>{ADDRESS})>)?"
    r"(?:,? proto=(?P<proto>[\w-]{1,32}+))?"
)
_PROTO = r"(?:,? proto=(?P<proto>[\w-]{1,32}+))?"
_CLEAN = rf"(?:,? helo=<(?P<helo>{_CLEAN_HELO})>)?{_SASL}"

_starts = re.compile(r";(?=$| (?:from=<|to=<|proto=|helo=<))").finditer
_strict = re.compile(rf";{_ADDRESSES}{_CLEAN}$", re.DOTALL).match
# HELO as a stranger would like it: anything up to the last bracket.
_any_helo = re.compile(rf";{_ADDRESSES},? helo=<(?P<helo>.*)>$", re.DOTALL).match
_after_addresses = re.compile(rf">{_PROTO}{_CLEAN}$", re.DOTALL).match
# A line cut at 2000 bytes: what is whole is used.
_cut = re.compile(rf";{_ADDRESSES}{_CLEAN}(?:,? \w+=(?!.*>$).*)$", re.DOTALL).match
_subject = re.compile(rf"<{ADDRESS}>: ", re.DOTALL).match
_third_party = re.compile(r" blocked using | said: |[Uu]nverified |undeliverable address").search


class Tail(msgspec.Struct, frozen=True):
    """A line with its tail taken off."""

    text: str
    fields: Fields
    ambiguous: bool = False


def _named(found: re.Match[str]) -> Fields:
    fields = {name: text for name, text in found.groupdict().items() if text is not None}
    for bracketed, name in (
        ("sasl_bracketed", "sasl_username"),
        ("sasl_sender_bracketed", "sasl_sender"),
    ):
        if bracketed in fields:
            fields[name] = fields.pop(bracketed)
    return fields


def _candidates(text: str) -> list[int]:
    """Where a tail may start; of many only the outermost: nobody's honest line has more."""
    starts = [found.start() for found in _starts(text)]
    if len(starts) <= 2 * _MOST_CANDIDATES:
        return starts
    return starts[:_MOST_CANDIDATES] + starts[-_MOST_CANDIDATES:]


def _internal(text: str, start: int) -> tuple[Fields, bool] | None:
    """A tail whose addresses are in internal form: read from its end."""
    for name in (" proto=", " helo=<"):
        end = text.rfind(f">{name}", start)
        if end < 0 or not (found := _after_addresses(text, end)):
            continue
        body = text[start + 2 : end]
        if body.startswith("to=<"):
            return {**_named(found), "recipient": body[4:]}, False
        if body.startswith("from=<"):
            between = ">, to=<" if ">, to=<" in body and "> to=<" not in body else "> to=<"
            sender, recipient, unsure = split_pair(body[6:], between)
            addresses = {"sender": sender} | ({} if recipient is None else {"recipient": recipient})
            return {**addresses, **_named(found)}, unsure
    return None


def _loose(text: str, starts: list[int]) -> Iterator[tuple[int, Fields, bool]]:
    for start in starts:
        if found := _any_helo(text, start):
            yield start, _named(found), False
        elif internal := _internal(text, start):
            yield start, *internal


def _is_settled(text: str, third_party: bool) -> bool:
    """Whether TEXT, up to the first tail, can only be the administrator's and Postfix's own."""
    if third_party or _third_party(text):
        return False
    return not text.startswith("<") or _subject(text) is not None


def _skip_subject(text: str) -> int:
    found = _subject(text)
    return found.end() if found else 0


def take_tail(text: str, *, third_party: bool = False) -> Tail:
    """Take the tail off; `third_party`: TEXT is always a filter's or another server's."""
    last = text.rfind("; from=<")
    if last >= 0 and text.find("; from=<") == last and (found := _strict(text, last)):
        return Tail(text[:last], _named(found))
    skipped = _skip_subject(text)
    starts = [start for start in _candidates(text) if start >= skipped]
    if not starts:
        return Tail(text, {})
    strict = [(start, _named(found)) for start in starts if (found := _strict(text, start))]
    loose = next(_loose(text, starts), None)
    if strict and (loose is None or loose[0] >= strict[-1][0]):
        return Tail(text[: strict[-1][0]], strict[-1][1])
    if loose is None:
        return _cut_tail(text, starts)
    return _choose(text, strict[-1] if strict else None, loose, third_party)


def _choose(
    text: str,
    strict: tuple[int, Fields] | None,
    loose: tuple[int, Fields, bool],
    third_party: bool,
) -> Tail:
    """A tail that keeps the rules, or one before it that swallows it as HELO or address."""
    first, fields, unsure = loose
    settled = _is_settled(text[:first], third_party)
    if strict is not None and not settled:
        is_internal = text.startswith("<") and _subject(text) is None
        return Tail(text[: strict[0]], strict[1], ambiguous=not is_internal)
    return Tail(text[:first], fields, ambiguous=unsure or not settled)


def _cut_tail(text: str, starts: list[int]) -> Tail:
    for start in starts:
        if found := _cut(text, start):
            return Tail(text[:start], _named(found))
    return Tail(text, {})
