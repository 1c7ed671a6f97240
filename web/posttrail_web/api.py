"""The same answers as JSON under /api/v1, and their description (OpenAPI 3.1).

One table says for each path what it takes and gives: routes and description cannot differ.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import msgspec
from posttrail_answers.answer import Answer
from posttrail_answers.gaps import Gap
from posttrail_answers.hops import Tree
from posttrail_answers.queue import Waiting
from posttrail_answers.report_records import HourCounts, Report
from posttrail_answers.search import Page
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from posttrail_web.questions import (
    FIELDS,
    MOST,
    Asker,
    hosts_of,
    key_of,
    limit_of,
    narrowed_of,
    period_of,
    query_of,
)

PREFIX = "/api/v1"
_TIME = "ISO 8601, or as people say it: yesterday, 2h, 14:00"
_MAIL = "/mails/{host}/{instance}/{queue_id}/{born}"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Who you are to us, and what there is to see."""

    name: str
    administrator: bool
    domains: tuple[str, ...]
    reaches_back_to: datetime | None
    """The oldest mail that you may see."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One path: what it takes and what it gives."""

    path: str
    summary: str
    look: Callable[[Request, Asker], Any]
    gives: Any
    takes: dict[str, str] = msgspec.field(default_factory=dict)
    """Parameters of the query, each with its meaning."""


def _search(request: Request, asker: Asker) -> Page:
    given = request.query_params
    return asker.search(query_of(given), given.get("after"), limit_of(given))


def _standing(request: Request, asker: Asker) -> Standing:
    visitor = request.state.visitor
    return Standing(
        name=visitor.name, administrator=visitor.administrator, domains=visitor.domains,
        reaches_back_to=asker.reach(),
    )  # fmt: skip


_PERIOD = {"since": f"{_TIME}; today otherwise", "until": f"{_TIME}, not in it; now otherwise"}
_NARROWED = {"host": "mail hosts, with commas between", "domain": "domains, with commas between"}
_LIMIT = {"limit": f"1 to {MOST}"}

OPERATIONS = (
    Operation(
        path="/search", summary="Mails and refusals, newest first; all that is given must hold",
        look=_search, gives=Page,
        takes=dict.fromkeys(FIELDS, "as `posttrail search` takes it")
        | {"since": _TIME, "until": _TIME, "after": "next_cursor of the page before"} | _LIMIT,
    ),
    Operation(
        path=_MAIL, summary="One mail: its rows, its timeline and its way across hosts",
        look=lambda request, asker: asker.mail(
            key_of(request), lines=request.query_params.get("lines") == "true"
        ).answer,
        gives=Answer, takes={"lines": "true: with the raw lines, for administrators"},
    ),
    Operation(
        path=f"{_MAIL}/tree", summary="One mail's way across hosts",
        look=lambda request, asker: asker.mail(key_of(request)).tree, gives=Tree,
    ),
    Operation(
        path="/report", summary="What went through in a period",
        look=lambda request, asker: asker.report(
            period_of(request.query_params), narrowed_of(request.query_params)
        ),
        gives=Report, takes=_PERIOD | _NARROWED,
    ),
    Operation(
        path="/hourly", summary="Counts of each hour",
        look=lambda request, asker: asker.hourly(
            period_of(request.query_params), narrowed_of(request.query_params)
        ),
        gives=tuple[HourCounts, ...], takes=_PERIOD | _NARROWED,
    ),
    Operation(
        path="/waiting", summary="Who still waits, oldest mail first",
        look=lambda request, asker: asker.waiting(
            hosts_of(request.query_params), limit_of(request.query_params)
        ),
        gives=tuple[Waiting, ...], takes={"host": _NARROWED["host"]} | _LIMIT,
    ),
    Operation(
        path="/gaps", summary="Log lines that are known to be missing, newest first",
        look=lambda request, asker: asker.gaps(limit_of(request.query_params)),
        gives=tuple[Gap, ...], takes=_LIMIT,
    ),
    Operation(
        path="/status", summary="Who you are to us, and what there is to see",
        look=_standing, gives=Standing,
    ),
)  # fmt: skip


def _endpoint(operation: Operation) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        found = operation.look(request, request.state.asker)
        return Response(msgspec.json.encode(found), media_type="application/json")

    return answer


def _described(request: Request) -> Response:
    del request
    return Response(description_text(), media_type="application/json")


def routes() -> list[Route]:
    """Every path of the API, and its description."""
    found = [Route(PREFIX + each.path, _endpoint(each)) for each in OPERATIONS]
    return [*found, Route(f"{PREFIX}/openapi.json", _described)]


def description_text() -> bytes:
    """The description, as docs/openapi.json keeps it."""
    return msgspec.json.format(msgspec.json.encode(description()), indent=1) + b"\n"


def description() -> dict[str, Any]:
    """OpenAPI 3.1."""
    kinds = [each.gives for each in OPERATIONS]
    schemas, named = msgspec.json.schema_components(
        kinds, ref_template="#/components/schemas/{name}"
    )
    named["Problem"] = _PROBLEM
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "posttrail", "version": "1",
            "description": "What happened to a mail. Everybody sees mails from and to their own "
            "domains; every look-up is written down.",
        },
        "servers": [{"url": PREFIX}],
        "security": [{"token": []}, {}],
        "paths": {
            each.path: {"get": _operation(each, schema)}
            for each, schema in zip(OPERATIONS, schemas, strict=True)
        },
        "components": {
            "schemas": dict(sorted(named.items())),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }  # fmt: skip


_PROBLEM = {
    "description": "RFC 9457",
    "type": "object",
    "required": ["type", "status", "title"],
    "properties": {
        "type": {"type": "string"},
        "status": {"type": "integer"},
        "title": {"type": "string"},
        "detail": {"type": "string"},
    },
}
_ERRORS = {
    "400": "Parameters that cannot be used", "401": "Nobody that we know",
    "403": "Nothing to see for you", "404": "There is none, for you",
    "429": "Too many requests", "503": "Busy, or a server is away",
}  # fmt: skip


def _operation(operation: Operation, schema: dict[str, Any]) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    content = {"application/json": {"schema": schema}}
    return {
        "summary": operation.summary,
        "parameters": [*_in_path(operation.path), *_in_query(operation.takes)],
        "responses": {"200": {"description": "The answer", "content": content}}
        | {code: {"description": text, "content": problem} for code, text in _ERRORS.items()},
    }


def _in_path(path: str) -> Iterable[dict[str, Any]]:
    for part in path.split("/"):
        if part.startswith("{"):
            schema = {"type": "string"} | ({"format": "date-time"} if part == "{born}" else {})
            yield {"name": part.strip("{}"), "in": "path", "required": True, "schema": schema}


def _in_query(takes: dict[str, str]) -> Iterable[dict[str, Any]]:
    for name, meaning in takes.items():
        kind = "integer" if name == "limit" else "string"
        yield {"name": name, "in": "query", "description": meaning, "schema": {"type": kind}}
