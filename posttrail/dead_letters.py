"""The form of a record on `maillog.dead`: key and value as they came, the rest in headers.

Shared by the stages that write dead letters and by the command that re-drives them. Knows no
client: headers are the pairs that every Kafka client takes.
"""

from collections.abc import Iterable
from typing import Literal, TypeAlias, get_args

import msgspec

from posttrail import __version__
from posttrail.errors import Poison
from posttrail.records import Origin
from posttrail.topics import DeadHeader

Stage: TypeAlias = Literal["process", "sink", "webhook"]
"""Who gave up: `process` on a line of `maillog.raw`, `sink` on a fact of `maillog.deliveries`,
`webhook` on a record of `maillog.events`."""
_STAGES: dict[str, Stage] = {stage: stage for stage in get_args(Stage)}

Headers: TypeAlias = list[tuple[str, bytes]]

MAX_REASON_BYTES = 1024


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line or fact that a stage could not use."""

    value: bytes
    """The line or fact, byte for byte."""
    key: bytes | None
    reason: str
    stage: Stage
    topic: str
    """Full name of the topic that it was read from."""
    origin: Origin
    """Where it stands there: (partition, offset)."""
    version: str = __version__
    """The posttrail that gave up."""
    received: int | None = None
    """Kafka's timestamp of the original record, milliseconds since 1970 UTC; kept by the record."""


def headers(letter: DeadLetter) -> Headers:
    """The headers of the letter's record; a long reason is cut."""
    partition, offset = letter.origin
    reason = letter.reason.encode("utf-8", "replace")[:MAX_REASON_BYTES]
    return [
        (DeadHeader.REASON, reason),
        (DeadHeader.STAGE, letter.stage.encode()),
        (DeadHeader.TOPIC, letter.topic.encode()),
        (DeadHeader.PARTITION, b"%d" % partition),
        (DeadHeader.OFFSET, b"%d" % offset),
        (DeadHeader.VERSION, letter.version.encode()),
    ]


def read(
    key: bytes | None,
    value: bytes | None,
    given: Iterable[tuple[str, bytes | None]],
    received: int | None,
) -> DeadLetter:
    """The letter in a record of `maillog.dead`.

    Raises:
        Poison: a header is missing or is no number where one belongs.
    """
    texts = {name: (found or b"").decode("utf-8", "replace") for name, found in given}
    try:
        said = texts[DeadHeader.STAGE]
        stage = _STAGES.get(said)
        if stage is None:
            raise Poison(f"a dead letter of an unknown stage {said!r}")
        return DeadLetter(
            value=value or b"",
            key=key,
            reason=texts.get(DeadHeader.REASON, ""),
            stage=stage,
            topic=texts[DeadHeader.TOPIC],
            origin=(int(texts[DeadHeader.PARTITION]), int(texts[DeadHeader.OFFSET])),
            version=texts.get(DeadHeader.VERSION, ""),
            received=received,
        )
    except (KeyError, ValueError) as error:
        raise Poison(f"not a dead letter: {error!r}") from None
