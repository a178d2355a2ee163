"""Reads the list: for news, for late tasks, and, spread over polls, as a whole. What it finds is saved page by page."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet

from bot.clock import Clock
from bot.config.sections import Config
from bot.domain.baseline import Baseline
from bot.domain.full_scan import FullScan
from bot.domain.news import LATE_AFTER
from bot.domain.read import BackwardRead, Read
from bot.domain.task import Task
from bot.errors import ChanjingError, ForeignStateError
from bot.events import Events
from bot.watch.full_scans import FullScans
from bot.watch.late import LateTasks
from bot.watch.pages import Pages
from bot.watch.records import Records

Failure = ChanjingError | ForeignStateError

# The budget: a read of more than NEAR pages that took T limits the reads of the next 10 × T to NEAR pages. In memory
# only: after a restart the first read may be a long one.
NEAR = 3
_REST = 10


class Reader:
    """Reads one account's list into one state. What fails is returned; StateError and Stopped are raised."""

    def __init__(self, pages: Pages, records: Records, clock: Clock, events: Events, settings: Config) -> None:
        self._pages = pages
        self._records = records
        self._clock = clock
        self._events = events
        self._settings = settings.poll
        self._retention = settings.state.retention
        self._spent_until = float("-inf")  # the budget, in monotonic seconds
        self._late = LateTasks(pages, events)
        self._full_scans = FullScans(pages, records, clock, events, interval=settings.poll.full_scan_interval)
        self._seen: AbstractSet[str] = frozenset()  # by the last read
        self._ours = True  # the last read saw a task that is known, so the list is that of the state
        self._foreign = False  # a whole list was read in which none is, and nothing known was seen since

    def read(self) -> Failure | None:
        """Read the list, for the first time or for news, and save what is found. Return how that failed."""
        began = self._clock.monotonic()
        try:
            if self._records.state.baseline_at is None:
                self._first_run()
            else:
                self._read_news()
        except (ChanjingError, ForeignStateError) as error:
            self._events.emit("list_not_read", result="failed", seconds=self._clock.monotonic() - began)
            return error
        finally:
            self._records.save_page_size(self._pages.size)
        now = self._records.last_read = self._clock.now()
        self._events.emit("list_read", result="ok", seconds=self._clock.monotonic() - began, at=now)
        return None

    def has_more(self) -> bool:
        """Tell whether there is more to read before the next poll, after a read that did not fail."""
        return self._ours and (bool(self._due_late()) or self._full_scans.due())

    def read_more(self, enough: Callable[[], bool]) -> Failure | None:
        """Ask for a late task, and go on with a full scan that is due, until *enough* says so or its end."""
        if due := self._due_late():
            task = self._late.ask(due)
            if task is not None:
                self._records.save_news([task], self._records.state.profile)
        try:
            if self._full_scans.due() and self._full_scans.go_on(enough):
                self._late.full_scan_finished()
        except ChanjingError as error:
            return error
        return None

    @property
    def odd(self) -> AbstractSet[tuple[str, str]]:
        """What of the answers could not be read, as (code of the trouble, what)."""
        return self._pages.odd

    def interval(self) -> float:
        """Return the seconds from the start of one poll to the start of the next."""
        now = self._clock.now()
        young = any(now - record.first_seen < LATE_AFTER for record in self._records.watched().unfinished.values())
        return self._settings.active_interval if young else self._settings.interval

    def _read_news(self) -> None:
        """Read the new end of the list, and save the news of each page."""
        state, waited, began = self._records.state, self._pages.waited, self._clock.monotonic()
        unfinished = self._records.watched().unfinished
        kind = BackwardRead if state.profile.order == "oldest_first" else Read
        read = kind(
            state.profile,
            state.tasks,
            account=state.account,
            fresh=unfinished.keys() - self._late_ids(),
            max_pages=NEAR if began < self._spent_until else None,
        )
        try:
            self._save_news_of(read)
        finally:
            self._seen = read.seen
            if read.pages > NEAR:
                self._spent_until = self._clock.monotonic() + _REST * (self._pages.waited - waited)
        self._foreign = read.foreign or (self._foreign and read.unconfirmed)
        if self._foreign:
            raise ForeignStateError(
                "state.path: this state belongs to another account: Chanjing lists none of the tasks it knows. "
                "Use a token of that account, or give this one a state.path of its own."
            )
        self._ours = not read.unconfirmed or not read.seen
        if not read.unconfirmed:
            self._records.save_account(read.account)

    def _save_news_of(self, read: Read) -> None:
        """Save the news of each page that *read* asks for, but nothing while it may be another account's."""
        unconfirmed: dict[int, tuple[Task, ...]] = {}  # by the number of the page
        owed: dict[int, set[str]] = {}
        for page, new in self._pages.of(read):
            unconfirmed[page.number] = (*unconfirmed.get(page.number, ()), *new)
            if not read.unconfirmed:
                listed = [task for number in sorted(unconfirmed) for task in unconfirmed[number]]
                profile = read.outcome(self._records.state.profile)
                owed[page.number] = self._records.save_news(listed, profile, newer=profile.newer(owed, page))
                unconfirmed = {}

    def _first_run(self) -> None:
        """Record the whole list, all or nothing."""
        began = self._clock.now()
        scan = FullScan(self._records.state.profile, now=began)
        announce = self._settings.first_run == "announce"
        baseline = Baseline(announce=announce, retention=self._retention, now=began)
        try:
            for _, new in self._pages.of(scan):
                baseline.add(new, newest=scan.newest)
                self._events.emit("list_scanned", seen=len(scan.seen), total=scan.total_count, done=False)
        finally:
            self._events.emit("list_scanned", seen=len(scan.seen), total=scan.total_count, done=True)
        self._seen = scan.seen
        self._records.save_baseline(scan, baseline.result(scan), asked=self._pages.size)

    def _late_ids(self) -> set[str]:
        return self._records.watched().late(self._clock.now())

    def _due_late(self) -> list[str]:
        """Return the late tasks that the last read did not come across."""
        return self._late.due(self._late_ids() - self._seen)
