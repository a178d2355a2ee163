"""A wake-up: from any thread, it makes one account's loop poll now instead of when the next poll is due."""

import threading

from bot.clock import Clock
from bot.events import Events

_SPACING = 1.0  # seconds from the start of a poll to that of one that was asked for
_AFTER_FAILURE = 10.0  # seconds from the end of a poll that failed


class Wake:
    """Asks for polls, and waits for who asks. However many ask, one poll follows: it sees all that was before it.

    Asked for during a poll, another follows. None begins within a second of the start of the last, nor within 10 s of
    the end of one that failed: a Chanjing that refuses or fails is left in peace. For the same reason the pauses
    between the attempts at one request are not cut short. A poll that fails is asked for again, so that its news is
    not left to the next regular one.
    """

    def __init__(self, clock: Clock, events: Events) -> None:
        self._clock = clock
        self._events = events
        self._asked = threading.Event()
        self._answering = False  # the poll under way was asked for
        self._not_before = float("-inf")  # monotonic seconds

    def ask(self) -> None:
        """Ask for a poll. Returns at once."""
        self._asked.set()

    def due(self) -> bool:
        """Tell whether a poll that was asked for may begin now."""
        return self._asked.is_set() and self._clock.monotonic() >= self._not_before

    def wait(self, seconds: float) -> bool:
        """Wait for that many seconds, or until a poll that was asked for may begin. Tell whether one may.

        Raise Stopped.
        """
        began = self._clock.monotonic()
        end = began + max(0.0, seconds)
        if began < self._not_before:
            self._clock.wait(min(end, self._not_before) - began)
        self._clock.wait(max(0.0, end - self._clock.monotonic()), self._asked)
        return self.due()

    def poll_begins(self) -> None:
        """Take note that a poll begins."""
        self._answering = self._asked.is_set()
        self._asked.clear()
        self._not_before = self._clock.monotonic() + _SPACING
        if self._answering:
            self._events.emit("woken")

    def poll_ended(self, *, well: bool) -> None:
        """Take note of how the poll under way has ended."""
        if well:
            return
        self._not_before = self._clock.monotonic() + _AFTER_FAILURE
        if self._answering:
            self._asked.set()
