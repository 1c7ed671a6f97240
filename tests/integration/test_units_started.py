"""The units, started by a real systemd: a process 1 in namespaces of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from tests import systemd_host
from tests.fix_journal import short_directory
from tests.program import ROOT
from tests.raw_topic import raw_lines
from tests.systemd_host import LOG, PYTHON, SITE, Systemd
from tests.waiting import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

UNIT = "posttrail-producer-file@var-log-mail.log.service"
PACKAGES = ("", "producers", "processors", "sinks", "answers", "embedded")

PREPARE = """
mkdir -p etc/posttrail opt/posttrail/bin
cp -r {root}/deploy/systemd/* etc/systemd/system/
cp {root}/deploy/systemd/posttrail.sysusers etc/sysusers.d/posttrail.conf
systemd-sysusers --root=. 2>/dev/null
cat >> etc/systemd/system/posttrail-.service.d/test.conf <<'END'
RestartSec=1
Environment=POSTTRAIL_METRICS__PORT=0
END
mkdir etc/systemd/system/posttrail-producer-file@.service.d
cat > etc/systemd/system/posttrail-producer-file@.service.d/test.conf <<'END'
[Service]
WatchdogSec=5
TimeoutAbortSec=1
END
cat > opt/posttrail/bin/posttrail <<'END'
#!/bin/sh
export PYTHONPATH={path} PYTHONDONTWRITEBYTECODE=1
exec /opt/python/bin/{python} -m posttrail.cli "$@"
END
chmod 755 opt/posttrail/bin/posttrail
cat > etc/posttrail/posttrail.toml <<'END'
[kafka]
bootstrap = "{kafka}"
prefix = "{prefix}"
[postgres]
dsn = "{dsn}"
END
cp {passfile} etc/posttrail/pgpass
chown -R "$(sed -n 's/^posttrail:x:\\([0-9]*:[0-9]*\\):.*/\\1/p' etc/passwd)" etc/posttrail
chmod 600 etc/posttrail/*
"""


def prepared(kafka: str, prefix: str, dsn: str) -> str:
    """The script that makes the new root a host with posttrail."""
    database = parse_dsn(dsn)
    passfile = database.pop("passfile", os.devnull)
    path = ":".join([*(f"/opt/source/{name}".rstrip("/") for name in PACKAGES), SITE])
    more = PREPARE.format(
        root=ROOT, path=path, python=PYTHON.name, kafka=kafka, prefix=prefix,
        dsn=make_dsn(**database, passfile="/etc/posttrail/pgpass"), passfile=passfile,
    )  # fmt: skip
    return systemd_host.prepared("mx1", more, {"source": Path(ROOT)})


class Machine(Systemd):
    """A host with the units."""

    def show(self, name: str) -> str:
        """A property of the producer's unit."""
        return self.run(f"systemctl show --value --property={name} {UNIT}").strip()

    def write(self, *numbers: int) -> None:
        """Log lines of Postfix."""
        for number in numbers:
            line = f"2026-11-24T06:00:00.00000{number}+00:00 mx1 postfix/smtpd[9]: line {number}"
            self.run(f"echo '{line}' >> {LOG}")


@pytest.fixture
def systemd(kafka: str, prefix: str, dsn: str) -> Iterator[Machine]:
    systemd_host.require()
    with short_directory() as base:
        started = Machine(base / "mx1", prepared(kafka, prefix, dsn))
        try:
            started.wait()
            yield started
        finally:
            started.end()


def numbers(kafka: str, prefix: str) -> list[int]:
    return [int(line.rpartition(b" ")[2]) for line in raw_lines(kafka, prefix)]


def test_systemd_starts_reloads_revives_and_stops_a_producer(
    systemd: Machine, kafka: str, prefix: str
) -> None:
    systemd.write(1)

    systemd.run(f"systemctl start {UNIT}")  # returns when the producer said READY=1
    eventually(lambda: numbers(kafka, prefix) == [1])
    assert systemd.run("stat -c %U /proc/" + systemd.show("MainPID")).strip() == "posttrail"

    first = systemd.show("MainPID")
    systemd.run(f"systemctl reload {UNIT}")
    systemd.write(2)
    eventually(lambda: numbers(kafka, prefix) == [1, 2])
    assert systemd.show("MainPID") == first

    systemd.run(f"kill -STOP {first}")
    eventually(lambda: systemd.show("NRestarts") == "1" and systemd.show("ActiveState") == "active")
    systemd.write(3)
    eventually(lambda: numbers(kafka, prefix) == [1, 2, 3])

    systemd.run(f"systemctl stop {UNIT}")
    assert (systemd.show("ActiveState"), systemd.show("Result")) == ("inactive", "success")


def test_workers_become_ready_within_the_limits_of_their_units(systemd: Machine) -> None:
    units = "posttrail-processor@1 posttrail-sink@1 posttrail-watch"

    systemd.run(f"systemctl start {units}")

    assert systemd.run(f"systemctl is-active {units}").split() == ["active"] * 3
    systemd.run(f"systemctl stop {units}")
    assert systemd.run("systemctl list-units --failed --plain --no-legend") == ""
