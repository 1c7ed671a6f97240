"""/metrics and /health of a process, for Prometheus and for probes. Knows no stage.

`/metrics`  every metric of posttrail.metrics
`/live`     200 as long as the process does its work or waits for a server; 503: restart it
`/ready`    200 when all servers that it needs answer; 503: it waits, and says what for
`/health`   the state as JSON, with the status of `/ready`
"""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from posttrail import __version__, logs, metrics
from posttrail.config import Metrics
from posttrail.errors import BadSettings


class Health(msgspec.Struct, frozen=True):
    """How a process is."""

    live: bool
    ready: bool
    reason: str = ""
    """Why it is not ready, in one line; empty when it is."""
    detail: dict[str, Any] = {}
    """What a person wants to know: counts, lag, the last error."""


class Server:
    """A running server."""

    def __init__(self, http: ThreadingHTTPServer) -> None:
        """Answers in a thread of its own until `close`."""
        self.port: int = http.server_address[1]
        self._http = http
        self._thread = Thread(target=http.serve_forever, args=(0.1,), name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def serve(settings: Metrics, health: Callable[[], Health]) -> Server | None:
    """Answer on the port of the settings; None: no port is set.

    `health` is called in another thread, for every question.

    Raises:
        BadSettings: the port or address cannot be had.
    """
    if settings.port is None:
        return None
    handler = type("Handler", (_Handler,), {"health": staticmethod(health)})
    try:
        http = ThreadingHTTPServer((settings.address, settings.port), handler)
    except OSError as error:
        raise BadSettings(
            f"metrics.address and metrics.port: cannot listen on {settings.address} port "
            f"{settings.port}: {error.strerror}"
        ) from error
    http.daemon_threads = True
    metrics.BUILD.labels(__version__).set(1)
    metrics.LIVE.set_function(lambda: health().live)
    metrics.READY.set_function(lambda: health().ready)
    server = Server(http)
    url = f"http://{settings.address}:{server.port}/metrics"
    logs.logger("metrics").info("metrics are served", url=url)
    return server


class _Handler(BaseHTTPRequestHandler):
    health: Callable[[], Health]
    timeout = 10

    def do_GET(self) -> None:  # the library's name
        match self.path.partition("?")[0]:
            case "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest(REGISTRY))
            case "/live":
                self._say(self.health().live, "stuck: nothing has moved for too long")
            case "/ready":
                health = self.health()
                self._say(health.ready, health.reason or "not ready")
            case "/health":
                health = self.health()
                state = msgspec.json.encode(health) + b"\n"
                self._answer(200 if health.ready else 503, "application/json", state)
            case _:
                self._answer(404, "text/plain", b"/metrics /live /ready /health\n")

    def _say(self, good: bool, reason: str) -> None:
        text = "ok" if good else " ".join(reason.split())
        self._answer(200 if good else 503, "text/plain; charset=utf-8", f"{text}\n".encode())

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
        logs.logger("metrics").debug(format % args)
