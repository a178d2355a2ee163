"""Schedule and pace: the cycle over and over, until somebody ends the program."""

import schedule

from bot.clock import Clock
from bot.errors import ChanjingError, ForeignStateError, StateError, StateHeldError, StateLostError, Stopped
from bot.events import Events
from bot.watch.cycle import Poll
from bot.watch.wake import Wake


class Daemon:
    """Runs cycles at the pace that the poll asks for, and when *wake* does."""

    def __init__(self, poll: Poll, clock: Clock, events: Events, wake: Wake) -> None:
        self._poll = poll
        self._clock = clock
        self._events = events
        self._wake = wake
        self._scheduler = schedule.Scheduler()

    def run(self) -> None:
        """Poll until the clock says that the program was asked to end.

        Raise StateHeldError or StateLostError when the state is held no longer.
        """
        try:
            self._cycle()
            while True:
                if self._wait():
                    self._cycle()
                else:
                    self._scheduler.run_pending()
        except Stopped:
            self._events.emit("stopped")

    def _wait(self) -> bool:
        """Wait for the next cycle, at most for the interval, or until one is asked for. Tell whether one is.

        `schedule` reckons in naive local time: when the clock was set back, its next run lies too far ahead.
        """
        interval = self._poll.interval()
        idle = self._scheduler.idle_seconds
        if idle is None or idle > interval:
            self._arm(0.0)
            return False
        return self._wake.wait(max(0.0, idle))

    def _arm(self, seconds: float) -> None:
        self._scheduler.clear()
        # The library asks for whole numbers and takes any but 0.
        self._scheduler.every(max(seconds, 0.001)).seconds.do(self._cycle)  # type: ignore[arg-type]

    def _cycle(self) -> None:
        """Run one cycle. Whatever fails in it, there is a next one: a job that raises is called again at once."""
        began, well = self._clock.monotonic(), False
        try:
            self._poll.cycle()
        except (Stopped, StateHeldError, StateLostError):
            raise
        except (ChanjingError, ForeignStateError, StateError) as error:
            self._events.emit("poll_failed", error=str(error), reason=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the watch; the next cycle begins from the state
            self._events.emit("cycle_failed", exception=error)
        else:
            well = True
            self._events.emit("poll_finished", seconds=round(self._clock.monotonic() - began, 3))
        self._events.emit("cycle_ended", well=well)
        spent = self._clock.monotonic() - began
        self._arm(max(0.0, self._poll.interval() - spent))
