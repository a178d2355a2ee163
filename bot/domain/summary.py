"""Pure: what ended on a day → the daily summary."""

import itertools
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta, tzinfo

from bot.domain.notice import Summary, TaskEnded
from bot.domain.task import Status

_MOST = 5_000  # of anything counted in a day, so that the state stays small
_LONGEST_REASON = 200
_MOST_DAYS = 7  # that wait for their summary; more of them do not wait for the time of day
_REMEMBERED = 31  # summaries


@dataclass(frozen=True, slots=True)
class Day:
    """One day: `failed` counts by Chanjing's own sentence, `took` are seconds from creation to end, if known."""

    succeeded: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)
    took: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Diary:
    """What happened on the days still to be summarised, by ISO date, and those whose summary was made last.

    What ends on a day whose summary has been made (the clock or the time zone was moved back) is counted as a second
    part of that day, "2025-02-03 (2)", with a summary of its own.
    """

    days: Mapping[str, Day] = field(default_factory=dict)
    summarised: tuple[str, ...] = ()


def count(diary: Diary, ended: Iterable[TaskEnded], *, now: float, zone: tzinfo | None) -> Diary:
    """Return *diary* with *ended* added to today, which is there from then on; the same object if nothing changes.

    *now*: Unix seconds. *zone* None: the machine's, by TZ.
    """
    today = str(datetime.fromtimestamp(now, zone).date())
    parts = itertools.chain((today,), (f"{today} ({number})" for number in itertools.count(2)))
    part = next(name for name in parts if name not in diary.summarised)
    counted = diary.days.get(part, Day())
    for one in ended:
        counted = _counted(counted, one)
    return diary if diary.days.get(part) == counted else replace(diary, days={**diary.days, part: counted})


def _counted(day: Day, ended: TaskEnded) -> Day:
    if ended.ready_after is not None:
        day = replace(day, took=(*day.took, round(ended.ready_after, 1))[-_MOST:])
    if ended.task.status == Status.SUCCEEDED:
        return replace(day, succeeded=day.succeeded + 1)
    reason = ended.task.msg[:_LONGEST_REASON]
    if reason not in day.failed and len(day.failed) >= _MOST:
        return day
    return replace(day, failed={**day.failed, reason: day.failed.get(reason, 0) + 1})


def summarise(
    diary: Diary, *, at: str, rendering: int, now: float, zone: tzinfo | None, instance: str = ""
) -> tuple[Diary, tuple[Summary, ...]]:
    """Return *diary* without the days whose summary is due at *at* ("HH:MM"), and those summaries.

    A day on which the bot did not run is not made up. A day that could not be summarised on the next one is summarised
    later, unless nothing happened on it. *rendering* and *instance* are for the summary.
    """
    diary = count(diary, (), now=now, zone=zone)
    local = datetime.fromtimestamp(now, zone)
    if local.time() < time.fromisoformat(at) and len(diary.days) <= _MOST_DAYS:
        return diary, ()
    # Tomorrow is there when the time zone was moved west: it goes on. A day further ahead was the clock's mistake.
    yesterday, *going_on = (str(local.date() + timedelta(days=days)) for days in (-1, 0, 1))
    over = {day: diary.days[day] for day in sorted(diary.days) if not day.startswith(tuple(going_on))}
    if not over:
        return diary, ()
    due = {day: counted for day, counted in over.items() if day == yesterday or counted != Day()}
    days = {day: counted for day, counted in diary.days.items() if day not in over}
    summaries = tuple(_summary(day, counted, rendering, instance) for day, counted in due.items())
    return Diary(days, (*diary.summarised, *due)[-_REMEMBERED:]), summaries


def _summary(day: str, counted: Day, rendering: int, instance: str) -> Summary:
    return Summary(
        day,
        counted.succeeded,
        failed=tuple(sorted(counted.failed.items(), key=lambda item: (-item[1], item[0]))),
        rendering=rendering,
        median=statistics.median(counted.took) if counted.took else None,
        slowest=max(counted.took, default=None),
        instance=instance,
    )
