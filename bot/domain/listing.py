"""Which pages to read and when to stop.

The order of the list is not documented, so it is observed by full reads, not assumed. `Read` is pure: it is fed with
pages and names the next one, and so is `FullScan`; `Budget` bounds what reads may cost.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Literal

from bot.domain.news import Tasks, is_known, usable
from bot.domain.task import Page, Task, rank

Order = Literal["newest_first", "oldest_first", "neither"]

FOREIGN_AFTER = 10  # known tasks, none of which is listed, say that the list is another account's
NEAR = 3  # pages a read may walk while the budget is spent
SPARE = 5  # pages without anything new that a walk asks for at most, besides the one that ends the list
_REST = 10  # times as long as a longer read took: so long the budget is spent
_CLEAR = 9  # of ten neighbours must agree before the list counts as ordered


@dataclass(frozen=True, slots=True)
class ListProfile:
    """What is remembered of the list itself.

    `asked` is the page size of the last full read and `per_page` the most items a page of it held (the server may cap
    it); `last_page` was its last page with an item. `total_count` is the server's at the end of the last whole read,
    plus the unknown tasks that reads cut short have met; `count_holds` says that the last full read agreed with it, and
    that no read since went on to the end for tasks that were not there.
    `page_size` is what the server was found to take (0: not refused yet). `floor` is a create_time. See diff.settle.
    `empty` says that the last whole read found nothing in it.
    """

    order: Order | None = None
    total_count: int | None = None
    count_holds: bool = True
    asked: int = 0
    per_page: int = 0
    last_page: int = 1
    page_size: int = 0
    floor: int = 0
    full_scan_at: float = 0.0
    empty: bool = False

    def size_of(self, page: Page) -> int:
        """Return how many items a page holds. What a full read saw on its pages outweighs what the server says."""
        return self.per_page if self.last_page > 1 else page.size


class _Scan:
    """What a walk over the list has met so far. `next` is the page to read; None: there is nothing more to read.

    It asks for no more pages than there are with a task on them that is new to it, and SPARE. So it ends however the
    server answers: also one that answers a page past the end with its last page, or each page with the same.
    """

    def __init__(self, profile: ListProfile) -> None:
        self._profile = profile
        self.next: int | None = 1
        self.complete = False
        self.pages = 0
        self._ranks: dict[str, int] = {}  # id → the highest rank of the statuses it was met with
        self.total_count: int | None = None
        self.per_page = 0  # the most items that a page held
        self.account = ""  # the one that was asked, as far as it is known
        self.answered_at: float | None = None  # when the first page was answered, by the server's clock
        self._listed = 0
        self._highest = 0
        self._spare = SPARE
        self._grown = 0  # tasks that came since the last page with something new

    @property
    def count_holds(self) -> bool:
        """False when the last full read contradicted the count."""
        return self._profile.count_holds

    @property
    def seen(self) -> AbstractSet[str]:
        """The ids of the tasks met so far."""
        return self._ranks.keys()

    def start_over(self) -> None:
        """Begin at page 1: the list has become shorter, and ends before the page that this walk asked for first."""
        self.next = 1
        self._highest = 0

    def _meet(self, page: Page) -> tuple[tuple[Task, ...], tuple[Task, ...], int]:
        """Return the tasks that were not met yet, those that have risen since, and what the count changed by.

        A page, or two, may hold a task twice, once as an older answer.
        """
        highest: dict[str, Task] = {}
        for task in page.tasks:
            if task.id not in highest or rank(task.status) > rank(highest[task.id].status):
                highest[task.id] = task
        new = tuple(task for task in highest.values() if task.id not in self._ranks)
        risen = tuple(t for t in highest.values() if t.id in self._ranks and rank(t.status) > self._ranks[t.id])
        counts = self.total_count, page.total_count
        changed = 0 if counts[0] is None or counts[1] is None else counts[1] - counts[0]
        if not self.pages:
            self.answered_at = page.answered_at
        self.pages += 1
        self.total_count = page.total_count
        self.per_page = max(self.per_page, page.listed)
        self.account = page.account or self.account
        self._listed += page.listed
        self._ranks |= {task.id: rank(task.status) for task in (*new, *risen)}
        self._spare -= not new
        self._grown = 0 if new else self._grown + changed
        return new, risen, changed

    def _repeats(self, page: Page, *, moved: int) -> bool:
        """Tell whether *page*, which holds nothing new, ends the list.

        It does not where as many tasks have *moved* meanwhile as it holds, or where none of them could be read.
        """
        return self._spare <= 0 or (bool(page.tasks) and moved < page.listed)

    def _page_after(self, page: Page, *, any_new: bool, changed: int) -> int | None:
        """Return the page that follows *page* on the way from page 1, or None at the end of the list."""
        beyond = page.number > self._highest
        self._highest = max(self._highest, page.number)
        if changed < 0 and page.number > 1 and self._spare > 0:
            # Something was taken out of the list, so tasks have moved up, onto pages that have been read.
            return max(1, page.number + changed // self._profile.size_of(page))
        # When the list grew by a page meanwhile, the same tasks come once more.
        if not page.listed or (beyond and not any_new and self._repeats(page, moved=self._grown)):
            return None
        return page.number + 1 if self._spare > 0 else self._highest + 1


class Read(_Scan):
    """One look for news: feed it with `add(page)` while `next` names a page.

    It begins at the new end: page 1, or the last page where the list is oldest first. It stops when it has met a page
    that ends in a task known before, all of *fresh* (the tasks waited for), and as many unknown tasks as `total_count`
    grew by; or at the end of the list. Where neither an order nor a count says that nothing is left, only the end
    stops it. `complete` says whether it got there within *max_pages*.

    *account* is the one that the known tasks are of, "" where that is not known.
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
        self._backward = profile.order == "oldest_first"
        self._lowest = profile.last_page + 1
        self._unknown = 0
        # Where it was empty, there is none that could be recognised.
        self._recognised = profile.empty
        self._edge_known = False
        self._held = 0  # how many tasks the page before held, on the way to the end of a list that grows there
        self._begins = 0  # where the next read begins: the last page, or one that has become fuller since it was read
        self._ended = False  # it went on to the end of the list
        self._count_at_start: int | None = None
        self.per_page = profile.per_page
        if self._backward:
            self.next = profile.last_page

    def add(self, page: Page) -> tuple[Task, ...]:
        """Take in the page asked for, decide on the next, and return the tasks that are new here or have risen."""
        if self.account and page.account not in {"", self.account}:
            self._recognised = self._profile.empty  # another token, perhaps of another account
        new, risen, changed = self._meet(page)
        if self.pages == 1:
            self._count_at_start = page.total_count
        self._recognised |= self.account == self._ours != "" or any(task.id in self._known for task in new)
        self._unknown += sum(not self._is_known(task) for task in new)
        if page.tasks and (not self._backward or page.number < self._lowest):
            self._edge_known = self._is_known(page.tasks[0 if self._backward else -1])
        step = self._page_before if self._backward else self._page_after
        self.next = step(page, any_new=bool(new), changed=changed)
        if self.next is None or (self._at_frontier(self.next) and self._may_stop()):
            self.complete, self._ended, self.next = True, self.next is None, None
            self._recognised |= not self._listed
        elif self._max_pages is not None and self.pages >= self._max_pages:
            self.next = None
        return (*new, *risen)

    @property
    def unconfirmed(self) -> bool:
        """True while what was met may be another account's, so that it must not be announced."""
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
        if self.complete and self._backward and self._highest:
            # It grows at its end: the next read begins where this one found that.
            profile = replace(profile, last_page=self._begins, per_page=self.per_page)
        if not profile.count_holds:
            return profile  # a count that nobody believes is not worth a write
        if self.complete and self.total_count is not None:
            return replace(profile, total_count=self._count_met(self.total_count))
        if self._profile.total_count is None:
            return profile
        # What was met is accounted for; what the count grew by beyond that is still to be found.
        return replace(profile, total_count=self._profile.total_count + self._unknown)

    @property
    def _growth(self) -> int:
        """By how much the count grew since the last read; 0 where that is not known.

        Not the count by now: what has come meanwhile may stand on a page that this read has left.
        """
        before, start = self._profile.total_count, self._count_at_start
        return 0 if before is None or start is None else start - before

    def _is_known(self, task: Task) -> bool:
        return is_known(task, self._known, floor=self._profile.floor)

    def _count_met(self, count: int) -> int:
        """Return how much of *count* this read accounts for: what came meanwhile and was not met is for the next."""
        before, start = self._profile.total_count, self._count_at_start
        return count if before is None or start is None else min(count, max(start, before + self._unknown))

    def _page_before(self, page: Page, *, any_new: bool, changed: int) -> int | None:
        """Return the page that follows *page* on the way from the last page to page 1, or None at the end of it.

        First it goes on to where the list ends by now. Tasks taken out of the list move others towards page 1, onto
        pages still to be read.
        """
        if page.number > self._highest:
            first = not self._highest
            if any_new or (page.listed and not self._repeats(page, moved=0)):
                self._highest = page.number
                self._lowest = page.number if first else self._lowest
                outgrown = self._held < self.per_page and page.tasks and not self._is_known(page.tasks[-1])
                if first or (self._begins == page.number - 1 and not outgrown):
                    self._begins = page.number
                self._held = page.listed
                if not self._ends_with(page):
                    return page.number + 1  # the list has grown since, or does not say how long it is
            elif first:  # the list has become shorter
                return self._shorter(page)
            return self._lowest - 1 or None
        self._lowest = page.number
        if any_new or (page.listed and not self._repeats(page, moved=-changed)):
            return page.number - 1 or None
        return self._shorter(page)

    def _shorter(self, page: Page) -> int | None:
        """Return where to look for the end of a list that ends before *page*; None where nothing is left to look at."""
        if page.number == 1:
            return None
        self.start_over()
        last = self._last(page)
        return last if self.pages == 1 and last is not None and last < page.number else 1

    def _last(self, page: Page) -> int | None:
        """Return the number of the last page by the count. The server may hold its pages smaller than it says."""
        if page.total_count is None or not self._profile.count_holds:
            return None
        return max(1, -(-page.total_count // (self.per_page or page.size)))

    def _ends_with(self, page: Page) -> bool:
        """Tell whether the count says that *page* is the last."""
        last = self._last(page)
        return last is not None and last <= page.number

    def _at_frontier(self, following: int) -> bool:
        """Tell whether *following* leads on, rather than back over pages that moved or forth to ones that came new."""
        return following < self._lowest if self._backward else following > self._highest

    def _may_stop(self) -> bool:
        if self.unconfirmed or not self._edge_known or not self._fresh <= self.seen:
            return False
        start = self._count_at_start
        usable = self._profile.count_holds and self._profile.total_count is not None and start is not None
        if not usable or len(self.seen) > (start or 0):
            return self._profile.order in {"newest_first", "oldest_first"}
        return self._unknown >= self._growth


class FullScan(_Scan):
    """A walk from page 1 to the end of the list, whatever it meets. It may be spread over several polls."""

    def __init__(self, profile: ListProfile, *, now: float) -> None:
        super().__init__(profile)
        self._now = now
        self.newest = 0  # the newest create_time met, but for those that are a day ahead of the clock
        self._unreadable = 0
        self._totals: set[int] = set()
        self._rising = self._falling = self._previous = 0
        self._last_page = 1

    def add(self, page: Page) -> tuple[Task, ...]:
        """Take in the page asked for, decide on the next, and return the tasks that are new here or have risen."""
        beyond = page.number > self._highest
        new, risen, changed = self._meet(page)
        if beyond and (new or not page.tasks):
            self._observe(page, new)
        now = max(self._now, page.answered_at or 0.0)  # our clock may be behind
        self.newest = max([self.newest, *(t.create_time for t in new if usable(t.create_time, now))])
        self.next = self._page_after(page, any_new=bool(new), changed=changed)
        self.complete = self.next is None
        return (*new, *risen)

    def outcome(self, profile: ListProfile, *, asked: int, now: float) -> ListProfile:
        """Return *profile* with what is to be remembered after this read to its end, in pages of *asked* tasks.

        The count that polls have kept meanwhile stands, if it could be believed: it knows of tasks at the new end that
        came after this read had passed there.
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

    def _observe(self, page: Page, new: Iterable[Task]) -> None:
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


class Budget:
    """What reads may cost. In memory only: after a restart the first read may be a long one.

    A read of more than NEAR pages that took T lets the reads of the next 10 × T walk NEAR pages.
    """

    def __init__(self) -> None:
        self._spent_until = float("-inf")

    def max_pages(self, now: float) -> int | None:
        """Return how many pages a read may walk that begins *now* (monotonic seconds); None: as many as it takes."""
        return NEAR if now < self._spent_until else None

    def spend(self, *, pages: int, took: float, now: float) -> None:
        """Count a read of *pages* that ends *now*, having waited *took* seconds for answers."""
        if pages > NEAR:
            self._spent_until = now + _REST * took
