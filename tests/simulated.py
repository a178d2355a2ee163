"""A clock for tests: waiting takes no time, and moves it on."""

from bot.errors import Stopped

NOON = 1_738_670_400.0  # 2025-02-04 12:00 UTC


class SimulatedClock:
    """A bot.clock.Clock. `waits` are the spans waited for; waiting past `stops_at` (monotonic) raises Stopped."""

    def __init__(self, now: float = NOON) -> None:
        self.waits: list[float] = []
        self.stops_at = float("inf")
        self._now = now
        self._monotonic = 0.0

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def wait(self, seconds: float) -> None:
        end = self._monotonic + max(0.0, seconds)
        if end >= self.stops_at:
            self.pass_by(max(0.0, self.stops_at - self._monotonic))
            raise Stopped
        self.waits.append(seconds)
        self.pass_by(end - self._monotonic)

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
        self._monotonic += seconds

    def set(self, now: float) -> None:
        """Set the clock, as somebody or NTP may: no time passes."""
        self._now = now

    def stop(self) -> None:
        """Ask the program to end now."""
        self.stops_at = self._monotonic
