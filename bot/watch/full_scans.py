"""The full scans of the list, each spread over polls. What it finds is saved page by page."""

from collections.abc import Callable
from dataclasses import replace

from bot.clock import Clock
from bot.domain.full_scan import FullScan
from bot.domain.news import is_known
from bot.events import Events
from bot.watch.pages import Pages
from bot.watch.records import Records


class FullScans:
    """Scans the whole list every *interval* seconds, after the first run. Raises StateError, or Stopped."""

    def __init__(self, pages: Pages, records: Records, clock: Clock, events: Events, *, interval: float) -> None:
        self._pages = pages
        self._records = records
        self._clock = clock
        self._events = events
        self._interval = interval
        self._scan: FullScan | None = None  # the one that is under way

    def due(self) -> bool:
        """Tell whether one is under way, or is to begin."""
        profile = self._records.state.profile
        overdue = not 0 <= self._clock.now() - profile.full_scan_at < self._interval
        return self._scan is not None or overdue or profile.asked != self._pages.size

    def go_on(self, enough: Callable[[], bool]) -> bool:
        """Go on, page by page, until *enough* says so or the end. Tell whether that was the end of a scan.

        Raise ChanjingError.
        """
        if self._scan is None:
            self._scan = FullScan(self._records.state.profile, now=self._clock.now())
            self._events.emit("full_read_started")
        scan = self._scan
        owed: dict[int, set[str]] = {}
        for page, new in self._pages.of(scan):
            state, profile = self._records.state, self._records.state.profile
            if page.account not in {"", state.account}:
                self._scan = None  # another token: first the next poll has to recognise the list
                return False
            if profile.total_count is not None:
                unknown = sum(not is_known(task, state.tasks, floor=profile.floor) for task in new)
                profile = replace(profile, total_count=profile.total_count + unknown)
            owed[page.number] = self._records.save_news(new, profile, newer=profile.newer(owed, page))
            if enough():
                break
        if scan.complete:
            self._scan = None
            self._records.save_full_scan(scan, asked=self._pages.size)
        return scan.complete
