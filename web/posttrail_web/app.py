"""The application: gate, session, login, throttle, then pages and API."""

from collections.abc import Awaitable, Callable

from psycopg2 import DataError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from posttrail.config import Settings
from posttrail.errors import PosttrailError
from posttrail_web import api, pages, problems, secure_start
from posttrail_web.database import Tables
from posttrail_web.gate import Gate
from posttrail_web.login import Login
from posttrail_web.problems import Problem
from posttrail_web.questions import Asker
from posttrail_web.throttle import Throttle

_OPEN = ("/static/", "/login", "/logout")
"""What nobody must log in for."""


class Doorkeeper:
    """Knows the visitor or sends them to the login; counts requests."""

    def __init__(self, settings: Settings, tables: Tables, login: Login) -> None:
        """One for the whole application."""
        self._settings = settings
        self._tables = tables
        self._login = login
        self._throttle = Throttle(settings.web.requests_per_minute)

    async def __call__(
        self, request: Request, go_on: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        """One request."""
        if request.url.path.startswith("/static/"):
            return await go_on(request)
        visitor = self._login.visitor(request)
        address = request.client.host if request.client else ""
        kind, who = ("address", address) if visitor is None else ("user", visitor.name)
        if not self._throttle.allows(kind, who):
            problem = Problem(429, "Too many requests", "wait a minute")
            return problems.answer(problem, request.scope, {"Retry-After": "60"})
        if not request.url.path.startswith(_OPEN):
            if visitor is None:
                return self._stranger(request)
            if not visitor.sees_something:
                problem = Problem(403, "Nothing to see", "no domain is assigned to your account")
                return problems.answer(problem, request.scope)
            request.state.visitor = visitor
            request.state.asker = Asker(self._tables, self._settings, visitor)
        return await go_on(request)

    def _stranger(self, request: Request) -> Response:
        if self._settings.web.login == "oidc" and not request.url.path.startswith(problems.API):
            return RedirectResponse("/login", 303)
        problem = Problem(401, "Who are you?", "log in, or send a token that is known here")
        return problems.answer(problem, request.scope, {"WWW-Authenticate": "Bearer"})


def make(settings: Settings, tables: Tables) -> Starlette:
    """The application; `tables` stay the caller's.

    Raises:
        BadSettings: a secret that cannot be read.
    """
    web = settings.web
    login = Login(web)
    middleware = [Middleware(Gate, web=web)]
    if web.login == "oidc":
        middleware.append(Middleware(
            SessionMiddleware, secret_key=secure_start.session_secret(web), same_site="lax",
            session_cookie="posttrail", max_age=int(web.session_hours * 3600),
            https_only=not secure_start.is_loopback(web.hostname),
        ))  # fmt: skip
    middleware.append(Middleware(BaseHTTPMiddleware, dispatch=Doorkeeper(settings, tables, login)))
    app = Starlette(
        routes=[
            *pages.routes(),
            *api.routes(),
            *login.routes(),
            Mount("/static", StaticFiles(packages=[(__package__, "static")])),
        ],
        middleware=middleware,
        exception_handlers={
            PosttrailError: problems.handle,
            DataError: problems.handle, 404: problems.handle, 405: problems.handle,
            500: problems.handle,
        },
    )  # fmt: skip
    app.router.redirect_slashes = False
    app.state.has_sessions = web.login == "oidc"
    return app
