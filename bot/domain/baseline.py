"""Pure: the first run: what it records in silence, what it watches, and what it announces."""

from dataclasses import dataclass

from bot.domain.full_scan import FullScan
from bot.domain.news import Tasks, baseline, is_known, news, reconcile
from bot.domain.task import Task, is_final


@dataclass(frozen=True, slots=True)
class BaselineResult:
    """What the first run leaves. `announced` are ended tasks to announce, `baselined` counts those that are not."""

    tasks: Tasks
    floor: int
    announced: tuple[Task, ...]
    watching: int
    baselined: int


class Baseline:
    """Takes in the pages of the first full scan, and forgets at once what would be forgotten at its end.

    *announce*: what is younger than *retention* (seconds) and finished is announced instead of recorded in silence.
    """

    def __init__(self, *, announce: bool, retention: float, now: float) -> None:
        self._announce = announce
        self._retention = retention
        self._now = now
        self._known: Tasks = {}
        self._young: list[Task] = []

    def add(self, new: tuple[Task, ...], *, newest: int) -> None:
        """Take in the tasks of a page. *newest* is the newest create_time seen so far."""
        floor = int(newest - self._retention)
        kept = [task for task in new if not is_final(task.status) or not is_known(task, {}, floor=floor)]
        # What was seen first stands: one that has ended since is watched, and announced by the next poll.
        self._known = {**baseline(kept, now=self._now), **self._known}
        if self._announce:
            self._young = [task for task in (*self._young, *kept) if not is_known(task, {}, floor=floor)]

    def result(self, scan: FullScan) -> BaselineResult:
        """Return what *scan*, which has come to its end, leaves."""
        left = reconcile(
            self._known,
            scan.seen,
            # Old tasks may show up that it did not list: those are not news either.
            newest=scan.newest or int(scan.answered_at or 0),
            floor=0,
            retention=self._retention,
            keep=frozenset(),
            now=self._now,
        )
        announced = news({}, self._young, floor=left.floor, now=self._now)
        tasks = {**left.tasks, **announced.changed}
        watching = sum(one.watched for one in tasks.values())
        baselined = len(scan.seen) - watching - len(announced.ended)
        return BaselineResult(tasks, left.floor, announced.ended, watching, baselined)
