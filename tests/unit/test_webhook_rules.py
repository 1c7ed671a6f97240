"""Where webhooks may go, how they are signed, and that their secrets stay secret."""

from pathlib import Path
from typing import Any

import pytest
from posttrail_events.posting import Poster
from posttrail_events.signing import signature

from posttrail import config
from posttrail.errors import BadSettings

TARGET = {"name": "shop", "url": "https://shop.example.com/mail", "domains": ["example.com"]}


def load(**changes: Any) -> config.Settings:
    return config.load(webhooks={"targets": [{**TARGET, "secret": "s3cret-4711", **changes}]})


def test_a_signature_is_what_the_docs_say() -> None:
    """Computed with: printf '1795500000.{"a":1}' | openssl dgst -sha256 -hmac key"""
    assert signature(b"key", b'{"a":1}', 1_795_500_000) == (
        "t=1795500000,v1=bdce02046fb5b6264618da6b1e4d87d1f18990b41b3d82cefc7d411f535403a6"
    )


@pytest.mark.parametrize(
    "url",
    ["https://a.example.com/x", "http://localhost:80/", "http://127.0.0.2/", "http://[::1]:8080/"],
)
def test_webhooks_go_by_https_or_stay_on_this_machine(url: str) -> None:
    assert load(url=url).webhooks.targets[0].url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example.com/",
        "http://192.0.2.1/",
        "http://127.0.0.1.example.com/",
        "ftp://a/",
        "x",
    ],
)
def test_webhooks_go_nowhere_else(url: str) -> None:
    with pytest.raises(BadSettings, match="https"):
        load(url=url)


@pytest.mark.parametrize("changes", [{"secret": ""}, {"domains": []}, {"name": "A B"}])
def test_a_target_has_a_name_a_secret_and_domains(changes: dict[str, Any]) -> None:
    with pytest.raises(BadSettings):
        load(**changes)


def test_two_targets_have_two_names() -> None:
    with pytest.raises(BadSettings, match="one name"):
        config.load(webhooks={"targets": [{**TARGET, "secret": "x"}, {**TARGET, "secret": "y"}]})


def test_a_secret_comes_from_its_file_and_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("\n")
    settings = load(secret="", secret_file=file)

    with pytest.raises(BadSettings, match="empty"):
        Poster(settings.webhooks.targets[0], 1)
    assert "s3cret" not in repr(load())
