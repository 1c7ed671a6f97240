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

import msgspec

from posttrail_processors.parse.addresses import split_pair
from posttrail_processors.parse.formats import Fields, said
from posttrail_processors.parse.tokens import ADDRESS

_CLEAN_HELO = r'[^ <>()\\";@]*+'
_MOST_CANDIDATES = 8
# In brackets until 3.9; since 3.10 bare, and a user's name or AUTH= of MAIL FROM may hold spaces.
_SASL = (
    r"(?:,? sasl_method=(?P<sasl_method>[^\s,]++))?"
    r"(?:,? sasl_username=(?:<(?P<sasl_bracketed>[^<>]*+)>"
    r"|(?!<)(?P<sasl_username>.+?)(?=,? sasl_sender=|\Z)))?"
    r"(?:,? sasl_sender=(?:<(?P<sasl_sender_bracketed>[^<>]*+)>|(?!<)(?P<sasl_sender>.+)))?"
)
_ADDRESSES = (
    rf"(?:,? from=<(?P<sender>{ADDRESS})>)?(?:,? to=<(?P<recipient>{ADDRESS})>)?"
    r"(?:,? proto=(?P<proto>[\w-]{1,32}+))?"
)
_PROTO = r"(?:,? proto=(?P<proto>[\w-]{1,32}+))?"
_CLEAN = rf"(?:,? helo=<(?P<helo>{_CLEAN_HELO})>)?{_SASL}"

_starts = re.compile(r";(?=\Z| (?:from=<|to=<|proto=|helo=<))").finditer
_strict = re.compile(rf";{_ADDRESSES}{_CLEAN}\Z", re.DOTALL).match
# HELO as a stranger would like it: anything up to the last bracket.
_any_helo = re.compile(rf";{_ADDRESSES},? helo=<(?P<helo>.*)>\Z", re.DOTALL).match
_after_addresses = re.compile(rf">{_PROTO}{_CLEAN}\Z", re.DOTALL).match
# A line cut at 2000 bytes: what is whole is used.
_cut = re.compile(rf";{_ADDRESSES}{_CLEAN}(?:,? \w+=(?!.*>\Z).*)\Z", re.DOTALL).match
_subject = re.compile(rf"<{ADDRESS}>: ", re.DOTALL).match
_third_party = re.compile(r" blocked using | said: |[Uu]nverified |undeliverable address").search


class Tail(msgspec.Struct, frozen=True):
    """A line with its tail taken off."""

    text: str
    fields: Fields
    ambiguous: bool = False


class Reading(msgspec.Struct, frozen=True):
    """One way to read the tail."""

    start: int
    fields: Fields
    unsure: bool = False
    """The addresses could be divided in another way."""


def _named(found: re.Match[str]) -> Fields:
    fields = said(found)
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


def _internal(text: str, start: int, named: str) -> Reading | None:
    """A tail whose addresses are in internal form: read from its end."""
    for name in (" proto=", " helo=<"):
        end = text.rfind(f">{name}", start)
        end = end if end >= 0 else text.rfind(f">,{name}", start)
        if end < 0 or not (found := _after_addresses(text, end)):
            continue
        body = text[start + 2 : end]
        if body.startswith("to=<"):
            return Reading(start, {**_named(found), "recipient": body[4:]})
        if body.startswith("from=<"):
            between = ">, to=<" if found[0].startswith(">,") else "> to=<"
            sender, recipient, unsure = split_pair(body[6:], between, named)
            addresses = {"sender": sender} | ({} if recipient is None else {"recipient": recipient})
            return Reading(start, {**addresses, **_named(found)}, unsure)
    return None


def _loose(text: str, start: int, named: str) -> Reading | None:
    """A tail with any HELO, or with addresses in internal form."""
    if found := _any_helo(text, start):
        return Reading(start, _named(found))
    return _internal(text, start, named)


def _subject_of(text: str) -> tuple[int, str]:
    """Where TEXT goes on behind `<X>: `, and X, which a field of the tail often repeats."""
    if found := _subject(text):
        return found.end(), found[0][1:-3]
    return 0, ""


def _names(text: str, reading: Reading) -> bool:
    """Whether TEXT starts with `<X>: ` and X is what this reading says: then it is the true one."""
    fields = reading.fields
    said = [fields[name] for name in ("sender", "recipient", "helo") if name in fields]
    return any(text.startswith(f"<{value}>: ", 0, reading.start) for value in said)


def take_tail(text: str, *, third_party: bool = False) -> Tail:
    """Take the tail off; `third_party`: TEXT is always a filter's or another server's."""
    last = text.rfind("; from=<")
    is_only = last >= 0 and text.find("; from=<") == last and " sasl_sender=" not in text[:last]
    if is_only and (found := _strict(text, last)):
        return Tail(text[:last], _named(found))
    skipped, subject = _subject_of(text)
    starts = [start for start in _candidates(text) if start >= skipped]
    strict = [Reading(start, _named(fit)) for start in starts if (fit := _strict(text, start))]
    loose = [reading for start in starts if (reading := _loose(text, start, subject))]
    if not strict and not loose:
        return _cut_tail(text, starts)
    best, unsure = _choose(text, strict, loose, third_party=third_party)
    return Tail(text[: best.start], best.fields, (unsure and len(starts) > 1) or best.unsure)


def _choose(
    text: str, strict: list[Reading], loose: list[Reading], *, third_party: bool
) -> tuple[Reading, bool]:
    """The true reading, and whether another cannot be ruled out.

    The last tail that keeps all rules, unless one before it, which swallows it as HELO, as an
    address or as sasl_sender, must be the true one.
    """
    first = min((*strict, *loose), key=lambda reading: reading.start)
    if strict and first.start == strict[-1].start:
        return strict[-1], False
    is_sure = not third_party and not _third_party(text[: first.start])
    if strict and not is_sure:
        return strict[-1], True
    named = [reading for reading in (*strict, *loose) if _names(text, reading)]
    if named:
        return min(named, key=lambda reading: reading.start), False
    is_internal = text.startswith("<") and _subject(text) is None
    if strict and is_internal:
        return strict[-1], True
    return first, not is_sure or is_internal


def _cut_tail(text: str, starts: list[int]) -> Tail:
    for start in starts:
        if found := _cut(text, start):
            return Tail(text[:start], _named(found))
    return Tail(text, {})
