"""The first run: what is recorded in silence, what is announced, and what leaves no trace."""

from dataclasses import replace

import pytest

from bot.domain.notice import Greeting, Notice, Trouble
from bot.domain.outbox import Outbox
from bot.domain.task import Status
from tests.fakes import SimulatedClock
from tests.worlds import DAY, ORDERS, START, Bot, World, null, started


def test_the_first_run_announces_nothing_but_itself():
    world = World()
    world.fill(95)
    running = [world.add(f"new{n}", Status.GENERATING) for n in range(5)]
    bot = Bot(world)
    bot.cycle()
    assert bot.announced == []
    (notice,) = bot.postbox.notices
    assert notice.content == Greeting(watching=len(running), baselined=95)


def test_the_first_run_reads_each_page_once_and_the_empty_one_behind():
    world, _ = started(finished=10_000, page_size=50)
    assert world.requests == list(range(1, 202))


def test_a_first_run_that_fails_leaves_nothing_and_is_begun_again():
    world = World()
    world.fill(100)
    world.fail_at = {5}
    bot = Bot(world)
    bot.cycle()
    assert not bot.store.state.tasks
    bot.cycle()
    assert len(bot.store.state.tasks) == 100
    assert bot.announced == []


def test_first_run_announce_announces_what_is_younger_than_the_retention():
    world = World()
    for age in (1, 6, 8, 30):
        world.add(f"{age} days", create_time=int(START) - age * DAY)
    world.add("running", Status.GENERATING)
    world.order = "shuffled"
    bot = Bot(world, first_run="announce", retention=7.0 * DAY - 3600)
    bot.cycle()
    assert {task_id for task_id, _ in bot.announced} == {"1 days", "6 days"}


@pytest.mark.parametrize("order", ORDERS)
def test_a_task_that_ends_while_the_first_run_reads_the_list_again_is_announced(order):
    world = World(order)
    world.fill(30)
    world.add("a", Status.GENERATING)

    def meanwhile(number):
        if number == 3:
            world.add("b", Status.GENERATING)  # more than was seen: the list is read once more
        if number == 4:
            world.set("a", Status.SUCCEEDED)

    world.before_answer = meanwhile
    bot = Bot(world)
    for _ in range(3):
        bot.cycle()
    assert bot.announced == [("a", Status.SUCCEEDED)]


@pytest.mark.parametrize("count", [0, None])
def test_a_page_that_is_null_for_a_moment_does_not_end_the_first_run(count):
    world = World()
    world.fill(30)

    def hiccup(page):
        missing = replace(page, tasks=(), listed=0, total_count=count, oddities=("page: the list is null",))
        return missing if page.number == 2 and world.requests.count(2) < 6 else page

    world.answer = hiccup
    bot = Bot(world)
    for _ in range(8):
        bot.cycle()
    assert len(bot.store.state.tasks) == 30
    assert bot.announced == []


def test_a_new_account_may_have_a_null_list():
    world = World()
    world.answer = null
    bot = Bot(world)
    bot.cycle()
    began = bot.clock.now()
    bot.cycle()
    assert bot.clock.now() - began < 31
    world.add("a")
    bot.cycle()
    assert bot.announced == [("a", Status.SUCCEEDED)]


def test_a_null_list_at_the_first_run_is_not_taken_for_an_empty_account():
    world = World()
    world.fill(5)
    bot = Bot(world)
    real = world.fetch
    answers = iter([lambda page: type(page)(1, (), 0, 10, None, ("page 1: the list is null",))])

    def fetch(number, size):
        page = real(number, size)
        change = next(answers, None)
        return change(page) if change else page

    world.fetch = fetch  # type: ignore[method-assign]
    bot.restart()
    bot.cycle()
    assert bot.store.state.baseline_at is None
    bot.cycle()
    assert bot.announced == []


@pytest.mark.parametrize("odd", [{}, {"create_time": 0}], ids=["empty", "without times"])
def test_the_old_tasks_of_a_list_that_was_empty_at_the_first_run_are_not_news(odd):
    world = World()
    world.date = START
    if odd:
        world.add("untimed", **odd)
    bot = Bot(world)
    bot.cycle()
    for number in range(300):
        world.add(f"old{number}", create_time=int(START) - 30 * DAY + number)
    world.add("yesterday", create_time=int(START) - DAY)
    world.add("new")
    bot.cycle()
    bot.full_cycle()
    assert sorted(task_id for task_id, _ in bot.announced) == ["new", "yesterday"]


def test_an_empty_first_list_without_a_date_sets_no_floor():
    world = World()
    bot = Bot(world)
    bot.cycle()
    world.add("old", create_time=int(START) - 30 * DAY)
    bot.cycle()
    assert [task_id for task_id, _ in bot.announced] == ["old"]


@pytest.mark.parametrize("step", [-8, -400 * 365])
def test_a_first_run_that_announces_is_not_misled_by_a_clock_that_is_behind(step):
    world = World()
    world.date = START
    for age in (30, 9, 6, 1):
        world.add(f"{age} days", create_time=int(START) - age * DAY)
    bot = Bot(world, SimulatedClock(max(0.0, START + step * DAY)), first_run="announce")
    bot.cycle()
    assert {task_id for task_id, _ in bot.announced} == {"1 days", "6 days"}


def test_what_is_owed_is_delivered_while_the_first_run_goes_on():
    world = World()
    world.fill(600)
    bot = Bot(world)
    trouble = Notice(Trouble("chanjing_unreachable", "", START), START)
    bot.store.save(replace(bot.store.state, outbox=Outbox((trouble,))))
    delivered = []
    world.before_answer = lambda number: delivered.append(len(bot.postbox.notices))
    bot.poll.once()
    assert delivered[0] == 0
    assert delivered[-1] == 1
