"""Time as a collaborator: what o'clock it is, how much has passed, and waiting that can be cut short."""

import re
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from bot.errors import Stopped

_POSIX_ZONE = re.compile(r"([A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)[+-]?[0-9]")  # CST-8, <+08>-8, EST5EDT
_BACKWARDS = re.compile(r"(UTC|GMT)-?0*[1-9]|[A-Za-z]{3,}\+0*[1-9]")  # right in POSIX, and hardly ever meant


class Clock(Protocol):
    """What everything that acts is given instead of the module `time`."""

    def now(self) -> float:
        """Return Unix seconds. They may step in either direction: never measure a span with them."""

    def monotonic(self) -> float:
        """Return seconds that only grow, since an unknown start."""

    def wait(self, seconds: float, sooner: threading.Event | None = None) -> None:
        """Return after that many seconds, or as soon as *sooner* is set.

        Raise Stopped at once when the program was asked to end.
        """


class Stop(threading.Event):
    """Set when the program was asked to end; and with it what somebody waits for meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self._awaited: set[threading.Event] = set()

    def set(self) -> None:
        super().set()
        for event in list(self._awaited):
            event.set()

    def wait_or(self, event: threading.Event, seconds: float) -> bool:
        """Wait until this or *event* is set, for that many seconds at most. Tell whether this is set.

        *event* is remembered for good: it must be one of few.
        """
        self._awaited.add(event)  # before the look: one of the two sees the other
        if not self.is_set():
            event.wait(seconds)
        return self.is_set()


class SystemClock:
    """The machine's clock. Waiting ends when *stop* is set."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float, sooner: threading.Event | None = None) -> None:
        left = max(0.0, seconds)
        if self._stop.wait_or(sooner, left) if sooner else self._stop.wait(left):
            raise Stopped


def zone_problem(environ: Mapping[str, str]) -> str:
    """Return what is wrong with TZ, or "". The C library takes what it does not know for UTC without a word.

    Neither Python's `zoneinfo` nor its tzdata package is asked: what o'clock it is, the C library decides.
    """
    zone, files = environ.get("TZ", "").removeprefix(":"), Path(environ.get("TZDIR") or "/usr/share/zoneinfo")
    if zone in {"", "UTC", "GMT", "Etc/UTC"} or _is_zone_file(files / zone):
        return ""
    if _BACKWARDS.match(zone):
        return "here the sign is reversed: UTC+8 is 8 hours behind UTC. Write a place, such as Asia/Shanghai."
    if _POSIX_ZONE.match(zone):
        return ""
    if not _is_zone_file(files / "UTC"):
        return (
            "this machine has no time zones, so UTC is used. Install tzdata, or write an offset: CST-8 is UTC plus 8."
        )
    return "this machine knows no such time zone, so UTC is used. Write a name such as Asia/Shanghai."


def _is_zone_file(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(4) == b"TZif"
    except (OSError, ValueError):
        return False
