"""What is remembered and announced of a task, whatever the clock, the list or a restart does."""

from dataclasses import replace

import pytest

from bot.domain.notice import TaskEnded
from bot.domain.task import Status, Task
from tests.fakes import MemoryStore, SimulatedClock
from tests.worlds import DAY, ORDERS, SORTED, START, Bot, World, started


@pytest.mark.parametrize("latest_first", [True, False])
def test_of_two_answers_on_one_page_the_later_status_counts(latest_first):
    world, bot = started()
    world.add("a")

    def twice(page):
        older = tuple(replace(task, status=Status.GENERATING) for task in page.tasks if task.id == "a")
        return replace(page, tasks=(*page.tasks, *older) if latest_first else (*older, *page.tasks))

    world.answer = twice
    bot.cycle()
    assert bot.announced == [("a", Status.SUCCEEDED)]


def test_of_two_answers_on_two_pages_the_later_status_counts():
    world, bot = started()
    task = world.tasks[world.add("a")]
    older = replace(task, status=Status.GENERATING)
    world.answer = lambda page: replace(page, tasks=((older if page.number == 1 else task), *page.tasks[1:]))
    bot.full_cycle()
    assert bot.announced == [("a", Status.SUCCEEDED)]


@pytest.mark.parametrize("create_time", [0, int(START) + 30 * DAY])
def test_an_odd_create_time_loses_nothing(create_time):
    world, bot = started()
    world.add("odd", Status.GENERATING, create_time=create_time)
    for _ in range(3):
        bot.full_cycle()
    world.set("odd", Status.SUCCEEDED)
    bot.cycle()
    bot.full_cycle()
    assert bot.announced == [("odd", Status.SUCCEEDED)]


def test_a_task_below_the_floor_that_was_never_seen_is_taken_for_a_forgotten_one():
    world, bot = started()
    world.add("old", Status.SUCCEEDED, create_time=1)
    bot.cycle()
    bot.full_cycle()
    assert bot.announced == []


def test_downtime_longer_than_the_retention_loses_nothing():
    world, bot = started(retention=float(DAY))
    world.add("rendering", Status.GENERATING)
    bot.cycle()
    bot.clock.wait(30 * DAY)
    world.set("rendering", Status.SUCCEEDED)
    ids = [world.add(f"later{n}", create_time=int(START) + n * DAY) for n in range(25)]
    bot.restart()
    bot.cycle()
    bot.full_cycle()
    assert sorted(task_id for task_id, _ in bot.announced) == sorted([*ids, "rendering"])


@pytest.mark.parametrize("retention", [3600.0, 365.0 * DAY])
def test_a_changed_retention_repeats_nothing(retention):
    world, bot = started(finished=50)
    for number in range(30):
        world.add(f"day{number}", create_time=int(START) + number * DAY // 2)
        bot.clock.wait(DAY / 2)
        bot.cycle()
    bot.settings["retention"] = retention
    bot.restart()
    for _ in range(3):
        bot.full_cycle()
    assert len(bot.announced) == len(set(bot.announced)) == 30


def test_what_is_forgotten_is_not_announced_again():
    world, bot = started(finished=10, retention=float(DAY))
    for number in range(100):
        world.add(f"n{number}", create_time=int(START) + number * 3600)
        bot.clock.wait(3600)
        bot.cycle()
    for _ in range(3):
        bot.full_cycle()
    assert len(bot.store.state.tasks) < 40
    assert len(bot.announced) == len(set(bot.announced)) == 100


def test_a_day_of_polls_grows_nothing():
    _, bot = started(finished=200)
    for _ in range(10):
        bot.cycle()
    before = bot.store.state
    polls = 0
    while bot.clock.monotonic() < DAY:
        bot.cycle()
        polls += 1
    assert polls > 2000
    assert len(bot.store.state.tasks) == len(before.tasks)
    assert bot.store.state.outbox == before.outbox


def ended(bot, task_id):
    contents = (notice.content for notice in bot.postbox.notices)
    return next(one for one in contents if isinstance(one, TaskEnded) and one.task.id == task_id)


def test_ready_after_is_announced_only_where_the_task_was_seen_unfinished_shortly_before():
    world, bot = started()
    world.add("seen", Status.GENERATING, create_time=int(bot.clock.now()))
    bot.cycle()
    world.set("seen", Status.SUCCEEDED)
    world.add("unseen", create_time=int(bot.clock.now()))
    bot.cycle()
    assert 0 < ended(bot, "seen").ready_after < 60
    assert ended(bot, "unseen").ready_after is None


def test_after_downtime_the_news_says_from_when_to_when_the_bot_was_away():
    world, bot = started()
    world.add("slow", Status.GENERATING, create_time=int(bot.clock.now()))
    bot.cycle()
    last = bot.clock.now()
    bot.clock.wait(7200)
    world.set("slow", Status.SUCCEEDED)
    bot.cycle()
    news = ended(bot, "slow")
    assert news.ready_after is None
    assert news.away == (pytest.approx(last, abs=10), pytest.approx(last + 7200, abs=10))


def test_a_state_can_be_taken_over_by_another_copy():
    world, bot = started()
    world.add("a", Status.GENERATING)
    bot.cycle()
    other = Bot(world, SimulatedClock(bot.clock.now()), MemoryStore(bot.store.state))
    world.tasks["a"] = Task("a", Status.SUCCEEDED, video_url="https://res.example.com/a.mp4")
    other.cycle()
    assert other.announced == [("a", Status.SUCCEEDED)]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("step", [-40 * 365, -365, -8, -7, -6, -1, 6, 8, 365, 40 * 365])
def test_a_clock_that_steps_by_days_makes_no_old_video_news(order, step):
    world = World(order)
    for day in range(200, 0, -1):
        world.add(f"old{day}", create_time=int(START) - day * DAY // 2)
    bot = Bot(world)
    bot.cycle()
    bot.full_cycle()
    bot.clock.skew = step * DAY
    world.now = lambda: bot.clock.real
    ids = world.fill(3, prefix="new")
    for _ in range(3):
        bot.full_cycle()
    bot.restart()
    bot.clock.skew = 0.0
    ids += world.fill(2, prefix="newer")
    for _ in range(3):
        bot.full_cycle()
    assert sorted(bot.announced) == sorted((task_id, Status.SUCCEEDED) for task_id in ids)


@pytest.mark.parametrize("order", SORTED)
@pytest.mark.parametrize("new", [3, 33])
@pytest.mark.parametrize("how", ["poll", "full scan", "first run"])
def test_tasks_of_one_second_are_announced_in_the_order_in_which_they_were_made(order, new, how):
    world = World(order)
    world.fill(20)
    if how == "first run":
        bot = Bot(world, first_run="announce")
    else:
        bot = Bot(world)
        bot.cycle()
    ids = [world.add(f"batch{n:02}", create_time=int(START) + 60 + n // 20) for n in range(new)]
    if how == "full scan":
        bot.store.save(replace(bot.store.state, profile=replace(bot.store.state.profile, full_scan_at=0.0)))
        bot.poll.once()
        bot.postbox.run_once()
    else:
        bot.cycle()
    assert [task_id for task_id, _ in bot.announced if task_id.startswith("batch")] == ids
