"""`posttrail check`: each failure is one line with the cure, and a named exit code."""

import grp  # noqa: F401  # pathlib loads it late, when nobody may read it
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import psycopg2
import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from posttrail_embedded.broker import EmbeddedKafka

from posttrail.errors import Exit
from posttrail.topics import DEAD, POSITIONS, RAW
from tests.fix_postgres import execute, on_database
from tests.missing import missing
from tests.program import environment, run, run_well

Found: TypeAlias = dict[str, tuple[str, str]]
Rule: TypeAlias = tuple[ResourceType, str, AclOperation]


def checked(*options: str, exit_code: Exit, **settings: str) -> Found:
    """State and detail of every check, by name."""
    done = run("check", "--json", *options, env=environment(**settings))
    assert done.returncode == exit_code, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["exit_code"] == exit_code.name
    assert report["ok"] == (exit_code is Exit.OK)
    return {one["name"]: (one["state"], one["detail"]) for one in report["checks"]}


@pytest.fixture
def servers(kafka: str, prefix: str, dsn: str) -> dict[str, str]:
    return {"KAFKA__BOOTSTRAP": kafka, "KAFKA__PREFIX": prefix, "POSTGRES__DSN": dsn}


@contextmanager
def as_nobody() -> Iterator[None]:
    """The rest of the block, and what it starts, may not read what only root may."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.mark.kafka
@pytest.mark.postgres
def test_where_all_is_well_everything_is_ok(servers: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "mail.log"
    log.write_text("a line\n")

    found = checked("--file", str(log), "--processor", "--sink", exit_code=Exit.OK, **servers)

    assert {state for state, _ in found.values()} == {"ok"}
    assert {"settings", "kafka", "topics", "file rights", "processor rights", "sink rights"} < {
        *found
    }
    assert {"postgres", "schema", "database rights", f"file {log}"} < {*found}


@pytest.mark.kafka
@pytest.mark.postgres
def test_a_person_reads_one_line_each(servers: dict[str, str]) -> None:
    lines = run_well("check", env=environment(**servers)).splitlines()

    assert [line.split()[:2] for line in lines] == [
        ["ok", "settings"],
        ["ok", "kafka"],
        ["ok", "topics"],
        ["ok", "postgres"],
        ["ok", "schema"],
    ]


@pytest.mark.kafka
def test_a_check_does_not_disturb_a_running_producer(kafka: str, prefix: str) -> None:
    from confluent_kafka import Producer

    running = Producer(
        {"bootstrap.servers": kafka, "transactional.id": f"{prefix}journal:mx1", "log_level": 0}
    )
    running.init_transactions(30)
    running.begin_transaction()
    running.produce(RAW.full_name(prefix), b"a line", b"mx1")

    checked_rights(kafka, prefix)

    running.commit_transaction(30)  # a fenced one could not


def checked_rights(kafka: str, prefix: str) -> None:
    from posttrail import config, kafka_rights, kafka_rules

    settings = config.load(kafka={"bootstrap": kafka, "prefix": prefix})
    kafka_rights.require(settings, kafka_rules.of_source("journal:mx1"))


def test_an_unknown_setting_is_told() -> None:
    found = checked(exit_code=Exit.SETTINGS, KAFKA__BOOTSTRAPS="192.0.2.1:9092")

    state, detail = found["settings"]
    assert state == "failed"
    assert "kafka.bootstraps" in detail


def test_only_the_settings_are_looked_at_when_so_asked() -> None:
    found = checked("--settings-only", exit_code=Exit.OK, KAFKA__BOOTSTRAP="127.0.0.1:1")

    assert list(found) == ["settings"]


def test_a_broker_that_is_not_there_is_told(tmp_path: Path) -> None:
    found = checked(exit_code=Exit.UNREACHABLE, KAFKA__BOOTSTRAP="127.0.0.1:1", HOME=str(tmp_path))

    assert found["kafka"][0] == "failed"
    assert "kafka.bootstrap" in found["kafka"][1]
    assert found["topics"][0] == "skipped"


@pytest.mark.kafka
def test_a_missing_topic_is_told(kafka: str, tmp_path: Path) -> None:
    found = checked(
        exit_code=Exit.NOT_READY,
        KAFKA__BOOTSTRAP=kafka,
        KAFKA__PREFIX="nothing-here.",
        HOME=str(tmp_path),
    )

    assert found["topics"][0] == "failed"
    assert "posttrail topics" in found["topics"][1]


@pytest.mark.kafka
def test_a_file_that_is_not_there_is_told(servers: dict[str, str]) -> None:
    found = checked("--file", "/nowhere/mail.log", exit_code=Exit.INPUT, **servers)

    assert found["file /nowhere/mail.log"][0] == "failed"
    assert "No such file" in found["file /nowhere/mail.log"][1]


def test_a_file_that_only_others_may_read_is_told_with_its_group(tmp_path: Path) -> None:
    from posttrail.cli.check import _readable
    from posttrail.errors import BadInput

    tmp_path.chmod(0o755)
    log = tmp_path / "mail.log"
    log.write_text("a line\n")
    log.chmod(0)

    with as_nobody_below(tmp_path), pytest.raises(BadInput, match=r"usermod -aG \S+ USER"):
        _readable(str(log))


@contextmanager
def as_nobody_below(path: Path) -> Iterator[None]:
    """pytest's directories are closed to others: open the way first."""
    closed = [one for one in path.parents if not one.stat().st_mode & 0o001]
    before = {one: one.stat().st_mode for one in closed}
    for one in closed:
        one.chmod(0o755)
    try:
        with as_nobody():
            yield
    finally:
        for one, mode in before.items():
            one.chmod(mode)


@pytest.mark.journal
def test_a_journal_directory_that_is_not_there_is_told(
    systemd_python: None, tmp_path: Path
) -> None:
    from posttrail.cli.check import _journal
    from posttrail.errors import BadInput

    with pytest.raises(BadInput, match="is not a directory"):
        _journal(tmp_path / "nowhere")


@pytest.mark.journal
def test_a_closed_journal_is_told_with_its_group(systemd_python: None, tmp_path: Path) -> None:
    from posttrail.cli.check import _journal
    from posttrail.errors import BadInput

    closed = tmp_path / "journal"
    closed.mkdir(mode=0o700)

    with as_nobody_below(closed), pytest.raises(BadInput, match="usermod -aG systemd-journal"):
        _journal(closed)


@pytest.mark.kafka
def test_a_database_that_is_not_there_is_told(kafka: str, prefix: str) -> None:
    found = checked(
        exit_code=Exit.UNREACHABLE,
        KAFKA__BOOTSTRAP=kafka,
        KAFKA__PREFIX=prefix,
        POSTGRES__DSN="host=127.0.0.1 port=1 dbname=x user=x password=hunter2",
    )

    assert found["postgres"][0] == "failed"
    assert "postgres.dsn" in found["postgres"][1]
    assert "hunter2" not in str(found)


@pytest.mark.kafka
@pytest.mark.postgres
def test_what_the_web_page_lacks_is_told(servers: dict[str, str], web_dsn: str) -> None:
    found = checked("--web", exit_code=Exit.NOT_READY, **servers)
    assert found["web"][0] == "ok"
    assert found["web rights"][0] == "failed"
    assert "posttrail migrate --roles" in found["web rights"][1]

    given = {**servers, "POSTGRES__DSN": web_dsn, "WEB__ADDRESS": "192.0.2.1"}
    found = checked("--web", exit_code=Exit.SETTINGS, **given)
    assert found["web rights"][0] == "ok"
    assert "web.login" in found["web"][1]


@pytest.mark.kafka
@pytest.mark.postgres
def test_a_schema_that_was_never_made_is_told(servers: dict[str, str], postgres: str) -> None:
    found = checked(
        exit_code=Exit.NOT_READY, **{**servers, "POSTGRES__DSN": on_database(postgres, "template1")}
    )

    assert found["schema"][0] == "failed"
    assert "posttrail migrate" in found["schema"][1]


@pytest.mark.postgres
def test_a_schema_of_a_newer_version_is_told(dsn: str) -> None:
    from posttrail_sinks.readiness import schema

    from posttrail.errors import NotReady

    execute(
        dsn,
        "INSERT INTO _yoyo_migration (migration_hash, migration_id) VALUES ('x', '9999_future')",
    )

    with pytest.raises(NotReady, match=r"9999_future.*upgrade this program"):
        schema(dsn)


@pytest.mark.postgres
def test_a_database_user_without_rights_is_told_what_to_grant(dsn: str) -> None:
    from posttrail_sinks.readiness import rights

    from posttrail.errors import Unreachable

    role = f"visitor_{os.getpid()}"
    execute(dsn, f"CREATE ROLE {role}")
    try:
        as_visitor = psycopg2.extensions.make_dsn(dsn, options=f"-c role={role}")
        with pytest.raises(Unreachable, match=r"INSERT on noqueue.*GRANT posttrail_writer"):
            rights(as_visitor)
    finally:
        execute(dsn, f"DROP ROLE {role}")


class GuardedKafka(EmbeddedKafka):
    """A Kafka that knows rules; who has none for a thing may do everything with it."""

    def _configure(self, broker: int, controller: int) -> None:
        super()._configure(broker, controller)
        with (self._directory / "server.properties").open("a") as properties:
            properties.write(
                "authorizer.class.name="
                "org.apache.kafka.metadata.authorizer.StandardAuthorizer\n"
                "allow.everyone.if.no.acl.found=true\n"
            )


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from posttrail.errors import PosttrailError

    directory = tmp_path_factory.mktemp("guarded")
    server = GuardedKafka(directory, directory / "kafka.log")
    try:
        server.start()
    except PosttrailError as error:
        missing(str(error))
    run_well("topics", env=environment(KAFKA__BOOTSTRAP=server.bootstrap, HOME=str(directory)))
    yield server.bootstrap
    server.stop()


@contextmanager
def forbidden(
    bootstrap: str, kind: ResourceType, name: str, operation: AclOperation
) -> Iterator[None]:
    """Everybody but one operation: a rule that allows the others, and one that forbids it."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    rules = [
        AclBinding(kind, name, ResourcePatternType.LITERAL, "User:*", "*", what, permission)
        for what, permission in (
            (AclOperation.ALL, AclPermissionType.ALLOW),
            (operation, AclPermissionType.DENY),
        )
    ]
    for made in admin.create_acls(rules).values():
        made.result(15)
    try:
        yield
    finally:
        for gone in admin.delete_acls([_filter(rule) for rule in rules]).values():
            gone.result(15)


def _filter(rule: AclBinding) -> Any:
    from confluent_kafka.admin import AclBindingFilter

    return AclBindingFilter(
        rule.restype, rule.name, rule.resource_pattern_type, rule.principal, rule.host,
        rule.operation, rule.permission_type,
    )  # fmt: skip


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("rule", "option", "check"),
    [
        ((ResourceType.TOPIC, RAW.name, AclOperation.WRITE), "--file", "file rights"),
        ((ResourceType.TOPIC, POSITIONS.name, AclOperation.READ), "--file", "file rights"),
        ((ResourceType.TOPIC, RAW.name, AclOperation.READ), "--processor", "processor rights"),
        ((ResourceType.TOPIC, DEAD.name, AclOperation.WRITE), "--sink", "sink rights"),
        ((ResourceType.GROUP, "posttrail-sink", AclOperation.READ), "--sink", "sink rights"),
        (
            (ResourceType.TRANSACTIONAL_ID, "file:mx1:#check", AclOperation.WRITE),
            "--file",
            "file rights",
        ),
    ],
    ids=lambda value: f"{value[1]} {value[2].name}" if isinstance(value, tuple) else "",
)
def test_a_missing_right_in_kafka_is_told_with_the_rule_to_add(
    guarded: str, tmp_path: Path, rule: Rule, option: str, check: str
) -> None:
    kind, name, operation = rule
    log = tmp_path / "mail.log"
    log.write_text("a line\n")
    options = (option, str(log)) if option == "--file" else (option,)

    with forbidden(guarded, kind, name, operation):
        found = checked(
            *options,
            exit_code=Exit.UNREACHABLE,
            KAFKA__BOOTSTRAP=guarded,
            PRODUCER__HOST="mx1",
            HOME=str(tmp_path),
        )

    state, detail = found[check]
    assert state == "failed"
    assert f"--operation {operation.name.capitalize()}" in detail
    assert name.removesuffix("#check") in detail
