"""One look at the list for news: which pages to read, and when to stop. Pure."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from bot.domain.listing import ListProfile, Route, Scan, Step
from bot.domain.news import Tasks, is_known
from bot.domain.task import Page, Task

FOREIGN_AFTER = 10  # known tasks, none of which is listed, say that the list is another account's


class Read(Scan):
    """One look for news.

    It begins at the new end, page 1. It stops when it has seen a page that ends in a task known before, all of *fresh*
    (the tasks waited for), and as many unknown tasks as `total_count` grew by; or at the end of the list. If neither an
    order nor a count says that nothing is left, only the end stops it. `complete` says whether it got there within
    *max_pages*.

    *account* is the one that the known tasks are of, "" if that is not known.
    """

    def __init__(
        self,
        profile: ListProfile,
        known: Tasks,
        *,
        account: str = "",
        fresh: AbstractSet[str] = frozenset(),
        max_pages: int | None = None,
    ) -> None:
        super().__init__(profile)
        self._known = known
        self._ours = account
        self._fresh = fresh
        self._max_pages = max_pages
        self._unknown = 0
        self._recognised = profile.empty  # in an empty list there is no task that could be recognised
        self._edge_known = False
        self._ended = False  # it went on to the end of the list
        self._count_at_start: int | None = None
        self.per_page = profile.per_page

    def add(self, page: Page) -> tuple[Task, ...]:
        if self.account and page.account not in {"", self.account}:
            self._recognised = self._profile.empty  # another token, perhaps of another account
        found = super().add(page)
        self._ended = self.complete
        if self.step is None or (self.step.onward and self._may_stop()):
            self.complete, self.step = True, None
            self._recognised |= not self._listed
        elif self._max_pages is not None and self.pages >= self._max_pages:
            self.step = None
        return found

    def _observe(self, page: Page, new: Sequence[Task]) -> None:
        if self.pages == 1:
            self._count_at_start = page.total_count
        self._recognised |= self.account == self._ours != "" or any(task.id in self._known for task in new)
        self._unknown += sum(not self._is_known(task) for task in new)
        if edge := self._edge(page):
            self._edge_known = self._is_known(edge)

    @property
    def unconfirmed(self) -> bool:
        """True while what was seen may be another account's, so that it must not be announced."""
        return not self._recognised and len(self._known) >= FOREIGN_AFTER

    @property
    def foreign(self) -> bool:
        """True when the whole list was read, holds tasks, and none of at least ten known ones."""
        return self.complete and bool(self.seen) and self.unconfirmed

    def outcome(self, profile: ListProfile) -> ListProfile:
        """Return *profile* with what is to be remembered after this read, or after as much of it as there was."""
        if self.complete:
            holds = profile.count_holds and not (self._ended and self._unknown < self._growth)
            profile = replace(profile, empty=not self._listed, count_holds=holds)
        # A count that nobody believes is not worth a write.
        return replace(profile, total_count=self._accounted_for()) if profile.count_holds else profile

    @property
    def _growth(self) -> int:
        """By how much the count grew since the last read; 0 if that is not known.

        Not the count by now: what has come meanwhile may stand on a page that this read has left.
        """
        before, start = self._profile.total_count, self._count_at_start
        return 0 if before is None or start is None else start - before

    def _accounted_for(self) -> int | None:
        """Return how many of the tasks counted need not be looked for: those that came unseen are for the next read."""
        before, start, now = self._profile.total_count, self._count_at_start, self.total_count
        seen = None if before is None else before + self._unknown
        if not self.complete or now is None:
            return seen
        return now if seen is None or start is None else min(now, max(start, seen))

    def _is_known(self, task: Task) -> bool:
        return is_known(task, self._known, floor=self._profile.floor)

    def _may_stop(self) -> bool:
        if self.unconfirmed or not self._edge_known or not self._fresh <= self.seen:
            return False
        start = self._count_at_start
        usable = self._profile.count_holds and self._profile.total_count is not None and start is not None
        if not usable or len(self.seen) > (start or 0):
            return self._profile.order in {"newest_first", "oldest_first"}
        return self._unknown >= self._growth

    def _edge(self, page: Page) -> Task | None:
        """Return the task behind which the read goes on, if *page* has it."""
        return page.tasks[-1] if page.tasks else None


class BackwardRead(Read):
    """A read of a list that is oldest first. It begins at the last page, goes on to the end, and then back."""

    _begins = 0  # where the next read begins: the last page, or one that has become fuller since it was read

    @property
    def _first_page(self) -> int:
        return self._profile.last_page

    def outcome(self, profile: ListProfile) -> ListProfile:
        profile = super().outcome(profile)
        if self.complete and self._begins:
            # It grows at its end: the next read begins where this one found that.
            profile = replace(profile, last_page=self._begins, per_page=self.per_page)
        return profile

    def _edge(self, page: Page) -> Task | None:
        return page.tasks[0] if page.tasks and self.step and self.step.onward else None

    def _pages_from(self, number: int) -> Route:
        """Yield the pages from *number* on to the present end of the list, then those before it, down to page 1.

        Tasks taken out of the list move others towards page 1, onto pages still to be read.
        """
        while True:
            self._begins = 0
            page, seen = yield Step(number)
            if not self._adds_nothing(page, seen, moved=0):
                yield from self._to_the_end(page)
                for before in range(number - 1, 0, -1):
                    page, seen = yield Step(before)
                    if self._adds_nothing(page, seen, moved=-seen.changed):
                        break
                else:
                    return
            # The list has become shorter.
            if page.number == 1:
                return
            last = self._last(page) or page.number
            number = last if self.pages == 1 and last < page.number else 1

    def _to_the_end(self, page: Page) -> Route:
        """Yield the pages after *page* that have come since the last read, or of which the list does not say."""
        self._begins = page.number
        while (self._last(page) or page.number + 1) > page.number:
            held = page.listed
            page, seen = yield Step(page.number + 1, onward=False)
            if self._adds_nothing(page, seen, moved=0):
                return
            outgrown = held < self.per_page and page.tasks and not self._is_known(page.tasks[-1])
            if self._begins == page.number - 1 and not outgrown:
                self._begins = page.number

    def _last(self, page: Page) -> int | None:
        """Return the number of the last page by the count; None if that cannot be believed."""
        if page.total_count is None or not self._profile.count_holds:
            return None
        return max(1, -(-page.total_count // self._size_of(page)))
