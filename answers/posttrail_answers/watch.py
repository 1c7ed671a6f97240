"""Looks at the whole posttrail again and again and shows it as metrics, for alerts.

One process for all: what stands in Kafka and PostgreSQL is the same wherever one asks. Changes
nothing. Knows no stage; a server that is away is waited for.
"""

import time
from threading import Event

import psycopg2

from posttrail import config, metrics, service
from posttrail.config import Settings
from posttrail.errors import NotReady, Unreachable
from posttrail.logs import logger
from posttrail.metrics_server import Health
from posttrail_answers.alerts import Alerts, alerts
from posttrail_answers.database import reading
from posttrail_answers.standing import observing

STAGE = "watch"
STUCK_S = 180.0
"""A loop that has not turned for so long is stuck."""
_TURN_S = 1.0


class Watch:
    """Until told to stop."""

    def __init__(self, settings: Settings) -> None:
        """Connects nothing yet."""
        self._settings = settings
        self._reason = "has not looked yet"
        self._turned = time.monotonic()
        self._log = logger(STAGE)

    def health(self) -> Health:
        """For probes, from any thread."""
        return Health(
            live=time.monotonic() - self._turned < STUCK_S,
            ready=not self._reason,
            reason=self._reason,
        )

    def run(self, stopping: Event) -> None:
        """Look, wait, look again."""
        service.ready()
        due = 0.0
        while not stopping.is_set():
            self._turned = time.monotonic()
            service.alive()
            if self._turned >= due:
                due = self._turned + self._settings.watch.seconds
                self._try()
            stopping.wait(_TURN_S)

    def _try(self) -> None:
        try:
            look(self._settings)
        except (NotReady, Unreachable, psycopg2.OperationalError) as error:
            metrics.failed(STAGE)
            self._told(" ".join(str(error).split()))
        else:
            self._told("")

    def _told(self, reason: str) -> None:
        """Tell what has changed, once."""
        if reason and reason != self._reason:
            self._log.warning("cannot look", reason=reason)
        elif self._reason and not reason:
            self._log.info("watching")
        self._reason = reason


def look(settings: Settings) -> None:
    """Look once and set the metrics.

    Raises:
        posttrail.errors.Unreachable: Kafka or PostgreSQL is away.
        posttrail.errors.NotReady: topics or tables are not there.
        psycopg2.OperationalError: the database went away meanwhile.
    """
    began = time.monotonic()
    with observing(settings) as observer:
        waiting, dead = observer.lag(), observer.dead()
    with reading(config.dsn(settings)) as opened:
        found = alerts(opened)
    metrics.WATCH_WAITING.labels("process").set(waiting.raw)
    metrics.WATCH_WAITING.labels("sink").set(waiting.deliveries)
    metrics.WATCH_DEAD.set(dead)
    show(found)
    metrics.WATCH_SECONDS.set(time.monotonic() - began)
    metrics.WATCH_LOOKED.set_to_current_time()


def show(found: Alerts) -> None:
    """Set the metrics that come from the views; what is no longer found goes."""
    for gauge in (
        metrics.WATCH_SILENT, metrics.WATCH_USUAL, metrics.WATCH_DEFERRED, metrics.WATCH_ENDED,
        metrics.WATCH_GAPS, metrics.WATCH_GAP_LINES,
    ):  # fmt: skip
        gauge.clear()
    for silence in found.silences:
        metrics.WATCH_SILENT.labels(silence.host).set(silence.seconds)
        if silence.usual_entries is not None:
            metrics.WATCH_USUAL.labels(silence.host).set(silence.usual_entries)
    for each in found.destinations:
        metrics.WATCH_DEFERRED.labels(each.domain).set(each.deferred)
        metrics.WATCH_ENDED.labels(each.domain).set(each.ended)
    for gap in found.gaps:
        metrics.WATCH_GAPS.labels(gap.host, gap.source).set(gap.gaps)
        metrics.WATCH_GAP_LINES.labels(gap.host, gap.source).set(gap.lines)
    metrics.WATCH_NETWORKS.set(found.login_networks)
    metrics.WATCH_SHORT.set(found.waiting_bundles)
    metrics.WATCH_MARKS.set(found.events.marks)
    metrics.WATCH_MARKED.set(found.events.oldest_s)
