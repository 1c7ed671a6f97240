"""What every request passes before a page sees it: whose it is, and whether it may go on.

ASGI only: who the peer is, for which host it asks, where a change comes from; and the headers of
every answer. Knows no page and no table.
"""

import ipaddress

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from posttrail.web_settings import Web
from posttrail_web.problems import Problem, answer
from posttrail_web.secure_start import is_loopback

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


class Gate:
    """Lets a request through with `scope["client"]`, `scope["scheme"]` and `from_proxy` set."""

    def __init__(self, app: ASGIApp, web: Web) -> None:
        """Wraps the whole application."""
        self._app = app
        self._web = web
        self._networks = [ipaddress.ip_network(text) for text in web.trusted_proxies]
        self._open = is_loopback(web.address)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        peer = (scope.get("client") or ("", 0))[0]
        trusted = self._trusts(peer)
        if trusted:
            scope["client"] = (self._browser(headers) or peer, 0)
            if headers.get("x-forwarded-proto", "").strip() in {"http", "https"}:
                scope["scheme"] = headers["x-forwarded-proto"].strip()
        scope.setdefault("state", {})["from_proxy"] = trusted
        refused = self._refusal(scope, headers)
        app = self._app if refused is None else answer(refused, scope)
        await app(scope, receive, _with_headers(send, scope))

    def _trusts(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self._networks)

    def _browser(self, headers: Headers) -> str | None:
        """The last address that no proxy of ours has: what stands before it anybody can write."""
        said = ",".join(headers.getlist("x-forwarded-for")).split(",")
        for each in reversed([part.strip() for part in said]):
            if each and not self._trusts(each):
                return each
        return None

    def _refusal(self, scope: Scope, headers: Headers) -> Problem | None:
        host = headers.get("host", "")
        if not self._is_ours(host):
            return Problem(421, "Wrong host", "this is not the name that web.hostname sets")
        forwarded = {"x-forwarded-for", "forwarded"} & set(headers)
        if self._web.login == "none" and forwarded:
            return Problem(
                403, "Behind a proxy without a login", "set web.login: everybody would see all"
            )
        if not self._open and scope["scheme"] != "https":
            return Problem(403, "Not encrypted", "come by https")
        same = headers.get("origin") in {None, f"{scope['scheme']}://{host}"}
        if scope["method"] not in _SAFE and not same:
            return Problem(403, "From another page", "this change was asked for by another site")
        return None

    def _is_ours(self, host: str) -> bool:
        """A page of a stranger whose name leads here (DNS rebinding) sends its own name."""
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        return name.lower() == self._web.hostname.lower() or (self._open and name in _LOCAL_NAMES)


def _with_headers(send: Send, scope: Scope) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            if scope["scheme"] == "https":
                headers["Strict-Transport-Security"] = "max-age=31536000"
        await send(message)

    return sending
