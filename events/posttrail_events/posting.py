"""One event to one target by HTTP: signed, never redirected, and what the answer asks of us.

Knows no Kafka. Errors name no address: only what went wrong.
"""

import ssl
import time
from contextlib import suppress

import httpx2

from posttrail import secret_files
from posttrail.errors import BadSettings, Poison, Retry
from posttrail.webhook_settings import Target
from posttrail_events import signing

_TRY_AGAIN = {408, 429}
"""Refusals that say that another time is better (RFC 9110 section 15.5.9, RFC 6585 section 4)."""
_MOST_BYTES = 65_536
"""What is read of an answer, so that its connection can be used again."""


class Poster:
    """A target and the connections to it."""

    def __init__(self, target: Target, timeout_s: float) -> None:
        """Connects later.

        Raises:
            BadSettings: the secret cannot be read, or is none.
        """
        name = f"webhooks.targets: {target.name}: secret"
        self._secret = secret_files.secret(name, target.secret, target.secret_file).encode()
        if not self._secret:
            raise BadSettings(f"{name}_file is empty: put a secret there")
        self._url = target.url
        self._timeout_s = timeout_s
        # trust_env: no proxy and no password of whoever starts us comes in by the environment.
        self._client = httpx2.Client(
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,
            verify=ssl.create_default_context(),
        )

    def post(self, body: bytes, delivery: str) -> None:
        """Return when the target has taken it.

        Raises:
            Retry: it may take it another time.
            Poison: it never will.
        """
        headers = signing.headers(self._secret, body, delivery, int(time.time()))
        try:
            with self._client.stream("POST", self._url, content=body, headers=headers) as response:
                status = response.status_code
                with suppress(httpx2.HTTPError):  # the status is the answer, the rest is courtesy
                    self._read(response)
        except httpx2.HTTPError as error:
            raise Retry(type(error).__name__) from None
        if 200 <= status < 300:
            return
        said = f"it answered {status}"
        if 400 <= status < 500 and status not in _TRY_AGAIN:
            raise Poison(said)
        raise Retry(said)

    def _read(self, response: httpx2.Response) -> None:
        end, seen = time.monotonic() + self._timeout_s, 0
        for chunk in response.iter_raw():
            seen += len(chunk)
            if seen > _MOST_BYTES or time.monotonic() > end:
                return

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
