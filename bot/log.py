"""Logs on stderr with structlog: lines for a person on a terminal, JSON elsewhere. Results go to stdout, not here."""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import FilteringBoundLogger, Processor

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def make(
    level: Literal["debug", "info", "warning", "error"], style: Literal["text", "json"] | None
) -> FilteringBoundLogger:
    """Return the log. *style* None: text on a terminal, else JSON."""
    text = style == "text" or (style is None and sys.stderr.isatty())
    render: Processor = (
        # Not the pretty tracebacks: they print local variables, tokens included.
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=22
        )
        if text
        else structlog.processors.JSONRenderer(ensure_ascii=False, sort_keys=False)
    )
    log: FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks if not text else structlog.processors.StackInfoRenderer(),
            render,
        ],
    )
    return log
