"""Gives dead letters another try with the parser of today.

Each step is one Kafka transaction: the facts, the letters that are still dead, and the offset that
says that the others are dealt with. So a retry that is cut off, or run twice, sends nothing twice.
"""

from collections.abc import Sequence

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from posttrail import __version__, kafka_clients
from posttrail.config import Settings
from posttrail.dead_letters import DeadLetter
from posttrail.errors import Fenced, Stop
from posttrail.kafka_rules import DEAD_GROUP
from posttrail.topic_admin import require
from posttrail.topics import DEAD, DELIVERIES
from posttrail_processors.dead_topic import DeadTopic, letter_of
from posttrail_processors.reading import (
    Outgoing,
    Reader,
    microseconds,
    outgoing_fact,
    outgoing_letter,
    place_of,
)

ANSWER_SECONDS = 30.0
_FENCED = {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}  # noqa: SLF001
LARGEST_RECORD_BYTES = int(DEAD.config["max.message.bytes"])


class Outcome(msgspec.Struct):
    """What became of the letters of a retry."""

    letters: int = 0
    """All that were read."""
    understood: int = 0
    """Lines that make facts now, or need none."""
    still_dead: int = 0
    """They went back to the end of the topic, with the reason of today."""
    sent_again: int = 0
    """Facts that a sink had given up; it gets them once more."""
    facts: int = 0
    """Facts that were sent, with the origin of their first reading."""


class Answer(msgspec.Struct):
    """What to send for one letter."""

    facts: Sequence[Outgoing] = ()
    dead: Outgoing | None = None


def retry(settings: Settings, reader: Reader) -> Outcome:
    """Re-drive every dead letter that is there now.

    Raises:
        posttrail.errors.Fenced: another retry took over.
        posttrail.errors.NotReady: a topic is missing.
        posttrail.errors.Unreachable: no broker answers.
        posttrail.errors.Stop: Kafka refused a step; what came before is done.
    """
    require(settings, DELIVERIES)
    topic = DeadTopic(settings)
    try:
        return _retry(settings, topic, reader)
    except KafkaException as error:
        reason = error.args[0]
        if reason.code() in _FENCED:
            raise Fenced("another retry took over; this one has sent nothing since") from error
        raise Stop(
            f"Kafka refused the retry ({reason.str()}); what is left can be tried again"
        ) from error
    finally:
        topic.close()


def _retry(settings: Settings, topic: DeadTopic, reader: Reader) -> Outcome:
    producer = _producer(settings)
    outcome = Outcome()
    for partition in topic.partitions():
        for records in topic.records(partition):
            producer.begin_transaction()
            for record in records:
                _send(producer, settings.kafka.prefix, _answer(record, reader, outcome))
            done = TopicPartition(topic.name, partition, records[-1].offset() + 1)
            producer.send_offsets_to_transaction(
                [done], topic.consumer.consumer_group_metadata(), ANSWER_SECONDS
            )
            producer.commit_transaction(ANSWER_SECONDS)
    return outcome


def _producer(settings: Settings) -> Producer:
    producer = Producer(
        {
            **kafka_clients.base(settings, "dead"),
            "transactional.id": settings.kafka.prefix + DEAD_GROUP,
            "compression.type": "lz4",
            "message.max.bytes": LARGEST_RECORD_BYTES,
            "log_level": 0,
        }
    )
    producer.init_transactions(ANSWER_SECONDS)
    return producer


def _send(producer: Producer, prefix: str, answer: Answer) -> None:
    sent = [(DELIVERIES, fact) for fact in answer.facts]
    if answer.dead is not None:
        sent.append((DEAD, answer.dead))
    for topic, record in sent:
        producer.produce(
            topic.full_name(prefix),
            record.value,
            record.key,
            headers=record.headers,
            timestamp=record.timestamp or 0,
        )
    producer.poll(0)


def _answer(record: Message, reader: Reader, outcome: Outcome) -> Answer:
    letter = letter_of(record)
    if letter is None:
        return Answer()
    outcome.letters += 1
    if letter.stage == "sink":
        outcome.sent_again += 1
        return Answer([Outgoing(letter.key, letter.value, [], None)])
    if letter.stage == "webhook":  # its state may be an old one by now: kept, as it is
        outcome.still_dead += 1
        return Answer(dead=outgoing_letter(letter))
    facts, reason = _read_again(letter, reader)
    if reason is not None:
        outcome.still_dead += 1
        again = msgspec.structs.replace(letter, reason=reason, version=__version__)
        return Answer(dead=outgoing_letter(again))
    outcome.understood += 1
    outcome.facts += len(facts)
    return Answer(facts)


def _read_again(letter: DeadLetter, reader: Reader) -> tuple[list[Outgoing], str | None]:
    """The line's facts, or why it is still dead."""
    try:
        found = reader(letter.value, letter.origin, microseconds(letter.received))
        facts = [outgoing_fact(fact) for fact in found.facts]
    except Exception as error:  # noqa: BLE001  # as in reading.read: a bug is no reason to stop
        return [], f"internal error: {place_of(error)}"
    return facts, (found.reason or "") if found.cls == "dead" else None
