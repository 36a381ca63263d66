"""Structured logs: one JSON object a line on stderr, or readable lines on a terminal."""

import logging
import sys
from typing import Any, Literal, cast

import orjson
import structlog

Format = Literal["auto", "json", "console"]
Level = Literal["debug", "info", "warning", "error"]


def configure_logs(process: str, *, level: Level, form: Format) -> None:
    """Set up logging for this process; every line carries the process's name."""
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if console
        else structlog.processors.JSONRenderer(
            serializer=lambda event, **_: orjson.dumps(event, default=str).decode()
        )
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        # It writes a line with its end at once: other processes write to the same file.
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")


def get_logger(part: str) -> structlog.stdlib.BoundLogger:
    """Give the logger of one part of the code."""
    return cast("structlog.stdlib.BoundLogger", structlog.get_logger(part=part))
