"""What the list said of the tasks, as the state holds it: new statuses and the notices owed for them in one write."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from bot.clock import Clock
from bot.config.sections import Config
from bot.domain import archiving, chart, news, outbox, recent, summary
from bot.domain.baseline import BaselineResult
from bot.domain.full_scan import FullScan
from bot.domain.listing import ListProfile
from bot.domain.news import EndedTask, TaskRecord, Tasks, Watched
from bot.domain.notice import Greeting, Notice, TaskEnded
from bot.domain.state import State
from bot.domain.task import Task, is_final
from bot.events import Events
from bot.store.places import Store


class Records:
    """The tasks of the state. What saves raises StateError; then nothing has changed.

    `last_read` is when the list was last read, in Unix seconds (None: never).
    """

    def __init__(
        self, store: Store, clock: Clock, events: Events, settings: Config, *, last_read: float | None
    ) -> None:
        self._store = store
        self._clock = clock
        self._events = events
        self._settings = settings
        self._watched: tuple[Tasks, Watched] = ({}, Watched({}, ()))
        self._latest: dict[str, Task] = {}  # the unfinished tasks as they were last listed
        self.last_read = last_read

    @property
    def state(self) -> State:
        return self._store.state

    def watched(self) -> Watched:
        """Return what is waited for; worked out anew only when the tasks have changed: there may be 100,000."""
        tasks, found = self._watched
        if tasks is not self.state.tasks:
            found = Watched.among(self.state.tasks)
            self._watched = (self.state.tasks, found)
        return found

    def progress(self) -> Mapping[str, Task]:
        """Return the tasks that were unfinished when they were last listed. Nobody changes it: any thread may ask."""
        return self._latest

    def rendering(self) -> list[Task]:
        """Return the unfinished tasks as they were last listed; what was not since the start, as it is remembered."""
        self._latest = {
            task_id: self._latest.get(task_id, Task(task_id, record.status, create_time=record.create_time))
            for task_id, record in self.watched().unfinished.items()
        }
        return list(self._latest.values())

    def save_news(
        self, listed: Sequence[Task], profile: ListProfile, *, newer: AbstractSet[str] = frozenset()
    ) -> set[str]:
        """Save what *listed* changes, and *profile*. Return the ids of the notices that are owed for it.

        What is already owed with the ids *newer* comes after them.
        """
        state, now = self.state, self._clock.now()
        self._latest = self._latest | {task.id: task for task in listed if not is_final(task.status)}
        found = news.news(state.tasks, listed, floor=state.profile.floor, now=now)
        ended = profile.oldest_first(found.ended)
        contents = [self._content(task, state.tasks.get(task.id), now) for task in ended]
        diary = state.diary
        if self._settings.slack.daily_summary is not None and contents:
            diary = summary.count(diary, contents, now=now, zone=None)
        notices = [Notice(content, now) for content in contents]
        self._store.save(
            replace(
                self._with_ended(state, contents, now),
                diary=diary,
                chart=chart.counted(state.chart, contents, now=now, zone=None) if contents else state.chart,
                tasks={**state.tasks, **found.changed} if found.changed else state.tasks,
                outbox=outbox.enqueue(state.outbox, notices, state.delivered, before=newer),
                profile=profile,
            )
        )
        for task in ended:
            self._events.emit("task_ended", task_id=task.id, status=task.status)
        return {notice.id for notice in notices}

    def save_full_scan(self, scan: FullScan, *, asked: int) -> None:
        """Save what *scan* leaves, in pages of *asked* tasks, after all its news has been saved."""
        state, now = self.state, self._clock.now()
        profile = scan.outcome(state.profile, asked=asked, now=now)
        left = news.reconcile(
            state.tasks,
            scan.seen,
            newest=scan.newest,
            floor=profile.floor,
            retention=self._settings.state.retention,
            keep={notice.key.subject for notice in state.outbox.notices},
            now=now,
        )
        self._store.save(
            replace(
                state,
                tasks=left.tasks,
                profile=replace(profile, floor=left.floor),
                delivered=outbox.trimmed(state.delivered),
            )
        )
        self._events.emit("full_read_finished", tasks=len(scan.seen), pages=scan.pages, order=profile.order)
        for task_id in left.vanished:
            self._events.emit("task_vanished", task_id=task_id)

    def save_baseline(self, scan: FullScan, result: BaselineResult, *, asked: int) -> None:
        """Save the first run: its *result*, all or nothing, and the greeting."""
        state, now = self.state, self._clock.now()
        profile = scan.outcome(state.profile, asked=asked, now=now)
        greeting = Greeting(result.watching, result.baselined, len(result.announced), state.instance)
        announced = profile.oldest_first(result.announced)
        contents = [self._content(task, None, now) for task in announced]
        notices = [Notice(greeting, now), *(Notice(content, now) for content in contents)]
        self._store.save(
            replace(
                self._with_ended(state, contents, now),
                baseline_at=now,
                account=scan.account,
                profile=replace(profile, floor=result.floor),
                tasks=result.tasks,
                outbox=outbox.enqueue(state.outbox, notices, state.delivered),
            )
        )
        self._events.emit(
            "baseline_taken", noted=result.baselined, watching=result.watching, announcing=len(result.announced)
        )

    def save_account(self, account: str) -> None:
        """Save which account the list is of ("": still not known)."""
        self._store.save(replace(self.state, account=account or self.state.account))

    def save_page_size(self, size: int) -> None:
        """Save the page size that the server was found to take, if it is not the one of the configuration."""
        if size != self._settings.chanjing.page_size:
            self._store.save(replace(self.state, profile=replace(self.state.profile, page_size=size)))

    def _with_ended(self, state: State, contents: Sequence[TaskEnded], now: float) -> State:
        """Return *state* with the tasks of *contents*, which are owed in the same save, and to be archived after it."""
        to_archive = state.to_archive
        if self._settings.archive.path is not None:
            to_archive = archiving.enqueue(to_archive, contents, now)
        ended = recent.with_ended(state.ended, contents, to_archive, now)
        return replace(state, ended=ended, to_archive=to_archive)

    def _content(self, task: Task, before: TaskRecord | EndedTask | None, now: float) -> TaskEnded:
        interval = self._settings.poll.interval
        return news.ended(task, before, last_read=self.last_read, interval=interval, now=now)
