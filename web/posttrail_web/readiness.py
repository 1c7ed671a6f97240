"""Whether the web page may start and will work: what `posttrail check --web` looks at.

Changes nothing. Knows no request and no page.
"""

from contextlib import closing
from datetime import UTC, datetime

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
    """Whether certificate and key can be used, and for how long they hold.

    Raises:
        BadSettings: they cannot be used.
    """
    secure_start.require_pair(web)
    if web.cert_file is None:
        return "none"
    until = x509.load_pem_x509_certificate(web.cert_file.read_bytes()).not_valid_after_utc
    if until <= datetime.now(UTC):
        raise BadSettings(f"{web.cert_file} held until {until:%Y-%m-%d}: renew it")
    return f"holds until {until:%Y-%m-%d}"


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
