"""A small OpenID provider on loopback with the real protocol: discovery, code, PKCE, JWKS."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID = "posttrail"
CLIENT_SECRET = "of the client"


class Provider:
    """Its issuer, its key, and the logins that it waits for."""

    def __init__(self) -> None:
        self.issuer = ""
        self.key = RSAKey.generate_key(2048, {"kid": "1", "use": "sig"})
        self.codes: dict[str, dict[str, Any]] = {}

    def approve(self, asked: str, claims: dict[str, Any]) -> str:
        """The user agrees at the authorization endpoint: where the browser is sent back to."""
        given = {name: value[0] for name, value in parse_qs(urlsplit(asked).query).items()}
        assert given["client_id"] == CLIENT_ID
        assert given["code_challenge_method"] == "S256"
        code = f"code{len(self.codes)}"
        self.codes[code] = {"challenge": given["code_challenge"], "claims": {
            "iss": self.issuer, "aud": CLIENT_ID, "nonce": given["nonce"],
            "iat": int(time.time()), "exp": int(time.time()) + 60, **claims,
        }}  # fmt: skip
        return f"{urlsplit(given['redirect_uri']).path}?code={code}&state={given['state']}"

    def documents(self) -> dict[str, Any]:
        return {
            "/.well-known/openid-configuration": {
                "issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys",
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "id_token_signing_alg_values_supported": ["RS256"],
            },
            "/keys": {"keys": [self.key.as_dict(private=False)]},
        }  # fmt: skip

    def token(self, given: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """What the token endpoint gives for a code; None: nothing (RFC 6749 and 7636)."""
        secret = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        waiting = self.codes.pop(given.get("code", ""), None)
        digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        proved = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if waiting is None or waiting["challenge"] != proved:
            return None
        if authorization != f"Basic {secret}":
            return None
        signed = jwt.encode({"alg": "RS256", "kid": "1"}, waiting["claims"], self.key)
        return {"access_token": "a", "token_type": "Bearer", "id_token": signed}


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(provider.documents().get(self.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            given = {name: value[0] for name, value in parse_qs(body).items()}
            self._answer(provider.token(given, self.headers.get("Authorization", "")))

        def _answer(self, found: dict[str, Any] | None) -> None:
            self.send_response(400 if found is None else 200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(found or {"error": "invalid_grant"}).encode())

        def log_message(self, *args: Any) -> None:
            """Nobody reads it."""

    return Handler


@contextmanager
def providing() -> Iterator[Provider]:
    """A provider until the block ends."""
    provider = Provider()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(provider)) as server:
        provider.issuer = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield provider
        server.shutdown()
        thread.join()
