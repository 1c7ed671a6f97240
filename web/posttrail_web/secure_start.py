"""Refuses a start that would show mails to strangers. Pure but for the files of secrets."""

import ipaddress
import ssl
from pathlib import Path

from posttrail import secret_files
from posttrail.errors import BadSettings
from posttrail.web_settings import Web


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches it; a name but localhost is taken for reachable."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def require(web: Web) -> None:
    """All that must hold before the first request.

    Raises:
        BadSettings: what is wrong and what to set.
    """
    _require_safe_address(web)
    if web.login != "none" and not web.hostname:
        raise BadSettings("web.hostname is not set: name the host that browsers use")
    if web.login == "proxy" and not web.trusted_proxies:
        raise BadSettings(
            "web.login = proxy believes a header: set web.trusted_proxies to the proxy's addresses"
        )
    if web.login == "oidc":
        _require_oidc(web)


def require_pair(web: Web) -> None:
    """Certificate and key fit together and are ours to read; nothing where none is set.

    Raises:
        BadSettings: they do not, or are not.
    """
    certificate, key = web.cert_file, web.key_file
    if certificate is None or key is None:
        return
    for file in (certificate, key):
        _require_readable(file)
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            certificate, key, password=lambda: ""
        )
    except (ssl.SSLError, ValueError) as error:
        raise BadSettings(
            f"{certificate} and {key}: {type(error).__name__}: give PEM files, the key without a "
            "password and of this certificate"
        ) from None


def _require_readable(file: Path) -> None:
    try:
        file.open("rb").close()
    except OSError as error:
        raise BadSettings(
            f"{file}: {error.strerror}: see web.cert_file and web.key_file; the user of "
            "`posttrail web` must be able to read them"
        ) from None


def _require_safe_address(web: Web) -> None:
    if is_loopback(web.address):
        return
    if web.login == "none":
        raise BadSettings(
            f"web.address = {web.address} shows every mail to everybody who reaches it: set "
            "web.login to oidc or proxy, or bind to 127.0.0.1"
        )
    if web.cert_file is None and not web.trusted_proxies:
        raise BadSettings(
            f"web.address = {web.address} without TLS: set web.cert_file and web.key_file, or "
            "web.trusted_proxies where a reverse proxy speaks TLS"
        )


def _require_oidc(web: Web) -> None:
    if not (web.oidc_issuer and web.oidc_client_id and client_secret(web)):
        raise BadSettings(
            "web.login = oidc: set web.oidc_issuer, web.oidc_client_id and web.oidc_client_secret"
        )
    if len(session_secret(web)) < 32:
        raise BadSettings(
            "web.session_secret is missing or shorter than 32 characters: "
            "make one with `openssl rand -hex 32`"
        )
    if not web.oidc_issuer.startswith("https://") and not is_loopback(_host(web.oidc_issuer)):
        raise BadSettings("web.oidc_issuer: a provider elsewhere must be asked by https")


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition(":")[0].strip("[]")


def client_secret(web: Web) -> str:
    """Our secret at the provider; empty: none."""
    return secret_files.secret(
        "web.oidc_client_secret", web.oidc_client_secret, web.oidc_client_secret_file
    )


def session_secret(web: Web) -> str:
    """What signs the cookie; empty: none."""
    return secret_files.secret("web.session_secret", web.session_secret, web.session_secret_file)
