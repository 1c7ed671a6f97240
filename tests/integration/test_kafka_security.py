"""Every way into a secured Kafka, and every way not to get in: one line that says what to do."""

import asyncio
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from posttrail_processors import credentials

from posttrail import config, kafka_refusals, topic_admin
from posttrail.errors import BadSettings, Exit
from tests.certificates import KEY_PASSWORD, Certificates
from tests.program import PROGRAM, ROOT, environment
from tests.secure_clients import Client, by_both, by_certificate, by_password, shown
from tests.secure_kafka import PASSWORD, SecureKafka

pytestmark = pytest.mark.kafka

Making: TypeAlias = Callable[[SecureKafka, Certificates], Client]

LET_IN: dict[str, Making] = {
    "TLS": lambda server, made: Client(
        {"bootstrap": server.at("TLS"), "security": "tls", "ca_file": str(made.ca)}
    ),
    "mutual TLS": by_certificate,
    "mutual TLS with a locked key": lambda server, made: by_certificate(server, made).but(
        key_file=str(made.client.locked_key), key_password=KEY_PASSWORD
    ),
    "SCRAM-SHA-512": by_password,
    "SCRAM-SHA-256": lambda server, made: by_password(server, made).but(mechanism="SCRAM-SHA-256"),
    "PLAIN": lambda server, made: by_password(server, made).but(mechanism="PLAIN"),
    "SCRAM without TLS": lambda server, _: Client(
        {
            "bootstrap": server.at("SASL_PLAIN"),
            "security": "sasl_plaintext",
            "username": "processor",
            "password": PASSWORD,
        }
    ),
    "mutual TLS and SCRAM": lambda server, made: by_both(server, made, "processor"),
}

KEPT_OUT: dict[str, tuple[Making, str]] = {
    "wrong password": (
        lambda server, made: by_password(server, made).but(password="wrong"),
        "refuses user processor (SCRAM-SHA-512): unknown user or wrong password",
    ),
    "wrong password, PLAIN": (
        lambda server, made: by_password(server, made).but(password="wrong", mechanism="PLAIN"),
        "refuses user processor (PLAIN): unknown user or wrong password",
    ),
    "unknown user": (
        lambda server, made: by_password(server, made, "stranger"),
        "refuses user stranger",
    ),
    "no users here": (
        lambda server, made: by_password(server, made).but(bootstrap=server.at("TLS")),
        "does not take SCRAM-SHA-512",
    ),
    "expired certificate of the broker": (
        lambda server, made: by_password(server, made).but(bootstrap=server.at("EXPIRED")),
        "the broker's certificate has expired: renew it",
    ),
    "another name": (
        lambda server, made: by_password(server, made).but(bootstrap=server.at("MISNAMED")),
        "the broker's certificate is for another name",
    ),
    "foreign authority": (
        lambda server, made: by_password(server, made).but(ca_file=str(made.foreign_ca)),
        "not signed by an authority that we trust",
    ),
    "no certificate of ours": (
        lambda server, made: Client({**LET_IN["TLS"](server, made).kafka}).but(
            bootstrap=server.at("MUTUAL")
        ),
        "asks for a certificate of ours: set kafka.cert_file",
    ),
    "our certificate has expired": (
        lambda server, made: by_certificate(server, made).but(**shown(made.expired_client)),
        "does not take our certificate",
    ),
    "our certificate is of a foreign authority": (
        lambda server, made: by_certificate(server, made).but(**shown(made.foreign_client)),
        "does not take our certificate",
    ),
    "no TLS on a port with it": (
        lambda server, _: Client({"bootstrap": server.at("TLS")}),
        "this listener speaks TLS: set kafka.security",
    ),
    "TLS on a port without it": (
        lambda server, made: LET_IN["TLS"](server, made).but(bootstrap=server.bootstrap),
        "no TLS is spoken here: see kafka.security",
    ),
}


@pytest.mark.parametrize("way", LET_IN)
def test_librdkafka_is_let_in(
    secure_kafka: SecureKafka, certificates: Certificates, way: str
) -> None:
    settings = config.load(kafka=LET_IN[way](secure_kafka, certificates).kafka)

    assert topic_admin.partitions(topic_admin.client(settings), settings) is not None


@pytest.mark.parametrize("way", LET_IN)
def test_aiokafka_is_let_in(
    secure_kafka: SecureKafka, certificates: Certificates, way: str
) -> None:
    given = config.load(kafka=LET_IN[way](secure_kafka, certificates).kafka).kafka

    async def ask() -> object:
        client = AIOKafkaAdminClient(
            bootstrap_servers=given.bootstrap, **credentials.of_aiokafka(given)
        )
        await client.start()
        try:
            return await client.list_topics()
        finally:
            await client.close()

    assert asyncio.run(ask()) is not None


def test_a_broker_that_lets_us_in_has_no_refusal(
    secure_kafka: SecureKafka, certificates: Certificates
) -> None:
    settings = config.load(kafka=by_password(secure_kafka, certificates).kafka)

    assert kafka_refusals.refusal(settings) is None


def files(made: Certificates, tmp_path: Path) -> dict[str, tuple[dict[str, str], str]]:
    """Settings of files that cannot be used, and what is said."""
    mutual = shown(made.client)
    return {
        "no such file": ({"ca_file": "/nowhere/ca.pem"}, "kafka.ca_file: cannot read /nowhere"),
        "no certificate": ({"ca_file": str(made.client.key)}, "holds no certificate"),
        "key of another": (
            {**mutual, "key_file": str(made.server.key)},
            f"kafka.key_file: {made.server.key} is not the key of",
        ),
        "locked key": (
            {**mutual, "key_file": str(made.client.locked_key)},
            "is encrypted, and kafka.key_password does not open it",
        ),
        "wrong key password": (
            {**mutual, "key_file": str(made.client.locked_key), "key_password": "wrong"},
            "is encrypted, and kafka.key_password does not open it",
        ),
        "no key": ({**mutual, "key_file": str(made.ca)}, "are no pair in PEM form"),
    }


@pytest.mark.parametrize(
    "what", ["no such file", "no certificate", "key of another", "locked key",
             "wrong key password", "no key"],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_told_before_any_connection(
    certificates: Certificates, tmp_path: Path, what: str
) -> None:
    given, words = files(certificates, tmp_path)[what]
    kafka = {"bootstrap": "127.0.0.1:1", "security": "tls", **given}

    with pytest.raises(BadSettings, match=re.escape(words)):
        topic_admin.client(config.load(kafka=kafka))


STAGES = {
    "check": ("check",),
    "producer": ("produce", "file", "samples/talk.log", "--year", "2019"),
    "processor": ("process",),
    "sink": ("sink",),
    "dead": ("dead",),
    "topics": ("topics",),
}


def test_every_stage_says_it_in_one_line_and_ends(
    secure_kafka: SecureKafka, certificates: Certificates, dsn: str
) -> None:
    """At once: each costs seconds of waiting and little else."""
    cases = {
        (way, stage): KEPT_OUT[way]
        for way in ("wrong password", "foreign authority", "no certificate of ours")
        for stage in STAGES
        if way == "wrong password" or stage in ("producer", "processor")
    }
    running = {
        case: start(STAGES[case[1]], make(secure_kafka, certificates), dsn)
        for case, (make, _) in cases.items()
    }
    for case, process in running.items():
        output, _ = process.communicate(timeout=60)
        assert process.returncode == Exit.UNREACHABLE, (case, output)
        said = [line for line in output.splitlines() if cases[case][1] in line]
        assert len(said) == 1, (case, output)
        assert "Traceback" not in output
        assert PASSWORD not in output


def start(command: tuple[str, ...], client: Client, dsn: str) -> "subprocess.Popen[str]":
    env = environment(**client.environment(), POSTGRES__DSN=dsn)
    return subprocess.Popen(
        [*PROGRAM, *command], env=env, cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize("way", KEPT_OUT)
def test_who_is_kept_out_is_told_why(
    secure_kafka: SecureKafka, certificates: Certificates, way: str
) -> None:
    make, words = KEPT_OUT[way]
    settings = config.load(kafka=make(secure_kafka, certificates).kafka)

    found = kafka_refusals.refusal(settings)

    assert found is not None
    assert found.exit_code is Exit.UNREACHABLE
    assert words in str(found)
    assert "\n" not in str(found)
