"""A scan of the whole list, which finds out its order, its pages and whether its count can be believed. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from bot.domain.listing import ListProfile, Order, Scan
from bot.domain.news import usable
from bot.domain.task import Page, Task

_CLEAR = 9  # of ten neighbours must agree before the list counts as ordered


class FullScan(Scan):
    """A scan from page 1 to the end of the list, whatever it sees. It may be spread over several polls."""

    def __init__(self, profile: ListProfile, *, now: float) -> None:
        super().__init__(profile)
        self._now = now
        self.newest = 0  # the newest create_time seen, but for those that are a day ahead of the clock
        self._unreadable = 0
        self._totals: set[int] = set()
        self._rising = self._falling = self._previous = 0
        self._last_page = 1

    def outcome(self, profile: ListProfile, *, asked: int, now: float) -> ListProfile:
        """Return *profile* with what is to be remembered after this scan to its end, in pages of *asked* tasks.

        The count that polls have kept meanwhile stands, if it could be believed: it knows of tasks at the new end that
        came after this scan had passed there.
        """
        counted = len(self.seen) + self._unreadable
        totals = self._totals or {-1}
        holds = min(totals) <= counted <= max(totals)
        total = self.total_count if self.total_count is None or not holds else min(counted, self.total_count)
        return replace(
            profile,
            order=self._order(),
            total_count=profile.total_count if profile.total_count is not None and profile.count_holds else total,
            count_holds=holds,
            asked=asked,
            per_page=self.per_page,
            last_page=self._last_page,
            full_scan_at=now,
            empty=not self._listed,
        )

    def _observe(self, page: Page, new: Sequence[Task]) -> None:
        now = max(self._now, page.answered_at or 0.0)  # our clock may be behind
        self.newest = max([self.newest, *(task.create_time for task in new if usable(task.create_time, now))])
        if not (self.step and self.step.onward) or not (new or not page.tasks):
            return
        self._unreadable += page.listed - len(page.tasks)
        if page.total_count is not None:
            self._totals.add(page.total_count)
        if page.listed:
            self._last_page = page.number
        for task in new:
            if task.create_time:
                self._rising += 0 < self._previous < task.create_time
                self._falling += task.create_time < self._previous
                self._previous = task.create_time

    def _order(self) -> Order | None:
        if not self._rising and not self._falling:
            return None
        if self._falling >= _CLEAR * self._rising:
            return "newest_first"
        return "oldest_first" if self._rising >= _CLEAR * self._falling else "neither"
