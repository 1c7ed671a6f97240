"""The web page in a real browser: Debian's chromium, headless."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, sync_playwright

from tests.fix_web import BORN, FIRST, HOSTILE_ADDRESS, HOSTILE_SUBJECT, Served, serving
from tests.missing import missing

pytestmark = pytest.mark.postgres

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
MAIL = f"/mails/mx1/postfix/{FIRST}/{BORN}"
PERIOD = "since=2026-03-01T06:00Z&until=2026-03-01T14:00Z"
EVE = "eve-" + "0" * 32
SHOTS = os.environ.get("POSTTRAIL_SCREENSHOTS")


@pytest.fixture(scope="module")
def served(web_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    tokens = json.dumps([{"name": "eve", "token": EVE, "domains": ["example.edu"]}])
    with serving(web_dsn, tmp_path_factory.mktemp("web"), WEB__TOKENS=tokens) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        missing("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, headless=True, args=FLAGS)
        yield opened
        opened.close()


class Looked:
    """A page, and what it did that it must not."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.trouble: list[str] = []
        page.on("dialog", self._on_dialog)
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        page.on("console", self._on_console)
        page.on("request", lambda request: self._on_request(request.url))

    def _on_dialog(self, dialog: Dialog) -> None:
        self.trouble.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.trouble.append(message.text)

    def _on_request(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "http://localhost:")):
            self.trouble.append(f"asset from outside: {url}")

    def shot(self, name: str) -> None:
        """Kept where somebody wants to look at it."""
        if SHOTS:
            self.page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)

    def fits(self) -> bool:
        """Nothing to scroll sideways."""
        return bool(self.page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        ))  # fmt: skip


@pytest.fixture
def looked(browser: Browser, served: Served) -> Iterator[Looked]:
    context = browser.new_context(base_url=served.url, viewport={"width": 1000, "height": 700})
    found = Looked(context.new_page())
    yield found
    context.close()
    assert found.trouble == []


def test_a_mail_is_found_opened_and_followed_to_the_next_host(looked: Looked) -> None:
    page = looked.page
    page.goto("/")
    page.get_by_label("From").fill("ann@example.com")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?*")
    looked.shot("search")
    page.get_by_role("link", name=f"{FIRST} on mx1").click()

    assert "mailbox is full; will be retried" in page.locator(".timeline").inner_text()
    assert page.locator("svg circle").count() == 3
    looked.shot("mail")
    page.locator(".hops").get_by_role("link", name="00003CCCC on mx2").click()
    assert "00003CCCC on mx2" in page.locator("h1").inner_text()
    page.locator("svg a").first.click()
    assert FIRST in page.locator("h1").inner_text()


def test_the_search_works_by_keyboard_alone(looked: Looked) -> None:
    page = looked.page
    page.goto("/search")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("ann@example.com")
    page.keyboard.press("Enter")

    page.get_by_role("link", name=f"{FIRST} on mx1").wait_for()


def test_a_hostile_subject_and_address_are_text(looked: Looked) -> None:
    page = looked.page
    page.goto("/search?queue_id=00004DDDD")
    page.get_by_role("link", name="00004DDDD on mx1").click()

    text = page.locator("main").inner_text()
    assert HOSTILE_SUBJECT in text
    assert HOSTILE_ADDRESS in text
    assert "<script>alert(2)</script>" in text
    assert page.locator("main img, main script").count() == 0
    looked.shot("hostile")


@pytest.fixture(scope="module")
def phone(browser: Browser, served: Served) -> Iterator[Looked]:
    """Narrow, and dark."""
    context = browser.new_context(
        base_url=served.url, viewport={"width": 360, "height": 740}, color_scheme="dark"
    )
    found = Looked(context.new_page())
    yield found
    context.close()
    assert found.trouble == []


@pytest.mark.parametrize(
    "path", ["/search?host=mx1", MAIL, f"/traffic?{PERIOD}", "/waiting", "/gaps", "/live"]
)
def test_a_phone_need_not_scroll_sideways(phone: Looked, path: str) -> None:
    phone.page.goto(path)

    assert phone.fits()
    assert phone.page.evaluate("getComputedStyle(document.body).backgroundColor") != (
        "rgb(255, 255, 255)"
    )
    phone.shot(f"phone-{path.strip('/').partition('?')[0].partition('/')[0]}")


def test_the_hours_are_a_chart(looked: Looked) -> None:
    looked.page.goto(f"/traffic?{PERIOD}")

    for kind in ("delivered", "deferred", "bounced", "rejected"):
        assert looked.page.locator(f"svg rect.{kind}").count() == 1
    looked.shot("traffic")


def test_the_live_page_asks_for_newer_mails(looked: Looked) -> None:
    looked.page.clock.install()
    looked.page.goto("/live")
    looked.page.clock.fast_forward(5_000)

    looked.page.get_by_text("up to date at").wait_for(timeout=15_000)
    looked.page.get_by_role("button", name="Pause").click()
    assert looked.page.locator(".results li").count() == 4


def test_a_user_of_another_domain_sees_nothing(browser: Browser, served: Served) -> None:
    said = {"Authorization": f"Bearer {EVE}"}
    context = browser.new_context(base_url=served.url, extra_http_headers=said)
    page = context.new_page()
    for path in ("/search?host=mx1", "/search?sender=ann@example.com", "/waiting", "/live"):
        found = page.goto(path)
        assert found is not None
        assert found.status == 200
        text = page.locator("main").inner_text()
        assert "token eve" in page.locator("header").inner_text()
        assert FIRST not in text
        assert "example.com" not in text
        assert "Nothing" in text or page.locator(".results li").count() == 0
    gone = page.goto(MAIL)
    assert gone is not None
    assert gone.status == 404
    context.close()
