"""A model of the server against the reader: whatever happens to the list, each end of a task is announced once.

The server inserts, deletes, shifts, renders, answers or does not; the bot polls, crashes and goes on. LISTING_EXAMPLES
sets how many histories are tried: a few hundred here, ten thousand in the long form.
"""

import contextlib
import itertools
import os
from dataclasses import dataclass, field

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from bot.domain.task import Status, is_final
from bot.errors import ForeignStateError
from tests.worlds import DAY, START, Bot, World

EXAMPLES = int(os.environ.get("LISTING_EXAMPLES", "200"))
ORDERS = ["newest_first", "oldest_first", "shuffled"]
COUNTS = [lambda true: true, lambda true: None, lambda true: true + 1, lambda true: max(0, true - 1), lambda true: 0]
FINAL = [Status.SUCCEEDED, Status.FAILED]

events = st.one_of(
    st.tuples(st.just("add"), st.integers(1, 12), st.sampled_from(list(Status))),
    st.tuples(st.just("move"), st.integers(0, 200), st.sampled_from([Status.GENERATING, *FINAL])),
    st.tuples(st.just("remove"), st.integers(0, 200), st.none()),
    st.tuples(st.just("fail"), st.integers(0, 6), st.none()),
    st.tuples(st.just("crash"), st.none(), st.none()),
    st.tuples(st.just("wait"), st.sampled_from([60, 3700, 90_000]), st.none()),
    st.tuples(st.just("poll"), st.none(), st.none()),
)


@dataclass
class History:
    """A world, the bot that watches it, and the tasks that had ended at the first run: not to be announced."""

    world: World
    bot: Bot
    silent: set[str] = field(default_factory=set)
    added: int = 0

    def happen(self, what, amount, status):
        world = self.world
        match what:
            case "add":
                for _ in range(amount):
                    self.added += 1
                    world.add(f"t{self.added}", status)
            case "move" if world.ages:
                task_id = world.ages[amount % len(world.ages)]
                # Chanjing never takes an end back, but for a failure that comes good.
                now = world.tasks[task_id].status
                if not is_final(now) or (now == Status.FAILED and status == Status.SUCCEEDED):
                    world.set(task_id, status)
            case "remove" if world.ages:
                world.remove(world.ages[amount % len(world.ages)])
            case "fail":
                world.fail_at.add(len(world.requests) + amount)
            case "crash":
                self.bot.restart()
            case "wait":
                self.bot.clock.wait(amount)
            case "poll":
                self.bot.cycle()


def begin(order, finished, unfinished, page_size, seed, *, clamp=False, count=COUNTS[0], age=DAY):
    world = World(order, seed)
    world.clamp, world.count = clamp, count
    world.now = lambda: START - age + len(world.ages)
    world.fill(finished, prefix="done")
    world.fill(unfinished, status=Status.GENERATING, prefix="running")
    bot = Bot(world, page_size=page_size)
    bot.cycle()
    return History(world, bot, silent={f"done{n}" for n in range(finished)})


def judge(history):
    announced = history.bot.announced
    assert len(announced) == len(set(announced)), "something was announced twice"
    assert not {task_id for task_id, _ in announced} & history.silent, "the baseline was announced"
    ended = {
        (t.id, t.status) for t in history.world.tasks.values() if is_final(t.status) and t.id not in history.silent
    }
    assert ended <= set(announced), f"lost: {ended - set(announced)}"


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    order=st.sampled_from(ORDERS),
    finished=st.integers(0, 60),
    unfinished=st.integers(0, 12),
    page_size=st.integers(1, 12),
    between=st.lists(events, max_size=30),
    during=st.lists(st.tuples(st.integers(0, 60), events), max_size=6),
    seed=st.integers(0, 3),
    clamp=st.booleans(),
    count=st.sampled_from(COUNTS),
)
def test_every_end_is_announced_exactly_once_by_the_end_of_the_next_undisturbed_full_scan(
    order, finished, unfinished, page_size, between, during, seed, clamp, count
):
    history = begin(order, finished, unfinished, page_size, seed, clamp=clamp, count=count)
    world, bot = history.world, history.bot
    first = len(world.requests)
    planned = {first + at: event_ for at, event_ in during if event_[0] not in {"poll", "crash", "wait"}}

    def disturb(index):
        if index in planned:
            history.happen(*planned.pop(index))

    world.before_answer = disturb
    for one in between:
        history.happen(*one)
    world.before_answer = lambda index: None
    world.fail_at = set()
    bot.full_cycle()
    bot.full_cycle()  # the first may have gone on with one that was disturbed
    event(f"order {order}")
    judge(history)


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(
    order=st.sampled_from(ORDERS[:2]),
    finished=st.integers(2, 60),
    page_size=st.integers(1, 12),
    between=st.lists(events.filter(lambda e: e[0] in {"add", "move", "crash", "poll"}), max_size=20),
    clamp=st.booleans(),
    count=st.sampled_from(COUNTS),
)
def test_in_the_ordinary_orders_every_end_is_announced_by_the_polls_that_follow(
    order, finished, page_size, between, clamp, count
):
    history = begin(order, finished, 3, page_size, 0, clamp=clamp, count=count)
    bot = history.bot
    bot.settings["full_scan_interval"] = 1e9  # no full scan may help
    bot.restart()
    for one in between:
        history.happen(*one)
    for _ in range(20):  # while a longer read is paid for, reads are short ones
        bot.cycle()
    judge(history)


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(
    order=st.sampled_from(ORDERS),
    finished=st.integers(0, 60),
    page_size=st.integers(1, 12),
    between=st.lists(events, max_size=20),
    ignore_page=st.booleans(),
    clamp=st.booleans(),
    counts=st.lists(st.none() | st.integers(-3, 3) | st.just(10**9), min_size=1, max_size=7),
)
def test_no_read_asks_for_more_than_the_pages_there_are_and_a_few(
    order, finished, page_size, between, ignore_page, clamp, counts
):
    lies = itertools.cycle(counts)

    def count(true):
        lie = next(lies)
        return None if lie is None else max(0, true + lie)

    history = begin(order, finished, 3, page_size, 0, clamp=clamp, count=count)
    world, bot = history.world, history.bot
    world.ignore_page = ignore_page
    for one in between:
        history.happen(*one)
    world.fail_at = set()
    bot.restart()
    bot.clock.wait(3600)
    before = len(world.requests)
    with contextlib.suppress(ForeignStateError):
        bot.poll.once()
    # A read for news, and a full one.
    assert len(world.requests) - before <= 2 * (-(-len(world.ages) // page_size) + 6)
