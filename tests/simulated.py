"""A clock for tests: waiting takes no time, and moves it on."""

from bot.errors import Stopped

NOON = 1_738_670_400.0  # 2025-02-04 12:00 UTC


class SimulatedClock:
    """A bot.clock.Clock on which time passes only when somebody waits, or a test lets it.

    `skew` is how far it is ahead of everybody else's. `waits` are the spans waited for; waiting past `stops_at`
    (monotonic) raises Stopped.
    """

    def __init__(self, now: float = NOON) -> None:
        self._start = now
        self._elapsed = 0.0
        self.skew = 0.0
        self.waits: list[float] = []
        self.stops_at = float("inf")

    def now(self) -> float:
        return self.real + self.skew

    def monotonic(self) -> float:
        return self._elapsed

    @property
    def real(self) -> float:
        """What everybody else's clock says."""
        return self._start + self._elapsed

    def wait(self, seconds: float) -> None:
        end = self.monotonic() + max(0.0, seconds)
        if end >= self.stops_at:
            self.pass_by(max(0.0, self.stops_at - self.monotonic()))
            raise Stopped
        self.waits.append(seconds)
        self.pass_by(max(0.0, seconds))

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self._elapsed += seconds

    def set(self, now: float) -> None:
        """Set the clock, as somebody or NTP may: no time passes."""
        self.skew = now - self.real

    def stop(self) -> None:
        """Ask the program to end now."""
        self.stops_at = self.monotonic()
