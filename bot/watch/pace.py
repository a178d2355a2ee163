"""How soon the next message may follow in a channel: Slack tolerates short bursts."""

import threading

from bot.clock import Clock

_BURST = 5  # messages


class Buckets:
    """A bucket of five messages for each channel, for all that post with one token."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.full_at: dict[str, float] = {}  # channel → when its bucket is full again, in monotonic seconds


class Pace:
    """Takes messages from *buckets*, which refill by one every *seconds*."""

    def __init__(self, seconds: float, clock: Clock, buckets: Buckets | None = None) -> None:
        self._seconds = seconds
        self._clock = clock
        self._buckets = buckets or Buckets()

    def next(self, channel: str) -> float:
        """Return when the next message may be posted there, in monotonic seconds; it may have passed."""
        return self._buckets.full_at.get(channel, 0.0) - (_BURST - 1) * self._seconds

    def take(self, channel: str) -> bool:
        """Take a message from the bucket, if it is time. False: another account was faster."""
        with self._buckets.lock:
            if self.next(channel) > self._clock.monotonic():
                return False
            self._spend(channel)
            return True

    def spend(self, channel: str) -> None:
        """Take a message from the bucket, whether or not it is time."""
        with self._buckets.lock:
            self._spend(channel)

    def drain(self, channel: str, wait: float) -> None:
        """Empty the bucket, as Slack asked to wait: there is a first message again in *wait* seconds."""
        with self._buckets.lock:
            full_at = self._clock.monotonic() + wait + (_BURST - 1) * self._seconds
            self._buckets.full_at[channel] = max(self._buckets.full_at.get(channel, 0.0), full_at)

    def _spend(self, channel: str) -> None:
        full_at = max(self._buckets.full_at.get(channel, 0.0), self._clock.monotonic()) + self._seconds
        self._buckets.full_at[channel] = full_at
