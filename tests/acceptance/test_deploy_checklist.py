"""docs/deploy.md, followed by a machine: every command of it, in order, on four simulated hosts.

A host is a namespace with a systemd of its own as process 1. Kafka and PostgreSQL are real ones
that speak TLS and know users and rules. What cannot be had is put in its place: the servers'
address, the packages that pip would fetch, Kafka's tools for its administrators (each a start of
Java), and sendmail, which writes what Postfix would log.
"""

import argparse
import re
import shlex
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from psycopg2.extensions import parse_dsn

from posttrail.kafka_rules import Kind, Rule
from tests import systemd_host
from tests.certificates import Certificates
from tests.fix_journal import short_directory
from tests.fix_postgres import execute
from tests.program import ROOT
from tests.secure_clients import Rulers
from tests.secure_kafka import SecureKafka
from tests.secure_postgres import SecurePostgres
from tests.systemd_host import LOG, PYTHON, SITE, Systemd

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

PAGE = ROOT / "docs/deploy.md"
BLOCK = re.compile(r"^```(\w+)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MAIL_HOSTS = ("mx1", "mx2", "mx3")
PROGRAMS = {
    # A real environment, made once and copied on the other hosts, and a real pip, which builds and
    # installs posttrail itself. All else that it would fetch is there: this Python's packages.
    "python3": f"""#!/bin/sh
test "$1 $2 $3" = "-m venv /opt/posttrail" || exec /opt/python/bin/{PYTHON.name} "$@"
test ! -d dist/environment || exec cp -r dist/environment /opt/posttrail
/opt/python/bin/{PYTHON.name} -m venv /opt/posttrail
echo {SITE} > /opt/posttrail/lib/{PYTHON.name}/site-packages/fetched.pth
cat > /opt/posttrail/bin/pip <<'END'
#!/bin/sh
command=$1; shift
case "$command $*" in
  *requirements.txt*) test -f deploy/requirements.txt; exit;;
  wheel*) set -- --no-build-isolation "$@";;
  install*) set -- --no-deps --ignore-installed "$@";;
esac
exec /opt/posttrail/bin/python -m pip --quiet --disable-pip-version-check $command "$@"
END
cp -r /opt/posttrail dist/environment
""",
    "kafka-configs.sh": """#!/bin/sh
test "$1 $3" = "--bootstrap-server --command-config" || exit 2
shift 4
echo "$@" "$(cat user.properties)" >> /tmp/users
""",
    "kafka-acls.sh": """#!/bin/sh
test "$1 $3" = "--bootstrap-server --command-config" || exit 2
shift 4
echo "$@" >> /tmp/rules
""",
    "sendmail": f"""#!/bin/sh
id=$(sed -n 's/^Message-Id: //p')
now() {{ date --utc +%Y-%m-%dT%H:%M:%S.%6N+00:00; }}
say() {{ echo "$(now) $(hostname) postfix/$1" >> {LOG}; }}
# Two mail hosts with the same queue id: their mails keep apart.
queue_id=3F2A1B00$(hostname | tr -d mx | tr 12 0)C
say "pickup[11]: $queue_id: uid=0 from=<$2>"
say "cleanup[12]: $queue_id: message-id=$id"
say "qmgr[13]: $queue_id: from=<$2>, size=300, nrcpt=1 (queue active)"
say "smtp[14]: $queue_id: to=<$3>, relay=mail.example.com[192.0.2.1]:25, delay=1, \
delays=0.1/0/0.5/0.4, dsn=2.0.0, status=sent (250 2.0.0 Ok)"
say "qmgr[13]: $queue_id: removed"
""",
}


def script(name: str, shared: Path, authority: Path) -> str:
    """What makes a new root this host; `shared`: seen by all hosts as `dist`."""
    lines = [
        f"rm -rf .{ROOT}/dist",
        f"mkdir .{ROOT}/dist",
        f"mount --bind {shared} .{ROOT}/dist",
        f"cp {authority} .{ROOT}/ca.pem",
        f"echo '2026-11-24T06:00:00.000001+00:00 {name} sshd[1]: of before' > .{LOG}",
    ]
    for program, text in PROGRAMS.items():
        place = f"usr/local/bin/{program}"
        lines += [f"rm -f {place}", f"cat > {place} <<'E-O-F'\n{text}E-O-F", f"chmod 755 {place}"]
    return systemd_host.prepared(name, "\n".join(lines) + "\n")


@pytest.fixture
def hosts(certificates: Certificates) -> Iterator[dict[str, Systemd]]:
    """Central and three mail hosts."""
    systemd_host.require()
    made: dict[str, Systemd] = {}
    with short_directory() as base:
        shared = base / "dist"
        shared.mkdir()
        try:
            for name in ("central", *MAIL_HOSTS):
                made[name] = Systemd(base / name, script(name, shared, certificates.ca))
            for host in made.values():
                host.wait()
            yield made
        finally:
            for host in made.values():
                host.end()


class Servers:
    """What central.example.com is here, and what the page makes there under names of its own."""

    def __init__(self, kafka: SecureKafka, postgres: SecurePostgres) -> None:
        self.postgres = postgres.dsn("postgres")
        self.name = f"deployed_{uuid.uuid4().hex[:8]}"
        self._kafka = kafka
        port = parse_dsn(postgres.strict_dsn())["port"]
        self._places = {
            "central.example.com:9093": kafka.at("SASL_TLS"),
            "host=central.example.com": f"host=localhost port={port}",
            "[kafka]\n": f'[kafka]\nprefix = "{self.name}."\n',
            # The rules are printed before there are settings.
            "/opt/posttrail/bin/posttrail topics --acls": (
                f"env POSTTRAIL_KAFKA__PREFIX={self.name}. "
                "/opt/posttrail/bin/posttrail topics --acls"
            ),
            "maillog": self.name,
        }

    def put_into(self, text: str) -> str:
        """A block of the page for these servers."""
        for there, here in self._places.items():
            text = text.replace(there, here)
        return text

    def let_in(self, users: str, rules: str) -> None:
        """Do what Kafka's tools were asked for: a line for each call."""
        admin = AdminClient({"bootstrap.servers": self._kafka.bootstrap, "log_level": 0})
        wanted = [_user(line.split()) for line in users.splitlines()]
        for done in admin.alter_user_scram_credentials(wanted).values():
            done.result(30)
        allowed: dict[str, set[Rule]] = {}
        for line in rules.splitlines():
            user, found = _rules(shlex.split(line))
            allowed.setdefault(user, set()).update(found)
        assert allowed.keys() == {one.user for one in wanted}
        rulers = Rulers(self._kafka)
        for user, all_found in allowed.items():
            rulers.allow(user, "", *all_found)


def _user(call: list[str]) -> UserScramCredentialUpsertion:
    """The user that a call of kafka-configs.sh is to make."""
    name = call[call.index("--entity-name") + 1]
    mechanism, key, password = call[-1].split("=", 2)
    assert key == "password"  # in a file without the brackets that an argument has
    scram = ScramCredentialInfo(ScramMechanism[mechanism.replace("-", "_")], 4096)
    return UserScramCredentialUpsertion(name, scram, password.encode())


def _rules(call: list[str]) -> tuple[str, list[Rule]]:
    """The user and the rules that a call of kafka-acls.sh is about."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--add", action="store_true", required=True)
    parser.add_argument("--allow-principal", required=True)
    parser.add_argument("--operation", action="append", required=True)
    parser.add_argument("--resource-pattern-type")
    for kind in Kind:
        parser.add_argument(f"--{kind}", dest=kind)
    asked = vars(parser.parse_args(call))
    ((kind, name),) = ((kind, asked[kind]) for kind in Kind if asked[kind])
    prefixed = asked["resource_pattern_type"] == "prefixed"
    rules = [Rule(kind, name, operation, prefixed) for operation in asked["operation"]]
    return asked["allow_principal"].removeprefix("User:"), rules


@pytest.fixture
def servers(secure_kafka: SecureKafka, secure_postgres: SecurePostgres) -> Iterator[Servers]:
    made = Servers(secure_kafka, secure_postgres)
    yield made
    execute(made.postgres, f"DROP DATABASE IF EXISTS {made.name} WITH (FORCE)")
    execute(made.postgres, f"DROP ROLE IF EXISTS {made.name}")


def follow(hosts: dict[str, Systemd], servers: Servers) -> dict[str, str]:
    """Every block of the page in order; what each command printed, by the command's block."""
    printed: dict[str, str] = {}
    mail_hosts = [hosts[name] for name in MAIL_HOSTS]
    central = hosts["central"]
    for language, where, block in BLOCK.findall(PAGE.read_text()):
        filled = servers.put_into(block)
        if language == "sql":
            for statement in filled.strip().split(";\n"):
                execute(servers.postgres, statement)
            continue
        assert language == "sh", "every block is for a machine to follow"
        if where == "mx":
            with ThreadPoolExecutor(len(mail_hosts)) as pool:
                printed[block] = "".join(
                    pool.map(lambda host, text=filled: host.run(text), mail_hosts)
                )
            continue
        printed[block] = central.run(filled)
        if where == "kafka":
            servers.let_in(central.run("cat /tmp/users"), central.run("cat /tmp/rules"))
    return printed


def said(printed: dict[str, str], by: str) -> str:
    """What the block with this command printed."""
    (text,) = (text for block, text in printed.items() if by in block)
    return text


def test_a_stranger_gets_from_nothing_to_a_trace(
    hosts: dict[str, Systemd], servers: Servers
) -> None:
    printed = follow(hosts, servers)

    assert said(printed, "--version").startswith("posttrail ")
    assert "failed" not in said(printed, "check --processor") + said(printed, "check --file")
    traces = said(printed, "trace '<first@mx1>'")
    for name in MAIL_HOSTS:
        assert f"first@{name}" in traces
    assert traces.count("someone@example.com") >= len(MAIL_HOSTS)
    assert traces.count("250 2.0.0 Ok") >= len(MAIL_HOSTS)
    assert "raw lines cannot be shown" not in traces
    status = " ".join(traces.split())
    for rows in ("delivery_from 3 rows", "delivery_to 3 rows", "log_gap 0 rows", "dead 0 records"):
        assert rows in status
