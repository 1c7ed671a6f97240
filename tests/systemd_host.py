"""A host with a real systemd as process 1, in namespaces of its own.

Its root is an overlay in memory above this machine's: nothing that it writes or removes is real.
Of the machine it sees the network, for Kafka and PostgreSQL, and nothing of systemd's own units but
what a test puts there: no tmpfiles, no sysctl, no udev.
"""

import os
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.missing import missing
from tests.program import ROOT
from tests.waiting import eventually

LOG = "/var/log/mail.log"
PYTHON = Path(sys.executable).resolve()
SITE = "/opt/site"
"""In the host: the packages that this Python has."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_JOIN = """
set -e
group=$(findmnt --noheadings --first-only --types cgroup2 --output TARGET)/$1
mkdir "$group"
echo $$ > "$group/cgroup.procs"
exec unshare --fork --kill-child --pid --mount --uts --ipc --cgroup --mount-proc \\
  sh -c "$2" inside "$3"
"""
_INSIDE = """
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
ln -s /proc/self/fd dev/fd
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
_PREPARE = """
set -e
test "$(stat --file-system --format=%T .)" = overlayfs  # nothing below may be real
hostname {name}
echo {name} > etc/hostname  # systemd sets it anew
rm -rf etc/systemd/system etc/posttrail etc/sysusers.d/posttrail.conf opt
mkdir -p etc/systemd/system/posttrail-.service.d etc/sysusers.d opt
for target in sysinit basic network-online started shutdown; do
  printf '[Unit]\\nDefaultDependencies=no\\n' > etc/systemd/system/$target.target
done
cat > etc/systemd/system/posttrail-.service.d/test.conf <<'END'
[Service]
StandardOutput=append:/tmp/log
StandardError=append:/tmp/log
END
for each in {binds}; do
  mkdir -p "opt/${{each%%:*}}"
  mount --bind "${{each#*:}}" "opt/${{each%%:*}}"
  mount -o remount,bind,ro "opt/${{each%%:*}}"
done
echo /opt/python/lib > etc/ld.so.conf.d/python.conf
ldconfig -r .
: > .{log}
chgrp adm .{log}
chmod 640 .{log}
"""


def prepared(name: str, more: str = "", binds: Mapping[str, Path] | None = None) -> str:
    """The script that makes the new root, its working directory, a host of this name.

    Args:
        name: the host's.
        more: commands of the test's own, put behind.
        binds: directories seen below /opt, beside this Python and its packages.
    """
    places = {
        "python": PYTHON.parents[1],
        "site": Path(sysconfig.get_path("purelib")),
        **(binds or {}),
    }
    quoted = " ".join(shlex.quote(f"{name}:{place}") for name, place in places.items())
    return _PREPARE.format(name=name, binds=quoted, log=LOG) + more


def require() -> None:
    """Skip, or fail in CI, where a systemd cannot be process 1."""
    if os.geteuid() != 0 or not Path("/lib/systemd/systemd").exists():
        missing("systemd as process 1 needs root and the package systemd")


class Systemd:
    """A machine within the machine."""

    def __init__(self, base: Path, script: str) -> None:
        """`base`: a directory for it alone; `script`: from `prepared`. It boots meanwhile."""
        base.mkdir(exist_ok=True)
        (base / "prepare").write_text(script)
        self._group = f"posttrail-test-{base.parent.name}-{base.name}"
        self._outer = subprocess.Popen(
            ["sh", "-c", _JOIN, "join", self._group, _INSIDE, str(base)],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def wait(self) -> None:
        """Until it has booted."""
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
        """Run a command within, in the repository's directory, as root; what it prints."""
        done = subprocess.run(
            ["nsenter", "--target", self._first(), "--mount", "--pid", "--uts", "--ipc", "--cgroup",
             "bash", "-e", "-u", "-o", "pipefail", "-c", f"cd {ROOT}\n{command}"],
            env={"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8"},
            capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if check and done.returncode != 0:
            told = self.run("tail -n 20 /tmp/log; systemctl --failed --no-legend", check=False)
            raise AssertionError(f"{command}\n{done.stdout}{done.stderr}{told}")
        return done.stdout

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
