"""What is known of the list itself, and a scan over its pages.

The order of the list is not documented, so it is observed by full scans, not assumed. A scan is pure: it is given
pages, and names the next one.
"""

from collections.abc import Generator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal

from bot.domain.task import Page, Task, rank

Order = Literal["newest_first", "oldest_first", "neither"]

SPARE = 5  # pages without anything new that a scan asks for at most, besides the one that ends the list


@dataclass(frozen=True, slots=True)
class ListProfile:
    """What is remembered of the list itself.

    `asked` is the page size of the last full scan and `per_page` the most items a page of it held (the server may cap
    it); `last_page` was its last page with an item. `total_count` is the server's at the end of the last whole read,
    plus the unknown tasks seen by reads cut short; `count_holds` says that the last full scan agreed with it, and that
    no read since went on to the end for tasks that were not there.
    `page_size` is what the server was found to take (0: not refused yet). `floor` is a create_time: see
    news.reconcile. `empty` says that the last whole read found nothing in it.
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

    def newer(self, by_page: Mapping[int, AbstractSet[str]], page: Page) -> set[str]:
        """Return what *by_page* holds for the pages that list newer tasks than *page*, by their numbers."""
        higher_is_newer = self.order == "oldest_first"
        return {one for number, ones in by_page.items() if (number > page.number) == higher_is_newer for one in ones}

    def oldest_first(self, listed: Sequence[Task]) -> list[Task]:
        """Return *listed*, as the list has them, in the order in which they were made, those of one second included."""
        from_the_oldest = listed if self.order == "oldest_first" else reversed(listed)
        return sorted(from_the_oldest, key=lambda task: task.create_time)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one page adds to a scan: tasks not seen yet, those and the ones that have risen, and how the count grew."""

    new: tuple[Task, ...]
    found: tuple[Task, ...]
    changed: int


@dataclass(frozen=True, slots=True)
class Step:
    """A page to read. `onward`: it leads on, rather than back over pages that moved or forth to ones that came new."""

    number: int
    onward: bool = True


Route = Generator[Step, tuple[Page, Seen]]


class Scan:
    """What a scan has seen so far: give it each page with `add(page)` while `step` names one.

    `complete` says whether it got to its end.

    It asks for no more pages than there are with a task on them that is new to it, and SPARE. So it ends however the
    server answers: also one that answers a page past the end with its last page, or each page with the same.
    """

    def __init__(self, profile: ListProfile) -> None:
        self._profile = profile
        self.complete = False
        self.pages = 0
        self._ranks: dict[str, int] = {}  # id → the highest rank of the statuses it was seen with
        self.total_count: int | None = None
        self.per_page = 0  # the most items that a page held
        self.account = ""  # the one that was asked, as far as it is known
        self.answered_at: float | None = None  # when the first page was answered, by the server's clock
        self._listed = 0
        self._spare = SPARE
        self._grown = 0  # tasks that came since the last page with something new
        self.begin(self._first_page)

    @property
    def _first_page(self) -> int:
        return 1

    @property
    def seen(self) -> AbstractSet[str]:
        """The ids of the tasks seen so far."""
        return self._ranks.keys()

    def begin(self, number: int) -> None:
        """Begin at page *number*: again at page 1, if the list ends before the page that was asked for first."""
        self._route = self._pages_from(number)
        self.step: Step | None = next(self._route)

    def add(self, page: Page) -> tuple[Task, ...]:
        """Take in the page asked for, decide on the next, and return the tasks that are new here or have risen."""
        seen = self._see(page)
        self._observe(page, seen.new)
        try:
            self.step = self._route.send((page, seen))
        except StopIteration:
            self.step = None
        self.complete = self.step is None
        return seen.found

    def _observe(self, page: Page, new: Sequence[Task]) -> None:
        """Learn what it is for from *page*, which was asked for as `step` says, and its *new* tasks."""
        raise NotImplementedError

    def count_says(self, page: Page) -> Literal["ended", "goes on", "nothing"]:
        """Return what can be believed of the count: that the list ends before *page*, or not; or nothing."""
        total = self.count_with(page)
        if total is None or total < len(self.seen) or not self._profile.count_holds:
            return "nothing"
        return "ended" if (page.number - 1) * self._size_of(page) >= total else "goes on"

    def count_with(self, page: Page) -> int | None:
        """Return the larger of the counts given last and on *page*."""
        return max((count for count in (self.total_count, page.total_count) if count is not None), default=None)

    def _size_of(self, page: Page) -> int:
        """Return how many items a page like *page* holds: the server may hold its pages smaller than it says."""
        return min(self.per_page or page.size, page.size)

    def _see(self, page: Page) -> Seen:
        """Take in *page*. It, or two pages, may hold a task twice, once as an older answer."""
        highest: dict[str, Task] = {}
        for task in page.tasks:
            if task.id not in highest or rank(task.status) > rank(highest[task.id].status):
                highest[task.id] = task
        new = tuple(task for task in highest.values() if task.id not in self._ranks)
        risen = (t for t in highest.values() if t.id in self._ranks and rank(t.status) > self._ranks[t.id])
        seen = Seen(
            new,
            (*new, *risen),
            0 if self.total_count is None or page.total_count is None else page.total_count - self.total_count,
        )
        if not self.pages:
            self.answered_at = page.answered_at
        self.pages += 1
        self.total_count = page.total_count
        self.per_page = max(self.per_page, page.listed)
        self.account = page.account or self.account
        self._listed += page.listed
        self._ranks |= {task.id: rank(task.status) for task in seen.found}
        self._spare -= not seen.new
        self._grown = 0 if seen.new else self._grown + seen.changed
        return seen

    def _pages_from(self, number: int) -> Route:
        """Yield the pages from *number* on to the end of the list, given what was on each."""
        highest = 0
        while True:
            beyond = number > highest
            highest = max(highest, number)
            page, seen = yield Step(number, onward=beyond)
            if seen.changed < 0 and number > 1 and self._spare > 0:
                # Something was taken out of the list, so tasks have moved up, onto pages that have been read.
                number = max(1, number + seen.changed // self._size_of(page))
            elif not page.listed or (beyond and self._adds_nothing(page, seen, moved=self._grown)):
                return  # when the list grew by a page meanwhile, the same tasks come once more
            else:
                number = number + 1 if self._spare > 0 else highest + 1

    def _adds_nothing(self, page: Page, seen: Seen, *, moved: int) -> bool:
        """Tell whether *page* holds nothing new, so that the list ends there.

        It does not if as many tasks have *moved* meanwhile as it holds, or if none of them could be read.
        """
        if seen.new:
            return False
        return not page.listed or self._spare <= 0 or (bool(page.tasks) and moved < page.listed)
