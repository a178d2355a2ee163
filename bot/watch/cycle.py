"""One cycle: the order of a poll's effects, and nothing else. How one message is posted: watch.deliver.

    the new end of the list is read      watch.reader, as domain.read says which pages
      → news of each page is saved       watch.records: new statuses and notices in one write; now it cannot be lost
      → trouble and summary are saved    watch.upkeep, also if the list could not be read
      → what is owed is delivered        watch.deliver, likewise
      → the board is updated             watch.board, if nothing can be delivered just now
      → what was copied is saved         watch.archive, and what is to be copied next is handed over
      → messages get lasting links       watch.lasting, if nothing can be delivered just now
      → a late task is asked for         watch.late, in the time that is left until the next poll
      → a part of a full scan is read    watch.full_scans, likewise
      → what that found is delivered

The first run is a full scan, all or nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.clock import Clock
from bot.domain.task import Task
from bot.watch.archive import Archive
from bot.watch.reader import Failure, Reader
from bot.watch.records import Records
from bot.watch.upkeep import Upkeep
from bot.watch.wake import Wake

_SHARE = 5.0  # seconds that deliveries get at least, however long the poll before them took


class Deliveries(Protocol):
    """What is owed, on its way. Raises StateError before it posts what it could not record, or Stopped."""

    def run(self, until: float) -> None:
        """Deliver until *until* (monotonic seconds) or until nothing is due before that; at least one step.

        It waits no longer once another poll is asked for.
        """

    def run_once(self) -> None:
        """Deliver what is due, waiting for the pace and a first look, but for nothing longer."""

    def idle(self) -> bool:
        """Tell whether nothing can be delivered just now, though something may be waiting."""

    def owing(self) -> bool:
        """Tell whether anything is still to be delivered."""


@dataclass(frozen=True, slots=True)
class Poll:
    """Polls one account for one state."""

    reader: Reader
    records: Records
    upkeep: Upkeep
    delivery: Deliveries
    clock: Clock
    wake: Wake
    show_board: Callable[[Sequence[Task]], None] | None = None
    archive: Archive | None = None

    def cycle(self) -> None:
        """Run one cycle, until the next is due.

        Raise ChanjingError if the list could not be read (what is due has been delivered all the same),
        ForeignStateError, StateError, or Stopped.
        """
        began = self.clock.monotonic()
        failure = self._read()
        interval = self.interval()
        more = not failure and self.reader.has_more()
        # A share for each: neither a long queue, nor a long list, nor a Chanjing that hangs may starve the others.
        share = self.clock.monotonic() + min(interval, _SHARE)
        self.delivery.run(max(share, began + (interval / 2 if more else interval)))
        if not failure:
            self._update_board()
        if self.archive:
            self.archive.step(quiet=self.delivery.idle(), reachable=not failure)
        if more:
            failure = self.reader.read_more(lambda: self._is_due(began + interval))
            self.delivery.run(began + interval)
        if failure:
            raise failure

    def once(self) -> None:
        """Poll, with a whole full scan if one is due, and deliver what is due. Raises as `cycle` does."""
        failure = self._read()
        if not failure and self.reader.has_more():
            failure = self.reader.read_more(lambda: False)
        self.delivery.run_once()
        if not failure:
            self._update_board()
        if self.archive:
            self.archive.run_once(reachable=not failure)
        if failure:
            raise failure

    def interval(self) -> float:
        """Return the seconds from the start of one poll to the start of the next."""
        return self.reader.interval()

    def owing(self) -> bool:
        """Tell whether anything is still to be delivered."""
        return self.delivery.owing()

    def _is_due(self, regular: float) -> bool:
        """Tell whether the next poll is due: at *regular* (monotonic seconds), or asked for."""
        return self.clock.monotonic() >= regular or self.wake.due()

    def _read(self) -> Failure | None:
        self.wake.poll_begins()
        failure, well, before = None, False, self.records.state.ended
        try:
            failure = self.reader.read()
            well = failure is None
        finally:
            self.wake.poll_ended(well=well, news=self.records.state.ended != before)
        self.upkeep.observe(failure, self.records.watched(), self.reader.odd)
        return failure

    def _update_board(self) -> None:
        rendering = self.records.rendering()
        if self.show_board and self.delivery.idle():  # notices go first
            self.show_board(rendering)
