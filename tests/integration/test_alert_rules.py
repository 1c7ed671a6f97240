"""Alert rules, dashboard and their page, judged by Prometheus's own tool and by the code."""

import json
import re
import shutil
import subprocess
from typing import Any

import pytest
from prometheus_client.metrics import MetricWrapperBase
from ruamel.yaml import YAML

from posttrail import metrics
from tests.missing import missing
from tests.program import ROOT

MONITORING = ROOT / "deploy/monitoring"
RULES = MONITORING / "posttrail.rules.yml"
DASHBOARD = MONITORING / "dashboard.json"
TESTS = ("posttrail.rules.test.yml", "posttrail.week.test.yml")
OF_PROMETHEUS = {"job", "instance", "le"}


def yaml(name: str) -> Any:
    return YAML(typ="safe").load((MONITORING / name).read_text())


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml(RULES.name)["groups"] for rule in group["rules"]]


def alerts() -> set[str]:
    return {rule["alert"] for rule in rules() if "alert" in rule}


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("promtool") is None:
        missing("no promtool: apt-get install prometheus")
    return subprocess.run(
        ["promtool", *arguments],
        cwd=MONITORING, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [("check", "rules", RULES.name), ("check", "config", "prometheus.yml"),
     *(("test", "rules", name) for name in TESTS)],
    ids=" ".join,
)  # fmt: skip
def test_promtool_finds_nothing_to_say(arguments: tuple[str, ...]) -> None:
    done = promtool(*arguments)

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_test_that_makes_it_fire() -> None:
    fired = {
        case["alertname"]
        for name in TESTS
        for test in yaml(name)["tests"]
        for case in test["alert_rule_test"]
        if case["exp_alerts"]
    }

    assert fired == alerts()


def test_every_alert_is_explained_and_says_whom_it_wakes() -> None:
    explained = re.findall(r"^### (\w+)$", (ROOT / "docs/alerts.md").read_text(), re.MULTILINE)

    assert set(explained) == alerts()
    assert len(explained) == len(set(explained))
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in ("page", "ticket")
            assert rule["annotations"]["summary"]


def series() -> dict[str, set[str]]:
    """Every series of the code, with its labels."""
    found: dict[str, set[str]] = {}
    for metric in vars(metrics).values():
        if not isinstance(metric, MetricWrapperBase):
            continue
        described = next(iter(metric.describe()))
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}
        for suffix in suffixes.get(described.type, [""]):
            found[described.name + suffix] = set(metric._labelnames)
    return found


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


EXPRESSIONS = [rule["expr"] for rule in rules()] + [
    target["expr"] for panel in panels() for target in panel.get("targets", [])
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_uses_metrics_and_labels_that_exist(expression: str) -> None:
    known = series()
    used = re.findall(r"\b(posttrail_\w+)(?:\{([^}]*)\})?", expression)
    labels: set[str] = set(OF_PROMETHEUS)
    for name, matchers in used:
        assert name in known
        labels |= known[name]
        assert set(re.findall(r"(\w+)[=!]", matchers)) <= known[name] | OF_PROMETHEUS
    for grouped in re.findall(r"\b(?:by|on|without) \(([^)]*)\)", expression):
        assert set(re.findall(r"\w+", grouped)) <= labels


def test_a_legend_names_labels_that_exist() -> None:
    labels = set().union(*series().values()) | OF_PROMETHEUS
    for panel in panels():
        for target in panel.get("targets", []):
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= labels


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {name for text in EXPRESSIONS for name in re.findall(r"\bposttrail_\w+", text)}
    base = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in shown}

    known = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in series()}
    assert known - base == set()


def test_panels_have_names_of_their_own_and_no_two_share_a_place() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        covered = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not covered & cells
        cells |= covered
    assert len({panel["id"] for panel in panels()}) == len(panels())
