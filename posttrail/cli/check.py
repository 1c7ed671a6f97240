"""`posttrail check`: is everything there that a stage needs, before it starts?"""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from glob import glob
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from posttrail import checks, config, kafka_rights, kafka_rules, topic_admin
from posttrail.checks import Report, State, Step
from posttrail.config import Settings
from posttrail.errors import BadInput, BadSettings, Exit
from posttrail.kafka_rules import Kind, Rule
from posttrail.topics import ALL, Topic

_ANSWER_S = 5.0
"""A person waits."""
_STYLES = {State.OK: "green", State.FAILED: "red", State.SKIPPED: "yellow"}


class Wanted(msgspec.Struct, frozen=True):
    """What the command line asks for."""

    journal: bool = False
    files: tuple[str, ...] = ()
    processor: bool = False
    sink: bool = False
    web: bool = False
    directory: Path | None = None


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(check)


def check(
    *,
    journal: Annotated[
        bool, typer.Option("--journal", help="Also what a journal producer needs on this host.")
    ] = False,
    file: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="Also what a producer of this file needs; repeatable."),
    ] = None,
    directory: Annotated[
        Path | None, typer.Option(help="The journals that `produce journal --directory` reads.")
    ] = None,
    processor: Annotated[
        bool, typer.Option("--processor", help="Also what a processor may do in Kafka.")
    ] = False,
    sink: Annotated[
        bool, typer.Option("--sink", help="Also what a sink may do in Kafka and PostgreSQL.")
    ] = False,
    web: Annotated[
        bool, typer.Option("--web", help="Also what the web page needs, with its login and TLS.")
    ] = False,
    settings_only: Annotated[
        bool, typer.Option("--settings-only", help="Look at no server and no log.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Look at settings, servers, topics, rights and logs; one line each, a failure with its cure.

    Changes nothing. Ends with the exit code of the first failure.
    """
    wanted = Wanted(
        journal or directory is not None, tuple(file or ()), processor, sink, web, directory
    )
    report = _looked_at(wanted, settings_only=settings_only)
    if as_json:
        _print_json(report)
    else:
        _print(report, Console(highlight=False, soft_wrap=True))
    if report.exit_code is not Exit.OK:
        sys.exit(report.exit_code)


def _looked_at(wanted: Wanted, *, settings_only: bool) -> Report:
    try:
        settings = config.load(**of_directory(wanted.directory))
    except BadSettings as error:
        return checks.run([Step("settings", _raising(error))])
    source = str(config.config_file() or "no file, environment and defaults")
    steps = [Step("settings", lambda: source)]
    if not settings_only:
        steps += [*_kafka(settings, wanted), *_logs(settings, wanted), *_postgres(settings, wanted)]
        steps += _web(settings) if wanted.web else []
    return checks.run(steps)


def of_directory(directory: Path | None) -> dict[str, Any]:
    """Settings for the journals of this directory, as `produce journal` takes them."""
    return {} if directory is None else {"producer": {"journal": {"directory": directory}}}


def _raising(error: BadSettings) -> Callable[[], str]:
    def look() -> str:
        raise error

    return look


def _kafka(settings: Settings, wanted: Wanted) -> Iterator[Step]:
    yield Step("kafka", lambda: _brokers(settings))
    rights = dict(_rights(settings, wanted))
    used = {rule.name for rules in rights.values() for rule in rules if rule.kind is Kind.TOPIC}
    looked_at = [topic for topic in ALL if topic.name in used or not used]
    yield Step("topics", lambda: _topics(settings, looked_at), ("kafka",))
    for name, rules in rights.items():
        yield Step(name, partial(kafka_rights.require, settings, rules), ("kafka", "topics"))


def _rights(settings: Settings, wanted: Wanted) -> Iterator[tuple[str, tuple[Rule, ...]]]:
    if wanted.journal:
        from posttrail_producers.journal_source import source_id

        source = source_id(settings.producer.journal, settings.producer.host)
        yield "journal rights", kafka_rules.of_source(source)
    if wanted.files:
        yield "file rights", kafka_rules.of_files(settings.producer.host)
    if wanted.processor:
        yield "processor rights", kafka_rules.of_processor(settings)
    if wanted.sink:
        yield "sink rights", kafka_rules.of_sink(settings)


def _brokers(settings: Settings) -> str:
    topic_admin.partitions(topic_admin.client(settings), settings, _ANSWER_S)
    return config.bootstrap(settings)


def _topics(settings: Settings, looked_at: list[Topic]) -> str:
    found = topic_admin.verify(settings, looked_at)
    differing = [f"{topic.name}: {key} is yours" for topic in found for key in topic.differs]
    return ", ".join(differing) or f"{len(found)} as declared"


def _logs(settings: Settings, wanted: Wanted) -> Iterator[Step]:
    if wanted.journal:
        yield Step("journal", lambda: _journal(settings.producer.journal.directory))
    for pattern in wanted.files:
        yield Step(f"file {pattern}", partial(_readable, pattern))


def _journal(directory: Path | None) -> str:
    from importlib.util import find_spec

    from posttrail_producers.journal_access import refuse_closed

    if find_spec("systemd") is None:
        raise BadInput("systemd-python is not installed: pip install 'posttrail[journal]'")
    refuse_closed(directory)
    return f"{directory or 'of this host'}, readable"


def _readable(pattern: str) -> str:
    found = sorted(glob(pattern)) or [pattern]  # noqa: PTH207  # may be absolute
    for path in found:
        _open(path)
    return f"{len(found)} readable" if len(found) > 1 else "readable"


def _open(path: str) -> None:
    try:
        with Path(path).open("rb") as opened:
            opened.read(1)
    except PermissionError:
        group = _group_of(path)
        raise BadInput(
            f"may not read {path}: run as root or in its group: usermod -aG {group} USER"
        ) from None
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}; name a log file") from None


def _group_of(path: str) -> str:
    try:
        return Path(path).group()
    except (KeyError, OSError):
        return "adm"


def _postgres(settings: Settings, wanted: Wanted) -> Iterator[Step]:
    given = config.has_own_postgres(settings)
    needs_it = given or wanted.sink or wanted.web
    if not needs_it and not config.servers_file(settings).exists():
        return
    from posttrail_sinks import readiness

    yield Step("postgres", lambda: readiness.server(config.dsn(settings)))
    yield Step("schema", lambda: readiness.schema(config.dsn(settings)), ("postgres",))
    if wanted.sink:
        needed = ("postgres", "schema")
        yield Step("database rights", lambda: readiness.rights(config.dsn(settings)), needed)


def _web(settings: Settings) -> Iterator[Step]:
    try:
        from posttrail_web import readiness
    except ModuleNotFoundError as error:
        missing = BadSettings(f"{error.name} is missing: pip install 'posttrail[web]'")
        yield Step("web", _raising(missing))
        return
    web = settings.web
    yield Step("web", lambda: readiness.settings(web))
    needed = ("postgres", "schema")
    yield Step("web rights", lambda: readiness.rights(config.dsn(settings)), needed)
    if web.cert_file is not None:
        yield Step("web certificate", lambda: readiness.certificate(web), ("web",))
    if web.login == "oidc":
        yield Step("login provider", lambda: readiness.provider(web), ("web",))


def _print(report: Report, console: Console) -> None:
    width = max(len(found.name) for found in report.checks)
    for found in report.checks:
        state = Text(f"{found.state:7}", style=_STYLES[found.state])
        console.print(state, Text(f"{found.name:{width}}  {found.detail}"))
    failed = sum(found.state is State.FAILED for found in report.checks)
    if failed:
        code = report.exit_code
        console.print(f"{failed} of {len(report.checks)} failed: exit code {code} ({code.name})")


def _print_json(report: Report) -> None:
    shown = {
        "ok": report.exit_code is Exit.OK,
        "exit_code": report.exit_code.name,
        "checks": [
            {"name": found.name, "state": found.state, "detail": found.detail}
            for found in report.checks
        ],
    }
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(shown)) + b"\n")
