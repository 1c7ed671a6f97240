"""Whatever a stranger says, it stays in the fields that are his."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from posttrail_processors.lines import Rules, read_line

from posttrail.records import decode_fact, encode_fact
from tests.postfix_lines import SNIPPETS, Case, Stranger, cases

FRAME = {
    "type", "t", "host", "origin", "instance", "service", "component", "pid", "queue_id",
    "ambiguous",
}  # fmt: skip
characters = st.characters(exclude_categories=["Cs"])
words = st.lists(st.sampled_from(SNIPPETS) | st.text(characters, max_size=12), max_size=5).map(
    "".join
)
strangers = st.builds(Stranger, words, words, words, words, words, words)


def check(case: Case) -> None:
    outcome = read_line(case.line, (0, 1), Rules())

    assert outcome.cls == "fact", case.line
    (fact,) = outcome.facts
    values = json.loads(encode_fact(fact))
    said = {name: value for name, value in values.items() if name not in FRAME}
    assert (values["type"], said) == (case.kind, case.fields), case.line
    assert decode_fact(encode_fact(fact)) == fact


@given(strangers)
@settings(max_examples=400, deadline=None)
def test_a_record_written_by_postfix_is_read_back(stranger: Stranger) -> None:
    for case in cases(stranger):
        check(case)


@given(strangers, st.integers(min_value=0, max_value=400))
@settings(max_examples=150, deadline=None)
def test_a_cut_line_forges_no_field(stranger: Stranger, cut: int) -> None:
    """Syslog cuts lines anywhere: what is left out may be missing, nothing may be new."""
    for case in cases(stranger):
        line = case.line[: len(case.line) - cut]

        outcome = read_line(line, (0, 1), Rules())

        for fact in outcome.facts:
            assert json.loads(encode_fact(fact))["type"] in {case.kind, "from"}
