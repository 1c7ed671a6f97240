"""The web page and its API on a real PostgreSQL: what is seen by whom, and what is refused."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from posttrail_answers import hops
from posttrail_web import app
from posttrail_web.database import Tables, sight
from posttrail_web.visitors import Visitor
from psycopg2.extensions import connection
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from posttrail import config
from posttrail.errors import NotReady
from tests.fix_web import BORN, FIRST, HOSTILE_SUBJECT, asked

pytestmark = pytest.mark.postgres

MAIL = f"/mails/mx1/postfix/{FIRST}/{BORN}"
NEXT_MAIL = "/mails/mx2/postfix/00003CCCC/2026-03-01T10:00:08.000003Z"
API = "/api/v1"
TOKENS: list[dict[str, Any]] = [
    {"name": "all", "token": "all-" + "0" * 32, "administrator": True},
    {"name": "org", "token": "org-" + "0" * 32, "domains": ["Example.ORG"]},
    {"name": "other", "token": "other-" + "0" * 32, "domains": ["example.edu"]},
    {"name": "net", "token": "net-" + "0" * 32, "domains": ["example.net"]},
    {"name": "info", "token": "info-" + "0" * 32, "domains": ["example.info"]},
    {"name": "none", "token": "none-" + "0" * 32},
]
ORG = {"Authorization": f"Bearer {TOKENS[1]['token']}"}
OTHER = {"Authorization": f"Bearer {TOKENS[2]['token']}"}


@contextmanager
def browser(dsn: str, peer: str = "127.0.0.1", **web: Any) -> Iterator[TestClient]:
    """A client of the application with these settings."""
    settings = config.load(
        postgres={"dsn": dsn}, web={"requests_per_minute": 10_000, "tokens": TOKENS, **web}
    )
    with closing(Tables(dsn, 4, 20)) as tables:
        tables.require_ready()
        with TestClient(
            app.make(settings, tables), base_url="http://localhost", client=(peer, 40000),
            raise_server_exceptions=False, follow_redirects=False,
        ) as client:  # fmt: skip
            yield client


@pytest.fixture(scope="module")
def local(web_dsn: str) -> Iterator[TestClient]:
    with browser(web_dsn) as client:
        yield client


def test_everybody_on_this_machine_sees_all(local: TestClient) -> None:
    page = local.get("/search", params={"sender": "ann@example.com"})

    assert page.status_code == 200
    assert FIRST in page.text
    assert "bob@example.org" in page.text


@pytest.mark.parametrize(
    "path",
    [
        "/search?host=mx1",
        MAIL,
        "/traffic?since=2026-03-01T00:00Z&until=2026-03-02T00:00Z",
        "/waiting",
        "/gaps",
        "/live",
    ],
)
def test_every_page_answers(local: TestClient, path: str) -> None:
    page = local.get(path)

    assert page.status_code == 200, page.text
    assert page.text.startswith("<!doctype html>")


def test_a_strangers_text_is_text(local: TestClient) -> None:
    page = local.get("/search", params={"queue_id": "00004DDDD"})

    assert HOSTILE_SUBJECT not in page.text
    assert "&lt;script&gt;alert(document.domain)" in page.text
    assert "<img" not in page.text


def test_no_answer_lets_a_script_in(local: TestClient) -> None:
    for path in ("/search", "/api/v1/status", "/nowhere", "/static/style.css"):
        headers = local.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_results_are_paged_by_key(local: TestClient) -> None:
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = local.get(f"{API}/search", params={"limit": "1", **after}).json()
        seen += [str(each.get("queue_id")) for each in page["results"]]
        if not page["next_cursor"]:
            break
        after = {"after": page["next_cursor"]}

    assert seen == ["None", "00004DDDD", "00003CCCC", FIRST]


def test_a_visitor_sees_the_own_domain_only(local: TestClient) -> None:
    found = local.get(f"{API}/search", headers=ORG).json()["results"]

    assert {each["queue_id"] for each in found} == {FIRST, "00003CCCC"}
    assert {to["recipient"] for each in found for to in each["recipients"]} == {
        "bob@example.org", "bob@example.info",
    }  # fmt: skip


def test_a_visitor_sees_no_other_recipient_of_a_mail(local: TestClient) -> None:
    page = local.get(MAIL, headers=ORG)

    assert page.status_code == 200
    assert "cy@example.net" not in page.text
    assert "cy@example.net" in local.get(MAIL).text


@pytest.mark.parametrize(
    ("token", "mail", "hidden"),
    [("net", MAIL, "00003CCCC"), ("info", NEXT_MAIL, FIRST)],
)
def test_a_hop_that_a_visitor_may_not_see_is_not_in_the_tree(
    local: TestClient, token: str, mail: str, hidden: str
) -> None:
    (said,) = (each["token"] for each in TOKENS if each["name"] == token)
    headers = {"Authorization": f"Bearer {said}"}

    page = local.get(mail, headers=headers)
    tree = local.get(f"{API}{mail}", headers=headers).json()["tree"]

    assert page.status_code == 200
    assert "No other mail that you may see" in page.text
    assert f"{hidden} on" not in page.text
    assert (tree["mails"], tree["root"]["asked"]) == (1, True)
    assert "link" not in tree["root"]
    assert local.get(f"{API}{mail}").json()["tree"]["mails"] == 2


@pytest.mark.parametrize("path", ["/search", "/waiting", "/hourly", "/report"])
def test_a_stranger_sees_nothing(local: TestClient, path: str) -> None:
    period = {"since": "2026-03-01T10:00Z", "until": "2026-03-01T11:00Z"}
    given = {} if path == "/waiting" else period

    found = local.get(f"{API}{path}", params=given, headers=OTHER)

    assert found.status_code == 200
    for word in ("example.com", "example.net", "example.org", FIRST, "Relay access"):
        assert word not in found.text
    if path == "/report":
        assert set(found.json()["totals"].values()) == {0}
    if path == "/hourly":
        assert all(hour["received"] == hour["rejected"] == 0 for hour in found.json())


def test_what_nobody_expected_is_logged_with_its_place_and_without_addresses(
    local: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("bob@example.org")

    monkeypatch.setattr(hops, "tree", broken)
    with capture_logs() as logged:
        page = local.get(MAIL)

    assert page.status_code == 500
    assert [each["reason"] for each in logged] == ["KeyError"]
    assert logged[0]["traceback"][-1].endswith(" broken")
    assert "bob@example.org" not in f"{logged}{page.text}"


def test_a_strangers_mail_is_not_there(local: TestClient) -> None:
    found = local.get(f"{API}{MAIL}", headers=OTHER)

    assert found.status_code == 404
    assert found.headers["content-type"] == "application/problem+json"
    assert found.json()["title"] == "Not found"


def test_a_visitor_cannot_widen_the_domains_by_a_search(local: TestClient) -> None:
    found = local.get(f"{API}/search", params={"domain": "example.net"}, headers=ORG).json()

    assert {each["queue_id"] for each in found["results"]} <= {FIRST, "00003CCCC"}


def test_a_partition_gives_a_visitor_nothing(web_dsn: str) -> None:
    rights = asked(
        web_dsn,
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE"
        " has_table_privilege('posttrail_visitor', inhrelid, 'SELECT')",
    )

    assert rights == []


def test_row_security_lets_an_index_serve_a_visitors_search(web_dsn: str) -> None:
    visitor = Visitor(name="ann", address="", domains=("example.org",))
    with closing(Tables(web_dsn, 1, 20)) as tables, tables.seen_by(visitor) as opened:
        cursor = opened.cursor()
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT FROM delivery_to"
            " WHERE lower(split_part(recipient, '@', -1)) = 'example.org' ORDER BY born"
        )
        plan = "\n".join(text for (text,) in cursor.fetchall())

    assert "Index Cond: (lower(split_part(recipient" in plan


def test_a_way_is_found_as_a_reader_and_rows_are_read_as_the_visitor(web_dsn: str) -> None:
    visitor = Visitor(name="ann", address="", domains=("example.org",))
    with closing(Tables(web_dsn, 1, 20)) as tables, tables.seen_by(visitor) as opened:
        with sight(opened, visitor).counting():
            inside = _role(opened)

        assert (inside, _role(opened)) == ("posttrail_reader", "posttrail_visitor")


def _role(opened: connection) -> str:
    with opened.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return next(name for (name,) in cursor)  # type: ignore[no-any-return]


def test_connections_stay_and_one_that_the_server_ended_costs_no_page(
    local: TestClient, web_dsn: str
) -> None:
    backends = "FROM pg_stat_activity WHERE application_name = 'posttrail web'"
    local.get(f"{API}/search")
    before = asked(web_dsn, f"SELECT pid {backends}")
    local.get(f"{API}/search")
    kept = asked(web_dsn, f"SELECT pid {backends}")
    asked(web_dsn, f"SELECT pg_terminate_backend(pid, 5000) {backends}")

    assert local.get(f"{API}/search").status_code == 200
    assert before
    assert kept == before


def test_the_web_role_reads_nothing_by_itself_and_changes_no_record(web_dsn: str) -> None:
    ((rights,),) = asked(
        web_dsn,
        "SELECT array_agg(p || ' ' || t) FROM unnest(ARRAY['SELECT','UPDATE','DELETE','INSERT']) p,"
        " unnest(ARRAY['delivery_from','delivery_to','noqueue','audit_lookup']) t"
        " WHERE has_table_privilege('posttrail_web', t, p)",
    )

    assert rights == ["INSERT audit_lookup"]


def test_every_look_up_is_written_down(local: TestClient, web_dsn: str) -> None:
    local.get(f"{API}/search", params={"sender": "audited@example.com"}, headers=ORG)
    local.get(f"{API}/mails/mx1/postfix/AUDITED/{BORN}", headers=ORG)

    found = asked(
        web_dsn,
        "SELECT who, administrator, domains, asked, results FROM audit_lookup"
        " WHERE parameters::text LIKE '%audited@%' OR parameters::text LIKE '%AUDITED%'"
        " ORDER BY id DESC LIMIT 2",
    )

    assert found == [
        ("token org", False, ["example.org"], "mail", 0),
        ("token org", False, ["example.org"], "search", 0),
    ]


def test_without_roles_it_does_not_start(dsn: str) -> None:
    with closing(Tables(dsn, 1, 1)) as tables, pytest.raises(NotReady, match="migrate --roles"):
        tables.require_ready()


def test_an_account_without_domains_sees_no_page(local: TestClient) -> None:
    headers = {"Authorization": f"Bearer {TOKENS[-1]['token']}"}

    assert local.get("/search", headers=headers).status_code == 403


def test_a_token_that_nobody_knows_is_refused(local: TestClient) -> None:
    found = local.get(f"{API}/search", headers={"Authorization": "Bearer wrong"})

    assert found.status_code == 401
    assert found.headers["www-authenticate"] == "Bearer"


def test_too_many_requests_are_refused(web_dsn: str) -> None:
    with browser(web_dsn, requests_per_minute=3) as client:
        codes = [client.get("/gaps").status_code for _ in range(5)]

    assert codes == [200, 200, 200, 429, 429]


def test_a_header_counts_only_from_a_trusted_proxy(web_dsn: str) -> None:
    given = {
        "login": "proxy", "trusted_proxies": ["192.0.2.10/32"], "hostname": "trail.example.com",
        "user_domains": {"ann": ["example.org"]},
    }  # fmt: skip
    headers = {"Host": "trail.example.com", "X-Forwarded-User": "ann"}
    with browser(web_dsn, "192.0.2.10", **given) as proxy:
        assert "example.org" in proxy.get("/search", headers=headers).text
        assert proxy.get("/search", headers={"Host": "trail.example.com"}).status_code == 401
    with browser(web_dsn, "192.0.2.66", **given) as stranger:
        assert stranger.get("/search", headers=headers).status_code == 401


def test_without_tls_a_page_elsewhere_is_refused(web_dsn: str) -> None:
    given = {
        "address": "192.0.2.5", "login": "proxy", "trusted_proxies": ["192.0.2.10"],
        "hostname": "trail.example.com", "administrators": ["ann"],
    }  # fmt: skip
    headers = {"Host": "trail.example.com", "X-Forwarded-User": "ann"}
    with browser(web_dsn, "192.0.2.10", **given) as proxy:
        assert proxy.get("/search", headers=headers).status_code == 403
        secure = proxy.get("/search", headers={**headers, "X-Forwarded-Proto": "https"})
        assert secure.status_code == 200
        assert "max-age" in secure.headers["strict-transport-security"]


def test_a_strange_host_name_is_refused(local: TestClient) -> None:
    assert local.get("/search", headers={"Host": "evil.example"}).status_code == 421


def test_a_proxy_without_a_login_is_refused(local: TestClient) -> None:
    found = local.get("/search", headers={"X-Forwarded-For": "192.0.2.1"})

    assert found.status_code == 403
    assert "web.login" in found.text


HARD = [
    "'", "\x00", "\ud800", "9" * 400, "x" * 2000, "-1", "\u0661", "%(x)s", "1.2.3.4/99",
    "0001-01-01", "9999-12-31T23:59:59",
]  # fmt: skip


@pytest.mark.parametrize("path", ["/search", "/hourly"])
def test_no_parameter_breaks_the_api(local: TestClient, path: str) -> None:
    for value in HARD:
        for name in ("client", "since", "limit", "after"):
            sent = value.encode("utf-8", "surrogatepass")
            found = local.get(f"{API}{path}", params={name: sent})
            assert found.status_code in {200, 400}, (name, value, found.text)
            if found.status_code == 400:
                assert found.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "value", ["%00", "%FF", "..%2f", "2026-03-01", "9999-12-31T23:59:59-23:00"]
)
def test_no_path_breaks_the_api(local: TestClient, value: str) -> None:
    for path in (f"{value}/p/A/{BORN}", f"mx1/{value}/A/{BORN}", f"mx1/p/{value}/{BORN}",
                 f"mx1/p/A/{value}"):  # fmt: skip
        assert local.get(f"{API}/mails/{path}").status_code == 404
