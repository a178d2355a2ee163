"""Pure: what is still to be archived, and what becomes of it: copied, tried again later, given up."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from bot.domain.notice import TaskEnded
from bot.domain.recent import Archived, Problem, RecentTask, ToArchive
from bot.domain.task import Status, Task
from bot.errors import ArchiveError, ArchiveUnusable, LinkExpired, NotArchivable

_PATIENCE = 86_400.0  # seconds from the end of a task for which its files are tried for
_FIRST_WAIT = 60.0
_LONGEST_WAIT = 3600.0


@dataclass(frozen=True, slots=True)
class Archiving:
    """The recent tasks, and what of them is still to be archived, both oldest first."""

    ended: tuple[RecentTask, ...] = ()
    to_archive: tuple[ToArchive, ...] = ()

    @property
    def unusable(self) -> str:
        """Why the archive takes nothing now; "" if it does."""
        return next((one.last_error for one in self.to_archive if one.problem == "unusable"), "")

    @property
    def given_up(self) -> frozenset[str]:
        """The recent tasks that never will be in the archive."""
        return frozenset(task.id for task in self.ended if task.given_up)


def enqueue(to_archive: tuple[ToArchive, ...], contents: Iterable[TaskEnded], now: float) -> tuple[ToArchive, ...]:
    """Return *to_archive* with the successes among *contents* that have a link to a video."""
    tasks = (content.task for content in contents)
    new = [task.id for task in tasks if task.status == Status.SUCCEEDED and task.video_url]
    if not new:
        return to_archive
    return (*(one for one in to_archive if one.task_id not in new), *(ToArchive(task_id, now) for task_id in new))


def due(before: Archiving, busy: AbstractSet[str], now: float) -> list[tuple[RecentTask, int]]:
    """Return the tasks whose files are to be copied now, but for those in *busy*, and how many attempts have failed."""
    tasks = {task.id: task for task in before.ended}
    # A next attempt more than an hour ahead means that the clock was set back.
    return [
        (tasks[one.task_id], one.attempts)
        for one in before.to_archive
        if one.task_id not in busy
        and one.task_id in tasks
        and tasks[one.task_id].archived is None
        and not now < one.next_attempt <= now + _LONGEST_WAIT
    ]


def after(before: Archiving, task_id: str, outcome: Archived | ArchiveError, now: float, *, update: bool) -> Archiving:
    """Return what is to be remembered after an attempt to copy the files of one task.

    *update*: its message is to be updated afterwards.
    """
    entry = next((one for one in before.to_archive if one.task_id == task_id), None)
    if entry is None:
        return before
    others = tuple(one for one in before.to_archive if one is not entry)
    if isinstance(outcome, Archived):
        # What the archive did not take before it may take now.
        others = tuple(
            replace(one, problem="", next_attempt=now) if one.problem == "unusable" else one for one in others
        )
        kept = (ToArchive(task_id, entry.since),) if update else ()
        return Archiving(_with(before.ended, task_id, archived=outcome), (*kept, *others))
    since = min(entry.since, now)
    if isinstance(outcome, NotArchivable) or now - since >= _PATIENCE:
        return Archiving(_with(before.ended, task_id, given_up=str(outcome)), others)
    wait = min(_FIRST_WAIT * 2 ** min(entry.attempts, 10), _LONGEST_WAIT)
    failed = ToArchive(task_id, since, entry.attempts + 1, now + wait, str(outcome), _problem(outcome))
    return replace(before, to_archive=tuple(failed if one is entry else one for one in before.to_archive))


def expired(before: Archiving) -> RecentTask | None:
    """Return a task for which fresh links are to be asked for."""
    waiting = {one.task_id for one in before.to_archive if one.problem == "expired"}
    return next((task for task in before.ended if task.id in waiting), None)


def with_links(before: Archiving, task_id: str, answered: Task | None, now: float) -> Archiving:
    """Return what is to be remembered when *answered* is the task as it is now (None: there is no such task)."""
    ended, at_once = before.ended, False
    old = next((task.content for task in ended if task.id == task_id), None)
    if old and answered and answered.video_url and answered.video_url != old.task.video_url:
        fresh = replace(old.task, video_url=answered.video_url, preview_url=answered.preview_url)
        ended = _with(ended, task_id, content=TaskEnded(fresh, old.ready_after, old.away))
        at_once = True

    def asked(one: ToArchive) -> ToArchive:
        # At once, but for links that have not helped before.
        early = at_once and one.attempts == 1
        return replace(one, problem="", next_attempt=now if early else one.next_attempt)

    return Archiving(ended, tuple(asked(one) if one.task_id == task_id else one for one in before.to_archive))


def _problem(error: ArchiveError) -> Problem:
    match error:
        case LinkExpired():
            return "expired"
        case ArchiveUnusable():
            return "unusable"
    return ""


def _with(ended: tuple[RecentTask, ...], task_id: str, **changed: object) -> tuple[RecentTask, ...]:
    return tuple(replace(task, **changed) if task.id == task_id else task for task in ended)  # type: ignore[arg-type]
