"""Pure: what was known + what was listed → news.

Levels are compared, not edges: a task is news when it has ended and is not known to have ended, however that came
about. A task missing from the listing is never news: absence does not say how it ended.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from bot.domain.notice import TaskEnded
from bot.domain.task import Status, Task, is_final, rank

LATE_AFTER = 3600.0  # seconds for which an unfinished task is worth the faster pace, and a read that goes on to it
LINK_WAIT = 60.0  # seconds for which a success without a video link is still waited for
VANISHED_SCANS = 3  # full scans in a row that do not list a task before it counts as gone
VANISHED_AFTER = 300.0  # seconds that must have passed as well
_AWAY = 900.0  # seconds without a good poll from which on the bot was away
_DAY = 86_400


class EndedTask(NamedTuple):
    """What is remembered of a task that has ended. A tuple: there may be 100,000 of them.

    `create_time` is in Unix seconds. `baselined` says that it had ended before the first run. `missed` counts full
    scans in a row that did not list it, if its create_time does not say when it may be forgotten.
    """

    status: int
    create_time: int
    baselined: bool = False
    missed: int = 0

    @property
    def watched(self) -> bool:
        """False: its end is not waited for."""
        return False


class TaskRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """What is remembered of one task that has not ended, or that has failed and waits for the link of a success.

    `missed` counts full scans in a row that did not list it, `missed_since` is the first of them, `linkless_since` when
    it was first seen succeeded without a link (0: never). Times are Unix seconds.
    """

    status: int
    create_time: int
    first_seen: float
    missed: int = 0
    missed_since: float = 0.0
    linkless_since: float = 0.0
    vanished: bool = False

    @property
    def watched(self) -> bool:
        """True while its end is waited for."""
        return not is_final(self.status) and not self.vanished

    def age(self, now: float) -> float:
        """Return the seconds since it was created, or since it was first seen if its create_time cannot be used.

        The clock may have been set since it was first seen, so its create_time comes first.
        """
        return now - (self.create_time if 0 < self.create_time <= now else self.first_seen)


Tasks = Mapping[str, TaskRecord | EndedTask]


@dataclass(frozen=True, slots=True)
class Watched:
    """`unfinished` are the tasks whose end is waited for, `vanished` those that have left the list before theirs."""

    unfinished: Mapping[str, TaskRecord]
    vanished: tuple[str, ...]

    @classmethod
    def among(cls, tasks: Tasks) -> "Watched":
        # Asked of 100,000, whether one is a tuple is answered four times as fast as whether it is a TaskRecord.
        records = {task_id: record for task_id, record in tasks.items() if not isinstance(record, EndedTask)}
        return cls(
            {task_id: record for task_id, record in records.items() if record.watched},
            tuple(task_id for task_id, record in records.items() if record.vanished),
        )

    def late(self, now: float) -> set[str]:
        """Return the tasks that have been unfinished for an hour: a read no longer waits for them."""
        return {task_id for task_id, record in self.unfinished.items() if record.age(now) >= LATE_AFTER}


@dataclass(frozen=True, slots=True)
class News:
    """`changed` is what is to be remembered from now on; `ended` are the tasks to announce, in the order listed."""

    changed: Tasks
    ended: tuple[Task, ...]


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a full scan leaves: all that is to be remembered, the new floor, and the tasks that vanished."""

    tasks: Tasks
    floor: int
    vanished: tuple[str, ...]


def usable(create_time: int, now: float) -> bool:
    """Tell whether a `create_time` can be compared: it was given, and is not a day ahead of the clock."""
    return 0 < create_time <= now + _DAY


def is_known(task: Task, known: Tasks, *, floor: int) -> bool:
    """Tell whether *task* is remembered, or is so old that it was and has been forgotten.

    Both times that are compared are Chanjing's: however wrong our clock is, what is old stays old.
    """
    return task.id in known or 0 < task.create_time < floor


def news(known: Tasks, listed: Iterable[Task], *, floor: int, now: float) -> News:
    """Return the tasks that reached a final status since *known* was taken.

    Statuses only rise, 0 < 10 < 30 < 20: an older answer is not news, a failed task that later succeeds is. A success
    without a video link is waited for until LINK_WAIT seconds have passed, then it is news without.
    """
    changed: dict[str, TaskRecord | EndedTask] = {}
    ended: list[Task] = []
    for task in listed:
        before = changed.get(task.id) or known.get(task.id)
        if before is None and is_known(task, known, floor=floor):
            continue
        after = _follow(before, task, now)
        if after != before:
            changed[task.id] = after
        if is_final(after.status) and (before is None or rank(after.status) > rank(before.status)):
            ended.append(task)
    return News(changed, tuple(ended))


def _follow(before: TaskRecord | EndedTask | None, task: Task, now: float) -> TaskRecord | EndedTask:
    """Return what is remembered of *task* after this look at it."""
    if isinstance(before, EndedTask):
        if rank(task.status) <= rank(before.status):
            return before._replace(missed=0)
        before = TaskRecord(before.status, before.create_time, now)
    if before is None:
        before = TaskRecord(Status.QUEUED if is_final(task.status) else task.status, task.create_time, now)
    if before.missed or before.vanished:
        before = replace(before, missed=0, missed_since=0.0, vanished=False)
    if rank(task.status) <= rank(before.status):
        return before
    if not is_final(task.status):
        return replace(before, status=task.status)
    if task.status == Status.SUCCEEDED and not task.video_url:
        waited = now - before.linkless_since
        # A wait in the future means that the clock was set back: begin again.
        if not before.linkless_since or waited < 0:
            return replace(before, linkless_since=now)
        if waited < LINK_WAIT:
            return before
    return EndedTask(task.status, before.create_time)


def ended(
    task: Task, before: TaskRecord | EndedTask | None, *, last_read: float | None, interval: float, now: float
) -> TaskEnded:
    """Return what is announced of *task*, which has ended and was remembered as *before*.

    *last_read* is when the list was last read (None: never), *interval* how often it is to be, in seconds.
    """
    gap = 0.0 if last_read is None else now - last_read
    away = (last_read, now) if last_read is not None and gap > max(_AWAY, 3 * interval) else None
    took = now - task.create_time
    seen_shortly_before = before is not None and before.watched and gap <= max(60.0, 3 * interval)
    return TaskEnded(task, took if seen_shortly_before and task.create_time and 0 < took < _DAY else None, away)


def baseline(listed: Iterable[Task], *, now: float) -> dict[str, TaskRecord | EndedTask]:
    """Return what is remembered of *listed* at the first run, when everything that has ended is recorded in silence."""
    return {
        task.id: EndedTask(task.status, task.create_time, baselined=True)
        if is_final(task.status)
        else TaskRecord(task.status, task.create_time, now)
        for task in listed
    }


def reconcile(
    known: Tasks,
    listed: AbstractSet[str],
    *,
    newest: int,
    floor: int,
    retention: float,
    keep: AbstractSet[str],
    now: float,
) -> Reconciled:
    """Return what a full scan that listed the ids *listed* leaves.

    The floor rises to the *newest* create_time seen less *retention*; it never moves back, and never follows the clock.
    Ended tasks below it are forgotten unless in *keep* (still owed). One without a create_time, or whose create_time is
    more than a day ahead of the newest, is forgotten when three full scans in a row did not list it. A watched task
    stays; missing from three full scans and for five minutes, it has vanished.
    """
    floor = max(floor, int(newest - retention)) if newest else floor
    tasks: dict[str, TaskRecord | EndedTask] = {}
    vanished = []
    for task_id, before in known.items():
        comparable = 0 < before.create_time <= floor + retention + _DAY
        after = before
        if before.watched or not comparable:
            after = _count_absence(before, listed=task_id in listed, now=now)
        if before.watched and not after.watched:
            vanished.append(task_id)
        gone = before.create_time < floor if comparable else after.missed >= VANISHED_SCANS
        if gone and not after.watched and task_id not in keep:
            continue
        tasks[task_id] = after
    return Reconciled(tasks, floor, tuple(vanished))


def _count_absence(before: TaskRecord | EndedTask, *, listed: bool, now: float) -> TaskRecord | EndedTask:
    if isinstance(before, EndedTask):
        return before._replace(missed=0 if listed else min(before.missed + 1, VANISHED_SCANS))
    if listed:
        return replace(before, missed=0, missed_since=0.0) if before.missed else before
    # A first absence in the future means that the clock was set back: begin its five minutes again.
    since = before.missed_since if 0 < before.missed_since <= now else now
    after = replace(before, missed=min(before.missed + 1, VANISHED_SCANS), missed_since=since)
    gone = before.watched and after.missed >= VANISHED_SCANS and now - since >= VANISHED_AFTER
    return replace(after, vanished=True) if gone else after
