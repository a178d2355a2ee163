"""Late tasks: those that have been unfinished for an hour are asked for by their id, one a poll, in turn."""

import secrets
from collections.abc import Set as AbstractSet

from bot.domain.task import Task
from bot.errors import ChanjingError, ChanjingRefused, ChanjingUnavailable
from bot.events import Events
from bot.watch.pages import Pages


class LateTasks:
    """Whose turn it is, and what Chanjing does not answer for: that is left to the next full scan."""

    def __init__(self, pages: Pages, events: Events) -> None:
        self._pages = pages
        self._events = events
        self._last: str | None = None
        self._unanswered: set[str] = set()

    def full_scan_finished(self) -> None:
        """Ask again for each."""
        self._unanswered.clear()

    def due(self, late: AbstractSet[str]) -> list[str]:
        """Return those of *late* that can be asked for."""
        return sorted(late - self._unanswered)

    def ask(self, due: list[str]) -> Task | None:
        """Return the next of *due* as it is now. None: Chanjing did not say; that fails nothing."""
        asked = self._last = self._next(due)
        try:
            task = self._pages.task(asked)
        except (ChanjingUnavailable, ChanjingRefused):
            return None  # it has its turn again, perhaps with another token
        except ChanjingError as error:
            self._unanswered.add(asked)
            self._events.emit("task_lookup_refused", task_id=asked, error=str(error), reason=str(error.code))
            return None
        if task is None:
            self._unanswered.add(asked)
        self._events.emit("task_looked_up")
        return task

    def _next(self, due: list[str]) -> str:
        # `run --once` is a new process for each poll: if it began with the first, no other would have its turn.
        last = self._last
        if last is None:
            return secrets.choice(due)
        return next((task_id for task_id in due if task_id > last), due[0])
