"""Time as a collaborator: what o'clock it is, how much has passed, and waiting that can be cut short."""

import threading
import time
from typing import Protocol

from bot.errors import Stopped


class Clock(Protocol):
    """What everything that acts is given instead of the module `time`."""

    def now(self) -> float:
        """Return Unix seconds. They may step in either direction: never measure a span with them."""

    def monotonic(self) -> float:
        """Return seconds that only grow, since an unknown start."""

    def wait(self, seconds: float) -> None:
        """Return after that many seconds. Raise Stopped at once when the program was asked to end."""


class SystemClock:
    """The machine's clock. Waiting ends when *stop* is set."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        if self._stop.wait(max(0.0, seconds)):
            raise Stopped
