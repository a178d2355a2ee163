"""What wake-ups save: the day of `latency`, with rare polls and a wake-up for each end, if it arrives and when."""

import random
from collections.abc import Callable, Sequence

from benchmarks import paper
from benchmarks.latency import DEFAULT, Pace, Render, foreknown, measure, times

_MINUTE = 60.0
_RARE = ((5 * _MINUTE, 5 * _MINUTE), (15 * _MINUTE, 5 * _MINUTE))

Waking = Callable[[list[Render]], Sequence[float]]


def _all(renders: list[Render]) -> Sequence[float]:
    return [one.ends for one in renders]


def _tenth_lost(renders: list[Render]) -> Sequence[float]:
    chance = random.Random(0)  # noqa: S311 - a reproducible loss
    return [one.ends for one in renders if chance.random() >= 0.1]


def _late(renders: list[Render]) -> Sequence[float]:
    return [one.ends + 5 for one in renders]


_WAKING: dict[str, Waking] = {"all arrive": _all, "a tenth is lost": _tenth_lost, "all are 5 s late": _late}


def main() -> None:
    """Measure, and write the section `wakes`."""
    tasks, best = foreknown()
    rows = [["foreknowledge", f"{best:,.0f}", "1.00", "0 s", "0 s", "0 s", "0 s"]]
    rows.append(_row("**30 s / 5 s, the default**, no wake-ups", measure(*DEFAULT), best))
    for interval, active in _RARE:
        pace = f"{interval / _MINUTE:g} min / {active / _MINUTE:g} min"
        rows.append(_row(f"{pace}, no wake-ups", measure(interval, active), best))
        for name, waking in _WAKING.items():
            rows.append(_row(f"{pace}, wake-ups: {name}", measure(interval, active, waking), best))
    head = ["pace (idle / active)", "requests a day", "foreknowledge = 1", "mean", "p50", "p95", "max"]
    text = f"The same days of {tasks:.0f} tasks on average, a wake-up at the end of each; full scans left out:"
    paper.write("wakes", f"{text}\n\n{paper.table(head, rows)}")


def _row(name: str, pace: Pace, best: float) -> list[str]:
    return [name, f"{pace.polls:,.0f}", f"{pace.polls / best:.2f}", *times(pace)]
