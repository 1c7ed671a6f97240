"""From what a form or an address says to what the answers ask; and each look-up with its record.

The only place that calls the answers: pages and API give the same because they ask here.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
from posttrail_answers import gaps, hops, queue, report, search, timeline
from posttrail_answers.answer import Answer, answer
from posttrail_answers.gaps import Gap
from posttrail_answers.hops import Tree
from posttrail_answers.proofs import proven
from posttrail_answers.queue import Waiting
from posttrail_answers.report_records import HourCounts, Narrowed, Period, Report
from posttrail_answers.search import Page, Query
from posttrail_answers.timeline import MailKey, Timeline
from posttrail_answers.times import moment
from psycopg2.extensions import connection
from starlette.requests import Request

from posttrail.config import Settings
from posttrail.errors import BadInput, NotFound
from posttrail_web.database import Tables, sight
from posttrail_web.visitors import Visitor

T = TypeVar("T")
FIELDS = (
    "sender", "recipient", "domain", "message_id", "queue_id", "subject", "client", "relay",
    "status", "host", "login",
)  # fmt: skip
MOST = 500
LONGEST = 1000
"""Characters of one field; the longest address has 320 (RFC 5321, 4.5.3.1)."""
_LONGEST_PERIOD = timedelta(days=92)


class Mail(msgspec.Struct, frozen=True):
    """One mail with its way."""

    timeline: Timeline
    tree: Tree

    @property
    def answer(self) -> Answer:
        """As `posttrail trace --json` gives it."""
        return answer(self.timeline, self.tree)


class Asker:
    """Asks for one visitor and writes each look-up down, also one that fails."""

    def __init__(self, tables: Tables, settings: Settings, visitor: Visitor) -> None:
        """Connections are those of `tables`."""
        self._tables = tables
        self._settings = settings
        self._visitor = visitor

    def search(self, query: Query, after: str | None, limit: int, *, quiet: bool = False) -> Page:
        """One page of results.

        Args:
            quiet: the same look again and again; it is written down when it finds something.
        """
        asked = {k: v for k, v in msgspec.structs.asdict(query).items() if v is not None}

        def look(opened: connection) -> Page:
            seen = sight(opened, self._visitor)
            return search.find(opened, query, after=after, limit=limit, sight=seen)

        return self._looked("live" if quiet else "search", asked, look, _results, quiet=quiet)

    def mail(self, key: MailKey, *, lines: bool = False) -> Mail:
        """One mail. Raw lines name other people's recipients: only administrators see them."""

        def look(opened: connection) -> Mail:
            return Mail(timeline.of(opened, key), hops.tree(opened, key))

        found = self._looked("mail", msgspec.to_builtins(key), look, lambda _: 1)
        if not lines or not self._all:
            return found
        (timeline_,) = proven(self._settings, [found.timeline])
        return msgspec.structs.replace(found, timeline=timeline_)

    def report(self, period: Period, narrowed: Narrowed) -> Report:
        """All counts of a period."""
        return self._looked(
            "report", msgspec.to_builtins((period, narrowed)),
            lambda opened: report.make(opened, period, narrowed), lambda _: 1,
        )  # fmt: skip

    def hourly(self, period: Period, narrowed: Narrowed) -> tuple[HourCounts, ...]:
        """Counts of each hour."""
        return self._looked(
            "hourly", msgspec.to_builtins((period, narrowed)),
            lambda opened: report.hourly(opened, period, narrowed), len,
        )  # fmt: skip

    def waiting(self, hosts: tuple[str, ...], limit: int) -> tuple[Waiting, ...]:
        """Who still waits."""
        return self._looked(
            "waiting", {"hosts": hosts}, lambda opened: queue.waiting(opened, hosts, limit), len
        )

    def waiting_groups(self, hosts: tuple[str, ...]) -> tuple[queue.Group, ...]:
        """What waits for which destination."""
        return self._looked(
            "waiting", {"hosts": hosts, "by": "destination"},
            lambda opened: queue.groups(opened, hosts), len,
        )  # fmt: skip

    def gaps(self, limit: int) -> list[Gap]:
        """What is known to be missing."""
        return self._looked("gaps", {}, lambda opened: gaps.newest_gaps(opened, limit), len)

    def reach(self) -> datetime | None:
        """How far back the tables reach, as far as the visitor sees."""
        return self._looked("status", {}, search.reach, lambda found: int(found is not None))

    @property
    def _all(self) -> bool:
        return self._visitor.administrator

    def _looked(
        self,
        asked: str,
        parameters: Any,
        look: Callable[[connection], T],
        count: Callable[[T], int],
        *,
        quiet: bool = False,
    ) -> T:
        """The answer. It is given only after its record stands."""
        given = parameters if isinstance(parameters, dict) else {"asked": parameters}
        try:
            with self._tables.seen_by(self._visitor) as opened:
                found = look(opened)
        except (BadInput, NotFound):
            self._tables.write_down(self._visitor, asked, given, 0)
            raise
        if count(found) or not quiet:
            self._tables.write_down(self._visitor, asked, given, count(found))
        return found


def _results(found: Page) -> int:
    return len(found.results)


def query_of(given: Mapping[str, str]) -> Query:
    """What a form or an address asks for; empty fields ask for nothing.

    Raises:
        BadInput: a time that is none, a text that is too long.
    """
    fields: dict[str, Any] = {name: _text(given, name) for name in FIELDS}
    if given.get("sender", "").strip() == "<>":
        fields["sender"] = ""
    now = datetime.now().astimezone()
    for name in ("since", "until"):
        said = _text(given, name)
        fields[name] = None if said is None else moment(said, now)
    return Query(**fields)


def _text(given: Mapping[str, str], name: str) -> str | None:
    said = given.get(name, "").strip()
    if len(said) > LONGEST:
        raise BadInput(f"{name} is longer than {LONGEST} characters")
    if "\0" in said or any("\ud800" <= char <= "\udfff" for char in said):
        raise BadInput(f"{name} holds a character that no text in the tables has")
    return said or None


def limit_of(given: Mapping[str, str], usual: int = 50) -> int:
    """How many.

    Raises:
        BadInput: no number, or one out of range.
    """
    said = given.get("limit", str(usual))
    if not said.isascii() or not said.isdigit() or not 1 <= int(said[:9]) <= MOST:
        raise BadInput(f"limit is a number from 1 to {MOST}")
    return int(said)


def period_of(given: Mapping[str, str]) -> Period:
    """From `since` (today) to `until` (now).

    Raises:
        BadInput: no times, the wrong way round, or more than three months.
    """
    now = datetime.now().astimezone()
    since = moment(_text(given, "since") or "today", now)
    until = moment(_text(given, "until") or "now", now)
    if not timedelta(0) < until.astimezone(UTC) - since.astimezone(UTC) <= _LONGEST_PERIOD:
        raise BadInput(f"since lies before until, at most {_LONGEST_PERIOD.days} days")
    return Period(since, until)


def narrowed_of(given: Mapping[str, str]) -> Narrowed:
    """Hosts and domains, each with commas between.

    Raises:
        BadInput: a text that is too long.
    """
    return Narrowed(hosts_of(given), _listed(given, "domain"))


def hosts_of(given: Mapping[str, str]) -> tuple[str, ...]:
    """The hosts, with commas between."""
    return _listed(given, "host")


def _listed(given: Mapping[str, str], name: str) -> tuple[str, ...]:
    said = (_text(given, name) or "").split(",")
    return tuple(part.strip() for part in said if part.strip())


def key_of(request: Request) -> MailKey:
    """The mail that the path names.

    Raises:
        NotFound: its `born` is no time with a zone.
    """
    parts = request.path_params
    try:
        born = datetime.fromisoformat(parts["born"]).astimezone(UTC)
    except (ValueError, OverflowError):
        raise NotFound("there is no such mail: born is a time with a zone") from None
    if any("\0" in part for part in parts.values()):
        raise NotFound("there is no such mail")
    return MailKey(parts["queue_id"], parts["host"], parts["instance"], born)
