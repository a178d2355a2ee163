"""Pure: what ended on a day → the daily summary."""

import itertools
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta, tzinfo

from bot.domain.outbox import Notice, Summary, TaskEnded
from bot.domain.task import Status

_MOST = 5_000  # of anything counted in a day, so that the state stays small
_LONGEST_REASON = 200
_MOST_DAYS = 7  # that wait for their summary; more of them do not wait for the time of day
_REMEMBERED = 31  # summaries


@dataclass(frozen=True, slots=True)
class Day:
    """One day: `failed` counts by Chanjing's own sentence, `took` are seconds from creation to end, where known."""

    succeeded: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)
    took: tuple[float, ...] = ()


def count(
    days: Mapping[str, Day], summarised: str, ended: Iterable[TaskEnded], *, now: float, zone: tzinfo | None
) -> Mapping[str, Day]:
    """Return *days* with *ended* added to today, which is there from then on.

    What ends on a day whose summary has been made (the clock or the time zone was moved back) is counted as a second
    part of that day, with a summary of its own. *now*: Unix seconds. *zone* None: the machine's, by TZ.
    """
    today = str(datetime.fromtimestamp(now, zone).date())
    parts = itertools.chain((today,), (f"{today} ({number})" for number in itertools.count(2)))
    part = next(name for name in parts if name not in summarised.split(","))
    counted = days.get(part, Day())
    for one in ended:
        if one.ready_after is not None:
            counted = replace(counted, took=(*counted.took, round(one.ready_after, 1))[-_MOST:])
        if one.task.status == Status.SUCCEEDED:
            counted = replace(counted, succeeded=counted.succeeded + 1)
        elif (reason := one.task.msg[:_LONGEST_REASON]) in counted.failed or len(counted.failed) < _MOST:
            counted = replace(counted, failed={**counted.failed, reason: counted.failed.get(reason, 0) + 1})
    return days if days.get(part) == counted else {**days, part: counted}


def summarise(
    days: Mapping[str, Day], summarised: str, *, at: str, rendering: int, now: float, zone: tzinfo | None
) -> tuple[Mapping[str, Day], str, tuple[Notice, ...]]:
    """Return the summaries that are due at *at* ("HH:MM"), *days* without theirs, and *summarised* with them.

    *summarised* are the last days whose summary was made, with commas between. A day on which the bot did not run is
    not made up. A day that could not be summarised on the next one is summarised later, unless nothing happened on it.
    """
    done = summarised.split(",")
    days = count({day: days[day] for day in days if day not in done}, summarised, (), now=now, zone=zone)
    local = datetime.fromtimestamp(now, zone)
    if local.time() < time.fromisoformat(at) and len(days) <= _MOST_DAYS:
        return days, summarised, ()
    # Tomorrow is there when the time zone was moved west: it goes on. A day further ahead was the clock's mistake.
    going_on = {str(local.date()), str(local.date() + timedelta(days=1))}
    over = sorted(day for day in days if day[:10] not in going_on)
    yesterday = str(local.date() - timedelta(days=1))
    due = [day for day in over if day == yesterday or days[day] != Day()]
    left = {day: counted for day, counted in days.items() if day not in over}
    return (
        left,
        ",".join([*done, *due][-_REMEMBERED:]).strip(","),
        tuple(_summary(day, days[day], rendering, now) for day in due),
    )


def _summary(day: str, counted: Day, rendering: int, now: float) -> Notice:
    content = Summary(
        day=day,
        succeeded=counted.succeeded,
        failed=tuple(sorted(counted.failed.items(), key=lambda item: (-item[1], item[0]))),
        rendering=rendering,
        median=statistics.median(counted.took) if counted.took else None,
        slowest=max(counted.took, default=None),
    )
    return Notice(f"summary:{day}", 0, "alerts", now, content)
