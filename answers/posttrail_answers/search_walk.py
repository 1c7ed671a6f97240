"""Finds the keys of a clause, newest first, along the index that is the shortest way. Reads only.

PostgreSQL guesses which of two conditions is the rarer one, over a whole table and often wrongly.
Here the time that the newest rows of each span decides. Where both are frequent and few mails
fulfil both, their times are met in the indexes alone: rows are far apart on disk, entries are not.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg2.extensions import connection

from posttrail_answers.search_sql import (
    ANY,
    FEW,
    After,
    Choice,
    Clause,
    Query,
    Walk,
    choices,
    clauses,
    parameters,
    refusals,
)


@dataclass(frozen=True)
class Sight:
    """What row security lets a connection see, for the choice of ways; it rules all the same."""

    domains: tuple[str, ...] = ()
    """Those whose mails are seen, lower case; none: it holds nothing back."""
    counting: Callable[[], AbstractContextManager[None]] = nullcontext
    """Where it holds nothing back. Only times are asked for there, and rows of them outside."""


ALL = Sight()
MailKey = tuple[datetime, str, str, str]
"""born, queue id, host, instance."""
RefusalKey = tuple[datetime, str]
"""t, line id."""
Window = Mapping[str, datetime | str]
"""A stretch of time: `window_from`, and exclusive `window_until`."""

PROBED = 200
"""How many of its newest rows tell how rare a condition is."""
_FIRST_WINDOW = timedelta(minutes=10)
_LONGEST_WINDOW = timedelta(days=64)
STRETCHES = (timedelta(days=2), timedelta(days=8), timedelta(days=32))
_ALWAYS = {"window_from": "-infinity", "window_until": "infinity"}
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_INSTANT = timedelta(microseconds=1)


class Walker:
    """One search on one connection. What has been found says how far back there is to look."""

    def __init__(
        self, opened: connection, query: Query, after: After | None, limit: int,
        sight: Sight = ALL,
    ) -> None:  # fmt: skip
        """The first `limit` keys behind `after` are wanted."""
        self._opened = opened
        self._sight = sight
        self._query = query
        self._after = after
        self._limit = limit
        self._values = parameters(query, after, limit) | {
            f"own_{number}": domain for number, domain in enumerate(sight.domains)
        }
        self.mails: set[MailKey] = set()
        self.refusals: set[RefusalKey] = set()

    def walk(self) -> None:
        """Find keys: the first ones of the search are among them."""
        for clause in clauses(self._query):
            self._walk_clause(clause)
        for text in refusals(self._query, self._after, self._sight.domains):
            for window in self._stretches():
                self.refusals |= self._rows(text, **window)

    def _walk_clause(self, clause: Clause) -> None:
        known = choices(self._query, self._after, clause, self._sight.domains)
        if len(known) == 1:
            return self._walk_whole(known[0])
        probed: list[tuple[timedelta, Choice]] = []
        for choice in known:
            if choice[0].gathered:
                continue
            span = self._probe(choice)
            if span is None:
                return self._walk_whole(choice)
            probed.append((span, choice))
        probed.sort(key=lambda each: each[0], reverse=True)
        for choice in known[len(probed) :]:
            if not probed or self._is_rarer(choice[0], probed[0][0]):
                return self._walk_whole(choice)
        return self._walk_rarest(probed)

    def _walk_rarest(self, probed: list[tuple[timedelta, Choice]]) -> None:
        """Along the first, met with the second where their indexes are enough for that."""
        (span, rarest), *others = probed
        if rarest[0].covered:
            for _, other in others:
                if other[0].covered:
                    return self._meet(rarest, other, span)
        return self._walk_whole(rarest)

    def _meet(self, rarest: Choice, other: Choice, span: timedelta) -> None:
        """What the two have in common: rows are read only where their times meet."""
        for walk in rarest:
            if walk.covered:
                self._by_windows(functools.partial(self._met, walk, other), span)
            else:
                self._walk_along(walk)

    def _met(self, walk: Walk, other: Choice, window: Window) -> set[MailKey]:
        with self._sight.counting():
            times = [
                t
                for each in other
                if walk.may_meet(each)
                for (t,) in self._rows(walk.met(each), **window)
            ]
        return self._walk_rows(walk, "search_at", times=times, **window) if times else set()

    def _walk_whole(self, choice: Choice) -> None:
        for walk in choice:
            self._walk_along(walk)

    def _walk_along(self, walk: Walk) -> None:
        if walk.along in FEW:
            self.mails |= self._walk_rows(walk, "search_gather", **_ALWAYS)
        elif walk.gathered:
            self._by_windows(functools.partial(self._gather, walk), _FIRST_WINDOW)
        else:
            for window in self._stretches():
                self.mails |= self._walk_rows(walk, "search_walk", **window)

    def _gather(self, walk: Walk, window: Window) -> set[MailKey]:
        return self._walk_rows(walk, "search_gather", **window)

    def _probe(self, choice: Choice) -> timedelta | None:
        """The time that its newest rows span; None: in no stretch are there so many."""
        for window in self._stretches():
            depths = [depth for walk in choice for depth in self._depth(walk, PROBED, window)]
            if depths:
                return max(self._newest - max(depths), _INSTANT)
        return None

    def _depth(self, walk: Walk, bound: int, window: Window) -> set[datetime]:
        """When the last of so many was, counted from the newest; empty: there are fewer."""
        with self._sight.counting():
            return {t for (t,) in self._walk_rows(walk, "search_depth", bound=bound, **window)}

    def _is_rarer(self, walk: Walk, span: timedelta) -> bool:
        """Is it half as frequent, in the newest tenth of what was probed? Then it is gathered."""
        most = max(1, PROBED // 20)
        window = {"window_from": self._newest - span / 10, "window_until": "infinity"}
        with self._sight.counting():
            ((count,),) = self._walk_rows(walk, "search_count", bound=most, **window)
        return int(count) < most

    @functools.cached_property
    def _newest(self) -> datetime:
        """The newest of all mails that may be asked for."""
        for window in self._stretches():
            for newest in self._depth(ANY, 1, window):
                return newest
        return self._end or datetime.now(UTC)

    def _stretches(self) -> Iterator[Window]:
        """From the newest back: most pages are full soon, and few days are planned quickly."""
        until = self._end
        begin = self._end or datetime.now(UTC)
        for length in STRETCHES:
            begin = _earlier(begin, length)
            if self._is_before_all(begin):
                break
            yield _window(begin, until)
            until = begin
        if until is None or not self._is_before_all(until):
            yield _window(self._start, until)

    def _by_windows(self, look: Callable[[Window], set[MailKey]], length: timedelta) -> None:
        """Stretches of time from the newest back, each as long as the last ones let expect."""
        found = 0
        begin, until = self._newest, self._end
        while until is None or not self._is_before_all(until):
            begin = _earlier(begin, length)
            start = self._start if length > _LONGEST_WINDOW or self._is_before_all(begin) else begin
            keys = look(_window(start, until))
            self.mails |= keys
            if start is not begin:
                return
            found += len(keys)
            wanted = 1.5 * (self._limit - found) / found if found else 24
            length = min(24 * length, max(2 * length, wanted * (self._newest - begin)))
            until = begin

    def _is_before_all(self, moment: datetime) -> bool:
        """Nothing older is wanted."""
        start = self._start
        return start is not None and moment <= start

    @property
    def _start(self) -> datetime | None:
        """What is wanted is not older: by the search, or since that many newer ones are found."""
        found: list[MailKey | RefusalKey] = [*self.mails, *self.refusals]
        times = sorted((key[0] for key in found), reverse=True)
        return times[self._limit - 1] if len(times) >= self._limit else self._query.since

    @functools.cached_property
    def _end(self) -> datetime | None:
        """What is searched for is older than this."""
        after = None if self._after is None else self._after.t + _INSTANT
        return min((end for end in (self._query.until, after) if end is not None), default=None)

    def _walk_rows(self, walk: Walk, name: str, **more: Any) -> set[Any]:
        return self._rows(walk.text(name), **more)

    def _rows(self, text: str, **more: Any) -> set[Any]:
        with self._opened.cursor() as cursor:
            cursor.execute(text, self._values | more)
            return set(cursor)


def _earlier(moment: datetime, length: timedelta) -> datetime:
    """So much earlier, but not before the calendar begins."""
    return moment - min(length, moment - _BEGINNING)


def _window(begin: datetime | None, until: datetime | None) -> Window:
    return {"window_from": begin or "-infinity", "window_until": until or "infinity"}
