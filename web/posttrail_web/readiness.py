"""Whether the web page may start and will work: what `posttrail check --web` looks at.

Changes nothing. Knows no request and no page.
"""

import ssl
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx2
from cryptography import x509

from posttrail.errors import BadSettings, Unreachable
from posttrail.web_settings import Web
from posttrail_web import secure_start
from posttrail_web.database import Tables
from posttrail_web.login import DISCOVERY

_ANSWER_S = 5.0


def settings(web: Web) -> str:
    """Who sees it, and from where.

    Raises:
        BadSettings: it would show mails to strangers.
    """
    secure_start.require(web)
    return f"login {web.login}, {web.address}:{web.port}"


def rights(dsn: str) -> str:
    """Whether our user is in the roles of the web page, and row security rules.

    Raises:
        NotReady: it is not.
        Unreachable: PostgreSQL is away or refuses us.
    """
    with closing(Tables(dsn, 1, _ANSWER_S)) as tables:
        tables.require_ready()
    return "becomes reader or visitor, writes look-ups down"


def certificate(web: Web) -> str:
    """Whether certificate and key fit together, are ours to read, and for how long they hold.

    Raises:
        BadSettings: they cannot be used.
    """
    certificate, key = web.cert_file, web.key_file
    if certificate is None or key is None:
        raise BadSettings("web.cert_file and web.key_file are not set")
    for file in (certificate, key):
        _require_readable(file)
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            certificate, key, password=lambda: ""
        )
        until = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    except (ssl.SSLError, ValueError) as error:
        raise BadSettings(
            f"{certificate} and {key}: {type(error).__name__}: give PEM files, the key without a "
            "password and of this certificate"
        ) from None
    if until <= datetime.now(UTC):
        raise BadSettings(f"{certificate} held until {until:%Y-%m-%d}: renew it")
    return f"holds until {until:%Y-%m-%d}"


def _require_readable(file: Path) -> None:
    try:
        file.open("rb").close()
    except OSError as error:
        raise BadSettings(
            f"{file}: {error.strerror}: see web.cert_file and web.key_file; the user of "
            "`posttrail web` must be able to read them"
        ) from None


def provider(web: Web) -> str:
    """Whether the provider of logins answers and names itself as we do.

    Raises:
        Unreachable: it does not answer.
        BadSettings: it is another one.
    """
    url = web.oidc_issuer.rstrip("/") + DISCOVERY
    try:
        answer = httpx2.get(url, timeout=_ANSWER_S)
        answer.raise_for_status()
        said = answer.json()
    except (httpx2.HTTPError, ValueError) as error:
        raise Unreachable(
            f"{url}: {type(error).__name__}: see web.oidc_issuer, name service and firewall"
        ) from None
    named = said.get("issuer") if isinstance(said, dict) else None
    if named != web.oidc_issuer:
        raise BadSettings(f"the provider names itself {named}: set web.oidc_issuer to that")
    return web.oidc_issuer
