"""The manifests for Kubernetes: against its own schemas, and against posttrail's commands."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import typer
from ruamel.yaml import YAML

from posttrail import config
from posttrail.cli.main import app
from tests.program import ROOT

MANIFESTS = ROOT / "deploy/kubernetes"
VERSION = "1.34"
"""All kinds that are used have been stable since 1.25."""
Document = dict[str, Any]


def documents(path: Path) -> list[Document]:
    return list(YAML(typ="safe").load_all(path.read_text()))


KUSTOMIZATION = documents(MANIFESTS / "kustomization.yaml")[0]
EVENTS = MANIFESTS / "events"
COMPONENT = documents(EVENTS / "kustomization.yaml")[0]
FILES = [
    *(MANIFESTS / name for name in KUSTOMIZATION["resources"]),
    *(EVENTS / name for name in COMPONENT["resources"]),
]
ALL = [each for path in FILES for each in documents(path)]
WORKLOADS = [each for each in ALL if each["kind"] in ("Deployment", "Job")]
DEPLOYMENTS = [each for each in ALL if each["kind"] == "Deployment"]
WATCHED = [each for each in DEPLOYMENTS if each["metadata"]["name"] != "web"]
"""They answer probes at `metrics.port`; the web page has its own port alone."""


def named(document: Document) -> str:
    return f"{document['kind']}/{document['metadata']['name']}"


def pod(workload: Document) -> Document:
    found: Document = workload["spec"]["template"]["spec"]
    return found


def container(workload: Document) -> Document:
    (found,) = pod(workload)["containers"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    "document", [*ALL, *documents(MANIFESTS / "secret.example.yaml")], ids=named
)
def test_kubernetes_knows_every_field(document: Document) -> None:
    assert kubernetes_validate.validate(document, VERSION, strict=True) == VERSION


def test_a_field_with_a_wrong_name_would_be_noticed() -> None:
    wrong = {**DEPLOYMENTS[0], "spec": {**DEPLOYMENTS[0]["spec"], "replica": 2}}

    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


def test_every_manifest_is_applied() -> None:
    left_out = {*MANIFESTS.rglob("*.yaml")} - {*FILES}

    assert {str(path.relative_to(MANIFESTS)) for path in left_out} == {
        "kustomization.yaml", "secret.example.yaml", "events/kustomization.yaml",
    }  # fmt: skip


def test_delivery_events_are_for_who_switches_them_on() -> None:
    """Without `posttrail events on` their pods would start again and again."""
    line = "# components:\n#   - events\n"

    assert COMPONENT["kind"] == "Component"
    assert "components" not in KUSTOMIZATION
    assert line in (MANIFESTS / "kustomization.yaml").read_text()


def command(workload: Document) -> str:
    return str(container(workload)["args"][0])


def test_pods_run_commands_that_exist() -> None:
    known = set(getattr(typer.main.get_command(app), "commands", {}))

    assert {command(each) for each in WORKLOADS} <= known
    assert {command(each) for each in DEPLOYMENTS} >= {
        "process", "sink", "watch", "web", "events", "webhooks",
    }  # fmt: skip


@pytest.mark.parametrize("workload", WORKLOADS, ids=named)
def test_a_pod_runs_with_few_rights(workload: Document) -> None:
    """As Kubernetes's profile `restricted` asks, and more."""
    assert pod(workload)["securityContext"]["runAsNonRoot"] is True
    assert pod(workload)["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod(workload)["automountServiceAccountToken"] is False
    assert container(workload)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("workload", WORKLOADS, ids=named)
def test_a_pod_has_limits_and_reads_its_secrets_from_files(workload: Document) -> None:
    assert set(container(workload)["resources"]) == {"requests", "limits"}
    names = {one["name"] for one in container(workload)["env"]}
    assert names == {"POSTTRAIL_CONFIG"}
    mounted = {one["name"]: one for one in container(workload)["volumeMounts"]}
    assert mounted["secrets"]["readOnly"]


@pytest.mark.parametrize("workload", WATCHED, ids=named)
def test_a_pod_is_asked_whether_it_lives_and_whether_it_is_ready(workload: Document) -> None:
    found = container(workload)

    assert found["livenessProbe"]["httpGet"]["path"] == "/live"
    assert found["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert found["ports"] == [{"name": "metrics", "containerPort": _settings().metrics.port}]


@pytest.mark.parametrize("workload", DEPLOYMENTS, ids=named)
def test_a_selector_finds_its_pods(workload: Document) -> None:
    labels = workload["spec"]["template"]["metadata"]["labels"]

    assert workload["spec"]["selector"]["matchLabels"] == labels


def test_what_is_scaled_keeps_a_worker_while_nodes_are_drained() -> None:
    budgets = {named(each): each["spec"] for each in ALL if each["kind"] == "PodDisruptionBudget"}
    scaled = [each for each in DEPLOYMENTS if each["spec"]["replicas"] > 1]

    assert len(scaled) >= 2
    for each in scaled:
        spec = budgets[f"PodDisruptionBudget/{each['metadata']['name']}"]
        assert spec["selector"] == each["spec"]["selector"]


def _settings() -> config.Settings:
    return config.load()


def secret_keys(name: str) -> set[str]:
    secrets = documents(MANIFESTS / "secret.example.yaml")
    return {
        key for each in secrets if each["metadata"]["name"] == name for key in each["stringData"]
    }


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTTRAIL_CONFIG", str(MANIFESTS / "posttrail.toml"))


def test_the_settings_can_be_used_and_hold_no_secret() -> None:
    found = _settings()

    assert found.metrics.address == "0.0.0.0"
    assert "password=" not in found.postgres.dsn.get_secret_value()
    files = [str(found.kafka.password_file), str(found.postgres.password_file)]
    assert {Path(name).name for name in files} <= secret_keys("posttrail")


def test_the_web_page_has_settings_secrets_and_a_port_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POSTTRAIL_CONFIG", str(MANIFESTS / "posttrail-web.toml"))
    found = config.load().web
    (web,) = (each for each in DEPLOYMENTS if each["metadata"]["name"] == "web")

    files = (found.cert_file, found.key_file, found.session_secret_file)
    assert {Path(str(name)).name for name in files} <= secret_keys("posttrail-web")
    assert container(web)["ports"] == [{"name": "https", "containerPort": found.port}]
    assert container(web)["env"][0]["value"].endswith("/posttrail-web.toml")


def test_webhooks_have_settings_and_secrets_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTTRAIL_CONFIG", str(EVENTS / "posttrail-webhooks.toml"))
    found = config.load()
    (webhooks,) = (each for each in DEPLOYMENTS if each["metadata"]["name"] == "webhooks")
    volumes = {each["name"]: each for each in pod(webhooks)["volumes"]}

    files = [found.kafka.password_file, *(each.secret_file for each in found.webhooks.targets)]
    assert len(files) == 2
    assert {Path(str(name)).name for name in files} <= secret_keys("posttrail-webhooks")
    assert (found.metrics.port, found.metrics.address) == (9100, "0.0.0.0")
    assert volumes["secrets"]["secret"]["secretName"] == "posttrail-webhooks"
    assert [each["name"] for each in COMPONENT["configMapGenerator"]] == ["posttrail-webhooks"]
    assert volumes["settings"]["configMap"]["name"] == "posttrail-webhooks"


def test_ports_to_the_servers_are_open() -> None:
    (policy,) = (each for each in ALL if each["kind"] == "NetworkPolicy")
    open_ports = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
    brokers = config.bootstrap(_settings()).split(",")

    assert {int(broker.rpartition(":")[2]) for broker in brokers} <= open_ports
    assert 5432 in open_ports
