"""/metrics, /live, /ready and /health over real HTTP."""

import json
import re
import socket
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from posttrail.config import Metrics
from posttrail.errors import BadSettings
from posttrail.metrics_server import Health, Server, serve


class Process:
    """What is asked."""

    health = Health(live=True, ready=True, detail={"lines": 3})


@pytest.fixture
def process() -> Process:
    return Process()


@pytest.fixture
def server(process: Process) -> Iterator[Server]:
    started = serve(Metrics(port=0), lambda: process.health)
    assert started is not None
    yield started
    started.close()


def get(server: Server, path: str) -> tuple[int, str]:
    try:
        with urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_metrics_are_served(server: Server) -> None:
    status, text = get(server, "/metrics")
    assert status == 200
    assert "# TYPE posttrail_producer_lines_total counter" in text


def test_a_process_that_waits_for_a_server_is_live_and_not_ready(
    server: Server, process: Process
) -> None:
    assert get(server, "/ready") == (200, "ok\n")
    process.health = Health(
        live=True, ready=False, reason="Kafka does not\nanswer", detail={"last_error": "no broker"}
    )
    assert get(server, "/live") == (200, "ok\n")
    assert get(server, "/ready") == (503, "Kafka does not answer\n")
    status, text = get(server, "/health")
    assert status == 503
    assert json.loads(text)["detail"] == {"last_error": "no broker"}


def test_a_process_that_is_stuck_is_not_live(server: Server, process: Process) -> None:
    process.health = Health(live=False, ready=False)
    assert get(server, "/live")[0] == 503
    assert "posttrail_live 0.0" in get(server, "/metrics")[1]


def test_health_is_also_a_metric(server: Server, process: Process) -> None:
    process.health = Health(live=True, ready=False)
    _, text = get(server, "/metrics")
    assert "posttrail_live 1.0" in text
    assert "posttrail_ready 0.0" in text
    assert re.search(r'^posttrail_build_info\{version="[0-9.]+"\} 1\.0$', text, re.MULTILINE)


def test_other_paths_say_what_there_is(server: Server) -> None:
    status, text = get(server, "/")
    assert status == 404
    assert "/metrics" in text


def test_no_port_means_no_server() -> None:
    assert serve(Metrics(), lambda: Process.health) is None


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadSettings, match=str(port)):
            serve(Metrics(port=port), lambda: Process.health)
