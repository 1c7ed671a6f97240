"""Turns a search into SQL: which tables to ask, with which conditions. Pure; knows no connection.

Conditions are named pieces of `sql/search_conditions.sql`; what was typed travels as parameters.
A search is clauses, each with walks to choose from; `posttrail_answers.search_walk` chooses.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from msgspec import structs

from posttrail_answers.database import sql
from posttrail_answers.words import STATUSES, Word


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What is searched for; all that is given must hold. Addresses and names: without case."""

    sender: str | None = None
    """`<>` or empty text: the null sender."""
    recipient: str | None = None
    """As delivered to, or as given before aliases."""
    domain: str | None = None
    """Of the sender or of a recipient."""
    message_id: str | None = None
    """Brackets are optional."""
    queue_id: str | None = None
    subject: str | None = None
    """Words; a "quoted phrase"; -not."""
    client: str | None = None
    """Name, address or network (192.0.2.0/24)."""
    relay: str | None = None
    """Name or address."""
    status: str | None = None
    """delivered, pending, failed, discarded, filtered, or Postfix's own word."""
    host: str | None = None
    login: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Exclusive."""


class After(msgspec.Struct, frozen=True, array_like=True):
    """The last result of a page. Mails come before refusals of the same instant."""

    t: datetime
    mail: bool
    key: tuple[str, ...]
    """Queue id, host, instance; or the line id of a refusal."""


class Walk(msgspec.Struct, frozen=True):
    """One way to a set of mails or refusals: along an index, with the other conditions tested."""

    table: str
    """from or to: the first part of the names of conditions."""
    along: str
    """Name of the condition that the index serves; empty: all, by time."""
    frame: tuple[str, ...]
    """Texts that hold for the walked rows, too: host, time, where the last page ended."""
    tested: tuple[str, ...]
    """Texts of what the rows on the way must fulfil."""
    own: int = 0
    """Which of the visitor's own domains, where `along` is about one."""
    recipient_domain: str | None = None
    """That of every row on the way, where it is one; lower case."""

    @property
    def gathered(self) -> bool:
        """The index does not give the rows in order of time."""
        return self.along in GATHERED or self.along in FEW

    @property
    def covered(self) -> bool:
        """The index holds all that is needed to find times: no row is looked at."""
        return self.along in COVERED

    @property
    def _along(self) -> str:
        names = [*([self.along] if self.along else []), f"{self.table}.window"]
        return " AND ".join(conditions()[each] for each in names).replace(
            "(own)", f"(own_{self.own})"
        )

    def text(self, name: str) -> str:
        """The SQL of `sql/<name>.sql`, for one stretch of time: `window_from`, `window_until`."""
        return self.filled(sql(name))

    def met(self, other: "Walk") -> str:
        """The SQL for those of its times, in one stretch, that the other one has, too."""
        times = other.filled("SELECT {alias}.born FROM {table} AS {alias} WHERE {along}")
        return self.filled(sql("search_meet").replace("{met}", times))

    def may_meet(self, other: "Walk") -> bool:
        """Conditions on recipients hold for the same one, and that has one domain."""
        domains = (self.recipient_domain, other.recipient_domain)
        return None in domains or domains[0] == domains[1]

    def filled(self, text: str) -> str:
        """A text with the names of the table and the conditions in its {places}."""
        walked = " AND ".join([self._along, *self.frame])
        tested = " AND ".join(f"({each})" for each in self.tested) or "true"
        alias = {"from": "f", "to": "d"}[self.table]
        text = text.replace("{table}", f"delivery_{self.table}").replace("{alias}", alias)
        text = text.replace("{along}", self._along).replace("{walked}", walked)
        return text.replace("{conditions}", tested)


ANY = Walk("from", "", (), ())
"""Every mail, newest first."""


class Clause(msgspec.Struct, frozen=True):
    """Conditions, by name, that hold together: of a mail, and of one of its recipients."""

    mail: tuple[str, ...]
    recipient: tuple[str, ...]


Choice = tuple[Walk, ...]
"""Walks that together give all that a clause asks for."""

FEW = ("from.queue_id", "from.message_id")
"""What few mails share."""
ORDERED = (
    "to.recipient", "from.sender", "from.login", "from.client", "from.client_addr", "to.relay",
    "from.domain", "to.domain", "to.filtered", "to.status_not_sent", "from.status",
)  # fmt: skip
"""What an index gives newest first; the mostly rarer ones first."""
GATHERED = ("from.subject", "from.client_network")
"""What an index finds, but not newest first."""

COVERED = (
    "to.final_recipient", "from.sender", "from.login", "from.client", "from.client_addr",
    "to.relay", "from.domain", "to.final_domain", "to.status_not_sent", "from.status",
    "from.own_domain", "to.own_final_domain",
)  # fmt: skip
"""Whose index holds the column that is compared, too, so that PostgreSQL reads the index alone."""

_FROM = ("queue_id", "message_id", "sender", "client", "login", "subject")
_TO = ("recipient", "relay")
_OF_MAILS = frozenset({"queued", "held", "expired", "rejected", "discarded", "canceled"})
"""What the row of a mail may say, but for `removed`, which tells nothing."""
_NO_REFUSAL = ("queue_id", "message_id", "subject", "relay")


@cache
def conditions() -> Mapping[str, str]:
    """The named pieces: a line `-- name: x`, then its text."""
    pieces = sql("search_conditions").split("-- name: ")[1:]
    return {
        name.strip(): " ".join(text.split())
        for name, _, text in (piece.partition("\n") for piece in pieces)
    }


def _statuses(status: str) -> list[str]:
    try:
        return list(STATUSES.get(Word(status), (status,)))
    except ValueError:
        return [status]


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def parameters(query: Query, after: After | None, limit: int) -> dict[str, Any]:
    """Values for every piece; those that a branch does not name are not used."""
    bare = (query.message_id or "").strip("<>")
    values = structs.asdict(query) | {
        "sender": "" if query.sender == "<>" else query.sender,
        "domain": (query.domain or "").removeprefix("@"),
        "message_ids": [query.message_id, bare, f"<{bare}>"],
        "statuses": _statuses(query.status or ""),
        "limit": limit,
    }
    if after is not None:
        values |= {"after_t": after.t}
        names = (
            ("after_queue_id", "after_host", "after_instance") if after.mail else ("after_line",)
        )
        values |= dict(zip(names, after.key, strict=True))
    return values


def _addressed(name: str, value: str) -> str:
    """A client or relay is named by its name, its address, or its network."""
    if not _is_network(value):
        return name
    return f"{name}_network" if "/" in value else f"{name}_addr"


def _names(query: Query, table: str, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        value = getattr(query, name)
        if value is not None:
            piece = _addressed(name, value) if name in {"client", "relay"} else name
            yield f"{table}.{piece}"


def _frame(query: Query, table: str, after: After | None) -> Iterator[str]:
    """Host, time, and where the last page ended."""
    known = conditions()
    for name in ("host", "since", "until"):
        if getattr(query, name) is not None:
            yield known[f"{table}.{name}"]
    if after is not None:
        yield known[f"{table}.after_{'mail' if after.mail else 'refusal'}"]


def _of_recipient(query: Query) -> tuple[str, ...]:
    """What a recipient's row must fulfil, but for the domain."""
    names = [*_names(query, "to", _TO)]
    if query.status == Word.FILTERED:
        names.append("to.filtered")
    elif query.status is not None:
        names.append("to.status" if "sent" in _statuses(query.status) else "to.status_not_sent")
    return tuple(names)


def match(query: Query) -> str:
    """A condition on a recipient's row: was it this one that was searched for?"""
    names = [*_of_recipient(query), *(["to.domain"] if query.domain is not None else [])]
    return " AND ".join(conditions()[name] for name in names) or "true"


def clauses(query: Query) -> Iterator[Clause]:
    """Their mails together are those that are searched for."""
    mail, recipient = tuple(_names(query, "from", _FROM)), _of_recipient(query)
    if query.domain is None:
        yield Clause(mail, recipient)
    else:
        yield Clause((*mail, "from.domain"), recipient)
        yield Clause(mail, (*recipient, "to.domain"))
    own = query.status is not None and not _OF_MAILS.isdisjoint(_statuses(query.status))
    if own and query.recipient is None and query.relay is None:
        domain = () if query.domain is None else ("from.domain",)
        yield Clause((*mail, *domain, "from.status"), ())


_SPLIT = {
    "to.recipient": ("to.final_recipient", "to.orig_recipient"),
    "to.domain": ("to.final_domain", "to.orig_domain"),
}
"""An address or a domain is looked for in each column on its own: an index gives newest first."""
_OWN = ("from.own_domain", "to.own_final_domain", "to.own_orig_domain")
MOST_OWN_DOMAINS = 4
"""Each costs three walks. Whoever sees more domains goes the ways of those who see all."""


def choices(
    query: Query, after: After | None, clause: Clause, own: tuple[str, ...] = ()
) -> list[Choice]:
    """The ways to the mails of a clause, what may be shortest first; never none.

    A condition that few mails fulfil leaves no choice.

    Args:
        own: the domains whose mails are seen; none: every mail is.
    """
    has = (*clause.mail, *clause.recipient)
    few = [name for name in FEW if name in has]
    if few:
        return [_ways(query, after, clause, few[0])]
    ordered = [_ways(query, after, clause, name) for name in ORDERED if name in has]
    if _are_ways(own):
        ordered.append(tuple(_own_ways(query, after, clause, own)))
    gathered = [_ways(query, after, clause, name) for name in GATHERED if name in has]
    return ordered + gathered or [_ways(query, after, clause, "")]


def _are_ways(own: tuple[str, ...]) -> bool:
    """Is a search to go along these domains? Not if there is none, or too many."""
    return 0 < len(own) <= MOST_OWN_DOMAINS


def _own_ways(
    query: Query, after: After | None, clause: Clause, own: tuple[str, ...]
) -> Iterator[Walk]:
    for number, domain in enumerate(own):
        for name in _OWN:
            walk = _walk(query, after, clause, name, name)
            final = domain if name == "to.own_final_domain" else None
            yield structs.replace(walk, own=number, recipient_domain=final)


def _ways(query: Query, after: After | None, clause: Clause, name: str) -> Choice:
    along = _SPLIT.get(name, (name,))
    return tuple(_walk(query, after, clause, name, each) for each in along)


def _walk(query: Query, after: After | None, clause: Clause, name: str, along: str) -> Walk:
    """Along one condition; those of the other table are looked up row by row.

    The index of what was not sent is small and answers most look-ups alone: the SQL keeps the
    primary key, which would read a row for each, out of it by `|| ''`.
    """
    known = conditions()
    mail, recipient = (
        [known[each] for each in names if each != name] for names in (clause.mail, clause.recipient)
    )
    table = "to" if name.startswith("to.") else "from"
    tested, other = (recipient, mail) if table == "to" else (mail, recipient)
    if other:
        few = table == "from" and "to.status_not_sent" in clause.recipient
        exists = known[f"{table}.exists{'_not_sent' if few else ''}"]
        tested = [*tested, exists.replace("{conditions}", " AND ".join(other))]
    return Walk(
        table, along, tuple(_frame(query, table, after)), tuple(tested),
        recipient_domain=_recipient_domain(query, along),
    )  # fmt: skip


def _recipient_domain(query: Query, along: str) -> str | None:
    named = {"to.final_domain": query.domain, "to.final_recipient": query.recipient}.get(along)
    return None if named is None else _domain(named)


def _domain(typed: str) -> str:
    """Of an address, or a domain with or without its @; lower case."""
    return typed.rpartition("@")[2].lower()


def refusals(query: Query, after: After | None, own: tuple[str, ...] = ()) -> Iterator[str]:
    """Statements that together give every refusal of a stretch, some twice; `own` as in choices."""
    if any(getattr(query, name) is not None for name in _NO_REFUSAL):
        return
    known = conditions()
    names = ("sender", "recipient", "client", "login")
    action = [] if query.status is None else [known.get(f"noqueue.{query.status}", "false")]
    fixed = [known["noqueue.window"], *(known[each] for each in _names(query, "noqueue", names))]
    for domain in _refusal_domains(query, own):
        pieces = [*_frame(query, "noqueue", after), *fixed, *domain, *action]
        yield sql("search_noqueue").replace("{conditions}", " AND ".join(pieces))


def _refusal_domains(query: Query, own: tuple[str, ...]) -> Iterator[list[str]]:
    """Each side has its index: one statement for the sender's domain, one for the recipient's."""
    known = conditions()
    asked: list[str] = [] if query.domain is None else ["sender", "recipient"]
    for side in asked or [""]:
        domain = [known[f"noqueue.{side}_domain"]] if side else []
        if not _are_ways(own):
            yield domain
            continue
        for number, each in enumerate(own):
            for own_side in ("sender", "recipient"):
                if side != own_side or _domain(query.domain or "") == each:
                    text = known[f"noqueue.own_{own_side}_domain"]
                    yield [*domain, text.replace("(own)", f"(own_{number})")]
