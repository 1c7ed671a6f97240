"""The pure parts of the web page: who may start it, where boxes and bars stand, what is escaped."""

from datetime import UTC, datetime, timedelta
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from posttrail_answers.hops import Node, Tree
from posttrail_answers.report_records import HourCounts
from posttrail_answers.timeline import MailKey
from posttrail_answers.words import Word
from posttrail_web import api, charts, pictures, readiness, secure_start, server
from posttrail_web.problems import Problem
from posttrail_web.rendering import mail_path, page, shown
from posttrail_web.visitors import clean_domains, known

from posttrail.errors import BadSettings
from posttrail.web_settings import Web
from tests.certificates import Certificates

ROOT = Path(__file__).parents[2]
T = datetime(2026, 3, 1, tzinfo=UTC)
OIDC = {
    "login": "oidc", "hostname": "trail.example.com", "oidc_issuer": "https://login.example.com",
    "oidc_client_id": "posttrail", "oidc_client_secret": "s", "session_secret": "0" * 32,
}  # fmt: skip


@pytest.mark.parametrize(
    ("given", "cure"),
    [
        ({"address": "0.0.0.0"}, "web.login"),
        ({"address": "::"}, "web.login"),
        ({"address": "192.0.2.1", **OIDC}, "web.cert_file"),
        ({"login": "proxy", "hostname": "a.example"}, "web.trusted_proxies"),
        ({**OIDC, "hostname": ""}, "web.hostname"),
        ({**OIDC, "session_secret": "short"}, "openssl rand"),
        ({**OIDC, "oidc_client_secret": ""}, "web.oidc_client_secret"),
        ({**OIDC, "oidc_issuer": "http://login.example.com"}, "https"),
    ],
)
def test_a_start_that_shows_mails_to_strangers_is_refused(given: dict[str, Any], cure: str) -> None:
    with pytest.raises(BadSettings, match=cure):
        secure_start.require(Web(**given))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"address": "::1"},
        OIDC,
        {"address": "192.0.2.1", "trusted_proxies": ("192.0.2.9",), **OIDC},
        {"address": "192.0.2.1", "cert_file": "a.pem", "key_file": "a.key", **OIDC},
        {"login": "proxy", "hostname": "a.example", "trusted_proxies": ("192.0.2.9",)},
    ],
)
def test_a_safe_start_is_not_refused(given: dict[str, Any]) -> None:
    secure_start.require(Web(**given))


def test_what_is_no_domain_is_left_out() -> None:
    assert clean_domains(["@Example.ORG", "a,b", "", 7, "x'y", " example.net "]) == (
        "example.net", "example.org",
    )  # fmt: skip


def test_a_user_has_the_domains_of_settings_and_claim() -> None:
    web = Web(user_domains={"ann": ("example.org",)}, administrators=frozenset({"root"}))

    assert known(web, "ann", "", ["example.net"]).domains == ("example.net", "example.org")
    assert not known(web, "ann", "").administrator
    assert known(web, "root", "").administrator


def test_text_that_turns_or_hides_is_shown_as_such() -> None:
    assert shown("a\u202eb\x1b[31m") == "a\ufffdb\ufffd[31m"


def test_a_page_escapes_everything() -> None:
    text = bytes(
        page("problem.html", {"problem": Problem(400, "<b>", "\"'<script>")}).body
    ).decode()

    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_a_path_holds_any_name() -> None:
    assert mail_path(MailKey("A", "mx/1?", "postfix", T)) == (
        "mx%2F1%3F/postfix/A/2026-03-01T00%3A00%3A00Z"
    )


def _node(name: str, *children: Node) -> Node:
    return Node(key=MailKey(name, "mx1", "postfix", T), word=Word.DELIVERED, children=children)


def test_boxes_of_a_graph_do_not_overlap() -> None:
    tree = Tree(root=_node("A", _node("B", _node("C"), _node("D")), _node("E")), mails=5, cut=False)

    found = pictures.graph(tree)

    places = {box.node.key.queue_id: (box.x, box.y) for box in found.boxes}
    assert len(set(places.values())) == 5
    assert places["A"][0] < places["B"][0] == places["E"][0] < places["C"][0]
    assert places["A"][1] == places["B"][1] == places["C"][1] < places["D"][1] < places["E"][1]
    assert len(found.lines) == 4
    assert found.height == places["E"][1] + pictures.BOX_HEIGHT


def test_the_highest_hour_fills_the_chart() -> None:
    hours = [
        HourCounts(
            start=T + timedelta(hours=at), received=0, delivered=at, deferred=at, bounced=0,
            rejected=0,
        )
        for at in range(3)
    ]  # fmt: skip

    none, half, full = charts.bars(hours)

    assert none.pieces == ()
    assert sum(piece.height for piece in half.pieces) == charts.HEIGHT / 2
    assert full.pieces[-1].y == 0


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def test_a_certificate_that_holds_is_told_with_its_end(certificates: Certificates) -> None:
    pair = certificates.server

    said = readiness.certificate(Web(cert_file=pair.certificate, key_file=pair.key))

    assert said.startswith("holds until ")


@pytest.mark.parametrize(
    ("certificate", "key", "cure"),
    [
        ("expired_server.certificate", "expired_server.key", "renew it"),
        ("server.certificate", "client.key", "of this certificate"),
        ("server.certificate", "server.locked_key", "without a password"),
        ("server.key", "server.key", "PEM files"),
    ],
)
def test_a_certificate_that_cannot_serve_is_told_with_the_cure(
    certificates: Certificates, certificate: str, key: str, cure: str
) -> None:
    files = {"cert_file": certificate, "key_file": key}
    web = Web(**{name: attrgetter(of)(certificates) for name, of in files.items()})

    with pytest.raises(BadSettings, match=cure):
        readiness.certificate(web)


def test_a_certificate_that_is_not_there_is_told() -> None:
    web = Web(cert_file=Path("/nowhere/web.pem"), key_file=Path("/nowhere/web.key"))

    with pytest.raises(BadSettings, match=r"No such file.*web\.cert_file"):
        readiness.certificate(web)


def test_a_port_that_is_taken_is_told() -> None:
    with server._listening("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(BadSettings, match=rf"port {port}: .*in use.*web\.port"):
            server._listening("127.0.0.1", port)


def test_the_description_is_what_the_api_serves() -> None:
    assert (ROOT / "docs/openapi.json").read_bytes() == api.description_text(), "run `make docs`"


def test_every_path_of_the_api_is_described() -> None:
    described = {api.PREFIX + path for path in api.description()["paths"]}

    assert {route.path for route in api.routes()} == described | {f"{api.PREFIX}/openapi.json"}
