"""docker-compose.yml as Compose reads it: anchors merged, variables at their defaults."""

import re
from typing import Any

from ruamel.yaml import YAML

from tests.program import ROOT

FILE = ROOT / "docker-compose.yml"
_VARIABLE = re.compile(r"\$\{\w+:-([^}]*)\}")


def services() -> dict[str, dict[str, Any]]:
    """Every service by name."""
    text = _VARIABLE.sub(r"\1", FILE.read_text())
    found: dict[str, dict[str, Any]] = YAML(typ="safe").load(text)["services"]
    return found
