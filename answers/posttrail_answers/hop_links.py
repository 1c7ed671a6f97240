"""Which mail a mail came from: what speaks for a link, and how sure it is. Pure; knows no SQL.

Short ids are few: another host may have the same one at the same time, and a foreign server may
reply with an id that one of ours uses. So an id alone is never enough: relay, time and message-id
are asked as well.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import IntEnum
from itertools import groupby
from typing import Literal

import msgspec

from posttrail.identity import is_long
from posttrail_answers.timeline import MailKey

LinkKind = Literal[
    "queued as", "forwarded as", "orig_queue_id", "requeued", "bounce", "delay", "dsn", "message-id"
]
Found = Literal["next", "xforward", "requeue", "bounce", "delay", "dsn", "message-id"]


class Sure(IntEnum):
    """How sure a link is."""

    POSSIBLE = 1
    LIKELY = 2
    CERTAIN = 3


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """Who gave away and who took, with a message-id alone: the same mail may have come twice."""

    relays: tuple[str, ...]
    """What the one took that was sent when the other was made; of one mail each once."""
    client_name: str | None = None
    """Who gave the other to its host."""
    client_addr: str | None = None
    by_user: bool = False
    """sendmail(1) gave it."""
    parent_client_addr: str | None = None


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A link that the tables suggest (sql/hops_links.sql); its times fit."""

    kind: Found
    parent: MailKey
    child: MailKey
    relay: str | None = None
    """With next: as the delivery that named the id says."""
    response: str | None = None
    t: datetime | None = None
    parent_message_id: str | None = None
    child_message_id: str | None = None
    orig_queue_id: str | None = None
    """Of the child."""
    handed: Handed | None = None
    """With message-id."""


class Link(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a mail stands below another."""

    kind: LinkKind
    sure: Literal["possible", "likely", "certain"]
    basis: str
    """What it rests on, in words."""
    doubt: str | None = None
    """Which other mails fit as well."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate that can be true."""

    parent: MailKey
    child: MailKey
    kind: LinkKind
    sure: Sure
    basis: str
    doubt: str | None = None

    @property
    def rank(self) -> tuple[int, int, float]:
        """The greater, the better: sure, by an id that was logged as the new one, close in time."""
        apart = abs((self.child.born - self.parent.born).total_seconds())
        weight = {"message-id": 0, "orig_queue_id": 1}.get(self.kind, 2)
        return self.sure, weight, -apart

    def link(self) -> Link:
        """What a person is shown of it."""
        sure: tuple[Literal["possible", "likely", "certain"], ...] = (
            "possible", "likely", "certain",
        )  # fmt: skip
        return Link(kind=self.kind, sure=sure[self.sure - 1], basis=self.basis, doubt=self.doubt)


def judged(candidate: Candidate) -> Judged | None:
    """How sure it is; None: it is another mail that happens to have the same id."""
    if candidate.kind == "next":
        return _forwarded(candidate) if _is_forward(candidate) else _queued(candidate)
    if candidate.kind == "xforward":
        return _xforward(candidate)
    if candidate.kind == "message-id":
        return _same_message(candidate)
    old, new = candidate.parent.queue_id, candidate.child.queue_id
    if candidate.kind == "requeue":
        return _made(candidate, "requeued", Sure.CERTAIN, f"pickup gave {old} the new id {new}")
    said = f"bounce on {candidate.parent.host} named {new} as the notice about {old}"
    return _made(candidate, candidate.kind, Sure.CERTAIN, said)


def _made(candidate: Candidate, kind: LinkKind, sure: Sure, basis: str) -> Judged:
    return Judged(parent=candidate.parent, child=candidate.child, kind=kind, sure=sure, basis=basis)


def _is_forward(candidate: Candidate) -> bool:
    return (candidate.response or "").startswith("forwarded as ")


def _same_host(candidate: Candidate) -> bool:
    return candidate.parent.host == candidate.child.host


def _forwarded(candidate: Candidate) -> Judged | None:
    if not _same_host(candidate) or candidate.parent.instance != candidate.child.instance:
        return None
    new = candidate.child.queue_id
    return _made(candidate, "forwarded as", Sure.CERTAIN, f"local said `forwarded as {new}`")


def _messages(candidate: Candidate) -> bool | None:
    """Whether both have the same message-id; None: one of them is not known."""
    first, second = candidate.parent_message_id, candidate.child_message_id
    return None if first is None or second is None else first == second


def _stays(relay: str) -> bool:
    """A relay on the same host: a loopback address, or a socket."""
    return any(part in relay for part in ("[127.", "[::1]", "[private/", "[/"))


def _names(relay: str, host: str) -> bool:
    name = relay.partition("[")[0].lower()
    return bool(name) and name.partition(".")[0] == host.lower().partition(".")[0]


def _queued(candidate: Candidate) -> Judged | None:
    """The reply's id: the relay must be this host, or the message-id the same."""
    relay, child = candidate.relay or "", candidate.child
    if _stays(relay) and not _same_host(candidate):
        return None
    there = _stays(relay) or _names(relay, child.host)
    named = candidate.orig_queue_id == candidate.parent.queue_id
    same = _messages(candidate)
    if same is False and not (there or named):
        return None
    told = [f"the reply `queued as {child.queue_id}`"]
    told += [f"the relay {relay} is {child.host}"] if there else []
    told += ["the next server was told the id before"] if named else []
    told += ["the same message-id"] if same else []
    told += ["but another message-id"] if same is False else []
    proofs = sum((there, named, same is True, is_long(child.queue_id)))
    sure = Sure.POSSIBLE if same is False and not named else Sure(min(proofs, 2) + 1)
    return _made(candidate, "queued as", sure, ", ".join(told))


def _xforward(candidate: Candidate) -> Judged | None:
    same = _messages(candidate)
    if same is False and not _same_host(candidate):
        return None
    sure = Sure.CERTAIN if same else Sure.LIKELY
    told = f"XFORWARD named {candidate.parent.queue_id} as the id before"
    told += ", the same message-id" if same else ""
    told += ", but another message-id" if same is False else ""
    return _made(candidate, "orig_queue_id", sure, told)


def _same_message(candidate: Candidate) -> Judged | None:
    """Only what was handed on: a client sends copies, and each begins a way of its own."""
    handed = candidate.handed
    if handed is None:
        return None
    found = _handed_back(handed) if _same_host(candidate) else _handed_over(handed, candidate)
    if found is None:
        return None
    sure, told = found
    return _made(candidate, "message-id", sure, f"the same message-id, and {told}")


def _is_loopback(address: str | None) -> bool:
    return address is not None and (address.startswith("127.") or address == "::1")


def _leaves(relay: str) -> bool:
    """A relay on the net, `name[address]:port`, that is no other program of the host."""
    return "]:" in relay and not _stays(relay)


def _handed_back(handed: Handed) -> tuple[Sure, str] | None:
    """To a filter on the same host or beside it, and back."""
    if any(f"[{handed.client_addr}]" in relay for relay in handed.relays):
        return Sure.LIKELY, f"it came back from {handed.client_addr}"
    inside = handed.by_user or _is_loopback(handed.client_addr)
    for relay in handed.relays:
        if inside and not _leaves(relay):
            return Sure.LIKELY, f"{relay} took it and a program on the host gave it back"
    return None


def _handed_over(handed: Handed, candidate: Candidate) -> tuple[Sure, str] | None:
    """From host to host."""
    away = [relay for relay in handed.relays if _leaves(relay)]
    for relay in away:
        if _names(relay, candidate.child.host):
            return Sure.LIKELY, f"the relay {relay} is {candidate.child.host}"
    for relay in away:
        if f"[{handed.client_addr}]" in relay:
            return Sure.LIKELY, f"{relay} took it and gave it on"
    client = handed.client_name or ""
    if _names(client, candidate.parent.host):
        sure = Sure.LIKELY if away else Sure.POSSIBLE
        told = f"the client {client} is {candidate.parent.host}"
        return (sure, told) if away or not handed.relays else None
    strangers = {None, handed.parent_client_addr}
    if away and handed.client_addr not in strangers and not _is_loopback(handed.client_addr):
        return Sure.POSSIBLE, "the times fit"
    return None


def plausible(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Those that can be true. Of many mails with one message-id none is told by its time alone."""
    fits = [(each, fit) for each in candidates if (fit := judged(each)) is not None]
    weak = [fit for _, fit in fits if _is_weak(fit)]
    parents = Counter(fit.parent for fit in weak)
    children = Counter(fit.child for fit in weak)
    return [
        each
        for each, fit in fits
        if not _is_weak(fit) or parents[fit.parent] == children[fit.child] == 1
    ]


def _is_weak(fit: Judged) -> bool:
    return fit.kind == "message-id" and fit.sure is Sure.POSSIBLE


def chosen(candidates: Iterable[Candidate]) -> dict[MailKey, Judged]:
    """For each mail the one that it came from; surest first, so that no circle closes."""
    judgements = (judged(each) for each in plausible(candidates))
    fits = _without_lesser([fit for fit in judgements if fit is not None])
    parents: dict[MailKey, Judged] = {}
    for fit in sorted(fits, key=lambda fit: (fit.rank, fit.parent, fit.child), reverse=True):
        if fit.child not in parents and fit.child not in _above(fit.parent, parents):
            parents[fit.child] = _doubted(fit, fits)
    return parents


def _above(key: MailKey, parents: dict[MailKey, Judged]) -> Iterator[MailKey]:
    """The mail itself and all that it came from."""
    yield key
    while key in parents:
        key = parents[key].parent
        yield key


def _without_lesser(fits: list[Judged]) -> list[Judged]:
    """Of several mails that have the id of one reply only the surest stay."""

    def reply(fit: Judged) -> tuple[MailKey, str]:
        return fit.parent, fit.child.queue_id

    named = sorted((fit for fit in fits if fit.kind == "queued as"), key=reply)
    kept = [fit for fit in fits if fit.kind != "queued as"]
    for _, group in groupby(named, reply):
        several = list(group)
        best = max(fit.sure for fit in several)
        kept += [fit for fit in several if fit.sure == best]
    return kept


def _doubted(fit: Judged, fits: list[Judged]) -> Judged:
    """The same, with the mails that fit as well, on either side."""
    others = {
        other.parent if other.child == fit.child else other.child
        for other in fits
        if _rivals(fit, other)
    }
    if not others:
        return fit
    doubt = "fits as well: " + ", ".join(f"{key.queue_id} on {key.host}" for key in sorted(others))
    return msgspec.structs.replace(fit, sure=Sure.POSSIBLE, doubt=doubt)


def _rivals(fit: Judged, other: Judged) -> bool:
    """Two answers to one question, equally sure: one child of two parents, or one id twice."""
    if (other.kind, other.sure) != (fit.kind, fit.sure):
        return False
    if other.child == fit.child:
        return other.parent != fit.parent
    return other.parent == fit.parent and other.child.queue_id == fit.child.queue_id
