"""Finds the keys of a clause, newest first, along the index that is the shortest way. Reads only.

PostgreSQL guesses which of two conditions is the rarer one, over a whole table and often wrongly.
Here each is tried on its newest rows, and what they show decides.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg2.extensions import connection

from posttrail_answers.database import sql
from posttrail_answers.search_sql import (
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

Key = tuple[datetime, str, str, str]
"""born, queue id, host, instance."""

TRIED = 200
"""Rows of each condition that are tried before one is chosen."""
_FIRST_WINDOW = timedelta(minutes=10)
STRETCHES = (timedelta(days=2), timedelta(days=8), timedelta(days=32))
_ALWAYS = {"window_from": "-infinity", "window_until": "infinity"}
_INSTANT = timedelta(microseconds=1)


class Walker:
    """The mails of one search on one connection."""

    def __init__(
        self, opened: connection, query: Query, after: After | None, limit: int,
        own: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        """The first `limit` keys behind `after` are wanted.

        Args:
            own: domains whose mails row security lets through; none: it holds nothing back.
        """
        self._opened = opened
        self._own = own
        self._query = query
        self._after = after
        self._limit = limit
        self._values = parameters(query, after, limit)

    def first_keys(self) -> set[Key]:
        """The first keys of every clause: those of the search are among them."""
        return {key for clause in clauses(self._query) for key in self._of_clause(clause)}

    def first_refusals(self) -> set[tuple[datetime, str]]:
        """Time and line id of refusals, likewise."""
        found: set[tuple[datetime, str]] = set()
        for statement in refusals(self._query, self._after, self._own):
            keys: set[tuple[datetime, str]] = set()
            for window in self._stretches():
                keys |= self._rows(statement.text, value=statement.value, **window)
                if len(keys) >= self._limit:
                    break
            found |= keys
        return found

    def _of_clause(self, clause: Clause) -> set[Key]:
        known = choices(self._query, self._after, clause, self._own)
        if len(known) == 1:
            return self._whole(known[0])
        ordered = [choice for choice in known if not choice[0].gathered]
        depths = []
        for choice in ordered:
            found, depth = self._tried(choice)
            if depth is None:
                return found
            depths.append(depth)
        for choice in known[len(ordered) :]:
            if not depths or self._is_rarer(choice[0], min(depths)):
                return self._whole(choice)
        return self._whole(ordered[depths.index(min(depths))])

    def _tried(self, choice: Choice) -> tuple[set[Key], datetime | None]:
        """What its newest rows give, and how far back they go; None: nothing more is wanted."""
        tried = [self._in_order(walk, TRIED) for walk in choice]
        depths = [depth for _, depth in tried if depth is not None]
        return {key for keys, _ in tried for key in keys}, max(depths, default=None)

    def _is_rarer(self, walk: Walk, depth: datetime) -> bool:
        """Is it ten times rarer, in the time that the tried rows span? Only then it is gathered."""
        most = max(1, TRIED // 10)
        window = {"window_from": depth, "window_until": "infinity"}
        ((count,),) = self._walk_rows(walk, "search_count", bound=most, **window)
        return int(count) < most

    def _whole(self, choice: Choice) -> set[Key]:
        return {key for walk in choice for key in self._walked(walk)}

    def _walked(self, walk: Walk) -> set[Key]:
        if walk.along in FEW:
            return self._walk_rows(walk, "search_gather", **_ALWAYS)
        if walk.gathered:
            return self._by_windows(walk)
        return self._in_order(walk, None)[0]

    def _in_order(self, walk: Walk, bound: int | None) -> tuple[set[Key], datetime | None]:
        """Along an index, at most so many rows of a stretch; with the time of the last one then."""
        keys: set[Key] = set()
        for window in self._stretches():
            keys |= self._walk_rows(walk, "search_walk", bound=bound, **window)
            if len(keys) >= self._limit:
                break
            if bound is not None:
                for (depth,) in self._walk_rows(walk, "search_depth", bound=bound, **window):
                    return keys, depth
        return keys, None

    def _stretches(self) -> Iterator[dict[str, datetime | str]]:
        """From the newest back: most pages are full soon, and few days are planned quickly."""
        until: datetime | str = self._end() or "infinity"
        begin = self._end() or datetime.now(UTC)
        since = self._query.since
        for length in STRETCHES:
            begin -= length
            if since is not None and begin <= since:
                break
            yield {"window_from": begin, "window_until": until}
            until = begin
        yield {"window_from": since or "-infinity", "window_until": until}

    def _by_windows(self, walk: Walk) -> set[Key]:
        """Stretches of time from the newest back, each as long as the last ones let expect."""
        first, end = self._span()
        until, length = end, _FIRST_WINDOW
        keys: set[Key] = set()
        while until > first and len(keys) < self._limit:
            start = max(first, until - length)
            keys |= self._walk_rows(walk, "search_gather", window_from=start, window_until=until)
            wanted = 1.5 * (self._limit - len(keys)) / len(keys) if keys else 24
            length = min(24 * length, max(2 * length, wanted * (end - start)))
            until = start
        return keys

    def _end(self) -> datetime | None:
        """What is searched for is older than this."""
        after = None if self._after is None else self._after.t + _INSTANT
        return min((end for end in (self._query.until, after) if end is not None), default=None)

    def _span(self) -> tuple[datetime, datetime]:
        """From when to when there can be mails; the end is exclusive."""
        ((oldest, newest),) = self._rows(sql("search_span"))
        last = (newest or datetime.now(UTC)) + _INSTANT
        last = min(last, self._end() or last)
        starts = (oldest, self._query.since)
        return max((start for start in starts if start is not None), default=last), last

    def _walk_rows(self, walk: Walk, name: str, **more: Any) -> set[Any]:
        return self._rows(walk.text(name), value=walk.value, **more)

    def _rows(self, text: str, **more: Any) -> set[Any]:
        with self._opened.cursor() as cursor:
            cursor.execute(text, self._values | more)
            return set(cursor)
