"""The pages that a walk over the list asks for, however Chanjing answers: smaller ones, odd ones, and the end."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

from bot.chanjing.client import BAD_PARAMETERS, DOCUMENTED_PAGE_SIZE, may_be_page_size
from bot.clock import Clock
from bot.domain.listing import FullScan, Read
from bot.domain.task import Page, Status, Task
from bot.errors import ChanjingRejected
from bot.events import Events

# Seconds to wait before each time that a page is asked for of which it is not known whether the list ends before it.
# Also the first time: between two pages a long walk ends when the program is asked to.
_BEFORE_IT_ENDS = (0.0, 2.0, 5.0, 10.0)
_ODDITIES = 100  # kinds that are kept apart, so that memory stays bounded


class TaskSource(Protocol):
    """The lip-sync tasks of one account. Both raise ChanjingError."""

    def page(self, number: int, size: int, /) -> Page:
        """Return page *number* (from 1) of at most *size* tasks."""

    def task(self, task_id: str, /) -> Task | None:
        """Return the task with that id, if Chanjing knows it."""


class Pages:
    """Fetches pages.

    `size` is what the list was found to take; `odd` are (code of the trouble, what was odd); `spent` are the seconds
    for which it has waited for answers.
    """

    def __init__(
        self,
        fetch: Callable[[int, int], Page],
        clock: Clock,
        events: Events,
        *,
        size: int,
        fetched: Callable[[Page], None],
        wait: Callable[[float], None],
    ) -> None:
        self._fetch_page = fetch
        self._clock = clock
        self._events = events
        self._fetched = fetched
        self._wait = wait
        self._end = 0  # the page before which the list was last found to end in such a way
        self.size = size
        self.odd: set[tuple[str, str]] = set()
        self.spent = 0.0

    def of(self, scan: Read | FullScan) -> Iterator[tuple[Page, tuple[Task, ...]]]:
        """Yield each page that *walk* asks for, and the tasks on it that are new to the walk or have risen.

        Raise ChanjingError, or Stopped.
        """
        while scan.next is not None:
            try:
                page = self._page(scan, scan.next)
            except ChanjingRejected as error:
                if not scan.pages and scan.next > 1:
                    scan.start_over()
                    continue
                if scan.pages or not may_be_page_size(error, self.size):
                    raise
                self._events.emit("page_size_refused", asked=self.size, used_from_now_on=DOCUMENTED_PAGE_SIZE)
                self.size = DOCUMENTED_PAGE_SIZE
                continue
            yield page, scan.add(page)

    def _page(self, scan: Read | FullScan, number: int) -> Page:
        """Return page *number*, an empty one where the list has ended before it, in whatever way that is said.

        Raise ChanjingError, also where there is no list and it is not known that there should be none: it is no empty
        page, which would be the end of the list, and what stands there would not be looked for.
        """
        for wait in _BEFORE_IT_ENDS:
            self._wait(wait)
            page, doubt = self._ask(number, may_end=bool(scan.pages))
            if doubt is None:
                return page
            total = max((n for n in (scan.total_count, page.total_count) if n is not None), default=None)
            size = min(scan.per_page or page.size, page.size)
            if total is None or total < len(scan.seen) or not scan.count_holds:
                ended = None
            else:
                ended = (number - 1) * size >= total
            if (ended and number > 1) or (ended is not False and number == self._end and isinstance(scan, Read)):
                break
            if not ended and not scan.pages:
                raise doubt
        else:
            # The count may be wrong, or not told: where the list goes on, its next page says so.
            if self._ask(number + 1, may_end=True)[0].listed and doubt:
                raise doubt
        self._end = number
        return replace(page, total_count=total)

    def _ask(self, number: int, *, may_end: bool) -> tuple[Page, ChanjingRejected | None]:
        """Return page *number*, and the reason why nobody knows what is in it. Raise ChanjingError.

        *may_end*: a refusal may say that the list has ended before it.
        """
        try:
            page = self._fetch(number)
        except ChanjingRejected as error:
            if not may_end or error.code != BAD_PARAMETERS:
                raise
            return Page(number, (), listed=0, size=self.size, total_count=None), error
        if page.listed or not page.oddities:
            return page, None
        said = f"list: {page.oddities[0]}, so the bot cannot tell what is in it."
        return page, ChanjingRejected(said, "The bot tries again.")

    def _fetch(self, number: int) -> Page:
        began = self._clock.monotonic()
        page = self._fetch_page(number, self.size)
        self.spent += self._clock.monotonic() - began
        self._fetched(page)
        self._report(page)
        return page

    def _report(self, page: Page) -> None:
        """Log what is odd about *page*, each kind once."""
        unknown = {task.status for task in page.tasks} - set(Status)
        found = [
            *(("malformed_items", oddity.partition(": ")[2]) for oddity in page.oddities),
            *(("unknown_status", str(status)) for status in unknown),
        ]
        for code, what in found:
            if (code, what) not in self.odd and len(self.odd) < _ODDITIES:
                self.odd.add((code, what))
                self._events.emit("answer_odd", code=code, detail=what, page=page.number)
