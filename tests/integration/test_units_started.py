"""The units, started by a real systemd: a process 1 in namespaces of its own.

Its root is an overlay in memory above this machine's: nothing that it writes or removes is real.
Of the machine it sees the network, for Kafka, and nothing of systemd's own units but what a test
puts there: no tmpfiles, no sysctl, no udev.
"""

import os
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from tests.fix_journal import short_directory
from tests.missing import missing
from tests.program import ROOT
from tests.raw_topic import raw_lines
from tests.waiting import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

UNIT = "posttrail-producer-file@var-log-mail.log.service"
LOG = "/var/log/mail.log"
PACKAGES = ("", "producers", "processors", "sinks", "answers", "embedded")

JOIN = """
set -e
group=$(findmnt --noheadings --first-only --types cgroup2 --output TARGET)/$1
mkdir "$group"
echo $$ > "$group/cgroup.procs"
exec unshare --fork --kill-child --pid --mount --uts --ipc --cgroup --mount-proc \\
  sh -c "$2" inside "$3"
"""
INSIDE = """
set -e
mkdir "$1/own"
mount -t tmpfs tmpfs "$1/own"
mkdir "$1/own/upper" "$1/own/work" "$1/own/root"
mount -t overlay overlay "$1/own/root" \
  -o "lowerdir=/,upperdir=$1/own/upper,workdir=$1/own/work"
cd "$1/own/root"
for place in run tmp; do mount -t tmpfs tmpfs $place; done
mount -t tmpfs tmpfs dev
for each in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
  mknod -m 666 "dev/${each%%:*}" c $(echo "${each#*:}" | tr : ' ')
done
ln -s pts/ptmx dev/ptmx
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs sys/fs
mkdir sys/fs/cgroup
mount -t cgroup2 cgroup2 sys/fs/cgroup
sh "$1/prepare"
mkdir old
pivot_root . old
umount --lazy old
export container=test
exec /lib/systemd/systemd --unit=started.target --log-target=null --show-status=no </dev/null
"""
PREPARE = """
set -e
test "$(stat --file-system --format=%T .)" = overlayfs  # nothing below may be real
hostname mx1
rm -rf etc/systemd/system etc/posttrail opt
mkdir -p etc/systemd/system etc/posttrail opt/posttrail/bin etc/sysusers.d
for target in sysinit basic network-online started shutdown; do
  printf '[Unit]\\nDefaultDependencies=no\\n' > etc/systemd/system/$target.target
done
for each in {binds}; do
  mkdir -p opt/${{each%%:*}}
  mount --bind "${{each#*:}}" opt/${{each%%:*}}
  mount -o remount,bind,ro opt/${{each%%:*}}
done
cp -r {root}/deploy/systemd/* etc/systemd/system/
cp {root}/deploy/systemd/posttrail.sysusers etc/sysusers.d/posttrail.conf
systemd-sysusers --root=. 2>/dev/null
cat > etc/systemd/system/posttrail-.service.d/test.conf <<'END'
[Service]
RestartSec=1
Environment=POSTTRAIL_METRICS__PORT=0
StandardOutput=append:/tmp/log
StandardError=append:/tmp/log
END
mkdir etc/systemd/system/posttrail-producer-file@.service.d
cat > etc/systemd/system/posttrail-producer-file@.service.d/test.conf <<'END'
[Service]
WatchdogSec=5
TimeoutAbortSec=1
END
cat > opt/posttrail/bin/posttrail <<'END'
#!/bin/sh
export PYTHONPATH={path} PYTHONDONTWRITEBYTECODE=1 LD_LIBRARY_PATH=/opt/python/lib
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
: > .{log}
chgrp adm .{log}
chmod 640 .{log}
"""


def prepared(kafka: str, prefix: str, dsn: str) -> str:
    """The script that makes the new root a host with posttrail."""
    database = parse_dsn(dsn)
    passfile = database.pop("passfile", os.devnull)
    python = Path(sys.executable).resolve()
    places = {
        "python": python.parents[1],
        "site": Path(sysconfig.get_path("purelib")),
        "source": ROOT,
    }
    path = ":".join([*(f"/opt/source/{name}".rstrip("/") for name in PACKAGES), "/opt/site"])
    return PREPARE.format(
        binds=" ".join(shlex.quote(f"{name}:{place}") for name, place in places.items()),
        root=ROOT, path=path, python=python.name, kafka=kafka, prefix=prefix, log=LOG,
        dsn=make_dsn(**database, passfile="/etc/posttrail/pgpass"), passfile=passfile,
    )  # fmt: skip


class Systemd:
    """A machine within the machine."""

    def __init__(self, base: Path, script: str) -> None:
        (base / "prepare").write_text(script)
        self._group = f"posttrail-test-{base.name}"
        self._outer = subprocess.Popen(
            ["sh", "-c", JOIN, "join", self._group, INSIDE, str(base)],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        eventually(lambda: self._is_up() or self._outer.poll() is not None)
        if self._outer.poll() is not None:
            assert self._outer.stderr is not None
            missing(f"no systemd as process 1 here: {self._outer.stderr.read().strip()[-200:]}")

    def _first(self) -> str:
        """Process id of its process 1, as seen from here."""
        number = self._outer.pid
        return Path(f"/proc/{number}/task/{number}/children").read_text().strip()

    def _is_up(self) -> bool:
        with suppress(OSError):
            return "started.target" in self.run("systemctl list-units --type=target", check=False)
        return False

    def run(self, command: str, *, check: bool = True) -> str:
        """Run a command within; what it prints."""
        done = subprocess.run(
            ["nsenter", "--target", self._first(), "--mount", "--pid", "--uts", "--ipc", "--cgroup",
             "sh", "-c", command],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}" + (
            self.run(f"cat /tmp/log; systemctl show -p ExecMainStatus,Result {UNIT}", check=False)
        )
        return done.stdout

    def show(self, name: str) -> str:
        """A property of the unit."""
        return self.run(f"systemctl show --value --property={name} {UNIT}").strip()

    def write(self, *numbers: int) -> None:
        """Log lines of Postfix."""
        for number in numbers:
            line = f"2026-11-24T06:00:00.00000{number}+00:00 mx1 postfix/smtpd[9]: line {number}"
            self.run(f"echo '{line}' >> {LOG}")

    def end(self) -> None:
        """It and all within."""
        self._outer.kill()
        self._outer.communicate()
        found = subprocess.check_output(
            ["findmnt", "-n", "--first-only", "-t", "cgroup2", "-o", "TARGET"], text=True
        )
        for directory, _, _ in os.walk(Path(found.strip()) / self._group, topdown=False):
            eventually(lambda directory=directory: _removed(directory))  # type: ignore[misc]


def _removed(directory: str) -> bool:
    with suppress(OSError):
        Path(directory).rmdir()
    return not Path(directory).exists()


@pytest.fixture
def systemd(kafka: str, prefix: str, dsn: str) -> Iterator[Systemd]:
    if os.geteuid() != 0 or not Path("/lib/systemd/systemd").exists():
        missing("systemd as process 1 needs root and the package systemd")
    with short_directory() as base:
        started = Systemd(base, prepared(kafka, prefix, dsn))
        try:
            yield started
        finally:
            started.end()


def numbers(kafka: str, prefix: str) -> list[int]:
    return [int(line.rpartition(b" ")[2]) for line in raw_lines(kafka, prefix)]


def test_systemd_starts_reloads_revives_and_stops_a_producer(
    systemd: Systemd, kafka: str, prefix: str
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


def test_workers_become_ready_within_the_limits_of_their_units(systemd: Systemd) -> None:
    units = "posttrail-processor@1 posttrail-sink@1 posttrail-watch"

    systemd.run(f"systemctl start {units}")

    assert systemd.run(f"systemctl is-active {units}").split() == ["active"] * 3
    systemd.run(f"systemctl stop {units}")
    assert systemd.run("systemctl list-units --failed --plain --no-legend") == ""
