"""From the end of a render to its news, against the requests spent: a day of work, replayed at many paces."""

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, quantiles

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks import paper
from benchmarks.simulation import DEFAULTS, START, Account, Simulation
from tests.fakes import SimulatedClock

FIXED = (5.0, 10.0, 15.0, 30.0, 60.0)
IDLE = (15.0, 30.0, 60.0, 120.0)
ACTIVE = (2.0, 5.0, 10.0, 15.0)
DEFAULT = (DEFAULTS.poll.interval, DEFAULTS.poll.active_interval)
DAY = 86_400.0
_TICKS = (500, 1_000, 2_000, 5_000, 10_000, 20_000)
_MEDIAN, _SIGMA = 180.0, 0.6  # of a render, in seconds: lognormal
_DAYS = (1, 2)  # seeds; the figures are those of all days together


_Of = Callable[[Sequence[float]], float]


@dataclass(frozen=True, slots=True)
class Render:
    """One task, from when it is made to when it ends, in seconds from the start of the day."""

    begins: float
    ends: float


@dataclass(frozen=True, slots=True)
class Pace:
    """What a pace gave, all days together: waits in seconds for the news of each task, and requests a day."""

    interval: float
    active: float
    waits: Sequence[float]
    polls: float
    full_scans: float


def day(seed: int) -> list[Render]:
    """Return a day of work: 10 to 15 bursts of 20 to 50 tasks made within two minutes, and 60 single ones."""
    chance = random.Random(seed)  # noqa: S311 - a reproducible day
    begins = [chance.uniform(0, DAY) for _ in range(60)]
    for _ in range(chance.randint(10, 15)):
        burst = chance.uniform(0, DAY)
        begins += [burst + chance.uniform(0, 120) for _ in range(chance.randint(20, 50))]
    return sorted(
        (Render(at, at + _MEDIAN * chance.lognormvariate(0, _SIGMA)) for at in begins), key=lambda one: one.begins
    )


def replay(renders: list[Render], interval: float, active: float, wakes: Sequence[float] = ()) -> Pace:
    """Return what the real Poll makes of a day at that pace, with wake-ups at *wakes*, in seconds from its start."""
    clock, account = SimulatedClock(START), Account(3_000)
    events = sorted(
        [(START + one.begins, True, n) for n, one in enumerate(renders)]
        + [(START + one.ends, False, n) for n, one in enumerate(renders)]
    )
    numbers: dict[int, int] = {}
    ended: dict[str, float] = {}
    upcoming = iter(events)
    waiting = [next(upcoming)]

    def happen(now: float) -> None:
        while waiting and waiting[0][0] <= now:
            at, begins, n = waiting.pop()
            if begins:
                numbers[n] = account.add(at)
            else:
                ended[account.end(numbers[n])] = at
            waiting.extend(itertools.islice(upcoming, 1))

    settings = replace(DEFAULTS, poll=replace(DEFAULTS.poll, interval=interval, active_interval=active))
    bot = Simulation(account, settings, clock=clock, before_answer=happen)
    for at in wakes:
        clock.at(at, bot.wake.ask)
    bot.cycle()
    waits: list[float] = []
    polls = full_scans = 0
    while clock.now() < START + DAY or len(waits) < len(renders):
        began = clock.now()
        cost = bot.cycle()
        waits += [began + cost.seconds - ended[task_id] for task_id in cost.announced]
        polls += cost.requests
        full_scans += cost.full_scan
    return Pace(interval, active, waits, polls, full_scans)


def measure(interval: float, active: float, waking: Callable[[list[Render]], Sequence[float]] = lambda _: ()) -> Pace:
    """Return what a pace gives on all days together. *waking* says when a day's wake-ups come."""
    days = [replay(renders, interval, active, waking(renders)) for renders in map(day, _DAYS)]
    waits = [wait for one in days for wait in one.waits]
    return Pace(interval, active, waits, fmean(d.polls for d in days), fmean(d.full_scans for d in days))


def foreknown() -> tuple[float, float]:
    """Return tasks a day, and the requests a day of whoever knows each end: one at each second where a task ends."""
    days = [day(seed) for seed in _DAYS]
    return fmean(map(len, days)), fmean(len({int(one.ends) for one in renders}) for renders in days)


def main() -> None:
    """Measure, and write the section `latency` and its plot."""
    fixed = [measure(seconds, seconds) for seconds in FIXED]
    grid = [measure(idle, active) for idle in IDLE for active in ACTIVE if active < idle]
    paper.write("latency", _words(fixed, grid))
    _plot(fixed, grid)


def _words(fixed: list[Pace], grid: list[Pace]) -> str:
    head = ["pace (idle / active)", "requests a day", "mean", "p50", "p95", "max", "requests × mean, default = 1"]
    default = next(pace for pace in grid if (pace.interval, pace.active) == DEFAULT)
    tasks, best = foreknown()
    rows = [["foreknowledge", f"{best:,.0f}", "0 s", "0 s", "0 s", "0 s", ""]]
    rows += [_row(pace, default) for pace in [default, *fixed, *(pace for pace in grid if pace is not default)]]
    return (
        f"{len(_DAYS)} days of {tasks:.0f} tasks on average, in an account with 3,000 finished ones; every pace spends "
        f"{default.full_scans:,.0f} requests a day more on full scans, once an hour. Seconds from the end of a render "
        "to the moment its notice is handed to Slack:\n\n" + paper.table(head, rows)
    )


def _row(pace: Pace, default: Pace) -> list[str]:
    name = f"{pace.interval:g} s / {pace.active:g} s" if pace.active < pace.interval else f"{pace.interval:g} s, fixed"
    if pace is default:
        name = f"**{name}, the default**"
    product = pace.polls * fmean(pace.waits) / (default.polls * fmean(default.waits))
    return [name, f"{pace.polls:,.0f}", *times(pace), f"{product:.2f}"]


def times(pace: Pace) -> list[str]:
    """Return its mean, median, 95th percentile and maximum, as the tables have them."""
    seconds = (fmean(pace.waits), quantiles(pace.waits, n=2)[0], _p95(pace.waits), max(pace.waits))
    return [f"{one:.1f} s" for one in seconds]


def _plot(fixed: list[Pace], grid: list[Pace]) -> None:
    figure = Figure(figsize=(11, 4.8))
    measures: tuple[tuple[str, _Of], ...] = (("mean", fmean), ("95th percentile", _p95))
    for axes, (name, of) in zip(figure.subplots(1, 2), measures, strict=True):
        for idle, color in zip(IDLE, ("C0", "C1", "C2", "C4"), strict=True):
            own = [pace for pace in grid if pace.interval == idle]
            label = f"two speeds, idle {idle:g} s"
            axes.plot([p.polls for p in own], [of(p.waits) for p in own], "o-", color=color, label=label)
            for pace in own:
                if idle == IDLE[-1]:
                    _note(axes, pace, of, f"{pace.active:g} s", (-6, -11))
        axes.plot([p.polls for p in fixed], [of(p.waits) for p in fixed], "ks--", label="one speed")
        for pace in fixed:
            _note(axes, pace, of, f"{pace.interval:g} s", (6, 3))
        default = next(pace for pace in grid if (pace.interval, pace.active) == DEFAULT)
        axes.plot(default.polls, of(default.waits), "*", color="C3", markersize=17, label="the default, 30 s / 5 s")
        axes.plot(foreknown()[1], 0, "D", color="0.4", label="foreknowledge", clip_on=False)
        axes.set(xscale="log", xlabel="requests a day, full scans left out", ylabel=f"{name}, seconds", ylim=(0, None))
        axes.set_xticks(_TICKS, [f"{tick:,}" for tick in _TICKS])
        axes.minorticks_off()
        axes.set_title(f"From the end of a render to its news: {name}", fontsize=10)
        axes.legend(fontsize=8)
    figure.text(0.5, -0.03, "Labels: the interval at one speed; the active interval at idle 120 s.", ha="center")
    paper.save(figure, "latency")


def _p95(waits: Sequence[float]) -> float:
    return quantiles(waits, n=20)[-1]


def _note(axes: Axes, pace: Pace, of: _Of, text: str, offset: tuple[int, int]) -> None:
    axes.annotate(text, (pace.polls, of(pace.waits)), offset, textcoords="offset points", fontsize=8)
