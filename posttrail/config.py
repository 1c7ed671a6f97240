"""Settings: one TOML file, `POSTTRAIL_…` environment variables above it, checked once at start.

An unknown key is an error, secrets never show in `repr`. The only place where a setting is named;
docs/settings.md is generated from it. Where no server is set, the embedded ones are meant, as
`posttrail up` wrote them down below `home`.
"""

import os
import socket
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from posttrail import secret_files
from posttrail.carriers import DEFAULT_RELAY_TAGS
from posttrail.errors import BadSettings, Unreachable
from posttrail.server_settings import Kafka, Postgres, Section
from posttrail.web_settings import Web
from posttrail.webhook_settings import Webhooks

DEFAULT_HOME = Path("~/.posttrail")
CONFIG_NAME = "posttrail.toml"


class Journal(Section):
    """The journal producer: which entries of systemd's journal are mail lines."""

    directory: Path | None = None
    """Directory of journal files, of other hosts too; not set: the journal of this host."""
    facilities: tuple[int, ...] = (2,)
    """Syslog facilities that are read, as numbers: 2 is mail; 16 to 23 are local0 to local7."""
    identifiers: tuple[str, ...] = ()
    """Programs (SYSLOG_IDENTIFIER) that are read whatever their facility."""
    instances: tuple[str, ...] = ()
    """Postfix instances that are read (`postfix`, `postfix-out`); empty: all that the facilities
    hold, other programs too."""
    level: int = Field(default=6, ge=0, le=7)
    """The least severe syslog level that is read: 6 is info, 7 is debug."""
    units: tuple[str, ...] = ("postfix*.service",)
    """Units (patterns) whose lines journald may have suppressed; its notices are passed on."""


class Producer(Section):
    """A producer: when it commits."""

    host: str = Field(default_factory=lambda: socket.gethostname().partition(".")[0])
    """Host name for lines that carry none."""
    pseudonym_key_file: Path | None = None
    """File of a key: addresses leave this host with a keyed pseudonym for their local part; not
    set: as they are. A relative name is looked for in `$CREDENTIALS_DIRECTORY` first."""
    max_lines_before_commit: int = Field(default=20_000, ge=1)
    """Lines in one transaction at the most."""
    max_delay_before_commit: float = Field(default=0.5, gt=0)
    """Seconds a line waits for its commit at the most."""
    journal: Journal = Journal()


class Processor(Section):
    """A processor: how it reads mails."""

    group: str = "posttrail-processor"
    """Consumer group of all processors."""
    verp_marker: str = ""
    """What separates the VERP id from the sender (`-`, say); empty: senders are not split."""
    relay_tags: frozenset[str] = DEFAULT_RELAY_TAGS
    """Programs whose messages may be whole syslog lines of Postfix in a container; `docker` means
    `docker/mail` too. Nobody else's text is taken for a line of Postfix."""
    max_poll_lines: int = Field(default=5_000, ge=1)
    """Lines taken in one poll at the most."""
    stall_seconds: float = Field(default=120, gt=0)
    """A worker that takes nothing for so long while lines wait ends, to be started anew."""


class Sink(Section):
    """A sink: how it batches, and how long rows are kept."""

    group: str = "posttrail-sink"
    """Consumer group of all sinks."""
    batch_facts: int = Field(default=10_000, ge=1)
    """Facts in one transaction at the most."""
    batch_seconds: float = Field(default=0.5, gt=0)
    """Seconds a fact waits for its transaction at the most."""
    retention_days: int | None = Field(default=None, ge=1)
    """Rows older than this are dropped by day; not set: rows are kept for good."""
    refusal_days: int | None = Field(default=None, ge=1)
    """The same for `noqueue`, where it shall be shorter; not set: as `retention_days`."""
    domain_days: Mapping[str, int] = Field(default={})
    """Days that mails and refusals from and to a domain are kept, by domain, where they shall be
    fewer: `{ "example.com" = 30 }`."""
    orphan_minutes: float = Field(default=30, gt=0)
    """How long a line of a short id waits for the line that opened its mail."""
    generation_days: int = Field(default=7, ge=1)
    """How long facts of short ids are kept to tell mails with the same id apart; more than
    Postfix's maximal_queue_lifetime."""


class Logs(Section):
    """What the programs say of themselves."""

    format: Literal["auto", "console", "json"] = "auto"
    """`auto`: console on a terminal, else JSON."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe event that is shown."""
    addresses: bool = False
    """Whether logs may carry mail addresses."""


class Metrics(Section):
    """Where Prometheus finds a process."""

    port: int | None = Field(default=None, ge=0, le=65535)
    """Port of /metrics, /live, /ready and /health; not set: none; 0: a free one."""
    address: str = "127.0.0.1"
    """Address that the port is bound to."""


class Watch(Section):
    """`posttrail watch`: how often it looks."""

    seconds: float = Field(default=60, ge=1)
    """Seconds from one look at Kafka and the views to the next."""


class Settings(BaseSettings):
    """All settings of posttrail."""

    model_config = SettingsConfigDict(
        env_prefix="POSTTRAIL_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    home: Path = DEFAULT_HOME
    """Directory of everything that the embedded servers keep."""
    kafka: Kafka = Kafka()
    postgres: Postgres = Postgres()
    producer: Producer = Producer()
    processor: Processor = Processor()
    sink: Sink = Sink()
    logs: Logs = Logs()
    metrics: Metrics = Metrics()
    watch: Watch = Watch()
    web: Web = Web()
    webhooks: Webhooks = Webhooks()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments beat the environment, the environment beats the file."""
        file = config_file()
        sources = (init_settings, env_settings)
        return sources if file is None else (*sources, TomlConfigSettingsSource(settings_cls, file))


def config_file() -> Path | None:
    """The settings file: POSTTRAIL_CONFIG, else posttrail.toml in the home or /etc/posttrail."""
    if named := os.environ.get("POSTTRAIL_CONFIG"):
        return Path(named)
    home = Path(os.environ.get("POSTTRAIL_HOME", DEFAULT_HOME)).expanduser()
    places = (home / CONFIG_NAME, Path("/etc/posttrail") / CONFIG_NAME)
    return next((place for place in places if place.is_file()), None)


# Variables that configure the command line itself and are no settings.
_NOT_SETTINGS = {"POSTTRAIL_CONFIG", "POSTTRAIL_HOME"}


def _refuse_unknown_variables() -> None:
    """pydantic-settings ignores unknown variables at the top; a typo must not pass in silence."""
    sections = {f"POSTTRAIL_{name.upper()}" for name in Settings.model_fields}
    for name in os.environ:
        known = name in _NOT_SETTINGS or name.partition("__")[0] in sections
        if name.startswith("POSTTRAIL_") and not known:
            raise BadSettings(f"{name}: no such setting; docs/settings.md lists them all")


def _say(error: ValidationError) -> str:
    problems = [
        f"{'.'.join(str(part) for part in found['loc'])}: {found['msg']}"
        for found in error.errors(include_url=False, include_input=False)
    ]
    return f"settings ({config_file() or 'environment'}): {'; '.join(problems)}"


def load(**given: Any) -> Settings:
    """The settings from file, environment and arguments.

    Raises:
        BadSettings: an unknown key, a value that cannot be used, a file that cannot be read.
    """
    _refuse_unknown_variables()
    file = config_file()
    try:
        if file is not None:
            file.read_bytes()  # pydantic-settings passes over a file that is not there
        return Settings(**given)
    except ValidationError as error:
        raise BadSettings(_say(error)) from None
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BadSettings(f"cannot read the settings file {file}: {error}") from None


class Servers(msgspec.Struct, frozen=True):
    """The embedded servers that run now; what `posttrail up` writes to `servers.json`."""

    bootstrap: str = ""
    dsn: str = ""


def home(settings: Settings) -> Path:
    """The home directory as an absolute path."""
    return settings.home.expanduser().absolute()


def servers_file(settings: Settings) -> Path:
    """Where the embedded servers of this home are written down while they run."""
    return home(settings) / "run" / "servers.json"


def _embedded(settings: Settings) -> Servers:
    try:
        return msgspec.json.decode(servers_file(settings).read_bytes(), type=Servers)
    except FileNotFoundError:
        return Servers()


def bootstrap(settings: Settings) -> str:
    """The brokers to talk to.

    Raises:
        Unreachable: none is set and no embedded one runs.
    """
    found = settings.kafka.bootstrap or _embedded(settings).bootstrap
    if not found:
        raise Unreachable(
            f"no Kafka: none runs below {home(settings)} (start one with `posttrail up`) "
            "and kafka.bootstrap is not set"
        )
    return found


def has_own_postgres(settings: Settings) -> bool:
    """Whether the settings name a PostgreSQL; else the embedded one is meant."""
    given = settings.postgres
    return bool(given.dsn.get_secret_value() or given.dsn_file)


def dsn(settings: Settings) -> str:
    """The database to talk to, as a libpq connection string. It may hold the password.

    Raises:
        Unreachable: none is set and no embedded one runs.
        BadSettings: a file of a secret cannot be read.
    """
    given = settings.postgres
    named = secret_files.secret("postgres.dsn", given.dsn, given.dsn_file)
    found = named or _embedded(settings).dsn
    if not found:
        raise Unreachable(
            f"no PostgreSQL: none runs below {home(settings)} (start one with `posttrail up`) "
            "and postgres.dsn is not set"
        )
    if given.password_file is None or not named:
        return found
    password = secret_files.secret("postgres.password", SecretStr(""), given.password_file)
    return secret_files.with_password(found, password)
