"""A producer with a key lets no local part leave its host; who has the key finds the rows."""

from pathlib import Path

import pytest
from posttrail_processors.lines import Rules, read_line

from posttrail.errors import Exit
from tests.program import environment, run, run_well
from tests.raw_topic import raw_reader, read_some

pytestmark = pytest.mark.kafka

LINES = """\
2026-11-23T11:07:08.374221+00:00 mx1 postfix/qmgr[7]: 5B58E24853E: from=<anna@example.com>, size=1, nrcpt=1 (queue active)
2026-11-23T11:07:08.374222+00:00 mx1 postfix/smtp[7]: 5B58E24853E: to=<bob@example.org>, relay=none, delay=1, delays=1/0/0/0, dsn=5.1.1, status=bounced (host said: 550 <bob@example.org>: who?)
"""  # noqa: E501


def test_only_pseudonyms_reach_kafka_and_the_key_finds_them(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    (tmp_path / "mail.log").write_text(LINES)
    (tmp_path / "key").write_text("a secret of this host alone\n")
    env = environment(
        KAFKA__BOOTSTRAP=kafka,
        KAFKA__PREFIX=prefix,
        PRODUCER__PSEUDONYM_KEY_FILE=str(tmp_path / "key"),
        HOME=str(tmp_path),
    )

    run_well("produce", "file", str(tmp_path / "mail.log"), env=env)
    with raw_reader(kafka, prefix) as consumer:
        lines = [message.value() or b"" for message in read_some(consumer)]

    assert len(lines) == 2
    assert not any(b"anna" in line or b"bob" in line for line in lines)
    [fact] = read_line(lines[1], (0, 1), Rules()).facts
    token = run_well("pseudonym", "Bob@example.org", env=env).strip()
    assert fact.recipient == token  # type: ignore[union-attr]
    assert token.endswith("@example.org")


def test_a_producer_without_its_key_does_not_start(kafka: str, prefix: str, tmp_path: Path) -> None:
    (tmp_path / "mail.log").write_text(LINES)
    env = environment(
        KAFKA__BOOTSTRAP=kafka,
        KAFKA__PREFIX=prefix,
        PRODUCER__PSEUDONYM_KEY_FILE=str(tmp_path / "nothing"),
        HOME=str(tmp_path),
    )

    done = run("produce", "file", str(tmp_path / "mail.log"), env=env)

    assert done.returncode == Exit.SETTINGS
    assert "producer.pseudonym_key_file: cannot read" in done.stderr
