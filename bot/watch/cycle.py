"""One cycle, the whole pipeline.

    pages of the list            listing.Read names them, chanjing fetches them
      → news on each page        diff.news, against state.tasks
      → state saved              the new statuses and the new notices, in one atomic write: now it cannot be lost
      → delivered                deliver.Delivery, also when the listing failed
      → a part of a full read    listing.FullScan, when one is due, in the time that is left until the next poll

The first run is a full read, all or nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Literal

from bot.clock import Clock
from bot.domain import news as diff
from bot.domain import outbox, summary, trouble
from bot.domain.baseline import Baseline
from bot.domain.listing import Budget, FullScan, ListProfile, Order, Read
from bot.domain.news import EndedTask, TaskRecord, Tasks
from bot.domain.notice import Content, Greeting, Notice, Summary, TaskEnded
from bot.domain.task import Page, Task, is_final
from bot.errors import ChanjingError, ChanjingUnavailable, ForeignStateError
from bot.events import Events
from bot.store.file import Store
from bot.watch.deliver import Delivery
from bot.watch.pages import Pages, TaskSource

_YOUNG = 3600.0  # seconds for which an unfinished task is worth the faster pace, and a walk through the list
_AWAY = 900.0  # seconds without a good poll from which on we say that we were away
_SHARE = 5.0  # seconds that deliveries get at least, however long the poll before them took
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How to poll. Spans are in seconds."""

    page_size: int
    interval: float
    active_interval: float
    first_run: Literal["baseline", "announce"]
    full_scan_interval: float
    retention: float
    stuck_after: float = 3600.0
    alerts_channel: str = ""
    daily_summary: str | None = None  # "HH:MM", by the machine's TZ


class Poll:
    """Polls one account for one state file."""

    def __init__(
        self,
        chanjing: TaskSource,
        delivery: Delivery,
        store: Store,
        clock: Clock,
        events: Events,
        settings: Settings,
        *,
        last_alive: float | None = None,
        show_board: Callable[[Sequence[Task]], None] | None = None,
    ) -> None:
        self._delivery = delivery
        self._store = store
        self._clock = clock
        self._events = events
        self._settings = settings
        self._show_board = show_board
        self._chanjing = chanjing
        self._budget = Budget()
        self._seen: AbstractSet[str] = frozenset()  # the ids that the last read saw
        self._asked_for = ""  # the late task that was asked for last
        self._unanswered: set[str] = set()  # late tasks that only a full scan finds
        self._full: FullScan | None = None
        self._ours = True  # the last poll met a task that is known, so the list is that of the state
        self._foreign = False  # a whole list was read in which none is, and nothing known was met since
        self._watched: tuple[Tasks, dict[str, TaskRecord]] = ({}, {})
        self._last_good = last_alive  # Unix seconds
        self._latest: dict[str, Task] = {}  # the unfinished tasks as they were last listed
        self._vanished: tuple[str, ...] = ()
        size = store.state.profile.page_size or settings.page_size
        self._pages = Pages(chanjing.page, clock, events, size=size, fetched=self._fetched, wait=self._wait)

    def cycle(self) -> None:
        """Poll, deliver, and go on with a full read, until the next poll is due.

        Raise ChanjingError when the list could not be read (what is due has been delivered all the same),
        ForeignStateError, StateError, or Stopped.
        """
        began = self._clock.monotonic()
        error = self._poll()
        interval = self.interval()
        # A share for each: neither a long queue, nor a long list, nor a Chanjing that hangs may starve the others.
        share = self._clock.monotonic() + min(interval, _SHARE)
        self._delivery.run(max(share, began + (interval / 2 if self._more_to_read() else interval)))
        if error:
            raise error
        self._update_board()
        if self._more_to_read():
            self._read_more(began + interval)
            self._delivery.run(began + interval)

    def once(self) -> None:
        """Poll, with a whole full read if one is due, and deliver what is due. Raises as `cycle` does."""
        error = self._poll()
        if not error and self._more_to_read():
            try:
                self._read_more(float("inf"))
            except ChanjingError as failure:
                error = failure
        self._delivery.run_once()
        if error:
            raise error
        self._update_board()

    def interval(self) -> float:
        """Return the seconds from the start of one poll to the start of the next."""
        now = self._clock.now()
        young = any(now - known.first_seen < _YOUNG for known in self._watching().values())
        return self._settings.active_interval if young else self._settings.interval

    def owing(self) -> bool:
        """Tell whether anything is still to be delivered."""
        return bool(self._store.state.outbox.notices)

    def _poll(self) -> ChanjingError | ForeignStateError | None:
        """Read the list, take note of how that went, and return the error if it failed."""
        failure: ChanjingError | ForeignStateError | None = None
        began = self._clock.monotonic()
        try:
            if self._store.state.baseline_at is None:
                self._first_run()
            else:
                self._read_news()
        except (ChanjingError, ForeignStateError) as error:
            failure = error
        else:
            self._last_good = self._clock.now()
        seconds = self._clock.monotonic() - began
        if failure:
            self._events.emit("list_not_read", result="failed", seconds=seconds)
        else:
            self._events.emit("list_read", result="ok", seconds=seconds, at=self._last_good)
        self._observe(failure)
        return failure

    def _observe(self, error: ChanjingError | ForeignStateError | None) -> None:
        """Save what the bot has to say of itself: its trouble, and the summary of the day; and what the list takes."""
        state, now = self._store.state, self._clock.now()
        watching, profile = self._watching(), state.profile
        if self._pages.size != self._settings.page_size:
            profile = replace(profile, page_size=self._pages.size)
        ailing = trouble.problems(
            error,
            stuck=(task_id for task_id, known in watching.items() if known.age(now) > self._settings.stuck_after),
            vanished=self._vanished,
            destinations=state.outbox.destinations,
            alerts_channel=self._settings.alerts_channel,
            page_size=profile.page_size,
            odd=self._pages.odd,
        )
        troubles, reports = trouble.observe(state.troubles, ailing, now, instance=state.instance)
        diary, summaries = state.diary, tuple[Summary, ...]()
        if at := self._settings.daily_summary:
            diary, summaries = summary.summarise(
                diary, at=at, rendering=len(watching), now=now, zone=None, instance=state.instance
            )
        contents: tuple[Content, ...] = (*reports, *summaries)
        notices = [Notice(content, now) for content in contents]
        owed = outbox.enqueue(state.outbox, notices, state.delivered)
        self._store.save(replace(state, profile=profile, troubles=troubles, diary=diary, outbox=owed))

    def _fetched(self, page: Page) -> None:
        self._events.emit("page_read")
        if self._show_board:
            self._latest |= {task.id: task for task in page.tasks if not is_final(task.status)}

    def _update_board(self) -> None:
        """Show what is rendering, unless there is something to deliver: notices go first."""
        if self._show_board and self._delivery.idle():
            watching = self._watching()
            self._latest = {
                # What was not listed since the start is shown as it is remembered.
                task_id: self._latest.get(task_id, Task(task_id, known.status, create_time=known.create_time))
                for task_id, known in watching.items()
            }
            self._show_board(list(self._latest.values()))

    def _read_news(self) -> None:
        """Read the new end of the list, and save the news of each page."""
        state, now, spent = self._store.state, self._clock.now(), self._pages.spent
        read = Read(
            state.profile,
            state.tasks,
            account=state.account,
            fresh={task_id for task_id, known in self._watching().items() if known.age(now) < _YOUNG},
            max_pages=self._budget.max_pages(self._clock.monotonic()),
        )
        pending: dict[int, tuple[Task, ...]] = {}  # by the number of the page
        owed: dict[int, set[str]] = {}
        try:
            for page, new in self._walk(read):
                pending[page.number] = (*pending.get(page.number, ()), *new)
                if not read.unconfirmed:
                    listed = [task for number in sorted(pending) for task in pending[number]]
                    newer = _newer(owed, page, state.profile.order)
                    owed[page.number] = self._take(listed, read.outcome(self._store.state.profile), newer=newer)
                    pending = {}
        finally:
            self._seen = read.seen
            self._budget.spend(pages=read.pages, took=self._pages.spent - spent, now=self._clock.monotonic())
        if read.foreign or (self._foreign and read.unconfirmed):
            self._foreign = True
            raise ForeignStateError(
                "state.path: this state belongs to another account: Chanjing lists none of the tasks it knows. "
                "Use a token of that account, or give this one a state.path of its own."
            )
        self._foreign = False
        self._ours = not read.unconfirmed or not read.seen
        if not read.unconfirmed:
            self._store.save(replace(self._store.state, account=read.account or state.account))

    def _more_to_read(self) -> bool:
        return self._ours and (bool(self._late()) or self._full_read_due())

    def _read_more(self, until: float) -> None:
        """Ask for a late task, then go on with a full scan that is due, until *until* or its end."""
        self._ask_for_late()
        if self._full_read_due():
            self._read_on(until)

    def _late(self) -> list[str]:
        """Return the tasks that have been unfinished for an hour, and that the last read did not come across."""
        now = self._clock.now()
        met = self._seen | self._unanswered
        return [id_ for id_, known in self._watching().items() if known.age(now) >= _YOUNG and id_ not in met]

    def _ask_for_late(self) -> None:
        """Ask for the next late task by its id, and save its news. What goes wrong fails nothing."""
        late = sorted(self._late())
        if not late:
            return
        self._asked_for = next((task_id for task_id in late if task_id > self._asked_for), late[0])
        try:
            task = self._chanjing.task(self._asked_for)
        except ChanjingUnavailable:
            return
        except ChanjingError as error:
            self._unanswered.add(self._asked_for)
            self._events.emit("task_lookup_refused", task_id=self._asked_for, error=str(error), reason=str(error.code))
            return
        self._events.emit("task_looked_up")
        if task is None:
            self._unanswered.add(self._asked_for)
            return
        if self._show_board and not is_final(task.status):
            self._latest[task.id] = task
        self._take([task], self._store.state.profile, newer=frozenset())

    def _read_on(self, until: float) -> None:
        """Go on with the full read, page by page, until *until* or its end."""
        if self._full is None:
            self._full = FullScan(self._store.state.profile, now=self._clock.now())
            self._events.emit("full_read_started")
        full = self._full
        owed: dict[int, set[str]] = {}
        for page, new in self._walk(full):
            state, profile = self._store.state, self._store.state.profile
            if page.account not in {"", state.account}:
                self._full = None  # another token: first the next poll has to recognise the list
                return
            if profile.total_count is not None:
                unknown = sum(not diff.is_known(task, state.tasks, floor=profile.floor) for task in new)
                profile = replace(profile, total_count=profile.total_count + unknown)
            owed[page.number] = self._take(new, profile, newer=_newer(owed, page, profile.order))
            if self._clock.monotonic() >= until:
                break
        if full.complete:
            self._full = None
            self._settle(full)

    def _full_read_due(self) -> bool:
        if self._full is not None or not self._ours:
            return self._ours
        state, now = self._store.state, self._clock.now()
        since = now - state.profile.full_scan_at
        due = not 0 <= since < self._settings.full_scan_interval or state.profile.asked != self._pages.size
        return state.baseline_at is not None and due

    def _settle(self, full: FullScan) -> None:
        """Save what a full read leaves, after all its news has been saved."""
        state, now = self._store.state, self._clock.now()
        profile = full.outcome(state.profile, asked=self._pages.size, now=now)
        settled = diff.settle(
            state.tasks,
            full.seen,
            newest=full.newest,
            floor=profile.floor,
            retention=self._settings.retention,
            keep={notice.key.subject for notice in state.outbox.notices},
            now=now,
        )
        self._store.save(
            replace(
                state,
                tasks=settled.tasks,
                profile=replace(profile, floor=settled.floor),
                delivered=outbox.trimmed(state.delivered),
            )
        )
        self._unanswered.clear()
        self._events.emit("full_read_finished", tasks=len(full.seen), pages=full.pages, order=profile.order)
        for task_id in settled.vanished:
            self._events.emit("task_vanished", task_id=task_id)

    def _walk(self, scan: Read | FullScan) -> Iterator[tuple[Page, tuple[Task, ...]]]:
        """Yield the pages of *walk*, each with what is new on it. One that takes long holds up no delivery."""
        max_silence = self._clock.monotonic() + _SHARE
        for page, new in self._pages.of(scan):
            yield page, new
            now = self._clock.monotonic()
            if now >= max_silence and self.owing():
                self._delivery.run(now)

    def _wait(self, seconds: float) -> None:
        """Wait in the middle of a read, and deliver meanwhile."""
        end = self._clock.monotonic() + seconds
        if seconds and self.owing():
            self._delivery.run(end)
        self._clock.wait(max(0.0, end - self._clock.monotonic()))

    def _take(self, listed: Iterable[Task], profile: ListProfile, *, newer: AbstractSet[str]) -> set[str]:
        """Save what *listed* changes: the new statuses and the new notices in one write. Return the notices' ids.

        What is already owed with the ids *newer* comes after them.
        """
        state, now = self._store.state, self._clock.now()
        found = diff.news(state.tasks, listed, floor=state.profile.floor, now=now)
        tasks = {**state.tasks, **found.changed} if found.changed else state.tasks
        ended = _oldest_first(found.ended, profile.order)
        notices = [self._notice(task, state.tasks.get(task.id), now) for task in ended]
        diary = state.diary
        if self._settings.daily_summary is not None and notices:
            endings = [notice.content for notice in notices if isinstance(notice.content, TaskEnded)]
            diary = summary.count(diary, endings, now=now, zone=None)
        self._store.save(
            replace(
                state,
                diary=diary,
                tasks=tasks,
                outbox=outbox.enqueue(state.outbox, notices, state.delivered, before=newer),
                profile=profile,
            )
        )
        for task in ended:
            self._events.emit("task_ended", task_id=task.id, status=task.status)
        return {notice.id for notice in notices}

    def _notice(self, task: Task, before: TaskRecord | EndedTask | None, now: float) -> Notice:
        last, gap = self._last_good, now - (self._last_good or now)
        away = (last, now) if last is not None and gap > max(_AWAY, 3 * self._settings.interval) else None
        seen_shortly_before = before is not None and before.watched and gap <= max(60.0, 3 * self._settings.interval)
        took = now - task.create_time
        ready_after = took if seen_shortly_before and task.create_time and 0 < took < _DAY else None
        return Notice(TaskEnded(task, ready_after, away), now)

    def _first_run(self) -> None:
        """Take note of the whole list, all or nothing, and greet."""
        settings, began = self._settings, self._clock.now()
        full = FullScan(self._store.state.profile, now=began)
        first = Baseline(announce=settings.first_run == "announce", retention=settings.retention, now=began)
        try:
            for _, new in self._walk(full):
                first.add(new, newest=full.newest)
                self._events.emit("list_scanned", seen=len(full.seen), total=full.total_count, done=False)
        finally:
            self._events.emit("list_scanned", seen=len(full.seen), total=full.total_count, done=True)
        state, now = self._store.state, self._clock.now()
        profile = full.outcome(state.profile, asked=self._pages.size, now=now)
        taken = first.taken(full)
        self._seen = full.seen
        greeting = Greeting(taken.watching, taken.baselined, len(taken.announced), state.instance)
        notices = [
            Notice(greeting, now),
            *(self._notice(task, None, now) for task in _oldest_first(taken.announced, profile.order)),
        ]
        self._store.save(
            replace(
                state,
                baseline_at=now,
                account=full.account,
                profile=replace(profile, floor=taken.floor),
                tasks=taken.tasks,
                outbox=outbox.enqueue(state.outbox, notices, state.delivered),
            )
        )
        self._events.emit(
            "baseline_taken", noted=taken.baselined, watching=taken.watching, announcing=len(taken.announced)
        )

    def _watching(self) -> dict[str, TaskRecord]:
        """Return the tasks whose end is waited for; worked out anew only when the tasks have changed."""
        tasks = self._store.state.tasks
        if tasks is not self._watched[0]:
            records = {task_id: known for task_id, known in tasks.items() if isinstance(known, TaskRecord)}
            self._watched = (tasks, {task_id: known for task_id, known in records.items() if known.watched})
            self._vanished = tuple(task_id for task_id, known in records.items() if known.vanished)
        return self._watched[1]


def _newer(owed: Mapping[int, AbstractSet[str]], page: Page, order: Order | None) -> set[str]:
    """Return, of the ids of notices that are *owed* from each page of a read, those from pages newer than *page*."""
    return {id_ for number, ids in owed.items() if (number > page.number) == (order == "oldest_first") for id_ in ids}


def _oldest_first(tasks: Sequence[Task], order: Order | None) -> list[Task]:
    """Return *tasks*, as listed in that *order*, in the order in which they were made, those of one second included."""
    from_the_oldest = tasks if order == "oldest_first" else reversed(tasks)
    return sorted(from_the_oldest, key=lambda task: task.create_time)
