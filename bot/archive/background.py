"""Copies in a thread of its own, one at a time. What became of each waits until it is asked for."""

import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Protocol

from bot.archive.copier import Copier
from bot.domain.recent import Archived, RecentTask
from bot.errors import NO_THREAD, ArchiveError, ArchiveUnusable
from bot.events import Events

_LEAVE = 1.0  # seconds that a copy gets to end when the bot does; what it leaves is gone on with at the next start

Finished = list[tuple[str, Archived | ArchiveError]]


class Copies(Protocol):
    """Copies on their way. Nothing here waits or raises."""

    def sweep(self, waited_for: Sequence[RecentTask], now: float) -> None:
        """Remove what is left of copies that nobody goes on with. *now* is in Unix seconds."""

    def begin(self, task: RecentTask, attempts: int) -> None:
        """Copy the files of *task* after what was begun before. *attempts* have failed."""

    def forget(self, task: RecentTask) -> None:
        """Remove what there is of a copy of *task*, which is given up."""

    def finished(self) -> Finished:
        """Return what became of those that have ended since this was asked last, by the id of the task."""

    def ended(self) -> threading.Event:
        """Return what is set when all that was begun has ended."""

    def close(self) -> None:
        """Leave off."""


class Background:
    """The copies of one account. *stop* is set to end the one in hand."""

    def __init__(self, copier: Copier, stop: threading.Event, events: Events) -> None:
        self._copier = copier
        self._stop = stop
        self._events = events
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._results: SimpleQueue[tuple[str, Archived | ArchiveError]] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def sweep(self, waited_for: Sequence[RecentTask], now: float) -> None:
        self._do(lambda: self._copier.sweep(waited_for, now))

    def begin(self, task: RecentTask, attempts: int) -> None:
        if not self._do(lambda: self._copy(task, attempts)):
            self._results.put((task.id, ArchiveUnusable(NO_THREAD)))

    def forget(self, task: RecentTask) -> None:
        self._do(lambda: self._copier.forget(task))

    def finished(self) -> Finished:
        found: Finished = []
        try:
            while True:
                found.append(self._results.get_nowait())
        except Empty:
            return found

    def ended(self) -> threading.Event:
        ended = threading.Event()
        if self._thread is None or not self._do(ended.set):
            ended.set()
        return ended

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._work.put(lambda: None)
            self._thread.join(_LEAVE)

    def _do(self, work: Callable[[], None]) -> bool:
        """Have *work* done after what was given before. False: no thread can be started."""
        self._work.put(work)
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="archive", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return False
            self._thread = thread
        return True

    def _run(self) -> None:
        while not self._stop.is_set():
            work = self._work.get()
            try:
                work()
            except ArchiveError as error:
                self._events.emit("archive_unusable", error=str(error))
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end the copying
                self._events.emit("cycle_failed", exception=error)

    def _copy(self, task: RecentTask, attempts: int) -> None:
        if self._stop.is_set():
            return
        outcome: Archived | ArchiveError = ArchiveError("an error in the bot itself; its log says more")
        try:
            outcome = self._copier.copy(task, attempts=attempts)
        except ArchiveError as error:
            outcome = error
        finally:
            if not self._stop.is_set():
                self._results.put((task.id, outcome))
