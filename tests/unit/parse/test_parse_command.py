"""`posttrail parse` as a user sees it."""

import gzip
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from posttrail.cli.main import app
from posttrail.errors import BadInput

SAMPLES = Path(__file__).parents[3] / "samples"
PROGRAM = (sys.executable, "-m", "posttrail.cli", "parse")
ID = "47NQzY13DbzNWNQG"
"""Made on 2019-11-27 at 16:22:49 UTC."""


def parse(path: Path, *options: str) -> list[dict[str, Any]]:
    done = CliRunner().invoke(app, ["parse", str(path), *options])
    if done.exception is not None:
        raise done.exception
    assert done.exit_code == 0
    return [json.loads(line) for line in done.stdout_bytes.decode().splitlines()]


def parse_text(tmp_path: Path, text: bytes, *options: str) -> list[dict[str, Any]]:
    path = tmp_path / "mail.log"
    path.write_bytes(text)
    return parse(path, *options)


def test_a_line_is_one_object_with_all_keys(tmp_path: Path) -> None:
    text = b"2019-11-27T17:22:50.5+01:00 mx postfix-out/relay/smtpd[7]: 5B58E24853E: removed?\n"

    assert parse_text(tmp_path, text) == [
        {
            "line": 1,
            "class": "dead",
            "t": "2019-11-27T16:22:50.500000Z",
            "host": "mx",
            "instance": "postfix-out",
            "service": "relay",
            "component": "smtpd",
            "pid": 7,
            "queue_id": "5B58E24853E",
            "action": "unknown",
            "facts": [],
            "errors": ["smtpd: no known format, with a queue id"],
        }
    ]


def test_a_fact_stands_in_its_line(tmp_path: Path) -> None:
    text = b"nothing\n2019-11-27T16:22:50Z mx postfix/pickup[7]: 5B58E24853E: uid=1 from=<a@b>\n"

    (foreign, line) = parse_text(tmp_path, text)

    assert (foreign["class"], foreign["t"], foreign["action"]) == ("foreign", None, "foreign")
    assert line["facts"] == [
        {
            "type": "from",
            "t": 1_574_871_770_000_000,
            "host": "mx",
            "origin": [0, 1],
            "instance": "postfix",
            "component": "pickup",
            "pid": 7,
            "queue_id": "5B58E24853E",
            "uid": 1,
            "sender": "a@b",
        }
    ]


def test_an_error_is_said_and_the_rest_is_kept(tmp_path: Path) -> None:
    text = b"2019-11-27T16:22:50Z mx postfix/smtpd[7]: 5B58E24853E: client=a[192.0.2.1]:99999\n"

    (line,) = parse_text(tmp_path, text)

    assert line["errors"] == ["client_port: not a port"]
    assert line["facts"][0]["client_addr"] == "192.0.2.1"


def test_no_line_is_dropped(tmp_path: Path) -> None:
    lines = [
        b"",
        b"\xff\xfe",
        b"\0\0",
        b" ",
        b"Nov 31 99:99:99 mx postfix/smtpd[7]: x",
        b"a" * 9000,
    ]

    parsed = parse_text(tmp_path, b"\n".join(lines))

    assert [line["line"] for line in parsed] == [1, 2, 3, 4, 5, 6]
    assert [line["class"] for line in parsed] == [*["foreign"] * 4, "dead", "foreign"]


def test_the_sample_has_no_line_that_is_not_understood() -> None:
    parsed = parse(SAMPLES / "mail.log.gz")

    with gzip.open(SAMPLES / "mail.log.gz") as log:
        assert len(parsed) == sum(1 for _ in log)
    assert Counter(line["class"] for line in parsed) == {"fact": 7648, "ignored": 2708}
    assert not any(line["errors"] for line in parsed)


def test_both_forms_of_the_sample_say_the_same() -> None:
    """The second has no years and no fractions of seconds."""
    parsed = parse(SAMPLES / "mail.log.gz")
    traditional = parse(SAMPLES / "mail-trad.log.gz", "--year", "2026", "--zone", "UTC")

    for line, other in zip(parsed, traditional, strict=True):
        assert line["t"][:19] == other["t"][:19]
        for fact in (*line["facts"], *other["facts"]):
            fact["t"] = fact["t"] // 1_000_000
            if "removed_at" in fact:
                fact["removed_at"] = fact["removed_at"] // 1_000_000
        assert line | {"t": ""} == other | {"t": ""}


def test_year_and_zone_are_settled_as_said(tmp_path: Path) -> None:
    text = b"Dec 31 23:59:59 mx postfix/smtpd[7]: connect from a[::1]\n"
    text += b"Jan  1 00:00:01 mx postfix/smtpd[7]: connect from a[::1]\n"

    first, second = parse_text(tmp_path, text, "--year", "2019", "--zone", "Europe/Berlin")

    assert first["t"] == "2019-12-31T22:59:59.000000Z"
    assert second["t"] == "2019-12-31T23:00:01.000000Z"


def test_a_long_queue_id_tells_year_and_zone(tmp_path: Path) -> None:
    text = f"Nov 27 17:22:50 mx postfix/smtpd[7]: {ID}: client=mail.example.com[192.0.2.1]\n"

    (line,) = parse_text(tmp_path, text.encode())

    assert line["t"] == "2019-11-27T16:22:50.000000Z"


def test_verp_is_split_at_the_marker(tmp_path: Path) -> None:
    text = b"2019-11-27T16:22:50Z mx postfix/pickup[7]: 5B58E24853E: uid=1 from=<l+u=d@example.com>"

    (line,) = parse_text(tmp_path, text, "--verp-marker", "+")

    assert line["facts"][0]["verp_id"] == "u@d"
    assert line["facts"][0]["verp_sender"] == "l@example.com"


def test_a_missing_file_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        parse(tmp_path / "none.log")


def test_standard_input_is_read() -> None:
    text = f"Nov 27 17:22:50 mx postfix/smtpd[7]: {ID}: client=mail.example.com[192.0.2.1]".encode()

    done = subprocess.run(PROGRAM, input=text, stdout=subprocess.PIPE, check=True, timeout=60)

    assert json.loads(done.stdout)["t"] == "2019-11-27T16:22:50.000000Z"


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    with subprocess.Popen(
        (*PROGRAM, SAMPLES / "mail.log.gz"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        said = running.stderr.read()

    assert (running.returncode, said) == (0, b"")
