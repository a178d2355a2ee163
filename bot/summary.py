"""Pure: what ended on a day → the daily summary."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, tzinfo

from bot.outbox import Notice, Summary, TaskEnded
from bot.task import Status

_MOST = 5_000  # of anything counted in a day, so that the state stays small
_LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class Day:
    """One day: `failed` counts by Chanjing's own sentence, `took` are seconds from creation to end, where known."""

    succeeded: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)
    took: tuple[float, ...] = ()


def today(now: float, zone: tzinfo | None) -> date:
    """Return the date at *now* (Unix seconds) in *zone* (None: the machine's, by TZ)."""
    return datetime.fromtimestamp(now, zone).date()


def count(days: Mapping[str, Day], day: date, ended: Iterable[TaskEnded]) -> Mapping[str, Day]:
    """Return *days* with *ended* added to *day*, which is there from then on; only it and the one before are kept."""
    kept = {str(one): days[str(one)] for one in (day - timedelta(days=1), day) if str(one) in days}
    now = kept.get(str(day), Day())
    for one in ended:
        if one.ready_after is not None:
            now = replace(now, took=(*now.took, round(one.ready_after, 1))[-_MOST:])
        if one.task.status == Status.SUCCEEDED:
            now = replace(now, succeeded=now.succeeded + 1)
        elif (reason := one.task.msg[:_LONGEST_REASON]) in now.failed or len(now.failed) < _MOST:
            now = replace(now, failed={**now.failed, reason: now.failed.get(reason, 0) + 1})
    kept[str(day)] = now
    return kept if kept != days else days


def due(
    days: Mapping[str, Day], last: str, *, at: str, rendering: int, now: float, zone: tzinfo | None
) -> Notice | None:
    """Return the summary of yesterday once it is *at* ("HH:MM") today and *last*, the last one made, is older; or None.

    A day on which the bot did not run is not made up.
    """
    local = datetime.fromtimestamp(now, zone)
    if local.time() < time.fromisoformat(at):
        return None
    yesterday = str(local.date() - timedelta(days=1))
    day = days.get(yesterday)
    if day is None or yesterday <= last:
        return None
    content = Summary(
        day=yesterday,
        succeeded=day.succeeded,
        failed=tuple(sorted(day.failed.items(), key=lambda item: (-item[1], item[0]))),
        rendering=rendering,
        median=statistics.median(day.took) if day.took else None,
        slowest=max(day.took, default=None),
    )
    return Notice(f"summary:{yesterday}", 0, "alerts", now, content)
