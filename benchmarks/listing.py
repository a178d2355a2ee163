"""Requests and seconds a poll takes: by size of the account, by new tasks, by order, and with a task stuck deep."""

from dataclasses import dataclass, replace
from statistics import fmean

from matplotlib.figure import Figure

from benchmarks import paper
from benchmarks.simulation import DEFAULTS, LATENCY, NEVER, Account, Order, Simulation

SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
NEW = (1, 20, 50, 500)
ORDERS: tuple[Order, ...] = ("newest_first", "oldest_first", "shuffled")
BEHIND = 10_000
_HOURS = 6


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one account: requests of its first run, of an idle poll, of the poll that sees so many new tasks."""

    order: Order
    size: int
    first: int
    idle: float
    new: dict[int, int]


def measure(order: Order, size: int) -> Costs:
    """Return what reading an account of that order and size costs."""
    bot = Simulation(Account(size, order), replace(DEFAULTS, poll=replace(DEFAULTS.poll, full_scan_interval=NEVER)))
    first = bot.cycle().requests
    idle = fmean(bot.cycle().requests for _ in range(20))
    new = {}
    for count in NEW:
        branch = bot.branch()
        for _ in range(count):
            branch.account.add(branch.clock.now())
        new[count] = branch.cycle().requests
    return Costs(order, size, first, idle, new)


def plain(size: int) -> int:
    """Return the requests of reading every page; computed: to do it 120 times an hour would take hours itself."""
    return -(-size // DEFAULTS.chanjing.page_size)


def idle_hour(size: int) -> tuple[float, float]:
    """Return the requests an hour of polls and of full scans, for an account where nothing happens."""
    bot = Simulation(Account(size))
    bot.cycle()
    began, costs = bot.clock.now(), []
    while bot.clock.now() < began + _HOURS * 3600:
        costs.append(bot.cycle())
    hours = (bot.clock.now() - began) / 3600
    return sum(c.requests for c in costs) / hours, sum(c.full_scan for c in costs) / hours


def stuck(order: Order) -> tuple[float, float]:
    """Return requests a poll while one task is stuck behind BEHIND newer ones, and without it."""
    mean = []
    for tasks in (1, 0):
        bot = Simulation(Account(1_000, order))
        bot.cycle()
        for _ in range(tasks):
            bot.account.add(bot.clock.now())
        bot.cycle()
        for _ in range(BEHIND // 20):
            for _ in range(20):
                bot.account.end(bot.account.add(bot.clock.now()))
            bot.cycle()
        bot.clock.wait(86_400)
        for _ in range(20):
            bot.cycle()  # the full scan that is due after such a day, and what it leaves
        mean.append(fmean(bot.cycle().requests for _ in range(400)))
    return mean[0], mean[1]


def main() -> None:
    """Measure, and write the section `listing` and its plot."""
    costs = [measure(order, size) for order in ORDERS for size in SIZES]
    hours = {size: idle_hour(size) for size in SIZES}
    paper.write("listing", "\n\n".join([_polls(costs), _hours(hours), _stuck()]))
    _plot(costs, hours)


def _polls(costs: list[Costs]) -> str:
    head = ["order of the list", "finished tasks", "first run", "idle poll"]
    head += [f"{count} new" for count in NEW] + ["plain way, every poll"]
    rows = []
    for cost in costs:
        counts = [f"{cost.idle:g}", *(f"{cost.new[count]:,}" for count in NEW)]
        row = [cost.order.replace("_", " "), f"{cost.size:,}", _requests(cost.first), *counts]
        rows.append([*row, _requests(plain(cost.size))])
    return f"Requests of one poll (in brackets: seconds at {LATENCY} s a request):\n\n" + paper.table(head, rows)


def _requests(count: int) -> str:
    return f"{count:,} ({paper.span(count * LATENCY)})"


def _hours(hours: dict[int, tuple[float, float]]) -> str:
    rows = [
        [f"{size:,}", f"{polls:.0f}", f"{full:,.0f}", f"{plain(size) * 120:,}"] for size, (polls, full) in hours.items()
    ]
    head = ["finished tasks", "polls", "full scans", "plain way every 30 s"]
    return (
        f"Requests an hour while nothing happens, newest first, mean of {_HOURS} hours with the defaults "
        "(more than 18,000 an hour cannot be done at 5 a second):\n\n" + paper.table(head, rows)
    )


def _stuck() -> str:
    rows = []
    for order in ORDERS:
        with_one, without = stuck(order)
        rows.append([order.replace("_", " "), f"{without:.2f}", f"{with_one:.2f}", f"{with_one - without:+.2f}"])
    head = ["order of the list", "without it", "with it", "difference"]
    return (
        f"Requests of an idle poll with one task stuck for a day behind {BEHIND:,} newer ones, mean of 400 polls, "
        "full scans left out:\n\n" + paper.table(head, rows)
    )


def _plot(costs: list[Costs], hours: dict[int, tuple[float, float]]) -> None:
    figure = Figure(figsize=(11, 4.5))
    left, right = figure.subplots(1, 2)
    left.plot(SIZES, [plain(size) for size in SIZES], "k--", label="plain way: every page, every poll")
    looks = {"newest_first": ("C0", "o", "-"), "oldest_first": ("C1", "s", "--"), "shuffled": ("C2", "^", ":")}
    for order, (color, marker, line) in looks.items():
        own = [cost for cost in costs if cost.order == order]
        for what, values in (("idle", [c.idle for c in own]), ("20 new", [c.new[20] for c in own])):
            label = f"{order.replace('_', ' ')}, {what}"
            face = color if what == "idle" else "none"
            left.plot(SIZES, values, line, color=color, marker=marker, markerfacecolor=face, label=label)
    left.set(xscale="log", yscale="log", title="One poll", xlabel="finished tasks in the account", ylabel="requests")
    left.legend(fontsize=8)
    right.plot(SIZES, [plain(size) * 120 for size in SIZES], "k--", label="plain way every 30 s")
    right.axhline(18_000, color="0.5", linewidth=1, label="5 a second: the pace allows no more")
    right.plot(SIZES, [sum(hours[size]) for size in SIZES], "C3o-", label="this bot: polls and full scans")
    right.plot(SIZES, [hours[size][0] for size in SIZES], "C0o-", label="this bot: polls alone")
    right.set(xscale="log", yscale="log", title="An idle hour", xlabel="finished tasks in the account")
    right.set_ylabel("requests an hour")
    right.legend(fontsize=8)
    paper.save(figure, "listing")
