"""`posttrail produce …`: put log lines into Kafka."""

import time
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from posttrail import config, logs, metrics_server, service
from posttrail.cli.import_progress import Imported, ImportProgress
from posttrail.errors import BadInput
from posttrail.stamps import State, zone_named

if TYPE_CHECKING:
    from posttrail_producers.file_import import Checked, FileImport, Times
    from posttrail_producers.source import Source

produce = typer.Typer(help="Put log lines into Kafka.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(produce, name="produce")


def run_until_stopped(source: "Source", settings: config.Settings) -> None:
    """Publish what the source yields, as a service: until SIGTERM, anew on SIGHUP."""
    from posttrail_producers.publisher import Publisher
    from posttrail_producers.pump import Pump

    stop = service.stop_on_signals()
    reload = service.Reload(stop)
    pump = Pump(source, Publisher(settings, source.id, stop.is_set), settings.producer, stop)
    server = metrics_server.serve(settings.metrics, pump.health)
    try:
        pump.run()
    finally:
        service.stopping()
        if server is not None:
            server.close()
    reload.begin_anew_if_asked()


@produce.command("file")
def produce_file(
    paths: Annotated[
        list[Path],
        # readable: the file's own error says more, in one line.
        typer.Argument(
            readable=False,
            help="Log files, plain or .gz, .xz, .zst, .bz2; with --follow also patterns, quoted.",
        ),
    ],
    *,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with what is written, through rotation.")
    ] = False,
    year: Annotated[
        int | None, typer.Option(help="Year of the first line, where stamps have none.")
    ] = None,
    zone: Annotated[
        str | None, typer.Option(help="Zone of stamps without one: Europe/Berlin. Else the host's.")
    ] = None,
) -> None:
    """Put log files into Kafka, each line once.

    A file that was imported before, also by another name, adds nothing.
    """
    from posttrail_producers.file_follow import FileFollow
    from posttrail_producers.file_import import Times
    from posttrail_producers.year_survey import refuse_odd_year

    settings = config.load()
    logs.set_up(settings.logs)
    times = Times(year, None if zone is None else zone_named(zone))
    if follow:
        refuse_odd_year(year)
        run_until_stopped(FileFollow([str(path) for path in paths], settings, times), settings)
    else:
        _import_all(_checked(paths, times), settings, times)


def _checked(paths: list[Path], times: "Times") -> list["Checked"]:
    """All files that hold lines, oldest first; nothing is written before all are looked at."""
    from posttrail_producers.file_import import check
    from posttrail_producers.rotation import oldest_first

    looked_at = {path: check(path, times) for path in oldest_first(paths)}
    if empty := [str(path) for path, found in looked_at.items() if found is None]:
        if len(empty) == len(looked_at):
            raise BadInput(f"{', '.join(empty)}: empty, there is nothing to import")
        logs.logger("producer").info("empty files are passed over", paths=empty)
    return [found for found in looked_at.values() if found is not None]


def _import_all(files: list["Checked"], settings: config.Settings, times: "Times") -> None:
    from posttrail_producers.file_import import FileImport
    from posttrail_producers.rotation import family

    stop = service.stop_on_signals()
    before: FileImport | None = None
    with ImportProgress(sum(file.size for file in files)) as progress:
        for file in files:
            if stop.is_set():
                break
            follows = before is not None and family(before.checked.path) == family(file.path)
            begin = before.stamps if before and follows and times.year is not None else State()
            before = FileImport(file, settings, times, begin)
            _import_one(before, settings, stop, progress)


def _import_one(
    source: "FileImport", settings: config.Settings, stop: Event, progress: ImportProgress
) -> None:
    from posttrail_producers.publisher import Publisher
    from posttrail_producers.pump import Pump, Totals

    began = time.monotonic()
    publisher = Publisher(settings, source.id, stop.is_set)

    def show(totals: Totals) -> None:
        progress.show(totals.lines, source.raw_position())

    pump = Pump(source, publisher, settings.producer, stop, show)
    try:
        totals = pump.run()
    finally:
        source.close()
    progress.done(
        Imported(
            str(source.checked.path), totals.lines, totals.size, source.known_lines,
            time.monotonic() - began, stopped=not source.finished,
        ),
        source.checked.size,
    )  # fmt: skip
