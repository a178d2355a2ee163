"""Stand-ins that more than one test or benchmark needs: for the clock, the state, the delivery and the events."""

import heapq
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from bot.clock import Clock
from bot.config.sections import Config
from bot.domain.notice import Notice, TaskEnded
from bot.domain.state import State
from bot.domain.task import Task
from bot.errors import Stopped
from bot.events import NOBODY, Events
from bot.http.client import Exchange
from bot.http.deadlines import Deadlines
from bot.store.file import Store
from bot.watch.cycle import Deliveries, Poll
from bot.watch.pages import Pages, TaskSource
from bot.watch.reader import Reader
from bot.watch.records import Records
from bot.watch.upkeep import Upkeep
from bot.watch.wake import Wake

NOON = 1_738_670_400.0  # 2025-02-04 12:00 UTC
_DEADLINES = Deadlines()


def exchange(transport: httpx.BaseTransport, timeout: float = 5, **options: Any) -> Exchange:
    """Return an Exchange through *transport*, with the *options* of its constructor."""
    return Exchange(transport, _DEADLINES, timeout=timeout, **options)


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
        self._coming: list[tuple[float, int, Callable[[], object]]] = []  # a heap

    def now(self) -> float:
        return self.real + self.skew

    def monotonic(self) -> float:
        return self._elapsed

    @property
    def real(self) -> float:
        """What everybody else's clock says."""
        return self._start + self._elapsed

    def wait(self, seconds: float, sooner: threading.Event | None = None) -> None:
        end = self.monotonic() + max(0.0, seconds)
        if end >= self.stops_at:
            self.pass_by(max(0.0, self.stops_at - self.monotonic()))
            raise Stopped
        self.waits.append(seconds)
        while not (sooner and sooner.is_set()):
            if not self._coming or self._coming[0][0] > end:
                self.pass_by(max(0.0, end - self._elapsed))
                return
            at, _, act = heapq.heappop(self._coming)
            self.pass_by(max(0.0, at - self._elapsed))
            act()

    def at(self, seconds: float, act: Callable[[], object]) -> None:
        """Let *act* be done while somebody waits, at *seconds* (monotonic)."""
        heapq.heappush(self._coming, (seconds, len(self._coming), act))

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self._elapsed += seconds

    def set(self, now: float) -> None:
        """Set the clock, as somebody or NTP may: no time passes."""
        self.skew = now - self.real

    def stop(self) -> None:
        """Ask the program to end now."""
        self.stops_at = self.monotonic()


class MemoryStore(Store):
    """A state that lies nowhere. `writes` counts the saves that changed something."""

    def __init__(self, state: State | None = None) -> None:
        super().__init__(Path("nowhere"), state or State())
        self.writes = 0

    def write(self, state: State) -> None:
        self.writes += 1
        self.state = state


class Postbox:
    """Stands for Delivery: takes everything that is owed at once. `announced` are (task id, status), in order."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.announced: list[tuple[str, int]] = []
        self.notices: list[Notice] = []
        self.untils: list[float] = []  # how long it was allowed to take, in monotonic seconds

    def run(self, until: float) -> None:
        self.untils.append(until)
        self.run_once()

    def idle(self) -> bool:
        return True

    def owing(self) -> bool:
        return bool(self.store.state.outbox.notices)

    def run_once(self) -> None:
        state = self.store.state
        self.notices += state.outbox.notices
        self.announced += [n.key[:2] for n in state.outbox.notices if isinstance(n.content, TaskEnded)]
        if state.outbox.notices:
            self.store.save(replace(state, outbox=replace(state.outbox, notices=())))


class RecordedEvents:
    """A bot.events.Events that keeps what is emitted, as (event, fields), in order."""

    def __init__(self) -> None:
        self.all: list[tuple[str, dict[str, Any]]] = []

    def emit(self, event: str, /, **fields: Any) -> None:
        self.all.append((event, fields))

    def of(self, event: str) -> list[dict[str, Any]]:
        """Return the fields of each *event*."""
        return [fields for name, fields in self.all if name == event]


def polling(
    source: TaskSource,
    store: Store,
    clock: Clock,
    delivery: Deliveries,
    settings: Config,
    *,
    events: Events = NOBODY,
    wake: Wake | None = None,
    show_board: Callable[[Sequence[Task]], None] | None = None,
) -> Poll:
    """Return a Poll of *source*, put together as bot.app does."""
    size = store.state.profile.page_size or settings.chanjing.page_size
    pages = Pages(source, clock, events, size=size, deliver=delivery.run)
    records = Records(store, clock, events, settings, last_read=None)
    reader = Reader(pages, records, clock, events, settings)
    upkeep = Upkeep(store, clock, settings)
    return Poll(reader, records, upkeep, delivery, clock, wake or Wake(clock, events), show_board=show_board)
