"""Logs on stderr: lines for a person on a terminal, JSON elsewhere. Results go to stdout, not here."""

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

_EVENTS: Mapping[Level, str] = {
    "debug": "full_read_finished full_read_started notice_dispatched poll_finished woken",
    "info": "baseline_taken list_being_read monitor_listening notice_delivered notice_looked_for notices_found"
    " ping_recovered poll_recovered standing_by started stopped task_ended"
    " message_updated task_archived task_lookup_refused",
    "warning": "account_failed answer_odd archive_failed archive_given_up archive_unusable"
    " message_not_updated board_impossible board_not_updated channel_id_changed configuration_doubtful"
    " history_unreadable notice_in_doubt notice_postponed notice_refused page_size_refused ping_failed state_recovered"
    " task_vanished",
    "error": "answer_failed cycle_failed log_lines_dropped poll_failed",
}
LEVELS = {event: level for level, events in _EVENTS.items() for event in events.split()}  # other events are not logged
NOT_LOGGED = {"delay", "reason", "result", "role"}  # fields that are there for other listeners
# What lasts is logged at debug after its first line, until its reason changes or it is over: an hour without a network
# is not 120 lines. Event → the field that holds its reason, the event that ends it, and the line that says so, if any.
_LASTING = {
    "poll_failed": ("reason", "poll_finished", "poll_recovered"),
    "notice_postponed": ("error", "notice_delivered", None),
    "board_not_updated": ("reason", "board_updated", None),
    "task_lookup_refused": ("reason", "task_looked_up", None),
    "archive_failed": ("error", "task_archived", None),
    "account_failed": ("error", "started", None),
    "standing_by": ("detail", "started", None),
    "ping_failed": ("error", "ping_sent", "ping_recovered"),
}
_ORDER = tuple(_EVENTS)
_COLORS = {"debug": "32", "info": "32", "warning": "33", "error": "31"}


def make(level: Level, style: Literal["text", "json"] | None) -> "Log":
    """Return the log. *style* None: text on a terminal, else JSON."""
    stderr = without_waiting(sys.stderr)
    terminal = stderr.isatty()
    # https://no-color.org
    text = partial(as_text, colors=terminal and not os.environ.get("NO_COLOR"))
    render = text if style == "text" or (style is None and terminal) else as_json
    log = Log(lambda line: stderr.write(f"{line}\n"), level, render)
    if isinstance(stderr, NonBlocking):
        # As an error: what is missing may be one.
        stderr.on_gap = lambda count: log.emit("log_lines_dropped", count=count)
    return log


class Log:
    """Writes a line for each event in LEVELS."""

    def __init__(self, write: Callable[[str], object], level: Level, render: Callable[[dict[str, Any]], str]) -> None:
        self._write = write
        self._lowest = _ORDER.index(level)
        self._render = render
        self._lasting: dict[tuple[str, ...], str] = {}  # (event, account, channel) → its reason

    def emit(self, event: str, /, **fields: Any) -> None:
        account = {key: value for key, value in fields.items() if key == "account"}
        what = (*account.values(), fields.get("channel", ""))
        for lasting, (_, end, recovered) in _LASTING.items():
            if event == end and self._lasting.pop((lasting, *what), None) is not None and recovered:
                self.emit(recovered, **account)
        level = LEVELS.get(event)
        if event in _LASTING:
            reason = fields[_LASTING[event][0]]
            level = "debug" if self._lasting.get((event, *what)) == reason else level
            self._lasting[event, *what] = reason
        if level is None or _ORDER.index(level) < self._lowest:
            return
        shown = {key: _harmless(value) for key, value in fields.items() if key not in NOT_LOGGED}
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
