"""What senders and receivers of the sample saw, against what stands in the tables.

samples/truth.jsonl.gz was written by the programs that sent the mails and took them, while Postfix
wrote the log: one message a line, with every SMTP reply and the end that each recipient had to come
to. samples/operator.txt says what was done to held mails by hand. Pure: rows in, differences out.
"""

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

SAMPLES = Path(__file__).parents[2] / "samples"

Row = dict[str, Any]
Message = dict[str, Any]


def messages() -> list[Message]:
    """Every message that a client tried to send."""
    with gzip.open(SAMPLES / "truth.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def by_hand() -> dict[str, str]:
    """Queue id of a held mail -> released or deleted."""
    lines = (SAMPLES / "operator.txt").read_text().splitlines()
    return {queue_id: action for action, queue_id in (line.split() for line in lines)}


class Tables(NamedTuple):
    """The rows of one host."""

    mails: dict[str, Row]
    """delivery_from by queue id; no id comes twice in the sample."""
    recipients: dict[str, list[Row]]
    """delivery_to by queue id."""
    noqueue: list[Row]

    def family(self, start: set[str]) -> set[str]:
        """These mails and all that they became: filtered, forwarded, queued again."""
        found, todo = set(start), list(start)
        while todo:
            for row in self.recipients.get(todo.pop(), ()):
                following = row["next_queue_id"]
                if following in self.mails and following not in found:
                    found.add(following)
                    todo.append(following)
        return found

    def of_message(self, message: Message) -> set[str]:
        """The queue ids of a message: the one the client was told, else those of its message-id."""
        named = {id_ for id_, row in self.mails.items() if row["message_id"] == message["msgid"]}
        told = message.get("queue_id")
        return self.family({told} if told in self.mails else named)


def tables(mails: list[Row], recipients: list[Row], noqueue: list[Row]) -> Tables:
    """From plain rows."""
    grouped: dict[str, list[Row]] = {}
    for row in recipients:
        grouped.setdefault(row["queue_id"], []).append(row)
    return Tables({row["queue_id"]: row for row in mails}, grouped, noqueue)


def _client(message: Message) -> tuple[str | None, str | None]:
    """Name and address as Postfix says them."""
    if message["port"] == "SENDMAIL":
        return None, None
    name = message["client_name"]
    address = message["client_addr"].removeprefix("IPV6:")
    return "unknown" if name == "[UNAVAILABLE]" else name, address


def sender_differences(found: Tables, message: Message) -> Iterator[str]:
    """Sender side of an accepted message."""
    ids = found.of_message(message)
    if not ids:
        yield f"{message['n']}: no mail"
        return
    told = message.get("queue_id")
    first = found.mails[told] if told else min((found.mails[i] for i in ids), key=_born)
    seen = {
        "sender": first["sender"],
        "message_id": first["message_id"],
        "client": _client_of(first),
        "sasl_username": first["sasl_username"],
    }
    expected = {
        "sender": message["from"],
        "message_id": message["msgid"],
        "client": _client(message),
        "sasl_username": message.get("sasl_username"),
    }
    if _is_dropped_by_smtpd(message):  # it read the mail into nothing; only the refusal says who
        expected |= {"sender": None, "message_id": None}
    for name, value in expected.items():
        if seen[name] != value:
            yield f"{message['n']} {first['queue_id']}: {name} is {seen[name]}, was {value}"


def _client_of(mail: Row) -> tuple[str | None, str | None]:
    """Behind a proxy filter the client is the filter, and says for whom it speaks."""
    if mail["orig_client_name"] is not None:
        return mail["orig_client_name"], mail["orig_client_addr"]
    return mail["client_name"], mail["client_addr"]


def _is_dropped_by_smtpd(message: Message) -> bool:
    """An access table said DISCARD; header checks that say it are cleanup's."""
    return bool(message["scenario"] == "acc_drop")


def _born(mail: Row) -> Any:
    return mail["born"]


class End(NamedTuple):
    """What became of one recipient of a message, over all mails that it became."""

    rows: list[Row]
    """Its rows, in the order of their mails' and attempts' times."""
    everything: list[Row]
    """The rows of all recipients of the same message."""
    mails: list[Row]
    by_hand: list[str]

    @property
    def statuses(self) -> list[str]:
        return [row["status"] for row in self.rows]

    @property
    def last(self) -> str | None:
        return self.statuses[-1] if self.rows else None

    @property
    def first_attempt(self) -> str | None:
        return self.rows[0]["attempts"][0]["status"] if self.rows else None


def _held(end: End) -> bool:
    if end.by_hand == ["released"]:
        return end.statuses == ["sent"]
    return end.by_hand == ["deleted"] and not end.rows


def _redirected(end: End) -> bool:
    went = [(row["recipient"], row["status"]) for row in end.everything]
    return went in ([("u1@lmtp.test", "sent")], [("u2@lmtp.test", "sent")])


# What the sender's program expected -> whether the rows say the same.
ENDS: dict[str, Callable[[End], bool]] = {
    "sent": lambda end: end.last == "sent",
    "discarded": lambda end: end.last == "sent" and end.rows[-1]["relay"] == "none",
    "bounced": lambda end: end.last == "bounced",
    "late": lambda end: end.first_attempt == "deferred" and end.last == "sent",
    "expired": lambda end: end.last == "expired" or "expired" in {m["status"] for m in end.mails},
    "none": lambda end: not end.rows,
    "dropped": lambda end: not end.rows and end.mails[0]["status"] in {"discarded", None},
    "forwarded": lambda end: end.last == "sent",
    "held": _held,
    "redirected": _redirected,
    "alias:sent*4+discarded": lambda end: end.statuses == ["sent"] * 5,
    "alias:sent+bounced": lambda end: sorted(end.statuses) == ["bounced", "sent"],
}


def recipient_differences(found: Tables, message: Message, hands: dict[str, str]) -> Iterator[str]:
    """Every recipient that the server took, of an accepted message."""
    ids = found.of_message(message)
    everything = sorted(
        (row for id_ in ids for row in found.recipients.get(id_, ()) if not row["probe"]),
        key=lambda row: (row["born"], row["t"]),
    )
    mails = sorted((found.mails[id_] for id_ in ids), key=_born)
    for recipient in message["rcpts"]:
        if recipient.get("reply", "250").startswith("2"):
            address = recipient["addr"]
            rows = [r for r in everything if address in (r["recipient"], r["orig_recipient"])]
            done = [hands[id_] for id_ in ids if id_ in hands]
            end = End(rows, everything, mails, done)
            if not ENDS[recipient["expect"]](end):
                seen = [(row["queue_id"], row["status"]) for row in rows]
                yield f"{message['n']} {address}: {seen}, was {recipient['expect']}"


Refusal = tuple[str | None, str | None, str | None, str | None]
"""Recipient, code (none: read into nothing), sender, client name."""


def refusals_of(message: Message) -> Iterator[Refusal]:
    """What the server refused of a message; 421 is the end of a connection."""
    sender, client = message["from"], _client(message)[0]
    if (message.get("mail_reply") or "")[:1] in {"4", "5"}:
        yield None, message["mail_reply"][:3], sender, client
    for recipient in message["rcpts"]:
        reply = recipient.get("reply", "")
        if reply[:1] in {"4", "5"} and not reply.startswith("421"):
            yield recipient["addr"], reply[:3], sender, client
        elif _is_dropped_by_smtpd(message):
            yield recipient["addr"], None, sender, client


def refusals_in(found: Tables) -> Iterator[Refusal]:
    """What the rows call refused, with or without a queue id."""
    for row in found.noqueue:
        yield row["recipient"], row["code"], row["sender"], row["client_name"]
    for id_, rows in found.recipients.items():
        mail = found.mails.get(id_, {})
        for row in rows:
            if row["status"] == "rejected":
                code = row["response"][:3]
                yield row["recipient"], code, mail.get("sender"), mail.get("client_name")


def refusal_differences(found: Tables, told: list[Message]) -> list[str]:
    """Refusals, each as often as it was said."""
    was = Counter(refusal for message in told for refusal in refusals_of(message))
    seen = Counter(refusals_in(found))
    missing = [f"missing {refusal} x {n}" for refusal, n in (was - seen).items()]
    return missing + [f"extra {refusal} x {n}" for refusal, n in (seen - was).items()]


def unexplained_mails(found: Tables, told: list[Message]) -> list[str]:
    """Mails that no message of a sender, no notification and no probe accounts for."""
    known: set[str] = set()
    for message in told:
        known |= found.of_message(message)
    notices = {
        id_ for row in found.mails.values()
        for column in ("bounce_ids", "delay_ids", "dsn_ids") for id_ in row[column] or ()
    }  # fmt: skip
    known |= found.family(notices & found.mails.keys())
    probes = {id_ for id_, rows in found.recipients.items() if all(row["probe"] for row in rows)}
    return _without_unfinished(found, found.mails.keys() - known - probes, told)


def _without_unfinished(found: Tables, ids: set[str], told: list[Message]) -> list[str]:
    """Less those whose client went away with an id, but before the end of its mail."""
    gone = Counter(
        _client(message)
        for message in told
        if not message.get("accepted")
        and any(each.get("reply", "").startswith("2") for each in message["rcpts"])
    )
    left = []
    for id_ in sorted(ids):
        client = _client_of(found.mails[id_])
        if id_ in found.recipients or not gone[client]:
            left.append(id_)
        gone[client] -= 1
    return left
