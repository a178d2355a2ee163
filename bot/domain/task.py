"""Task and Status: Chanjing's words for a lip-sync video, as frozen values.

The fields and the four statuses are those of Chanjing's page 获取对口型视频列表 (POST /open/v1/video_lip_sync/list).
"""

from dataclasses import dataclass
from enum import IntEnum


class Status(IntEnum):
    """任务状态 of the lip-sync list. Other Chanjing lists use other numbers: 30 is a success for avatar videos."""

    QUEUED = 0
    GENERATING = 10
    SUCCEEDED = 20
    FAILED = 30


# A failed task that later succeeds is news; the reverse is an older answer. A status nobody has heard of yet ranks
# lowest, so that it never hides a status that we do understand.
_RANKS: dict[int, int] = {Status.QUEUED: 0, Status.GENERATING: 1, Status.FAILED: 2, Status.SUCCEEDED: 3}
_FINAL: set[int] = {Status.SUCCEEDED, Status.FAILED}


def rank(status: int) -> int:
    """Return how far *status* is along 0 < 10 < 30 < 20; an unknown status is as far as 0."""
    return _RANKS.get(status, 0)


def is_final(status: int) -> bool:
    """Tell whether a task with this status has ended."""
    return status in _FINAL


@dataclass(frozen=True, slots=True)
class Task:
    """One entry of the list.

    `status` stays a plain int: the list may hold one that is not documented. `progress` is 0–100, `duration` is in
    milliseconds (0: not given), `create_time` is Unix seconds (0: not given). Links may be empty.
    """

    id: str
    status: int
    progress: int = 0
    msg: str = ""
    video_url: str = ""
    preview_url: str = ""
    duration: int = 0
    create_time: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of the list.

    `listed` counts its items, those that could not be read included. `size` is the page size that the server says it
    used, or else the one asked for. `total_count` is None if it was not given. `oddities` are worth a log line.
    `account` is what the one that was asked is known by ("": not known), and `answered_at` is when the server says it
    answered, in Unix seconds.
    """

    number: int
    tasks: tuple[Task, ...]
    listed: int
    size: int
    total_count: int | None = None
    oddities: tuple[str, ...] = ()
    account: str = ""
    answered_at: float | None = None
