"""The docs cannot lie: references are written from the code, README names only what exists."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import typer

from posttrail.cli.main import app

ROOT = Path(__file__).parents[2]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "page", ["commands.md", "settings.md", "metrics.md", "events.md", "events.schema.json"]
)
def test_a_reference_is_what_the_code_says(page: str) -> None:
    written = (ROOT / "docs" / page).read_text()

    assert written == generator().PAGES[page](), "run `make docs`"


def test_every_command_has_a_help_text() -> None:
    for name, command in getattr(typer.main.get_command(app), "commands", {}).items():
        assert command.help, name


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md"])
def test_pages_name_only_commands_that_exist(page: str) -> None:
    commands = set(getattr(typer.main.get_command(app), "commands", {}))

    text = (ROOT / page).read_text()
    named = set(re.findall(r"(?:^|`|bin/)posttrail ([a-z]+)", text, flags=re.MULTILINE))

    assert named - commands == set()


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md"])
def test_pages_name_only_files_that_exist(page: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text())

    assert [link for link in links if not (ROOT / link).exists()] == []
