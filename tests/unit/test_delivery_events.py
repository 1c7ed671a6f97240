"""What other programs rely on: the form of an event stays readable, from old to new and back."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from posttrail.delivery_events import (
    VERSION,
    DeliveryEvent,
    Row,
    decode_event,
    encode_event,
    key,
    schema,
    state_id,
)
from tests.program import ROOT

GOLDEN = ROOT / "tests/golden/event_v1.json"
"""A record as version 1 wrote it. It never changes."""
PUBLISHED = json.loads((ROOT / "docs/events.schema.json").read_text())
EVENT = DeliveryEvent(
    version=1,
    host="mx1",
    instance="postfix",
    queue_id="4CCz2J0Jz9z5vNl",
    born=datetime(2026, 11, 18, 12, 0, 0, 20, tzinfo=UTC),
    t=datetime(2026, 11, 18, 12, 0, 1, tzinfo=UTC),
    status="deferred",
    sender="alice@example.com",
    message_id="<1@example.com>",
    recipient="bob@example.net",
    orig_recipient="info@example.net",
    relay="mx.example.net[192.0.2.1]:25",
    dsn="4.2.2",
    response="host mx.example.net[192.0.2.1] said: 452 4.2.2 mailbox full",
    delay=1.5,
    attempts=2,
    next_queue_id=None,
)


def test_a_record_of_version_1_means_today_what_it_meant_then() -> None:
    assert decode_event(GOLDEN.read_bytes()) == EVENT


def test_a_record_of_version_1_is_still_written_so() -> None:
    """As long as this is version 1: a field that is added makes it another one."""
    assert VERSION == 1
    assert encode_event(EVENT) + b"\n" == GOLDEN.read_bytes()


@pytest.mark.parametrize("record", [GOLDEN.read_bytes(), encode_event(EVENT)])
def test_records_fit_the_schema_in_the_docs(record: bytes) -> None:
    Draft202012Validator(PUBLISHED).validate(json.loads(record))


class Newer(DeliveryEvent, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """As a next version may be: with a field more."""

    priority: int = 3


def newer_record() -> bytes:
    fields = {**msgspec.structs.asdict(EVENT), "version": 2}
    return msgspec.json.encode(Newer(**fields, priority=1))


def test_what_the_next_version_writes_is_read_today() -> None:
    read = decode_event(newer_record())

    assert read == msgspec.structs.replace(EVENT, version=2)
    Draft202012Validator(PUBLISHED).validate(json.loads(newer_record()))


def test_what_is_written_today_is_read_by_the_next_version() -> None:
    read = msgspec.json.decode(encode_event(EVENT), type=Newer)

    assert (read.recipient, read.priority) == (EVENT.recipient, 3)
    Draft202012Validator(msgspec.json.schema(Newer)).validate(json.loads(encode_event(EVENT)))


def test_a_status_that_nobody_knows_yet_is_read() -> None:
    assert decode_event(encode_event(EVENT).replace(b"deferred", b"teleported")).status


def test_a_row_of_which_little_is_known_fits_the_schema() -> None:
    bare: dict[str, Any] = json.loads(
        encode_event(
            DeliveryEvent(version=1, host="a", instance="b", queue_id="c", born=EVENT.t, t=EVENT.t)
        )
    )

    Draft202012Validator(PUBLISHED).validate(bare)
    assert set(bare) == set(PUBLISHED["required"])
    assert set(schema()["properties"]) == set(DeliveryEvent.__struct_fields__)


def test_a_key_reads_as_host_instance_id_birth_and_recipient() -> None:
    mail = Row("mx1", "postfix", "4CCz2J0Jz9z5vNl", 1_700_000_000_000_000)
    to = msgspec.structs.replace(mail, recipient="a@example.com", orig_recipient="a@example.com")
    aliased = msgspec.structs.replace(to, orig_recipient="b@example.com")

    assert key(mail) == b"mx1/postfix/4CCz2J0Jz9z5vNl/1700000000000000"
    assert key(to) == key(mail) + b"/a@example.com"
    assert key(aliased) == key(to) + b"/b@example.com"


texts = st.text("a/%2F@", max_size=5)
rows = st.builds(
    lambda queue_id, recipient, orig: Row("mx1", "postfix", queue_id, 1, recipient, orig),
    texts, texts, texts,
)  # fmt: skip


@given(rows, rows)
def test_no_two_rows_have_one_key(one: Row, other: Row) -> None:
    assert (key(one) == key(other)) == (one == other)


def test_a_state_has_one_name_however_often_it_comes() -> None:
    assert state_id(b"k", b"v") == state_id(b"k", b"v")
    assert len({state_id(b"k", b"v"), state_id(b"kv", b""), state_id(b"", b"kv")}) == 3
