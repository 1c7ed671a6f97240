"""Where everything stands: how much waits before each stage, and how many rows there are."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import msgspec
from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient
from psycopg2.extensions import connection

from posttrail import config, lag, topic_admin, topics
from posttrail.config import Settings
from posttrail.errors import TimedOut, Unreachable
from posttrail_answers.database import reading, sql
from posttrail_answers.gaps import Gap, newest_gaps

_ANSWER_S = 15.0
_LOOK_S = 0.2
_SHOWN_GAPS = 5


class Lag(msgspec.Struct, frozen=True):
    """Records that wait before each stage; 0 means that there is nothing to do."""

    raw: int
    deliveries: int


class Places(msgspec.Struct, frozen=True):
    """How far a stage is on its topic, and how far it can go."""

    topic: str
    done: dict[int, int]
    end: dict[int, int]


class Observer:
    """Asks Kafka and PostgreSQL; use it within `observing`."""

    def __init__(self, settings: Settings, admin: AdminClient, database: connection) -> None:
        """Connections are the caller's."""
        self._settings = settings
        self._admin = admin
        self._database = database

    def lag(self) -> Lag:
        """Both stages now."""
        return Lag(self._waiting(self._raw()), self._waiting(self._deliveries()))

    def wait_until_idle(self, give_up: Callable[[Lag], bool]) -> None:
        """Wait until all that was in Kafka when this was called stands in the tables.

        Args:
            give_up: told at each look what still waits; whether to wait no longer.

        Raises:
            posttrail.errors.TimedOut: `give_up` said so.
        """
        for places in (self._raw, self._deliveries):
            end = places().end
            while self._waiting(msgspec.structs.replace(places(), end=end)):
                found = self.lag()
                if give_up(found):
                    raise TimedOut(
                        f"not idle in time: {found.raw} lines and {found.deliveries} facts wait; "
                        "see `posttrail status`, and the logs of the stages"
                    )
                time.sleep(_LOOK_S)

    def rows(self) -> dict[str, int]:
        """Rows of every table, and under `dead` what waits in `maillog.dead`."""
        with self._database.cursor() as cursor:
            cursor.execute(sql("rows"))
            counts = cursor.fetchone()
            names = [column.name for column in cursor.description or ()]
        return {**dict(zip(names, counts or (), strict=True)), "dead": self.dead()}

    def gaps(self) -> list[Gap]:
        """The newest gaps in the log, newest first."""
        return newest_gaps(self._database, _SHOWN_GAPS)

    def raw_ends(self) -> dict[int, int]:
        """Where the next line of each raw partition will stand."""
        return self._raw().end

    def example(self, since: Mapping[int, int]) -> str | None:
        """The queue id of a mail that shows much; None where there is no mail.

        Args:
            since: raw offset by partition; only mails with a later attempt are looked at.
        """
        with self._database.cursor() as cursor:
            cursor.execute(sql("example"), {"since": msgspec.json.encode(since).decode()})
            found = cursor.fetchone()
        return found[0] if found else None

    def _waiting(self, places: Places) -> int:
        return lag.waiting(self._settings, places.topic, places.done, places.end)

    def dead(self) -> int:
        """What waits in `maillog.dead`."""
        topic = self._full(topics.DEAD)
        end = lag.ends(self._admin, topic, topics.DEAD.partitions)
        first = lag.beginnings(self._admin, topic, topics.DEAD.partitions)
        return sum(end.values()) - sum(first.values())

    def _full(self, topic: topics.Topic) -> str:
        return topic.full_name(self._settings.kafka.prefix)

    def _raw(self) -> Places:
        group = self._settings.kafka.prefix + self._settings.processor.group
        topic = self._full(topics.RAW)
        done = lag.committed(self._settings, group, topic, topics.RAW.partitions)
        return self._places(topics.RAW, done)

    def _deliveries(self) -> Places:
        topic = self._full(topics.DELIVERIES)
        group = self._settings.kafka.prefix + self._settings.sink.group
        described = self._admin.describe_topics(TopicCollection([topic]))[topic].result(_ANSWER_S)
        given = {"group": group, "topic": topic, "topic_id": str(described.topic_id)}
        with self._database.cursor() as cursor:
            cursor.execute(sql("sink_offsets"), given)
            done = dict(cursor.fetchall())
        return self._places(topics.DELIVERIES, done)

    def _places(self, topic: topics.Topic, done: dict[int, int]) -> Places:
        name = self._full(topic)
        first = lag.beginnings(self._admin, name, topic.partitions)
        return Places(name, {**first, **done}, lag.ends(self._admin, name, topic.partitions))


@contextmanager
def observing(settings: Settings) -> Iterator[Observer]:
    """Connections for as long as somebody looks.

    Raises:
        posttrail.errors.Unreachable: Kafka or PostgreSQL is away.
        posttrail.errors.NotReady: topics or tables are not there.
    """
    topic_admin.require(settings, *topics.ALL)
    with reading(config.dsn(settings)) as database:
        try:
            yield Observer(settings, topic_admin.client(settings), database)
        except KafkaException as error:
            raise Unreachable(
                f"Kafka at {config.bootstrap(settings)}: {error.args[0].str()}"
            ) from error
