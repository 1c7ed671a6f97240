"""Journal entries as raw lines: each entry is one line, and says what Postfix said."""

import pytest
from posttrail_producers.journal_lines import SUPPRESSED, Entry, Wanted, matches, raw_line

from posttrail.carriers import split
from posttrail.config import Journal

NOON = 1_893_499_200_000_000  # 2030-01-01 12:00 UTC


def entry(**other: object) -> Entry:
    plain = Entry(NOON + 7, b"mx", b"postfix/smtpd", b"4711", b"connect from a.example[192.0.2.1]")
    return plain._replace(**other)  # type: ignore[arg-type]


def notice(unit: str) -> Entry:
    text = f"Suppressed 12 messages from {unit}"
    return entry(identifier=b"systemd-journald", message=text.encode())


def test_an_entry_is_a_canonical_line_with_microseconds() -> None:
    assert raw_line(entry()) == (
        b"2030-01-01T12:00:00.000007+00:00 mx postfix/smtpd[4711]: "
        b"connect from a.example[192.0.2.1]"
    )


def test_control_bytes_become_question_marks_as_in_postfix() -> None:
    line = raw_line(entry(message=b"a\nb\tc\x00d\x7fe\r\n"))
    assert line.endswith(b": a?b?c?d?e")


def test_bytes_that_are_not_text_stay_as_they_are() -> None:
    assert raw_line(entry(message=b"caf\xe9 caf\xc3\xa9")).endswith(b": caf\xe9 caf\xc3\xa9")


def test_an_entry_without_pid_has_none_in_its_line() -> None:
    assert b" postfix/smtpd: connect" in raw_line(entry(pid=b""))


def test_an_entry_without_identifier_has_the_tag_of_none() -> None:
    assert b" mx -[4711]: connect" in raw_line(entry(identifier=b""))


@pytest.mark.parametrize("identifier", [b"x[1]: AAAAA1: removed", b"a b", b"a:b", b"a\nb", b"a[7]"])
def test_an_identifier_cannot_pass_for_more_than_a_tag(identifier: bytes) -> None:
    found = split(raw_line(entry(identifier=identifier)).decode())
    assert found is not None
    assert (found.pid, found.message) == (4711, "connect from a.example[192.0.2.1]")


def test_without_instances_every_program_of_the_facility_is_wanted() -> None:
    wanted = Wanted(Journal())
    assert wanted(entry())
    assert wanted(entry(identifier=b"dovecot"))


def test_instances_choose_by_the_first_part_of_the_tag() -> None:
    wanted = Wanted(Journal(instances=("postfix-out",)))
    assert wanted(entry(identifier=b"postfix-out/submission/smtpd"))
    assert not wanted(entry(identifier=b"postfix/smtpd"))
    assert not wanted(entry(identifier=b"postfix-outer/smtpd"))


def test_identifiers_are_wanted_beside_the_instances() -> None:
    wanted = Wanted(Journal(instances=("postfix",), identifiers=("rspamd",)))
    assert wanted(entry(identifier=b"rspamd"))
    assert not wanted(entry(identifier=b"dovecot"))


@pytest.mark.parametrize("unit", ["postfix.service", "postfix@-.service", "postfix@out.service"])
def test_suppressed_lines_of_mail_units_are_wanted(unit: str) -> None:
    assert Wanted(Journal(instances=("postfix",)))(notice(unit))


def test_suppressed_lines_of_other_units_are_not() -> None:
    assert not Wanted(Journal())(notice("nginx.service"))
    assert Wanted(Journal(units=("nginx.*",)))(notice("nginx.service"))


def test_other_words_of_journald_are_not_wanted() -> None:
    assert not Wanted(Journal())(entry(identifier=b"systemd-journald", message=b"Journal started"))


def test_entries_match_by_facility_and_level_never_by_unit() -> None:
    facility, suppressed = matches(Journal(level=1))
    assert facility == ["SYSLOG_FACILITY=2", "PRIORITY=0", "PRIORITY=1"]
    assert suppressed == [f"MESSAGE_ID={SUPPRESSED}", "_TRANSPORT=driver"]


def test_entries_match_by_identifier_whatever_their_facility() -> None:
    terms = matches(Journal(identifiers=("rspamd",), level=0))
    assert terms[2] == ["SYSLOG_IDENTIFIER=rspamd", "PRIORITY=0"]


def test_every_match_is_held_to_the_machine() -> None:
    assert all("_MACHINE_ID=22" in term for term in matches(Journal(identifiers=("x",)), "22"))


def test_the_least_severe_level_takes_entries_without_one_too() -> None:
    assert matches(Journal(level=7))[0] == ["SYSLOG_FACILITY=2"]
