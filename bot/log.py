"""Logs on stderr with structlog: lines for a person on a terminal, JSON elsewhere. Results go to stdout, not here."""

import logging
import os
import sys
from typing import Literal

import structlog
from structlog.typing import FilteringBoundLogger, Processor

# Neither here nor in text the pretty tracebacks: they print local variables, tokens included.
_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def make(
    level: Literal["debug", "info", "warning", "error"], style: Literal["text", "json"] | None
) -> FilteringBoundLogger:
    """Return the log. *style* None: text on a terminal, else JSON."""
    text = style == "text" or (style is None and sys.stderr.isatty())
    # https://no-color.org
    colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    render: Processor = (
        structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback, pad_event_to=22)
        if text
        else structlog.processors.JSONRenderer(ensure_ascii=False, sort_keys=False)
    )
    log: FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(() if text else (_TRACEBACKS,)),
            render,
        ],
    )
    return log
