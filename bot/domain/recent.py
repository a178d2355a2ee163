"""Pure: the last tasks that ended, with their links, and what of them is still to be archived."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from bot.domain.notice import TaskEnded

RECENT = 200  # how many are kept

Problem = Literal["", "expired", "unusable"]


@dataclass(frozen=True, slots=True)
class Archived:
    """The names under which a task's files are in the archive. `cover` is "" if there is none."""

    video: str
    cover: str = ""


@dataclass(frozen=True, slots=True)
class RecentTask:
    """A task that has ended, as it was announced. `seen_at` is when that was seen, in Unix seconds.

    `archived` None: it is not in the archive, or not yet. `given_up` is why it never will be ("": not so).
    """

    content: TaskEnded
    seen_at: float
    archived: Archived | None = None
    given_up: str = ""

    @property
    def id(self) -> str:
        return self.content.task.id


@dataclass(frozen=True, slots=True)
class ToArchive:
    """A recent task whose files are still to be copied or, once it is `archived`, whose message is to be updated.

    `since` is when it was enqueued and `next_attempt` when it may be tried again, in Unix seconds. `attempts` counts
    those that failed, the last of them for `last_error`. `problem` says that its links have expired, so that fresh ones
    are to be asked for, or that the archive is unusable.
    """

    task_id: str
    since: float
    attempts: int = 0
    next_attempt: float = 0.0
    last_error: str = ""
    problem: Problem = ""


def with_ended(
    ended: tuple[RecentTask, ...], contents: Iterable[TaskEnded], to_archive: Iterable[ToArchive], now: float
) -> tuple[RecentTask, ...]:
    """Return *ended* with *contents*, the last RECENT of them and those still *to_archive*. A task is there once."""
    new = {content.task.id: RecentTask(content, now) for content in contents}
    if not new:
        return ended
    kept = [*(task for task in ended if task.id not in new), *new.values()]
    waiting = {one.task_id for one in to_archive}
    return (*(task for task in kept[:-RECENT] if task.id in waiting), *kept[-RECENT:])
