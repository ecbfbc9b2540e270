"""Structured logs on standard error: one line an event, for people on a terminal, JSON elsewhere."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import Any

import structlog

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(form: str = "auto", level: str = "info") -> None:
    """Set up logging for this process. ``form``: "auto" (by terminal), "text" or "json"; ``level``: a key of LEVELS."""
    readable = form == "text" or (form == "auto" and sys.stderr.isatty())
    renderer: Any = (
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            exception_formatter=structlog.dev.plain_traceback,  # the rich one prints local variables: passwords, mail
        )
        if readable
        else structlog.processors.JSONRenderer()
    )
    processors = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=not readable),
        *([] if readable else [structlog.processors.format_exc_info]),
        renderer,
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=Forgiving()),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )


class Forgiving:
    """Standard error, but a line that cannot be written (a full disk, a reader that is gone) is lost and stops nobody's work."""

    def write(self, text: str) -> None:
        """Write a line, if that is possible."""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)

    def flush(self) -> None:
        """Send what is written."""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


def get(**context: Any) -> Any:
    """A logger whose lines carry ``context``."""
    return structlog.get_logger().bind(**context)
