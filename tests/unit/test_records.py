"""Old and new versions meet on the topics: a record of one is read by the other."""

import msgspec
import pytest

from posttrail.records import AnyFact, FromFact, GapFact, NoqueueFact, ToFact, decode_fact

GOLDEN: dict[bytes, AnyFact] = {
    b'{"type":"from","t":1795021600442301,"host":"mx1","origin":[3,77],"instance":"postfix",'
    b'"component":"qmgr","queue_id":"6BFBD248547","sender":"a@example.com","size":3863,"nrcpt":1}':
    FromFact(
        t=1795021600442301, host="mx1", origin=(3, 77), instance="postfix", component="qmgr",
        queue_id="6BFBD248547", sender="a@example.com", size=3863, nrcpt=1,
    ),
    b'{"type":"to","t":1795021600442301,"host":"mx1","origin":[3,78],"instance":"postfix",'
    b'"component":"smtp","queue_id":"6BFBD248547","recipient":"b@example.org","status":"sent",'
    b'"delays":[0.1,0.0,0.2,0.3]}':
    ToFact(
        t=1795021600442301, host="mx1", origin=(3, 78), instance="postfix", component="smtp",
        queue_id="6BFBD248547", recipient="b@example.org", status="sent",
        delays=(0.1, 0.0, 0.2, 0.3),
    ),
    b'{"type":"noqueue","t":1795021600000000,"host":"mx1","origin":[0,1],"instance":"postfix",'
    b'"component":"smtpd","pid":9,"action":"reject","phase":"RCPT"}':
    NoqueueFact(
        t=1795021600000000, host="mx1", origin=(0, 1), instance="postfix", component="smtpd",
        pid=9, action="reject", phase="RCPT",
    ),
    b'{"type":"gap","t":1795021600000000,"host":"mx1","origin":[0,2],"source":"journal",'
    b'"lines":12,"reason":"suppressed"}':
    GapFact(
        t=1795021600000000, host="mx1", origin=(0, 2), source="journal", lines=12,
        reason="suppressed",
    ),
}  # fmt: skip
"""Records as the first version wrote them: readable for as long as topics keep them."""


@pytest.mark.parametrize("record", GOLDEN, ids=lambda record: record[9:16].decode())
def test_records_of_the_first_version_are_read(record: bytes) -> None:
    assert decode_fact(record) == GOLDEN[record]


@pytest.mark.parametrize("record", GOLDEN, ids=lambda record: record[9:16].decode())
def test_what_a_newer_version_adds_is_passed_over(record: bytes) -> None:
    newer = record[:-1] + b',"added_later":{"deep":[1,2]},"another":null}'

    assert decode_fact(newer) == GOLDEN[record]


@pytest.mark.parametrize("record", GOLDEN, ids=lambda record: record[9:16].decode())
def test_what_an_older_version_did_not_know_has_a_default(record: bytes) -> None:
    """Every field beyond the first version's has one; so a record of less is never refused."""
    fact = GOLDEN[record]
    first = set(msgspec.json.decode(record)) - {"type"}

    later = [
        field.encode_name
        for field in msgspec.structs.fields(fact)
        if field.encode_name not in first and field.required
    ]

    assert later == []


def test_a_type_that_is_not_known_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_fact(b'{"type":"later","t":1,"host":"mx1","origin":[0,0]}')
