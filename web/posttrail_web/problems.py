"""What goes wrong, as a page for people and as problem+json (RFC 9457) for programs."""

import traceback
from pathlib import Path
from typing import Any

import msgspec
from psycopg2 import DataError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from posttrail import logs
from posttrail.errors import BadInput, NotFound, PosttrailError, Retry, Unreachable
from posttrail_web.rendering import page

API = "/api/"
MEDIA_TYPE = "application/problem+json"


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457, section 3; `type` is about:blank: the status says it all."""

    status: int
    title: str
    detail: str = ""


_STATUS: tuple[tuple[type[PosttrailError], int, str], ...] = (
    (BadInput, 400, "That cannot be asked"),
    (NotFound, 404, "Not found"),
    (Retry, 503, "Busy"),
    (Unreachable, 503, "A server is away"),
)


def of_error(error: Exception) -> Problem:
    """The problem behind an exception; what we have no words for says nothing to strangers."""
    for kind, status, title in _STATUS:
        if isinstance(error, kind):
            away = isinstance(error, Unreachable)
            return Problem(status, title, "try again in a moment" if away else str(error))
    if isinstance(error, DataError):
        return Problem(400, "That cannot be asked", "PostgreSQL does not take one of the values")
    return Problem(500, "Something broke", "the log of posttrail web says what")


def answer(problem: Problem, scope: Scope, headers: dict[str, str] | None = None) -> Response:
    """The response for a browser or a program."""
    if str(scope["path"]).startswith(API):
        body = msgspec.json.encode({"type": "about:blank"} | msgspec.to_builtins(problem))
        return Response(body, problem.status, headers, MEDIA_TYPE)
    return page("problem.html", {"problem": problem}, problem.status, headers)


async def handle(request: Request, error: Exception) -> Response:
    """Starlette's handler of every exception."""
    if isinstance(error, HTTPException):
        problem = Problem(error.status_code, error.detail)
        return answer(problem, request.scope, dict(error.headers or {}))
    problem = of_error(error)
    if problem.status >= 500:
        logs.logger("web").error(
            "a page failed", problem=problem.title, reason=_said(error), **_where(error)
        )
    return answer(problem, request.scope)


def _said(error: Exception) -> Any:
    """Words of ours hold no address; those of libraries may."""
    return str(error) if isinstance(error, PosttrailError) else type(error).__name__


def _where(error: Exception) -> dict[str, list[str]]:
    """Where the unexpected happened, innermost last; no values: they may be addresses."""
    if isinstance(error, PosttrailError):
        return {}
    frames = traceback.extract_tb(error.__traceback__)
    return {"traceback": [f"{Path(at.filename).name}:{at.lineno} {at.name}" for at in frames[-12:]]}
