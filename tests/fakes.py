"""Stand-ins that more than one test needs."""

from collections.abc import Callable, Sequence
from typing import Any

from bot.clock import Clock
from bot.config.sections import Config
from bot.domain.task import Task
from bot.events import NOBODY, Events
from bot.store.file import Store
from bot.watch.cycle import Deliveries, Poll
from bot.watch.pages import Pages, TaskSource
from bot.watch.reader import Reader
from bot.watch.records import Records
from bot.watch.upkeep import Upkeep


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
    show_board: Callable[[Sequence[Task]], None] | None = None,
) -> Poll:
    """Return a Poll of *source*, put together as bot.app does."""
    size = store.state.profile.page_size or settings.chanjing.page_size
    pages = Pages(source, clock, events, size=size, deliver=delivery.run)
    records = Records(store, clock, events, settings, last_read=None)
    reader = Reader(pages, records, clock, events, settings)
    upkeep = Upkeep(store, clock, settings, alerts_channel="C1")
    return Poll(reader, records, upkeep, delivery, clock, show_board=show_board)
