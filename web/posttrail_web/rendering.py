"""Pages from templates. Everything from a log is a stranger's text: escaped, always."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from posttrail_answers import words
from posttrail_answers.queue import Waiting
from posttrail_answers.search import Result
from posttrail_answers.timeline import MailKey, Timeline
from posttrail_answers.trace import last_line
from starlette.responses import HTMLResponse


def when(moment: datetime) -> str:
    """Local time of the server, with its zone."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def shown(text: object) -> str:
    """Control characters and those that turn the writing direction are shown as U+FFFD."""
    return "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(text)
    )


def mail_path(key: MailKey) -> str:
    """The path of a mail's page below `/mails` or `/api/v1/mails`."""
    born = key.born.astimezone(UTC).isoformat().replace("+00:00", "Z")
    parts = (key.host, key.instance, key.queue_id, born)
    return "/".join(quote(part, safe="") for part in parts)


def _key(row: Result | Waiting) -> MailKey | None:
    """Of the mail that a row is about; a refusal is about none."""
    if row.queue_id is None:
        return None
    born = row.born if isinstance(row, Waiting) else row.t
    return MailKey(row.queue_id, row.host, row.instance, born)


def span(seconds: float) -> str:
    """`0.2 s`, `3 min`, `2 h`, `4 d`: as people say it."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s"


def _since(moment: datetime) -> str:
    return span(max((datetime.now(UTC) - moment) / timedelta(seconds=1), 0))


def _explained(of: Timeline | Result) -> str:
    """What became of a mail and what lost lines may hide of it, in local time."""
    last = of.last if isinstance(of, Result) else last_line(of.mail, of.recipients)
    return words.explained(of.word, of.gaps, last, None)


_templates = Environment(
    loader=PackageLoader(__package__),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters.update(
    key=_key, when=when, shown=shown, mail_path=mail_path, span=span, age=_since,
    explained=_explained,
    quoted=lambda text, safe: quote(text, safe=safe),
)  # fmt: skip


def page(
    template: str,
    values: Mapping[str, Any],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """One page."""
    text = _templates.get_template(template).render({"visitor": None} | dict(values))
    return HTMLResponse(text, status, headers)
