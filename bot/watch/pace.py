"""How soon the next message may follow in a channel: Slack tolerates short bursts."""

from bot.clock import Clock

_BURST = 5  # messages


class Pace:
    """A bucket of five messages for each channel, which refills by one every *seconds*.

    All that post with the same token share it.
    """

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._full_at: dict[str, float] = {}  # channel → when its bucket is full again, in monotonic seconds

    def next(self, channel: str) -> float:
        """Return when the next message may be posted there, in monotonic seconds; it may have passed."""
        return self._full_at.get(channel, 0.0) - (_BURST - 1) * self._seconds

    def spend(self, channel: str) -> None:
        """Take a message from the bucket."""
        self._full_at[channel] = max(self._full_at.get(channel, 0.0), self._clock.monotonic()) + self._seconds

    def drain(self, channel: str, wait: float) -> None:
        """Empty the bucket, as Slack asked to wait: there is a first message again in *wait* seconds."""
        self._full_at[channel] = self._clock.monotonic() + wait + (_BURST - 1) * self._seconds
