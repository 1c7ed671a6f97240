"""Who asks: from a token, a proxy's header, or a session that OpenID Connect began.

OpenID Connect is authlib's (code flow with PKCE, state and nonce); a session is starlette's signed
cookie. Knows no page but its own three.
"""

import hashlib
import hmac
from typing import Any

from authlib.integrations.base_client import OAuthError
from authlib.integrations.starlette_client import OAuth
from httpx2 import HTTPError
from joserfc.errors import JoseError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from posttrail import logs
from posttrail.errors import Unreachable
from posttrail.web_settings import Web
from posttrail_web import problems, secure_start
from posttrail_web.problems import Problem
from posttrail_web.rendering import page
from posttrail_web.visitors import Visitor, known, of_this_machine, of_token

DISCOVERY = "/.well-known/openid-configuration"
"""OpenID Connect Discovery 1.0, section 4, below the issuer."""


class Login:
    """Tells visitors apart as `web.login` says."""

    def __init__(self, web: Web) -> None:
        """Asks the provider only when somebody logs in."""
        self._web = web
        self._oauth = OAuth()
        if web.login == "oidc":
            self._oauth.register(
                "provider",
                server_metadata_url=web.oidc_issuer.rstrip("/") + DISCOVERY,
                client_id=web.oidc_client_id,
                client_secret=secure_start.client_secret(web),
                client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
            )

    def visitor(self, request: Request) -> Visitor | None:
        """Who asks; None: nobody that we know."""
        address = request.client.host if request.client else ""
        said = request.headers.get("authorization", "")
        if said.lower().startswith("bearer "):
            return self._of_token(said[7:].strip(), address)
        if self._web.login == "none":
            return of_this_machine(address)
        if self._web.login == "proxy":
            return self._of_proxy(request, address)
        return self._of_session(request, address)

    def _of_token(self, said: str, address: str) -> Visitor | None:
        """Digests are compared: the time it takes tells nothing of a token."""
        given = hashlib.sha256(said.encode()).digest()
        found = None
        for token in self._web.tokens:
            known_one = hashlib.sha256(token.token.get_secret_value().encode()).digest()
            if hmac.compare_digest(given, known_one):
                found = of_token(token, address)
        return found

    def _of_proxy(self, request: Request, address: str) -> Visitor | None:
        if not request.state.from_proxy:
            return None
        named = request.headers.getlist(self._web.user_header)
        if len(named) != 1 or not named[0].strip():
            return None  # a second header would be the browser's own
        domains = []
        if self._web.domains_header:
            domains = ",".join(request.headers.getlist(self._web.domains_header)).split(",")
        return known(self._web, named[0].strip(), address, domains)

    def _of_session(self, request: Request, address: str) -> Visitor | None:
        user = request.session.get("user")
        if user is None:
            return None
        return known(self._web, user["name"], address, user["domains"])

    def routes(self) -> list[Route]:
        """Its pages; none where no session is ours to begin."""
        if self._web.login != "oidc":
            return []
        return [
            Route("/login", self._begin),
            Route("/login/back", self._come_back),
            Route("/logout", self._end, methods=["POST"]),
        ]

    async def _begin(self, request: Request) -> Response:
        back = f"{request.url.scheme}://{request.headers['host']}/login/back"
        try:
            response: Response = await self._oauth.provider.authorize_redirect(request, back)
        except HTTPError as error:
            raise Unreachable(f"the provider {self._web.oidc_issuer}: {error!r}") from None
        return response

    async def _come_back(self, request: Request) -> Response:
        try:
            token: dict[str, Any] = await self._oauth.provider.authorize_access_token(
                request, claims_options={"iss": {"essential": True, "value": self._web.oidc_issuer}}
            )
        except HTTPError as error:
            raise Unreachable(f"the provider {self._web.oidc_issuer}: {error!r}") from None
        except (OAuthError, JoseError, ValueError) as error:
            logs.logger("web").warning("a login failed", reason=type(error).__name__)
            return problems.answer(
                Problem(403, "The login failed", "begin again from the first page"), request.scope
            )
        claims = token.get("userinfo") or {}
        request.session.clear()
        request.session["user"] = {"name": _name(claims), "domains": self._domains(claims)}
        return RedirectResponse("/", 303)

    def _domains(self, claims: dict[str, Any]) -> list[Any]:
        found = claims.get(self._web.domains_claim, []) if self._web.domains_claim else []
        return found if isinstance(found, list) else [found]

    async def _end(self, request: Request) -> Response:
        request.session.clear()
        return page("left.html", {})


def _name(claims: dict[str, Any]) -> str:
    """`sub` is the only claim that never changes hands; a name that the provider checked is kinder.

    OpenID Connect Core 1.0, section 5.7: an address counts only where it was verified.
    """
    if claims.get("email") and claims.get("email_verified") is True:
        return str(claims["email"]).lower()
    return str(claims["sub"])
