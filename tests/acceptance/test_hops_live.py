"""Three real Postfix hosts pass mails on: each tree is complete and right, whoever is asked.

What is right is read from the delivered mails, where each host left its name and queue id.
"""

from collections.abc import Iterator

import msgspec
import pytest
from posttrail_answers import timeline
from posttrail_answers.answer import Answer
from posttrail_answers.database import reading
from posttrail_answers.hops import Node, Tree, tree
from posttrail_answers.trace import trails

from tests.fix_stack import Stack
from tests.postfix import three_hosts
from tests.postfix.mailhost import reachable_directory
from tests.postfix.received import Hop, Truth

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.postfix]

STORIES: dict[str, list[str]] = {
    "list": [
        "mx1 filtered: team@b.example",
        "  mx1 delivered, queued as, certain: team@b.example",
        "    mx2 delivered, queued as, certain: team@b.example",
        "      mx2 partly delivered, forwarded as, certain: far@c.example gone@c.example",
        "        mx2 delivered, bounce, certain: sender@a.example",
        "          mx1 filtered, queued as, certain: sender@a.example",
        "            mx1 delivered, queued as, certain: sender@a.example",
        "        mx3 partly delivered, queued as, certain: far@c.example gone@c.example",
    ],
    "late": [
        "mx1 filtered: late@c.example",
        "  mx1 pending, queued as, certain: late@c.example",
        "    mx1 delivered, delay, certain: sender@a.example",
        "    mx1 delivered, requeued, certain: late@c.example",
        "      mx3 delivered, queued as, certain: late@c.example",
    ],
    "told": [
        "mx1 filtered: box@c.example",
        "  mx1 delivered, queued as, certain: box@c.example",
        "    mx3 delivered, queued as, certain: box@c.example",
        "      mx3 delivered, dsn, certain: sender@a.example",
        "        mx1 filtered, queued as, certain: sender@a.example",
        "          mx1 delivered, queued as, certain: sender@a.example",
    ],
    "simple": [
        "mx1 delivered: crew@b.example",
        "  mx1 delivered, message-id, likely: crew@b.example",
        "    mx2 delivered, queued as, certain: box@c.example",
        "      mx3 delivered, queued as, certain: box@c.example",
    ],
    "once": [
        "mx1 filtered: far@c.example",
        "  mx1 delivered, queued as, certain: far@c.example",
        "    mx3 delivered, queued as, certain: far@c.example",
    ],
}
STORIES["again"] = STORIES["once"]


@pytest.fixture(scope="module")
def truth(stack: Stack, real_postfix: None) -> Iterator[Truth]:
    """Of a run whose three logs are in the tables."""
    with reachable_directory() as base:
        known = three_hosts.run(base)
        stack.run("produce", "file", *(f"{base}/{name}/mail.log" for name in three_hosts.ADDRESSES))
        stack.wait_until_idle()
        yield known


def tree_of(stack: Stack, asked: Hop) -> Tree:
    with reading(stack.dsn) as opened:
        found = [trail.mail for trail in trails(opened, asked.queue_id)]
        (key,) = [timeline.key_of(mail) for mail in found if mail.host == asked.host]
        return tree(opened, key)


def nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from nodes(child)


def hop(node: Node) -> Hop:
    return Hop(node.key.host, node.key.queue_id)


def told(node: Node, depth: int = 0) -> Iterator[str]:
    link = f", {node.link.kind}, {node.link.sure}" if node.link else ""
    yield f"{'  ' * depth}{node.key.host} {node.word}{link}: {' '.join(node.recipients)}"
    for child in sorted(node.children, key=lambda child: next(told(child))):
        yield from told(child, depth + 1)


@pytest.mark.parametrize("name", STORIES)
def test_each_mail_of_a_way_shows_the_whole_way_and_nothing_else(
    truth: Truth, stack: Stack, name: str
) -> None:
    first = truth.story(name).first
    steps = truth.within(first)
    asked = {first} | {child for _, child in steps}

    for each in asked:
        found = tree_of(stack, each)
        assert hop(found.root) == first
        assert steps == {
            (hop(parent), hop(child)) for parent in nodes(found.root) for child in parent.children
        }
        assert [hop(node) for node in nodes(found.root) if node.asked] == [each]
        assert (found.mails, found.cut) == (len(asked), False)


@pytest.mark.parametrize("name", STORIES)
def test_each_link_rests_on_what_postfix_said_and_each_mail_has_its_end(
    truth: Truth, stack: Stack, name: str
) -> None:
    found = tree_of(stack, truth.story(name).first)

    assert list(told(found.root)) == STORIES[name]


def test_the_last_mail_of_each_way_went_to_the_mailbox_where_it_lies(
    truth: Truth, stack: Stack
) -> None:
    with reading(stack.dsn) as opened:
        shown = {
            last: tuple(to.recipient for to in trail.recipients if to.status == "sent")
            for last, _ in truth.mailboxes
            for trail in trails(opened, last.queue_id)
            if trail.mail.host == last.host
        }

    assert shown == {last: (mailbox,) for last, mailbox in truth.mailboxes}


def test_a_trace_asked_by_message_id_proves_each_step_by_its_lines(
    truth: Truth, stack: Stack
) -> None:
    story = truth.story("list")

    answers = msgspec.json.decode(
        stack.run("trace", story.message_id, "--json"), type=list[Answer], strict=False
    )

    way = {story.first} | {child for _, child in truth.within(story.first)}
    assert {Hop(each.mail.host, each.mail.queue_id) for each in answers} < way
    assert [each.missing for each in answers] == [None] * 5
    assert all(step.lines for each in answers for step in each.steps)
    for each in answers:
        kinds = [step.kind for step in each.steps if step.kind not in {"connect", "disconnect"}]
        assert kinds[:2] == ["arrival", "active"]
        assert kinds[-1] == "removed"
        assert [step.t for step in each.steps] == sorted(step.t for step in each.steps)
    assert {tuple(told(each.tree.root)) for each in answers} == {tuple(STORIES["list"])}


def test_the_tree_on_a_terminal_has_a_line_for_each_mail(truth: Truth, stack: Stack) -> None:
    story = truth.story("late")
    way = {story.first} | {child for _, child in truth.within(story.first)}

    shown = stack.run("trace", story.first.queue_id, "--no-lines")

    for each in way:
        assert f"{each.queue_id} on {each.host}" in shown
