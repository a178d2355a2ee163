"""Pure: how many tasks succeeded and failed on each of the last days, for the page."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from bot.domain.notice import TaskEnded
from bot.domain.task import Status

DAYS = 14
_MOST = 500  # times of a day that count for its median, so that the state stays small


@dataclass(frozen=True, slots=True)
class DayCount:
    """One day. `median` is that of the seconds from creation to end (None: not known), of the last 500 tasks at most.

    `took` are these seconds, kept for the newest day only.
    """

    succeeded: int = 0
    failed: int = 0
    median: float | None = None
    took: tuple[float, ...] = ()


Chart = Mapping[str, DayCount]  # by ISO date


def counted(chart: Chart, ended: Iterable[TaskEnded], *, now: float, zone: tzinfo | None) -> Chart:
    """Return *chart* with *ended* added to today; the last 14 days of it. *zone* None: the machine's, by TZ."""
    today = str(datetime.fromtimestamp(now, zone).date())
    day = chart.get(today, DayCount())
    for one in ended:
        good = one.task.status == Status.SUCCEEDED
        took = day.took if one.ready_after is None else (*day.took, round(one.ready_after, 1))[-_MOST:]
        day = replace(day, succeeded=day.succeeded + good, failed=day.failed + (not good), took=took)
    if day.took:
        day = replace(day, median=round(statistics.median(day.took), 1))
    others = {name: replace(one, took=()) for name, one in chart.items() if name != today}
    return dict(sorted({**others, today: day}.items())[-DAYS:])
