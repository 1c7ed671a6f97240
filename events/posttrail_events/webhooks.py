"""All targets of the webhooks, each in a thread of its own. Knows no HTTP."""

import time
from threading import Event, Thread

from posttrail import kafka_rights, kafka_rules, service, topic_admin
from posttrail.config import Settings
from posttrail.errors import BadSettings
from posttrail.logs import logger
from posttrail.metrics_server import Health
from posttrail.topics import DEAD, EVENTS
from posttrail_events.delivery import STAGE, Delivery

STUCK_S = 180.0
"""A target's thread that has not turned for so long is stuck."""
_TURN_S = 0.2


class Webhooks:
    """One worker; several share the partitions of each target."""

    def __init__(self, settings: Settings) -> None:
        """Connects nothing yet.

        Raises:
            BadSettings: there is no target, or a secret cannot be read.
        """
        if not settings.webhooks.targets:
            raise BadSettings("no [[webhooks.targets]] is set: nobody gets anything")
        self._settings = settings
        self._ending = Event()
        self._deliveries = [
            Delivery(settings, target, self._ending) for target in settings.webhooks.targets
        ]

    def health(self) -> Health:
        """For probes, from any thread. A target that is away is no reason to start anew."""
        away = {one.name: one.trouble for one in self._deliveries if one.trouble is not None}
        return Health(
            live=all(time.monotonic() - one.turned < STUCK_S for one in self._deliveries),
            ready=True,
            reason="; ".join(f"{name}: {why}" for name, why in away.items()),
            detail={"taken": {one.name: one.taken for one in self._deliveries}},
        )

    def run(self, stopping: Event) -> None:
        """Deliver until told to stop.

        Raises:
            Unreachable, NotReady: at the start, Kafka is not there or not as it should be.
            Stop: later, it refuses us.
        """
        topic_admin.require(self._settings, EVENTS, DEAD)
        kafka_rights.require(self._settings, kafka_rules.of_webhooks(self._settings))
        threads = [Thread(target=one.run, name=one.name) for one in self._deliveries]
        for thread in threads:
            thread.start()
        service.ready()
        logger(STAGE).info("webhooks start", targets=[one.name for one in self._deliveries])
        while not stopping.is_set() and all(thread.is_alive() for thread in threads):
            if self.health().live:
                service.alive()
            stopping.wait(_TURN_S)
        service.stopping()
        self._ending.set()
        for thread in threads:
            thread.join()
        for one in self._deliveries:
            if one.failure is not None:
                raise one.failure
