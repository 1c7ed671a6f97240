"""Logging in by OpenID Connect, against a provider that speaks the real protocol."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from posttrail_web import app, readiness
from posttrail_web.database import Tables
from starlette.testclient import TestClient

from posttrail import config
from posttrail.errors import BadSettings, Unreachable
from posttrail.web_settings import Web
from tests.fix_web import FIRST
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, Provider, providing

pytestmark = pytest.mark.postgres

ANN: dict[str, Any] = {
    "sub": "1", "email": "ann@example.org", "email_verified": True, "domains": ["example.org"],
}  # fmt: skip


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with providing() as found:
        yield found


@pytest.fixture(scope="module")
def application(web_dsn: str, provider: Provider) -> Iterator[TestClient]:
    settings = config.load(
        postgres={"dsn": web_dsn},
        web={
            "login": "oidc", "hostname": "trail.example.com", "oidc_issuer": provider.issuer,
            "oidc_client_id": CLIENT_ID, "oidc_client_secret": CLIENT_SECRET,
            "session_secret": "0" * 32, "domains_claim": "domains",
        },
    )  # fmt: skip
    with (
        closing(Tables(web_dsn, 2, 20)) as tables,
        TestClient(
            app.make(settings, tables), base_url="https://trail.example.com",
            raise_server_exceptions=False, follow_redirects=False,
        ) as client,
    ):  # fmt: skip
        yield client


@pytest.fixture
def browser(application: TestClient) -> TestClient:
    """One that nobody has logged in with."""
    application.cookies.clear()
    return application


def _log_in(browser: TestClient, provider: Provider, claims: dict[str, Any]) -> Any:
    asked = browser.get("/login").headers["location"]
    return browser.get(provider.approve(asked, claims))


def test_who_is_not_logged_in_is_sent_to_the_login(browser: TestClient) -> None:
    assert browser.get("/search").headers["location"] == "/login"
    assert browser.get("/api/v1/search").status_code == 401


def test_a_user_sees_the_domains_of_the_claim(browser: TestClient, provider: Provider) -> None:
    back = _log_in(browser, provider, ANN)
    assert (back.status_code, back.headers["location"]) == (303, "/")
    cookie = back.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("secure", "httponly", "samesite=lax"))

    text = browser.get("/search?sender=ann@example.com").text

    assert FIRST in text
    assert "ann@example.org: example.org" in text
    assert "cy@example.net" not in text


def test_an_address_that_nobody_verified_names_nobody(
    browser: TestClient, provider: Provider
) -> None:
    _log_in(browser, provider, ANN | {"email_verified": False})

    assert browser.get("/api/v1/status").json()["name"] == "1"


def test_logging_out_ends_the_session_and_no_other_site_can_do_it(
    browser: TestClient, provider: Provider
) -> None:
    _log_in(browser, provider, ANN)

    assert browser.post("/logout", headers={"Origin": "https://evil.example"}).status_code == 403
    assert browser.get("/api/v1/status").status_code == 200
    own = {"Origin": "https://trail.example.com"}
    assert browser.post("/logout", headers=own).status_code == 200
    assert browser.get("/api/v1/status").status_code == 401


@pytest.mark.parametrize(
    "wrong", [{"aud": "another"}, {"iss": "https://evil.example"}, {"nonce": "stale"}, {"exp": 1}]
)
def test_a_token_that_is_not_for_us_is_refused(
    browser: TestClient, provider: Provider, wrong: dict[str, Any]
) -> None:
    assert _log_in(browser, provider, ANN | wrong).status_code == 403
    assert browser.get("/api/v1/status").status_code == 401


def test_a_check_asks_the_provider_for_its_name(provider: Provider) -> None:
    assert readiness.provider(Web(oidc_issuer=provider.issuer)) == provider.issuer
    with pytest.raises(BadSettings, match=f"names itself {provider.issuer}"):
        readiness.provider(Web(oidc_issuer=f"{provider.issuer}/"))
    with pytest.raises(Unreachable, match=r"web\.oidc_issuer"):
        readiness.provider(Web(oidc_issuer="http://127.0.0.1:1"))


def test_a_strange_state_is_refused(browser: TestClient, provider: Provider) -> None:
    browser.get("/login")

    assert browser.get("/login/back?code=x&state=y").status_code == 403
    assert browser.get("/api/v1/status").status_code == 401
