"""Heads of syslog lines: no input is too strange, and nothing is lost on the way through."""

from hypothesis import given
from hypothesis import strategies as st

from posttrail.carriers import Head, render, split

words = st.from_regex(r"[A-Za-z0-9._/-]{1,20}", fullmatch=True)
messages = st.binary(max_size=200).map(
    lambda raw: "x" + raw.replace(b"\n", b"").decode("utf-8", "surrogateescape") + "x"
)


@given(st.binary(max_size=300))
def test_no_bytes_raise(raw: bytes) -> None:
    split(raw.decode("utf-8", "surrogateescape"))


@given(st.sampled_from(["Nov 27 16:22:49 mx ", "<22>1 - ", "2019-11-27T", "Feb 29"]), st.text())
def test_no_text_behind_a_good_beginning_raises(start: str, rest: str) -> None:
    split(start + rest)


@given(words, words, st.integers(0, 2**31), messages)
def test_what_is_put_together_comes_apart_the_same(
    host: str, tag: str, pid: int, message: str
) -> None:
    line = render("2019-11-27T16:22:49.000001Z", host, tag, pid, message)
    assert split(line, frozenset()) == Head(1_574_871_769_000_001, None, host, tag, pid, message)


@given(words, messages)
def test_a_stranger_cannot_change_host_or_tag(host: str, text: str) -> None:
    found = split(f"Nov 27 16:22:49 {host} dovecot[7]: {text}")
    assert found is not None
    assert (found.host, found.tag, found.pid, found.message) == (host, "dovecot", 7, text)
