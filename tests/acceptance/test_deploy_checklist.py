"""docs/deploy.md, followed by a machine: every command of it, in order, on four simulated hosts.

A host is a namespace of its own for names and mounts: its own host name, /etc, /opt and /var/log.
Only what a sandbox cannot have is put in its place: the servers' addresses, the installation by
pip, systemctl, and sendmail, which writes what Postfix would log.
"""

import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

from tests import simulated_systemctl
from tests.fix_journal import short_directory
from tests.fix_postgres import execute
from tests.missing import missing
from tests.program import ROOT

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

PAGE = ROOT / "docs/deploy.md"
MAIL_HOSTS = ("mx1", "mx2", "mx3")
BLOCK = re.compile(r"^```(\w+)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FRESH = """
set -e
hostname "$1"
mkdir "$2/own" && mount -t tmpfs tmpfs "$2/own"
for place in etc opt var/log; do
  mkdir -p "$2/own/upper/$place" "$2/own/work/$place" "/$place"
  mount -t overlay overlay "/$place" \
    -o "lowerdir=/$place,upperdir=$2/own/upper/$place,workdir=$2/own/work/$place"
done
rm -rf /opt/posttrail /etc/posttrail /etc/systemd/system/posttrail*
: > /var/log/mail.log
echo ready
exec sleep 600
"""
PROGRAMS = {
    # pip would fetch packages: the installed program is the one that is tested here.
    "python3": """#!/bin/sh
test "$1 $2 $3" = "-m venv /opt/posttrail" || exit 2
mkdir -p /opt/posttrail/bin
printf '#!/bin/sh\\nexec {python} -m posttrail.cli "$@"\\n' > /opt/posttrail/posttrail
cat > /opt/posttrail/bin/pip <<'END'
#!/bin/sh
test "$1" = install && test -f pyproject.toml || exit 2
mv /opt/posttrail/posttrail /opt/posttrail/bin/posttrail
END
chmod 755 /opt/posttrail/posttrail /opt/posttrail/bin/pip
""",
    "systemctl": """#!/bin/sh
exec {python} {systemctl} {state} "$@"
""",
    "sendmail": """#!/bin/sh
id=$(sed -n 's/^Message-Id: //p')
now() {{ date --utc +%Y-%m-%dT%H:%M:%S.%6N+00:00; }}
say() {{ echo "$(now) $(hostname) postfix/$1" >> /var/log/mail.log; }}
queue_id={queue_id}
say "pickup[11]: $queue_id: uid=0 from=<$2>"
say "cleanup[12]: $queue_id: message-id=$id"
say "qmgr[13]: $queue_id: from=<$2>, size=300, nrcpt=1 (queue active)"
say "smtp[14]: $queue_id: to=<$3>, relay=mail.example.com[192.0.2.1]:25, delay=1, \
delays=0.1/0/0.5/0.4, dsn=2.0.0, status=sent (250 2.0.0 Ok)"
say "qmgr[13]: $queue_id: removed"
""",
}


class Host:
    """One simulated host."""

    def __init__(self, name: str, state: Path, queue_id: str) -> None:
        self.name = name
        self._state = state
        programs = state / "bin"
        programs.mkdir(parents=True)
        for program, text in PROGRAMS.items():
            filled = text.format(
                python=sys.executable, systemctl=simulated_systemctl.__file__, state=state,
                queue_id=queue_id,
            )  # fmt: skip
            (programs / program).write_text(filled)
            (programs / program).chmod(0o755)
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--uts", "sh", "-c", FRESH, "host", name, str(state)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "ready\n":
            missing("no namespaces and overlays can be made here (unshare, as root)")

    def run(self, commands: str) -> str:
        """Run a block as root would paste it; what it prints."""
        path = f"{self._state / 'bin'}:{os.environ['PATH']}"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("POSTTRAIL_")}
        done = subprocess.run(
            ["nsenter", "--target", str(self._holder.pid), "--mount", "--uts",
             "bash", "-e", "-u", "-o", "pipefail", "-c", f"cd {ROOT}\n{commands}"],
            env={**kept, "PATH": path}, cwd=ROOT, capture_output=True, text=True, check=False,
            timeout=120, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, f"{self.name}: {commands}\n{done.stdout}{done.stderr}"
        return done.stdout

    def end(self) -> None:
        """End its services and then the host."""
        for file in self._state.glob("*.pid"):
            with suppress(ProcessLookupError):
                os.kill(int(file.read_text()), signal.SIGKILL)
        self._holder.kill()
        self._holder.communicate()


@pytest.fixture
def hosts() -> Iterator[dict[str, Host]]:
    """Central and three mail hosts."""
    made: dict[str, Host] = {}
    with short_directory() as base:
        try:
            for number, name in enumerate(("central", *MAIL_HOSTS)):
                # Mail hosts with the same queue id: their mails keep apart.
                made[name] = Host(name, base / name, queue_id=f"3F2A1B00{number // 3}C")
            yield made
        finally:
            for host in made.values():
                host.end()


class Servers:
    """What central.example.com is here, and what the page makes there under names of its own."""

    def __init__(self, kafka: str, postgres: str) -> None:
        self.kafka, self.postgres = kafka, postgres
        self.name = f"maillog_{uuid.uuid4().hex[:8]}"

    def put_into(self, text: str) -> str:
        address = parse_dsn(self.postgres)
        places = {
            "central.example.com:9092": self.kafka,
            "host=central.example.com": f"host={address['host']} port={address['port']}",
            "[kafka]\n": f'[kafka]\nprefix = "{self.name}."\n',
            "maillog": self.name,
        }
        for there, here in places.items():
            text = text.replace(there, here)
        return text


@pytest.fixture
def servers(kafka: str, postgres: str) -> Iterator[Servers]:
    made = Servers(kafka, postgres)
    yield made
    execute(postgres, f"DROP DATABASE IF EXISTS {made.name} WITH (FORCE)")
    execute(postgres, f"DROP ROLE IF EXISTS {made.name}")


def follow(hosts: dict[str, Host], servers: Servers) -> dict[str, str]:
    """Every block of the page in order; what each command printed, by the command's block."""
    printed: dict[str, str] = {}
    for language, where, block in BLOCK.findall(PAGE.read_text()):
        filled = servers.put_into(block)
        if language == "sql":
            for statement in filled.strip().split(";\n"):
                execute(servers.postgres, statement)
            continue
        assert language == "sh", "every block is for a machine to follow"
        for name in MAIL_HOSTS if where == "mx" else (where,):
            printed[block] = hosts[name].run(filled)
    return printed


def test_a_stranger_gets_from_nothing_to_a_trace(hosts: dict[str, Host], servers: Servers) -> None:
    printed = follow(hosts, servers)

    (traces,) = (text for block, text in printed.items() if "trace '<first@mx1>'" in block)
    for name in MAIL_HOSTS:
        assert f"first@{name}" in traces
    assert traces.count("someone@example.com") >= len(MAIL_HOSTS)
    assert traces.count("250 2.0.0 Ok") >= len(MAIL_HOSTS)
