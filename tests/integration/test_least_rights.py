"""The whole pipe over mutual TLS, SCRAM and verify-full, each part with its own rights and no more.

And no secret anywhere where others look.
"""

import contextlib
import json
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

import psutil
import psycopg2
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from posttrail_answers.raw_lines import reading_raw
from posttrail_producers.positions import read_positions
from posttrail_producers.publisher import Publisher

from posttrail import config, kafka_clients, kafka_rights, kafka_rules, topics
from posttrail.config import Settings
from posttrail.errors import Exit, NotReady, PosttrailError, Refused
from posttrail.kafka_rules import Kind, Rule
from tests import secure_kafka as kafka_users
from tests import secure_postgres as database
from tests.certificates import Certificates
from tests.fix_postgres import execute
from tests.program import PROGRAM, ROOT, environment, run, run_well
from tests.secure_clients import Rulers, by_both
from tests.secure_kafka import SecureKafka
from tests.secure_postgres import SecurePostgres
from tests.waiting import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

HOST = "mx1"
TALK = ROOT / "samples" / "talk.log"
LOGIN_PASSWORD = "quotes ' and \\ and spaces 2342"
SECRETS = (kafka_users.PASSWORD, database.PASSWORD, LOGIN_PASSWORD)

Part: TypeAlias = str


class World:
    """One posttrail on the secure servers, with a user for each part."""

    def __init__(self, kafka: SecureKafka, made: Certificates, prefix: str, files: Path) -> None:
        self.kafka = kafka
        self.prefix = prefix
        self.rulers = Rulers(kafka)
        self._made = made
        self._files = files

    def given(self, part: Part) -> dict[str, Any]:
        """`[kafka]` of a part."""
        return {**by_both(self.kafka, self._made, part).kafka, "prefix": self.prefix}

    def settings(self, part: Part) -> Settings:
        return config.load(kafka=self.given(part), producer={"host": HOST})

    def rules(self, part: Part) -> tuple[Rule, ...]:
        return kafka_rules.PARTS[part](self.settings(part))

    def allow(self, part: Part, *, without: Rule | None = None) -> None:
        self.rulers.allow(part, self.prefix, *(one for one in self.rules(part) if one != without))

    def environment(self, part: Part, dsn: str, password: str) -> dict[str, str]:
        """Of a program; its secrets stand in files."""
        given = self.given(part)
        kept = {name: value for name, value in given.items() if name != "password"}
        return environment(
            **{f"KAFKA__{name.upper()}": str(value) for name, value in kept.items()},
            KAFKA__PASSWORD_FILE=self._secret("kafka", given["password"]),
            POSTGRES__DSN=dsn,
            POSTGRES__PASSWORD_FILE=self._secret(f"postgres-{part}", password),
            PRODUCER__HOST=HOST,
            LOGS__LEVEL="debug",
            HOME=str(self._files),
        )

    def _secret(self, name: str, secret: str) -> str:
        file = self._files / name
        file.touch(mode=0o600)
        file.write_text(secret + "\n")
        return str(file)


@pytest.fixture
def world(secure_kafka: SecureKafka, certificates: Certificates, tmp_path: Path) -> World:
    return World(secure_kafka, certificates, f"t{uuid.uuid4().hex[:8]}.", tmp_path)


@pytest.fixture
def with_topics(world: World) -> World:
    admin = AdminClient({"bootstrap.servers": world.kafka.bootstrap, "log_level": 0})
    wanted = [NewTopic(topic.full_name(world.prefix), topic.partitions, 1) for topic in topics.ALL]
    for made in admin.create_topics(wanted).values():
        made.result(30)
    return world


@pytest.fixture
def logins(secure_postgres: SecurePostgres) -> Iterator[dict[Part, tuple[str, str]]]:
    """Connection string and password of the owner, of a sink, of a reader, of who tells events."""
    owner = secure_postgres.dsn()
    for role in ("a_sink", "a_reader", "a_teller"):
        execute(owner, f"CREATE ROLE {role} LOGIN PASSWORD $${LOGIN_PASSWORD}$$")
    strict = secure_postgres.strict_dsn
    yield {
        "owner": (strict(), database.PASSWORD),
        "sink": (strict(user="a_sink"), LOGIN_PASSWORD),
        "status": (strict(user="a_reader"), LOGIN_PASSWORD),
        "events": (strict(user="a_teller"), LOGIN_PASSWORD),
    }
    for role in ("a_sink", "a_reader", "a_teller"):
        execute(owner, f"DROP ROLE {role}")


def grant(secure_postgres: SecurePostgres) -> None:
    execute(secure_postgres.dsn(), "GRANT posttrail_writer TO a_sink")
    execute(secure_postgres.dsn(), "GRANT posttrail_reader TO a_reader")
    execute(secure_postgres.dsn(), "GRANT posttrail_events TO a_teller")


def count(secure_postgres: SecurePostgres, table: str) -> int:
    with (
        contextlib.closing(psycopg2.connect(secure_postgres.dsn())) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(f"SELECT count(*) FROM {table}")
        (found,) = cursor.fetchone() or (-1,)
    return int(found)


@contextlib.contextmanager
def running(command: str, env: dict[str, str], log: Path) -> Iterator[psutil.Process]:
    with log.open("wb") as output:
        process = subprocess.Popen([*PROGRAM, command], env=env, stdout=output, stderr=output)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        assert process.wait(30) == Exit.OK, log.read_text()


def seen_by_others(process: psutil.Process) -> str:
    """What `ps` and /proc show of a program and what it started."""
    family = [process, *process.children(recursive=True)]
    return "".join(f"{one.cmdline()} {one.environ()}" for one in family)


def test_the_whole_pipe_works_with_the_least_rights_and_shows_no_secret(
    world: World,
    secure_postgres: SecurePostgres,
    logins: dict[Part, tuple[str, str]],
    tmp_path: Path,
) -> None:
    for part in kafka_rules.PARTS:
        world.allow(part)
    env = {
        part: world.environment(part, *logins.get(part, logins["owner"]))
        for part in kafka_rules.PARTS
    }
    said = run_well("topics", env=env["topics"])
    said += run_well("migrate", "--roles", env=env["topics"])
    said += run_well("events", "on", env=env["topics"])
    grant(secure_postgres)
    shown = ""
    with ExitStack() as stages:
        for part, command in (("processor", "process"), ("sink", "sink"), ("events", "events")):
            log = tmp_path / f"{part}.log"
            process = stages.enter_context(running(command, env[part], log))
            shown += seen_by_others(process)
        said += run_well("check", "--sink", "--json", env=env["sink"])
        said += run_well(
            "produce", "file", str(TALK), "--year", "2019", "--zone", "UTC", env=env["producer"]
        )
        status = run_well("status", "--wait-idle", "90", "--json", env=env["status"])
        eventually(lambda: count(secure_postgres, "event_change") == 0)
        said += run_well("replay", "--since", "0", "--dry-run", env=env["replay"])
        said += run_well("dead", "--retry", env=env["dead"])
    said += status + "".join(log.read_text() for log in tmp_path.glob("*.log"))

    assert json.loads(status)["rows"]["delivery_from"] > 0
    for secret in SECRETS:
        assert secret not in shown + said
    assert "Traceback" not in said


Act: TypeAlias = Callable[[Settings], object]


def produce(settings: Settings) -> None:
    """One commit of a producer."""
    source = f"journal:{HOST}"
    publisher = Publisher(settings, source, lambda: False)
    publisher.open()
    publisher.send([(b"mx1", b"2026-11-01T00:00:00Z mx1 postfix/qmgr[1]: 5B58E24853E: removed")])
    publisher.commit({source: b"{}"})
    publisher.drop()


def test_a_producer_works_with_its_rules_and_not_without_any_of_them(with_topics: World) -> None:
    rules = kafka_rules.of_source(f"journal:{HOST}")
    needed = [rule for rule in rules if not rule.name.endswith(kafka_rules.CHECK)]
    settings = with_topics.settings("producer")

    with_topics.rulers.allow("producer", with_topics.prefix, *needed)
    produce(settings)

    for missing in needed:
        rest = [rule for rule in rules if rule != missing]
        with_topics.rulers.allow("producer", with_topics.prefix, *rest)
        with pytest.raises(PosttrailError) as refused:
            produce(settings)
        assert missing.name in str(refused.value), missing


@pytest.mark.parametrize("part", ["processor", "sink", "replay", "dead", "events", "webhooks"])
def test_a_part_that_lacks_a_rule_is_told_which(with_topics: World, part: str) -> None:
    settings, rules = with_topics.settings(part), with_topics.rules(part)
    with_topics.allow(part)
    kafka_rights.require(settings, rules)

    for missing in rules:
        with_topics.allow(part, without=missing)
        if missing.prefixed or missing.kind is Kind.TRANSACTIONAL_ID:
            continue  # those are tried by producers only
        with pytest.raises(Refused, match=f"{missing.operation}.*{missing.kind}.*{missing.name}"):
            kafka_rights.require(settings, [rule for rule in rules if not rule.prefixed])


@pytest.mark.parametrize("missing", ["maillog.raw", "posttrail-replay"])
def test_a_trace_that_may_not_read_raw_lines_is_told_what_to_do(
    with_topics: World, missing: str
) -> None:
    with_topics.allow("producer")
    produce(with_topics.settings("producer"))
    (rule,) = (one for one in with_topics.rules("replay") if one.name.endswith(missing))
    with_topics.allow("replay", without=rule)

    with (
        reading_raw(with_topics.settings("replay")) as raw,
        pytest.raises(NotReady, match="topics --acls --part replay"),
    ):
        raw.fetch({(part, 0) for part in range(topics.RAW.partitions)}, {})


def test_a_producer_cannot_read_lines_and_a_sink_cannot_write_them(with_topics: World) -> None:
    with_topics.allow("producer")
    with_topics.allow("sink")
    produce(with_topics.settings("producer"))
    raw = topics.RAW.full_name(with_topics.prefix)

    assert reading(with_topics.settings("producer"), raw) == "TOPIC_AUTHORIZATION_FAILED"
    assert writing(with_topics.settings("sink"), raw) == "TOPIC_AUTHORIZATION_FAILED"
    deliveries = topics.DELIVERIES.full_name(with_topics.prefix)
    assert writing(with_topics.settings("producer"), deliveries) == "TOPIC_AUTHORIZATION_FAILED"
    assert writing(with_topics.settings("sink"), deliveries) == "TOPIC_AUTHORIZATION_FAILED"
    assert read_positions(with_topics.settings("producer"))


def reading(settings: Settings, topic: str) -> str:
    """The error that a reader of the topic gets."""
    group = settings.kafka.prefix + kafka_rules.POSITIONS_GROUP
    consumer = Consumer({**kafka_clients.base(settings, "test"), "group.id": group})
    consumer.assign([TopicPartition(topic, 0, 0)])
    try:
        message = consumer.poll(15)
        error = None if message is None else message.error()
        return "" if error is None else str(error.name())
    finally:
        consumer.close()


def writing(settings: Settings, topic: str) -> str:
    """The error that a writer of the topic gets."""
    heard: list[KafkaError] = []
    producer = Producer({**kafka_clients.base(settings, "test"), "log_level": 0})
    producer.produce(topic, b"forged", b"mx1", on_delivery=lambda error, _: heard.append(error))
    producer.flush(15)
    return str(heard[0].name()) if heard and heard[0] is not None else ""


def test_a_host_cannot_take_over_the_sources_of_another(with_topics: World) -> None:
    with_topics.allow("producer")

    for source in ("journal:mx10", "file:mx2:/var/log/mail.log"):
        name = f"{with_topics.prefix}{source}"
        base = kafka_clients.base(with_topics.settings("producer"), "test")
        producer = Producer({**base, "transactional.id": name, "log_level": 0})
        with pytest.raises(KafkaException, match="TRANSACTIONAL_ID_AUTHORIZATION_FAILED"):
            producer.init_transactions(15)


@pytest.mark.parametrize("directory", ["", "/var/log/journal/remote"])
def test_a_check_asks_for_the_source_that_the_producer_will_have(
    with_topics: World, directory: str, logins: dict[Part, tuple[str, str]]
) -> None:
    with_topics.rulers.allow(
        "producer", with_topics.prefix, *kafka_rules.of_source(f"journal:{HOST}")
    )
    env = with_topics.environment("producer", *logins["owner"])
    options = ("--directory", directory) if directory else ()

    found = json.loads(run("check", "--journal", "--json", *options, env=env).stdout)["checks"]

    rights = next(one for one in found if one["name"] == "journal rights")
    assert (rights["state"] == "ok") == (not directory)
    assert directory in rights["detail"]


@pytest.mark.parametrize(
    ("changes", "password", "words"),
    [
        ({}, "wrong", 'password authentication failed for user "posttrail"; see the user'),
        ({"user": "stranger"}, database.PASSWORD, 'for user "stranger"'),
        ({"sslmode": "disable"}, database.PASSWORD, "no pg_hba.conf entry"),
        ({"sslrootcert": "foreign"}, database.PASSWORD, "certificate verify failed; is the"),
        ({"sslrootcert": "/nowhere"}, database.PASSWORD, "set sslrootcert in postgres.dsn"),
        ({"host": "127.0.0.2"}, database.PASSWORD, "cannot connect to PostgreSQL"),
    ],
)
def test_who_postgresql_keeps_out_is_told_why(
    secure_postgres: SecurePostgres,
    certificates: Certificates,
    changes: dict[str, str],
    password: str,
    words: str,
) -> None:
    from posttrail_answers.database import reading as answers
    from posttrail_sinks.readiness import server

    from posttrail.secret_files import with_password

    if changes.get("sslrootcert") == "foreign":
        changes = {"sslrootcert": str(certificates.foreign_ca)}
    dsn = with_password(secure_postgres.strict_dsn(**changes), password)

    for connect in (server, answers_of(answers)):
        with pytest.raises(PosttrailError) as refused:
            connect(dsn)
        assert words in str(refused.value)
        assert password not in str(refused.value)
        assert "\n" not in str(refused.value)
        assert refused.value.exit_code is Exit.UNREACHABLE


def answers_of(reading: Callable[[str], Any]) -> Callable[[str], object]:
    def connect(dsn: str) -> None:
        with reading(dsn):
            pass

    return connect


@pytest.mark.parametrize(
    ("pair", "words"),
    [("misnamed_server", "does not match host name"), ("expired_server", "expired")],
)
def test_a_bad_certificate_of_postgresql_is_told(
    secure_postgres: SecurePostgres, certificates: Certificates, pair: str, words: str
) -> None:
    from posttrail_sinks.readiness import server

    from posttrail.secret_files import with_password

    dsn = with_password(secure_postgres.strict_dsn(), database.PASSWORD)

    def refused() -> str:
        try:
            server(dsn)
        except PosttrailError as error:
            return str(error)
        return ""

    secure_postgres.present(getattr(certificates, pair))
    try:
        eventually(refused)
        assert words in refused()
    finally:
        secure_postgres.present(certificates.server)
        eventually(lambda: not refused())


def test_servers_of_ours_get_nothing_of_our_environment(
    secure_kafka: SecureKafka, secure_postgres: SecurePostgres
) -> None:
    for child in (secure_kafka.child, secure_postgres.child):
        assert child is not None
        guard = psutil.Process(child.pid)
        for process in (guard, *guard.children()):
            assert set(process.environ()) <= {"PATH", "LC_ALL", "LC_CTYPE", "TMPDIR"}
