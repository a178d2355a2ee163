"""Logs on stderr: lines for a person on a terminal, JSON elsewhere. Results go to stdout, not here."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

from bot.harmless import in_json, visible
from bot.stderr import NonBlocking, without_waiting

Level = Literal["debug", "info", "warning", "error"]

# Event → its level, and those of its fields that the log shows. Other events are not logged.
LINES: Mapping[str, tuple[Level, str]] = {
    "configuration_doubtful": ("warning", "subject detail"),
    "started": ("info", "state"),
    "monitor_listening": ("info", "host port"),
    "answer_failed": ("error", "path exception"),
    "stopped": ("info", ""),
    "poll_finished": ("debug", "seconds"),
    "poll_failed": ("error", "error"),
    "poll_recovered": ("info", ""),
    "cycle_failed": ("error", "exception"),
    "baseline_taken": ("info", "noted watching announcing"),
    "list_being_read": ("info", "tasks of"),
    "full_read_started": ("debug", ""),
    "full_read_finished": ("debug", "tasks pages order"),
    "task_ended": ("info", "task_id status"),
    "task_vanished": ("warning", "task_id"),
    "task_lookup_refused": ("info", "task_id error"),
    "answer_odd": ("warning", "code detail page"),
    "page_size_refused": ("warning", "asked used_from_now_on"),
    "notice_dispatched": ("debug", "channel ids"),
    "notice_delivered": ("info", "subject status channel ts"),
    "notices_found": ("info", "channel count"),
    "notice_in_doubt": ("warning", "channel ids error"),
    "notice_looked_for": ("info", "channel ids"),
    "notice_postponed": ("warning", "channel error"),
    "notice_refused": ("warning", "channel ids error"),
    "history_unreadable": ("warning", "channel error"),
    "channel_id_changed": ("warning", "channel moved_to"),
    "board_impossible": ("warning", "detail"),
    "board_not_updated": ("warning", "channel error"),
    "ping_failed": ("warning", "error"),
    "ping_recovered": ("info", ""),
    "log_lines_dropped": ("error", "count"),
    "state_recovered": ("warning", "detail"),
}
# What lasts is logged at debug after its first line, until its reason changes or it is over: an hour without a network
# is not 120 lines. Event → the field that holds its reason, the event that ends it, and the line that says so, if any.
_LASTING = {
    "poll_failed": ("reason", "poll_finished", "poll_recovered"),
    "notice_postponed": ("error", "notice_delivered", None),
    "board_not_updated": ("reason", "board_updated", None),
    "task_lookup_refused": ("reason", "task_looked_up", None),
    "ping_failed": ("error", "ping_sent", "ping_recovered"),
}
_LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error")
_COLORS = {"debug": "32", "info": "32", "warning": "33", "error": "31"}


def make(level: Level, style: Literal["text", "json"] | None) -> "Log":
    """Return the log. *style* None: text on a terminal, else JSON."""
    stderr = None if sys.stderr is None else without_waiting(sys.stderr)
    terminal = stderr is not None and stderr.isatty()
    # https://no-color.org
    text = partial(as_text, colors=terminal and not os.environ.get("NO_COLOR"))

    def write(line: str) -> None:
        """Write *line*, or lose it when that fails: the bot goes on when its log's disk is full."""
        if stderr is not None:
            with contextlib.suppress(OSError, ValueError):
                stderr.write(line + "\n")
                stderr.flush()

    log = Log(write, level, text if style == "text" or (style is None and terminal) else as_json)
    if isinstance(stderr, NonBlocking):
        # As an error: what is missing may be one.
        stderr.on_gap = lambda count: log.emit("log_lines_dropped", count=count)
    return log


class Log:
    """Writes a line for each event in LINES."""

    def __init__(self, write: Callable[[str], object], level: Level, render: Callable[[dict[str, Any]], str]) -> None:
        self._write = write
        self._level = _LEVELS.index(level)
        self._render = render
        self._lasting: dict[tuple[str, str], str] = {}  # (event, channel) → its reason

    def emit(self, event: str, /, **fields: Any) -> None:
        channel = fields.get("channel", "")
        for lasting, (_, end, recovered) in _LASTING.items():
            if event == end and self._lasting.pop((lasting, channel), None) is not None and recovered:
                self.emit(recovered)
        if event not in LINES:
            return
        level, keys = LINES[event]
        if event in _LASTING:
            reason = fields[_LASTING[event][0]]
            level = "debug" if self._lasting.get((event, channel)) == reason else level
            self._lasting[event, channel] = reason
        if _LEVELS.index(level) < self._level:
            return
        shown = {key: _harmless(fields[key]) for key in keys.split()}
        time = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        self._write(self._render({**shown, "event": event, "level": level, "timestamp": time}))


def _harmless(value: Any) -> Any:
    """Take from a text what a terminal would act on, or nobody would see. An exception becomes its traceback."""
    if isinstance(value, str):
        return visible(value)
    if not isinstance(value, BaseException):
        return value
    import traceback  # noqa: PLC0415 - slow to load, and hardly ever needed

    # Without local variables, tokens included. Indented: what its exceptions quote of others must not look like a line
    # of the log.
    lines = "".join(traceback.format_exception(value)).splitlines()
    return "\n".join(f"  {visible(line)}" for line in lines)


def as_json(line: dict[str, Any]) -> str:
    return in_json(json.dumps(line, ensure_ascii=False, default=repr))


def as_text(line: dict[str, Any], *, colors: bool) -> str:
    def in_color(code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if colors else text

    event, level, time = (line.pop(key) for key in ("event", "level", "timestamp"))
    exception = line.pop("exception", "")
    words = [in_color("2", time), f"[{in_color(f'{_COLORS[level]};1', f'{level:9}')}]", in_color("1", f"{event:22}")]
    words += [f"{in_color('36', key)}={in_color('35', _quoted(value))}" for key, value in sorted(line.items())]
    return " ".join(words).rstrip() + (f"\n{exception}" if exception else "")


def _quoted(value: Any) -> str:
    """Return *value* as Python writes it, a text of one word without quotation marks."""
    return value if isinstance(value, str) and not set(value) & set(" \t=\r\n\"'") else repr(value)
