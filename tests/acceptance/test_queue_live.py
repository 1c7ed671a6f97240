"""`posttrail queue --compare` with the queue of a real Postfix, whose log goes the real way."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from posttrail_answers.queue_compare import COMING, GONE

from tests.fix_stack import Stack
from tests.postfix.mailhost import Log, Mailhost, reachable_directory
from tests.program import run
from tests.waiting import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.postfix]

HOST = "queue1"


class Case:
    """A mail host and a posttrail that reads its log when it is told to."""

    def __init__(self, stack: Stack, postfix: Mailhost) -> None:
        self.stack, self.postfix = stack, postfix

    def wait_for(self, *names: str) -> list[dict[str, Any]]:
        """The queue, once it holds so many mails in queues of these names."""
        found: list[dict[str, Any]] = []

        def is_so() -> bool:
            found[:] = self.postfix.queue()
            return sorted(mail["queue_name"] for mail in found) == sorted(names)

        eventually(is_so)
        return found

    def read_log(self) -> None:
        """All that was logged until now stands in the tables."""
        self.stack.run("produce", "file", str(self.postfix.base / "mail.log"))
        self.stack.wait_until_idle()

    def compare(self) -> "subprocess.CompletedProcess[str]":
        """With the list that was asked for last."""
        listed = str(self.postfix.base / "queue.json")
        return run("queue", "--compare", listed, "--host", HOST, "--json", env=self.stack.env)


@pytest.fixture
def case(stack: Stack, real_postfix: None) -> Iterator[Case]:
    with (
        reachable_directory() as base,
        Mailhost(base / HOST, HOST, Log.FILE, long_ids=False) as postfix,
    ):
        # Nothing may expire or be tried while both are compared.
        postfix.configure(maximal_queue_lifetime="1d", minimal_backoff_time="1h",
                          maximal_backoff_time="1h")  # fmt: skip
        yield Case(stack, postfix)


def test_a_real_queue_agrees_until_something_happens_that_was_not_read(case: Case) -> None:
    case.postfix.submit("partly@closed.test", "sent@ok.test")
    case.postfix.submit("deleted@closed.test")
    case.postfix.submit("held@ok.test", header="X-Test: hold")
    case.postfix.submit("operator@closed.test")
    deferred = case.wait_for("deferred", "deferred", "deferred", "hold")
    by_address = {each["recipients"][0]["address"]: each["queue_id"] for each in deferred}
    case.postfix.postsuper("-h", by_address["operator@closed.test"])
    case.wait_for("deferred", "deferred", "hold", "hold")
    case.read_log()

    agreed = case.compare()

    assert (agreed.returncode, json.loads(agreed.stdout)) == (0, [])

    case.postfix.postsuper("-d", by_address["deleted@closed.test"])
    case.postfix.submit("added@closed.test")
    found = case.wait_for("deferred", "deferred", "hold", "hold")
    (added,) = {each["queue_id"] for each in found} - set(by_address.values())
    differs = case.compare()
    deleted = by_address["deleted@closed.test"]

    assert differs.returncode == 1
    assert json.loads(differs.stdout) == [
        {"queue_id": added, "postqueue": "deferred", "posttrail": "unknown", "why": COMING},
        {
            "queue_id": deleted, "recipient": "deleted@closed.test",
            "postqueue": "not in the queue", "posttrail": "deferred", "why": GONE,
        },
    ]  # fmt: skip

    case.read_log()

    assert case.compare().returncode == 0
