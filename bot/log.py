"""Logs on stderr with structlog: lines for a person on a terminal, JSON elsewhere. Results go to stdout, not here."""

import contextlib
import io
import json
import logging
import os
import sys
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, FilteringBoundLogger, Processor, WrappedLogger

from bot.harmless import in_json, visible
from bot.stderr import NonBlocking, without_waiting

# Neither here nor in text the pretty tracebacks: they print local variables, tokens included.
_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def make(
    level: Literal["debug", "info", "warning", "error"], style: Literal["text", "json"] | None
) -> FilteringBoundLogger:
    """Return the log. *style* None: text on a terminal, else JSON."""
    stderr = None if sys.stderr is None else without_waiting(sys.stderr)
    terminal = stderr is not None and stderr.isatty()
    text = style == "text" or (style is None and terminal)
    # https://no-color.org
    colors = terminal and not os.environ.get("NO_COLOR")
    render: Processor = (
        structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=_traceback, pad_event_to=22)
        if text
        else structlog.processors.JSONRenderer(serializer=_as_json)
    )
    log: FilteringBoundLogger = structlog.wrap_logger(
        _Lines(stderr),
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        processors=[
            _harmless,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(() if text else (_TRACEBACKS,)),
            render,
        ],
    )
    if isinstance(stderr, NonBlocking):
        # As an error: what is missing may be one.
        stderr.on_gap = lambda count: log.error("log_lines_dropped", count=count)
    return log


def _harmless(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Take from each text what a terminal would act on, or nobody would see."""
    return {key: visible(value) if isinstance(value, str) else value for key, value in event.items()}


def _as_json(event: EventDict, **options: Any) -> str:
    return in_json(json.dumps(event, ensure_ascii=False, **options))


def _traceback(out: TextIO, error: ExcInfo) -> None:
    """Write a traceback, indented: what its exceptions quote of others must not look like a line of the log."""
    text = io.StringIO()
    structlog.dev.plain_traceback(text, error)
    out.write("\n".join(f"  {visible(line)}" for line in text.getvalue().splitlines()) + "\n")


class _Lines:
    """Writes a line for each event. One that cannot be written is lost: the bot goes on when its log's disk is full.

    structlog's own PrintLogger raises then. *file* None: stderr is closed, so there is no log.
    """

    def __init__(self, file: TextIO | None) -> None:
        self._file = file

    def msg(self, line: str) -> None:
        if self._file is None:
            return
        with contextlib.suppress(OSError, ValueError):
            self._file.write(line + "\n")
            self._file.flush()

    debug = info = warning = error = msg
