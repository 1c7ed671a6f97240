"""Secrets: where they come from, and that nothing shows them."""

import ssl
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn
from pydantic import SecretStr

from posttrail import config, kafka_clients
from posttrail.errors import BadSettings
from posttrail.kafka_refusals import of_tls
from posttrail.postgres_refusals import in_words
from posttrail.secret_files import place, secret, with_password

SECRET = "s3cret ' \\ & = % words"
KAFKA = {"bootstrap": "192.0.2.1:9093", "security": "sasl_tls", "username": "mx1"}


def test_a_secret_of_a_file_has_no_line_feed(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")

    assert secret("kafka.password", SecretStr(""), file) == SECRET


def test_a_secret_that_is_set_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"kafka\.password and kafka\.password_file are both set"):
        secret("kafka.password", SecretStr(SECRET), tmp_path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"postgres\.dsn_file: cannot read .*nothing: No such"):
        secret("postgres.dsn", SecretStr(""), tmp_path / "nothing")


def test_a_credential_of_systemd_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kafka-password").write_text(SECRET)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    assert place(Path("kafka-password")) == tmp_path / "kafka-password"
    assert place(Path("elsewhere")) == Path("elsewhere")


@pytest.mark.parametrize(
    "dsn",
    [
        "host=db.example.com user=sink",
        "host=db.example.com user=sink password=old",
        "postgresql://sink@db.example.com/posttrail",
        "postgresql://sink@db.example.com/posttrail?sslmode=verify-full",
    ],
)
def test_libpq_reads_the_password_that_was_put_in(dsn: str) -> None:
    found = parse_dsn(with_password(dsn, SECRET))

    assert found["password"] == SECRET
    assert found["host"] == "db.example.com"


def test_the_database_is_reached_by_files_alone(tmp_path: Path) -> None:
    for name, text in (("dsn", "host=db.example.com"), ("password", SECRET)):
        (tmp_path / name).write_text(text)
    given = {"dsn_file": tmp_path / "dsn", "password_file": tmp_path / "password"}

    settings = config.load(postgres=given)

    assert parse_dsn(config.dsn(settings))["password"] == SECRET
    assert config.has_own_postgres(settings)


def test_librdkafka_gets_what_the_settings_say() -> None:
    kafka = config.load(kafka={**KAFKA, "password": SECRET, "mechanism": "SCRAM-SHA-256"}).kafka

    assert kafka_clients.security(kafka) == {
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": "mx1",
        "sasl.password": SECRET,
    }


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"security": "tls", "cert_file": "c.pem"}, "cert_file and key_file go together"),
        ({"ca_file": "ca.pem"}, "set security to tls or sasl_tls"),
        ({"security": "sasl_tls"}, "go together"),
        ({"username": "mx1", "password": SECRET}, "go together"),
        (KAFKA, "a user needs a password"),
        ({**KAFKA, "password": SECRET, "mechanism": "GSSAPI"}, "kafka.mechanism"),
    ],
)
def test_settings_that_do_not_fit_together_are_told(given: dict[str, str], words: str) -> None:
    with pytest.raises(BadSettings) as refused:
        config.load(kafka=given)

    assert words in str(refused.value)
    assert SECRET not in str(refused.value)


def test_no_form_of_the_settings_shows_a_secret() -> None:
    settings = config.load(
        kafka={**KAFKA, "password": SECRET, "key_password": SECRET},
        postgres={"dsn": f"host=db password={SECRET}"},
    )

    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert "s3cret" not in shown


def test_a_connection_string_is_shown_without_its_secrets() -> None:
    from posttrail.cli.status import without_password

    shown = without_password("postgresql://sink:s3cret@db.example.com/mail?sslpassword=s3cret")

    assert shown == "user=sink dbname=mail host=db.example.com"


def error_of(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("reason", "shown", "words"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", False, "set kafka.cert_file"),
        ("TLSV1_ALERT_UNKNOWN_CA", True, "does not take our certificate"),
        ("WRONG_VERSION_NUMBER", False, "no TLS is spoken here"),
    ],
)
def test_a_broken_handshake_says_what_to_do(reason: str, shown: bool, words: str) -> None:
    assert words in (of_tls(error_of(reason), shown=shown) or "")


def test_libpqs_words_become_one_line() -> None:
    said = "connection failed: FATAL:  no such thing\nand more\n"

    assert in_words(said).startswith("cannot connect to PostgreSQL: connection failed: FATAL:")
    assert "\n" not in in_words(said)
    assert in_words("").endswith("is postgres.dsn right?")
