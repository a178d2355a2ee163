"""The pages that a scan of the list asks for, however Chanjing answers: smaller ones, odd ones, and the end."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from bot.chanjing.answers import BAD_PARAMETERS, DOCUMENTED_PAGE_SIZE, may_be_page_size
from bot.clock import Clock
from bot.domain.listing import Scan
from bot.domain.read import Read
from bot.domain.task import Page, Status, Task
from bot.errors import ChanjingRejected
from bot.events import Events

# Seconds to wait before each time that a page is asked for of which it is not known whether the list ends before it.
# Also the first time: between two pages a long scan ends when the program is asked to.
_BEFORE_IT_ENDS = (0.0, 2.0, 5.0, 10.0)
_QUIET = 5.0  # seconds after which a scan lets deliveries go on between two pages
_ODDITIES = 100  # kinds that are kept apart, so that memory stays bounded


class TaskSource(Protocol):
    """The lip-sync tasks of one account. Both raise ChanjingError."""

    def page(self, number: int, size: int, /) -> Page:
        """Return page *number* (from 1) of at most *size* tasks."""

    def task(self, task_id: str, /) -> Task | None:
        """Return the task with that id. None: Chanjing answers without one."""


class Pages:
    """Fetches pages, and single tasks.

    `size` is what the list was found to take; `odd` are (code of the trouble, what was odd); `waited` are the seconds
    for which it has waited for answers.
    """

    def __init__(
        self,
        source: TaskSource,
        clock: Clock,
        events: Events,
        *,
        size: int,
        deliver: Callable[[float], None] = lambda _: None,
    ) -> None:
        """*deliver* is called now and then, with when it is to end (monotonic seconds)."""
        self._source = source
        self._clock = clock
        self._events = events
        self._deliver = deliver
        self._end = 0  # the page before which the list was last found to end in such a way
        self.size = size
        self.odd: set[tuple[str, str]] = set()
        self.waited = 0.0

    def task(self, task_id: str) -> Task | None:
        """Return the task with that id. None: Chanjing answers without one. Raise ChanjingError."""
        return self._source.task(task_id)

    def of(self, scan: Scan) -> Iterator[tuple[Page, tuple[Task, ...]]]:
        """Yield each page that *scan* asks for, and the tasks on it that are new to the scan or have risen.

        Raise ChanjingError, or Stopped.
        """
        quiet_until = self._clock.monotonic() + _QUIET
        while scan.step is not None:
            number = scan.step.number
            try:
                page = self._page(scan, number)
            except ChanjingRejected as error:
                if not scan.pages and number > 1:
                    scan.begin(1)
                elif scan.pages or not may_be_page_size(error, self.size):
                    raise
                else:
                    self._events.emit("page_size_refused", asked=self.size, used_from_now_on=DOCUMENTED_PAGE_SIZE)
                    self.size = DOCUMENTED_PAGE_SIZE
                continue
            yield page, scan.add(page)
            now = self._clock.monotonic()
            if now >= quiet_until:
                self._deliver(now)

    def _page(self, scan: Scan, number: int, waits: Sequence[float] = _BEFORE_IT_ENDS) -> Page:
        """Return page *number*, an empty one if the list has ended before it, in whatever way that is said.

        In doubt it is asked for once more after each of *waits*. Raise ChanjingError, also if there is no list and it
        is not known that there should be none: it is no empty page, which would be the end of the list, and what stands
        there would not be looked for.
        """
        self._wait(waits[0])
        page, doubt = self._ask(number, may_end=bool(scan.pages))
        if doubt is None:
            return page
        if not self._ends(scan, page):
            if not scan.pages and scan.count_says(page) != "ended":
                raise doubt  # the list does not end before the first page that is asked for
            if waits[1:]:
                return self._page(scan, number, waits[1:])
            # The count may be wrong, or not given: if the list goes on, its next page says so.
            following, _ = self._ask(number + 1, may_end=True)
            if following.listed:
                raise doubt
        self._end = number
        return replace(page, total_count=scan.count_with(page))

    def _ends(self, scan: Scan, page: Page) -> bool:
        """Tell whether it is known that the list ends before *page*, about which there is doubt."""
        says = scan.count_says(page)
        as_before = says != "goes on" and page.number == self._end and isinstance(scan, Read)
        return as_before or (says == "ended" and page.number > 1)

    def _ask(self, number: int, *, may_end: bool) -> tuple[Page, ChanjingRejected | None]:
        """Return page *number*, and the doubt whether it is as empty as it seems. Raise ChanjingError.

        *may_end*: a refusal may say that the list has ended before it.
        """
        try:
            page = self._fetch(number)
        except ChanjingRejected as error:
            if not may_end or error.code != BAD_PARAMETERS:
                raise
            return Page(number, (), listed=0, size=self.size), error
        if page.listed or not page.oddities:
            return page, None
        said = f"list: {page.oddities[0]}, so the bot cannot tell what is in it."
        return page, ChanjingRejected(said, "The bot tries again.")

    def _fetch(self, number: int) -> Page:
        began = self._clock.monotonic()
        page = self._source.page(number, self.size)
        self.waited += self._clock.monotonic() - began
        self._events.emit("page_read")
        self._report(page)
        return page

    def _wait(self, seconds: float) -> None:
        """Wait in the middle of a scan, and deliver meanwhile."""
        end = self._clock.monotonic() + seconds
        if seconds:
            self._deliver(end)
        self._clock.wait(max(0.0, end - self._clock.monotonic()))

    def _report(self, page: Page) -> None:
        """Make known what is odd about *page*, each kind once."""
        unknown = {task.status for task in page.tasks} - set(Status)
        found = [
            *(("malformed_items", oddity.partition(": ")[2]) for oddity in page.oddities),
            *(("unknown_status", str(status)) for status in unknown),
        ]
        for code, what in found:
            if (code, what) not in self.odd and len(self.odd) < _ODDITIES:
                self.odd.add((code, what))
                self._events.emit("answer_odd", code=code, detail=what, page=page.number)
