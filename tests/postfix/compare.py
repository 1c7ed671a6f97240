"""What the tables show of a private Postfix, against what its clients and far ends know. Pure."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.postfix.truth import Mail, Row

TableRow = dict[str, Any]
Key = tuple[str, Any]
"""Queue id and born: one mail of one host."""


class Tables(NamedTuple):
    """The rows of one host."""

    mails: list[TableRow]
    recipients: list[TableRow]
    noqueue: list[TableRow]


class Comparison:
    """Finds every mail of the truth in the tables, and what became of it; notes what differs."""

    def __init__(self, tables: Tables) -> None:
        self._noqueue = tables.noqueue
        self._mails = {_key(row): row for row in tables.mails}
        self._rows: dict[Key, list[TableRow]] = {key: [] for key in self._mails}
        for row in tables.recipients:
            self._rows.setdefault(_key(row), []).append(row)
        self._explained: set[Key] = set()

    def differences(self, truth: list[Mail], far: list[dict[str, Any]]) -> list[str]:
        """All of them, in words."""
        found = [
            f"{mail.scenario} {mail.number}: {what}" for mail in truth for what in self._mail(mail)
        ]
        return [*found, *self._refused(truth), *self._taken_far_away(far), *self._unexplained()]

    def _mail(self, mail: Mail) -> Iterator[str]:
        if not mail.opened:
            return
        key = self._find(mail)
        if key is None:
            yield f"no mail {mail.queue_id or mail.message_id}"
            return
        yield from self._fields(mail, self._mails[key])
        yield from self._recipients(key, mail.rows)
        yield from self._bounces(key, mail)

    def _find(self, mail: Mail) -> Key | None:
        for key, row in self._mails.items():
            same_id = mail.queue_id in {None, row["queue_id"]}
            if key not in self._explained and same_id and _is_of(mail, row):
                self._explained.add(key)
                return key
        return None

    def _follow(self, queue_id: str | None, **expected: object) -> Key | None:
        """A mail that another one names."""
        for key, row in self._mails.items():
            fits = all(row[name] == value for name, value in expected.items())
            if key not in self._explained and row["queue_id"] == queue_id and fits:
                self._explained.add(key)
                return key
        return None

    def _fields(self, mail: Mail, row: TableRow) -> Iterator[str]:
        expected: dict[str, object] = {
            "status": mail.status,
            "sasl_username": mail.sasl_username,
        }
        if row["message_id"] is not None:  # else the mail never came to cleanup
            expected |= {"sender": mail.sender, "subject": mail.subject, "helo": mail.helo}
        if mail.status == "rejected":
            expected |= {"sender": row["sender"]}  # qmgr never saw it: cleanup's word will do
        for name, value in expected.items():
            if row[name] != value:
                yield f"{name} is {row[name]!r}, must be {value!r}"

    def _recipients(self, key: Key, wanted: tuple[Row, ...]) -> Iterator[str]:
        found = Counter((r["recipient"], r["orig_recipient"], r["status"]) for r in self._rows[key])
        expected = Counter((r.recipient, r.orig_recipient or r.recipient, r.status) for r in wanted)
        if found != expected:
            yield f"recipients are {dict(found - expected)}, must be {dict(expected - found)}"
        by_address = {row["recipient"]: row for row in self._rows[key]}
        for one in wanted:
            row = by_address.get(one.recipient)
            if row is not None and row["attempt_count"] < one.attempts:
                yield f"{one.recipient}: {row['attempt_count']} attempts, at least {one.attempts}"
            if row is not None and one.forwarded:
                yield from self._forwarded(key, row, one.forwarded)

    def _forwarded(self, key: Key, row: TableRow, wanted: tuple[Row, ...]) -> Iterator[str]:
        parent = self._mails[key]
        child = self._follow(row["next_queue_id"], message_id=parent["message_id"])
        if child is None:
            yield f"{row['recipient']}: no mail {row['next_queue_id']} followed"
        else:
            yield from self._recipients(child, wanted)

    def _bounces(self, key: Key, mail: Mail) -> Iterator[str]:
        """A mail that came back: one notification, delivered to its sender."""
        failed = any(row.status in {"bounced", "expired"} for row in mail.rows)
        named = self._mails[key]["bounce_ids"] or []
        if bool(named) != (failed and mail.sender != ""):
            yield f"notifications are {named}"
        for queue_id in named:
            child = self._follow(queue_id, sender="")
            if child is None:
                yield f"no notification {queue_id}"
            else:
                yield from self._recipients(child, (Row(mail.sender, "sent"),))

    def _refused(self, truth: list[Mail]) -> Iterator[str]:
        expected = Counter(
            (one.action, one.code, one.dsn, one.recipient, mail.client_addr)
            for mail in truth
            for one in mail.refusals
        )
        found = Counter(
            (row["action"], row["code"], row["dsn"], row["recipient"], row["client_addr"])
            for row in self._noqueue
        )
        for what, count in ((found - expected) + (expected - found)).items():
            yield f"noqueue {what}: {found[what]} rows, must be {expected[what]} ({count})"

    def _taken_far_away(self, far: list[dict[str, Any]]) -> Iterator[str]:
        """The far end's own notes: each reply stands in as many rows as it took recipients."""
        replies = Counter(row["response"] for rows in self._rows.values() for row in rows)
        for note in far:
            if replies[note["reply"]] != len(note["taken"]):
                yield f"the far end took {note['taken']}: {note['reply']}"

    def _unexplained(self) -> Iterator[str]:
        """Mails that nobody sent; address probes are Postfix's own."""
        for key in self._mails.keys() - self._explained:
            rows = self._rows[key]
            if not (rows and all(row["probe"] for row in rows)):
                yield f"nobody sent {self._mails[key]}"


def _key(row: TableRow) -> Key:
    return row["queue_id"], row["born"]


def _is_of(mail: Mail, row: TableRow) -> bool:
    """By message-id, or for a mail that has none in the log, by its client."""
    if row["message_id"] is not None and row["message_id"] != mail.message_id:
        return False
    # Behind a filter the client is the filter, and says for whom it speaks.
    behind = row["orig_client_name"] is not None
    client = ("orig_client_name", "orig_client_addr") if behind else ("client_name", "client_addr")
    return (row[client[0]], row[client[1]]) == (mail.client_name, mail.client_addr)
