"""Writes commands.md, settings.md, metrics.md, events.md and events.schema.json from the code.

`python docs/generate.py` writes them; a unit test fails when one is out of date.
"""

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from prometheus_client.metrics import MetricWrapperBase
from pydantic_core import PydanticUndefined

from posttrail import config, delivery_events, errors, events, metrics
from posttrail.cli.main import app

HERE = Path(__file__).parent
SETTINGS_HEAD = """# Settings

Written from the code by `docs/generate.py`.
One TOML file: `POSTTRAIL_CONFIG`, else `posttrail.toml` in the home, else in `/etc/posttrail`.
The environment beats the file; an unknown key is an error.
"""


def _enum_docs() -> dict[str, str]:
    """The texts below the members of Exit; Python itself drops them."""
    source = inspect.getsource(errors.Exit)
    pattern = r'^ +([A-Z_]+) = \d+\n +"""(.+?)"""'
    return dict(re.findall(pattern, source, flags=re.MULTILINE | re.DOTALL))


def _parameter(parameter: Any) -> str:
    names = "/".join((*parameter.opts, *parameter.secondary_opts))
    if parameter.param_type_name == "argument":
        names = parameter.metavar or parameter.name.upper()
    text = getattr(parameter, "help", None) or ""
    return f"| `{names}` | {text} |"


def _command(path: str, command: Any) -> Iterator[str]:
    yield f"\n## `{path}`\n\n{inspect.cleandoc(command.help or '')}\n"
    parameters = [one for one in command.params if one.name != "help"]
    if parameters:
        yield "\n| argument | meaning |\n|---|---|\n"
        yield "\n".join(_parameter(one) for one in parameters) + "\n"
    for name, sub in sorted(getattr(command, "commands", {}).items()):
        yield from _command(f"{path} {name}", sub)


def commands() -> str:
    """The reference of the command line."""
    root = typer.main.get_command(app)
    parts = ["# Commands\n\nWritten from the code by `docs/generate.py`.\n"]
    for name, command in sorted(getattr(root, "commands", {}).items()):
        if not command.hidden:
            parts.extend(_command(f"posttrail {name}", command))
    parts.append("\n## Exit codes\n\n| code | name | meaning |\n|---|---|---|\n")
    docs = _enum_docs()
    for code in errors.Exit:
        meaning = " ".join(docs.get(code.name, "All is well.").split())
        parts.append(f"| {code.value} | {code.name} | {meaning} |\n")
    return "".join(parts)


def _literal(value: object) -> str:
    """A default as one would write it in the file."""
    if isinstance(value, frozenset):
        value = sorted(value)
    return "(not set)" if value is None else json.dumps(value, default=str)


def _setting(section: str, name: str, kind: type[config.Section] | type[config.Settings]) -> str:
    field = kind.model_fields[name]
    if field.default is not PydanticUndefined:
        shown = "(secret)" if "Secret" in str(field.annotation) else _literal(field.default)
    else:
        shown = "(this host's name)"
    key = f"{section}.{name}" if section else name
    variable = f"POSTTRAIL_{key.upper().replace('.', '__')}"
    meaning = " ".join((field.description or "").split()).replace("|", "\\|")
    return f"| `{key}` | `{variable}` | `{shown}` | {meaning} |\n"


def _nested(kind: type[config.Section]) -> dict[str, type[config.Section]]:
    """The tables within a table, by their key."""
    fields = kind.model_fields.items()
    return {
        name: found
        for name, field in fields
        if isinstance(found := field.annotation, type) and issubclass(found, config.Section)
    }


def _section(path: str, kind: type[config.Section]) -> Iterator[str]:
    """A table of the settings file and the tables within it."""
    nested = _nested(kind)
    yield f"\n## `[{path}]`\n\n{inspect.cleandoc(kind.__doc__ or '')}\n\n"
    yield "| key | variable | default | meaning |\n|---|---|---|---|\n"
    yield from (_setting(path, one, kind) for one in kind.model_fields if one not in nested)
    for name, inner in nested.items():
        yield from _section(f"{path}.{name}", inner)


def settings() -> str:
    """The reference of the settings."""
    parts = [SETTINGS_HEAD]
    for name, field in config.Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, config.Section):
            parts.extend(_section(name, kind))
        else:
            parts.append("\n| key | variable | default | meaning |\n|---|---|---|---|\n")
            parts.append(_setting("", name, config.Settings))
    return "".join(parts)


def metric_names() -> dict[str, MetricWrapperBase]:
    """Every metric of ours by its name in the code."""
    found = vars(metrics).items()
    return {name: one for name, one in found if isinstance(one, MetricWrapperBase)}


def metric_reference() -> str:
    """The reference of the metrics."""
    parts = [
        "# Metrics\n\nWritten from the code by `docs/generate.py`. Served on `metrics.port`.\n\n",
        "| metric | type | labels | meaning |\n|---|---|---|---|\n",
    ]
    for metric in metric_names().values():
        described = next(iter(metric.describe()))
        suffix = "_total" if described.type == "counter" else ""
        labels = ", ".join(metric._labelnames)  # noqa: SLF001  # no public way to ask
        parts.append(
            f"| `{described.name}{suffix}` | {described.type} | {labels} "
            f"| {described.documentation} |\n"
        )
    return "".join(parts)


EVENTS_HEAD = """# Events

Written from the code by `docs/generate.py`.

Every process logs to standard error, one event per line; in JSON (`logs.format`) with the fields
`timestamp` (UTC), `level`, `stage`, `event` and what belongs to it. These ask for a look; what is
logged at level `info` tells the way and asks for nothing. No line holds a log line or a secret.

"""


def event_reference() -> str:
    """The reference of the events."""
    parts = [EVENTS_HEAD, "| stage | level | event | meaning |\n|---|---|---|---|\n"]
    parts += [
        f"| {event.stage} | {event.level} | `{event.name}` | {event.meaning} |\n"
        for event in events.EVENTS
    ]
    return "".join(parts)


def event_schema() -> str:
    """JSON Schema of the records of maillog.events."""
    return json.dumps(delivery_events.schema(), indent=2) + "\n"


PAGES = {
    "commands.md": commands,
    "settings.md": settings,
    "metrics.md": metric_reference,
    "events.md": event_reference,
    "events.schema.json": event_schema,
}


def main() -> None:
    """Write every page."""
    for name, write in PAGES.items():
        (HERE / name).write_text(write())


if __name__ == "__main__":
    main()
