"""Pure: a Notice and its life: owed → dispatched → delivered, or in doubt, postponed, due; grouping into digests."""

import hashlib
from dataclasses import dataclass
from typing import Literal

from bot.task import Task

Role = Literal["success", "failure", "alerts"]


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """A task succeeded or failed.

    `ready_after` is seconds from its creation to its end, only where the task was seen unfinished shortly before the
    end (None: not known). `away` is (from, to) in Unix seconds where the bot was away when it ended.
    """

    task: Task
    ready_after: float | None = None
    away: tuple[float, float] | None = None
    kind: Literal["task"] = "task"


@dataclass(frozen=True, slots=True)
class Greeting:
    """The first words: how many tasks are watched, noted in silence, and (first_run: announce) about to be announced."""

    watching: int
    noted: int
    announcing: int = 0
    kind: Literal["greeting"] = "greeting"


@dataclass(frozen=True, slots=True)
class Trouble:
    """The bot's own trouble, or the end of it (`over`).

    `code` is one of bot.trouble.CODES; `detail` is the text of the error or the id of the task concerned; `since` is
    when it began and `until` when it was over (None: not, or not known), in Unix seconds.
    """

    code: str
    detail: str
    since: float
    over: bool = False
    until: float | None = None
    kind: Literal["trouble"] = "trouble"


@dataclass(frozen=True, slots=True)
class Summary:
    """What happened on one day. `failed` counts by Chanjing's own sentence; times are seconds from creation to end."""

    day: str
    succeeded: int
    failed: tuple[tuple[str, int], ...]
    rendering: int
    median: float | None = None
    slowest: float | None = None
    kind: Literal["summary"] = "summary"


@dataclass(frozen=True, slots=True)
class Test:
    """The message of `check --send`."""

    kind: Literal["test"] = "test"


Content = TaskEnded | Greeting | Trouble | Summary | Test


def notice_id(subject: str, status: int, role: Role) -> str:
    """Return the 16 hex digits that stand for one notice in a message's metadata."""
    return hashlib.sha256(f"{subject}\n{status}\n{role}".encode()).hexdigest()[:16]
