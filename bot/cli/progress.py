"""How far the first reading of a long list has come: a bar on a terminal, log lines elsewhere."""

from typing import Any, TextIO

from bot.clock import Clock
from bot.events import Events

_LONG = 200  # tasks that are read in a moment
_EVERY = 5.0  # seconds between two log lines


def shown(events: Events, clock: Clock, stderr: TextIO, *, many: bool) -> Events:
    """Return a listener that shows progress: as *events* for the log, or on a terminal as a bar.

    *many* accounts would draw over each other's.
    """
    return _Bar(stderr) if stderr.isatty() and not many else _Lines(events, clock)


class _Bar:
    def __init__(self, stderr: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

        columns = TextColumn("Reading the list"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        # Drawn when it moves, not by a thread of rich's: there may be none to be had.
        self._bar = Progress(*columns, console=Console(file=stderr), transient=True, auto_refresh=False)
        self._task: TaskID | None = None

    def emit(self, event: str, /, **fields: Any) -> None:
        if event == "list_scanned":
            self._show(**fields)

    def _show(self, seen: int, total: int | None, *, done: bool) -> None:
        if self._task is None:
            if done or (total or 0) <= _LONG:
                return
            self._task = self._bar.add_task("list", total=total)
            self._bar.start()
        self._bar.update(self._task, completed=seen, total=total, refresh=True)
        if done:
            # A first reading that failed is followed by another.
            self._bar.stop()
            self._bar.remove_task(self._task)
            self._task = None


class _Lines:
    def __init__(self, events: Events, clock: Clock) -> None:
        self._events = events
        self._clock = clock
        self._said = clock.monotonic()

    def emit(self, event: str, /, **fields: Any) -> None:
        if event == "list_scanned":
            self._show(**fields)

    def _show(self, seen: int, total: int | None, *, done: bool, **more: str) -> None:
        if not done and self._clock.monotonic() - self._said >= _EVERY:
            self._said = self._clock.monotonic()
            self._events.emit("list_being_read", tasks=seen, of=total, **more)
