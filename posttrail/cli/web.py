"""`posttrail web`: the web page and its API."""

import typer
from rich.console import Console

from posttrail import config, logs
from posttrail.errors import BadSettings
from posttrail.service import Reload, stop_on_signals


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(web)


def web() -> None:
    """Answer questions about mails in a browser, and as JSON under /api/v1; docs/web.md.

    On this machine only, unless `[web]` has a login and TLS. Needs the role posttrail_web
    (`posttrail migrate --roles`).
    """
    try:
        from posttrail_web import server
    except ModuleNotFoundError as error:
        raise BadSettings(f"{error.name} is missing: pip install 'posttrail[web]'") from None
    settings = config.load()
    logs.set_up(settings.logs)
    stopping = stop_on_signals()
    reload = Reload(stopping)
    scheme = "https" if settings.web.cert_file else "http"
    place = f"{scheme}://{settings.web.address}:{settings.web.port}/"
    Console(stderr=True, highlight=False).print(f"posttrail web: {place}", soft_wrap=True)
    server.run(settings, stopping)
    reload.begin_anew_if_asked()
