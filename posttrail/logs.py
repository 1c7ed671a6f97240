"""Logs of the programs themselves: structlog, JSON for machines, console for people.

Goes to standard error; standard output belongs to answers.
"""

import logging
import sys

import structlog

from posttrail.config import Logs

_LEVELS = logging.getLevelNamesMapping()


def _wants_json(logs: Logs) -> bool:
    return logs.format == "json" or (logs.format == "auto" and not sys.stderr.isatty())


def set_up(logs: Logs) -> None:
    """Route structlog and the libraries' standard logging to standard error, once per process."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if _wants_json(logs)
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    level = _LEVELS[logs.level.upper()]
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    # Libraries' info is noise at three in the morning.
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)


def logger(stage: str) -> structlog.typing.FilteringBoundLogger:
    """A logger whose every event says which stage speaks."""
    bound: structlog.typing.FilteringBoundLogger = structlog.get_logger(stage=stage)
    return bound
