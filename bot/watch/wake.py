"""A wake-up: from any thread, it makes one account's loop poll now instead of when the next poll is due."""

import threading

from bot.clock import Clock
from bot.events import Events

_SPACING = 1.0  # seconds from the start of a poll to that of one that was asked for
_AFTER_FAILURE = 10.0  # seconds from the end of a poll that failed
# Seconds after a poll that was asked for and brought no news: the list may lag behind, or the link to the video.
_LOOKS = (5.0, 60.0)


class Wake:
    """Asks for polls, and waits for who asks. However many ask, one poll follows: it sees all that was before it.

    Asked for during a poll, another follows. None begins within a second of the start of the last, nor within 10 s of
    the end of one that failed: a Chanjing that refuses or fails is left in peace. For the same reason the pauses
    between the attempts at one request are not cut short. What fails, or brings no news, is repeated, so that the news
    is not left to the next regular poll.
    """

    def __init__(self, clock: Clock, events: Events) -> None:
        self._clock = clock
        self._events = events
        self._asked = threading.Event()
        self._answering = False  # the poll under way was asked for, or is the repetition of one that was
        self._looks = 0  # polls without news since it was asked for
        # Monotonic seconds: what is asked for may begin, and there is a repetition.
        self._not_before, self._again_at = float("-inf"), float("inf")

    def ask(self) -> None:
        """Ask for a poll. Returns at once."""
        self._asked.set()

    def due(self) -> bool:
        """Tell whether a poll that was asked for may begin now."""
        now = self._clock.monotonic()
        return now >= self._again_at or (now >= self._not_before and self._asked.is_set())

    def wait(self, seconds: float) -> bool:
        """Wait for that many seconds, or until a poll that was asked for may begin. Tell whether one may.

        Raise Stopped.
        """
        began = self._clock.monotonic()
        end = min(began + max(0.0, seconds), max(began, self._again_at))
        if began < self._not_before:
            self._clock.wait(min(end, self._not_before) - began)
        self._clock.wait(max(0.0, end - self._clock.monotonic()), self._asked)
        return self.due()

    def poll_begins(self) -> None:
        """Take note that a poll begins."""
        now, asked = self._clock.monotonic(), self._asked.is_set()
        self._answering = asked or self._again_at < float("inf")
        self._not_before, self._again_at = now + _SPACING, float("inf")
        if asked:
            self._asked.clear()
            self._looks = 0
            self._events.emit("woken")

    def poll_ended(self, *, well: bool, news: bool) -> None:
        """Take note of how the poll under way has ended. *news*: a task has ended."""
        now = self._clock.monotonic()
        if not well:
            self._not_before = now + _AFTER_FAILURE
        if not self._answering or news:
            return
        if not well:
            self._again_at = self._not_before
        elif self._looks < len(_LOOKS):
            self._again_at = now + _LOOKS[self._looks]
            self._looks += 1
