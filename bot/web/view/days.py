"""Pure: the last 14 days as bars."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from bot.domain.chart import DAYS, DayCount
from bot.domain.state import State
from bot.web.view.reader import Reader
from bot.wording.phrases import duration


@dataclass(frozen=True, slots=True)
class Bar:
    """One day of the chart. `good` and `bad` are the lengths of its two parts, in percent of the longest bar."""

    name: str
    label: str
    listed: bool
    succeeded: int
    failed: int
    median: str
    good: float
    bad: float


def bars(states: Sequence[State], listed: set[str], reader: Reader) -> list[Bar]:
    """Return the last 14 days, today first."""
    local = reader.local(reader.now)
    today = local.date() if local else date.min
    days = [today - timedelta(days=ago) for ago in range(DAYS)]
    counts = [_together([state.chart.get(str(day), DayCount()) for state in states]) for day in days]
    most = max([1, *(one.succeeded + one.failed for one in counts)])
    return [
        Bar(
            str(day),
            reader.day(day),
            str(day) in listed,
            one.succeeded,
            one.failed,
            "–" if one.median is None else duration(one.median, reader.language),
            round(100 * one.succeeded / most, 1),
            round(100 * one.failed / most, 1),
        )
        for day, one in zip(days, counts, strict=True)
    ]


def _together(counts: Sequence[DayCount]) -> DayCount:
    """Return one day of several accounts. Of their medians it has the one that half of the tasks stay below."""
    weighed = sorted((one.median, one.succeeded + one.failed) for one in counts if one.median is not None)
    half, median = sum(weight for _, weight in weighed) / 2, None
    for value, weight in weighed:
        half, median = half - weight, value
        if half <= 0:
            break
    return DayCount(sum(one.succeeded for one in counts), sum(one.failed for one in counts), median)
