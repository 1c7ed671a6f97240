"""The pages for people. Each asks through `questions` and fills one template."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from posttrail_answers.search import Query
from posttrail_answers.words import Word
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from posttrail_web import charts, pictures
from posttrail_web.questions import (
    FIELDS,
    Asker,
    hosts_of,
    key_of,
    limit_of,
    narrowed_of,
    period_of,
    query_of,
)
from posttrail_web.rendering import page

_LIVE = 30
_GAPS = 100


def _asker(request: Request) -> Asker:
    return request.state.asker  # type: ignore[no-any-return]


def _page(request: Request, template: str, **values: Any) -> Response:
    visitor = request.state.visitor
    leaves = request.app.state.has_sessions and visitor is not None
    return page(template, {"visitor": visitor, "leaves": leaves, "at": request.url.path, **values})


def search(request: Request) -> Response:
    """The form, and what was found."""
    given = dict(request.query_params)
    query = query_of(given)
    found = None
    if given:
        found = _asker(request).search(query, given.get("after"), limit_of(given, 25))
    more = None
    if found is not None and found.next_cursor is not None:
        more = urlencode({**given, "after": found.next_cursor})
    narrow = any(given.get(name) for name in FIELDS if name not in {"sender", "recipient"})
    return _page(
        request, "search.html", given=given, found=found, more=more, narrow=narrow,
        words=[word for word in Word if word not in {Word.UNKNOWN, Word.PARTLY}],
    )  # fmt: skip


def mail(request: Request) -> Response:
    """One mail: what became of it, when, where and why."""
    found = _asker(request).mail(key_of(request), lines="lines" in request.query_params)
    return _page(
        request, "mail.html", mail=found.timeline.mail, timeline=found.timeline, tree=found.tree,
        graph=pictures.graph(found.tree), listed=list(pictures.in_order(found.tree.root)),
        chart=charts.time_line(found.timeline), width=charts.WIDTH,
        with_lines="lines" in request.query_params,
    )  # fmt: skip


def traffic(request: Request) -> Response:
    """Counts of each hour and the sums of the period."""
    given = dict(request.query_params)
    period = period_of({"since": "24h"} | {k: v for k, v in given.items() if v})
    narrowed = narrowed_of(given)
    asker = _asker(request)
    return _page(
        request, "traffic.html", given=given, report=asker.report(period, narrowed),
        bars=charts.bars(asker.hourly(period, narrowed)), kinds=charts.KINDS,
        width=charts.WIDTH, height=charts.HEIGHT,
    )  # fmt: skip


def waiting(request: Request) -> Response:
    """What still waits: by destination, then each, oldest first."""
    hosts = hosts_of(request.query_params)
    asker = _asker(request)
    return _page(
        request, "waiting.html", groups=asker.waiting_groups(hosts)[:50],
        waiting=asker.waiting(hosts, 200),
    )  # fmt: skip


def gaps(request: Request) -> Response:
    """What is known to be missing from the log."""
    return _page(request, "gaps.html", gaps=_asker(request).gaps(_GAPS))


def live(request: Request) -> Response:
    """The newest mails; a script asks for the rows again and again."""
    found = _asker(request).search(Query(), None, _LIVE)
    return _page(request, "live.html", found=found)


def live_rows(request: Request) -> Response:
    """The rows of the live page alone; empty text where nothing is newer than `since`."""
    since = query_of({"since": request.query_params.get("since", "")}).since
    later = None if since is None else since + timedelta(microseconds=1)
    asker = _asker(request)
    if later is not None and not asker.search(Query(since=later), None, 1, quiet=True).results:
        return Response("", media_type="text/html")
    return _page(request, "rows.html", found=asker.search(Query(), None, _LIVE, quiet=True))


def home(request: Request) -> Response:
    """The first page is the search."""
    del request
    return RedirectResponse("/search", 303)


def routes() -> list[Route]:
    """Every page of ours."""
    paths: dict[str, Callable[[Request], Response]] = {
        "/": home,
        "/search": search,
        "/mails/{host}/{instance}/{queue_id}/{born}": mail,
        "/traffic": traffic,
        "/waiting": waiting,
        "/gaps": gaps,
        "/live": live,
        "/live/rows": live_rows,
    }
    return [Route(path, function) for path, function in paths.items()]
