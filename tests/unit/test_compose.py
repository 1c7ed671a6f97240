"""docker-compose.yml, as far as it can be judged without Docker."""

import subprocess
import sys
from typing import Any

import pytest

from posttrail import config
from tests.compose import FILE, services

SERVICES = services()
OURS = {name: each for name, each in SERVICES.items() if "build" in each}


def test_it_follows_the_compose_specification() -> None:
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]

    done = subprocess.run([*checker, str(FILE)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_limits(service: str) -> None:
    assert set(SERVICES[service]["deploy"]["resources"]["limits"]) == {"cpus", "memory"}


@pytest.mark.parametrize("service", SERVICES)
def test_what_runs_on_is_watched_and_what_is_a_job_ends(service: str) -> None:
    restarts = SERVICES[service]["restart"] != "no"

    assert restarts == ("healthcheck" in SERVICES[service])


@pytest.mark.parametrize("service", ["processor", "sink", "events", "webhooks"])
def test_stages_can_be_scaled(service: str) -> None:
    """A name or a port of its own would allow one of it only."""
    assert not {"container_name", "ports", "hostname"} & SERVICES[service].keys()


@pytest.mark.parametrize("service", OURS)
def test_our_services_run_with_few_rights(service: str) -> None:
    found = SERVICES[service]

    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in found["security_opt"]


@pytest.mark.parametrize("service", OURS)
def test_every_variable_is_a_setting(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment: dict[str, Any] = SERVICES[service]["environment"]
    for name, value in environment.items():
        if name != "POSTTRAIL_CONFIG":  # a file that is not here
            monkeypatch.setenv(name, value)

    assert config.load().kafka.bootstrap == "kafka:9092"


def test_a_stage_starts_after_topics_and_tables_are_made() -> None:
    for service in (
        "processor", "sink", "watch", "producer-file", "producer-follow", "producer-journal",
        "webhooks",
    ):  # fmt: skip
        assert SERVICES[service]["depends_on"] == {
            "topics": {"condition": "service_completed_successfully"},
            "migrate": {"condition": "service_completed_successfully"},
        }


def test_events_start_after_they_are_switched_on_and_only_for_who_wants_them() -> None:
    """Without `posttrail events on` the worker would start again and again."""
    before = SERVICES["events"]["depends_on"]

    assert before.keys() == {"topics", "migrate", "events-on"}
    assert SERVICES["events-on"]["command"] == ["events", "on"]
    assert SERVICES["events-on"]["profiles"] == SERVICES["events"]["profiles"] == ["events"]
    assert SERVICES["webhooks"]["profiles"] == ["webhooks"]


def test_webhooks_find_their_targets_in_a_directory_of_the_host() -> None:
    found = SERVICES["webhooks"]

    assert found["volumes"] == ["./webhooks:/settings:ro"]
    assert found["environment"]["POSTTRAIL_CONFIG"] == "/settings/posttrail.toml"
    assert found["environment"].items() > SERVICES["sink"]["environment"].items()
