"""How far the first reading of a long list has come: a bar on a terminal, log lines elsewhere."""

import sys
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from structlog.typing import FilteringBoundLogger

from bot.clock import Clock

_LONG = 200  # tasks that are read in a moment
_EVERY = 5.0  # seconds between two log lines


class Shown(Protocol):
    """What is told how many tasks were met, of how many (None: not told), and whether that was the end."""

    def __call__(self, met: int, total: int | None, *, done: bool) -> None: ...


def shown(log: FilteringBoundLogger, clock: Clock) -> Shown:
    """Return what shows progress on stderr, as a bar where that is a terminal."""
    return _Bar() if sys.stderr.isatty() else _Lines(log, clock)


class _Bar:
    def __init__(self) -> None:
        columns = TextColumn("Reading the list"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)

    def __call__(self, met: int, total: int | None, *, done: bool) -> None:
        if not self._bar.tasks:
            if (total or 0) <= _LONG:
                return
            self._bar.add_task("list", total=total)
            self._bar.start()
        self._bar.update(self._bar.tasks[0].id, completed=met, total=total)
        if done:
            self._bar.stop()


class _Lines:
    def __init__(self, log: FilteringBoundLogger, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._said = clock.monotonic()

    def __call__(self, met: int, total: int | None, *, done: bool) -> None:
        if not done and self._clock.monotonic() - self._said >= _EVERY:
            self._said = self._clock.monotonic()
            self._log.info("list_being_read", tasks=met, of=total)
