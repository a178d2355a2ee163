"""Late tasks: those that have been unfinished for an hour are asked for by their id."""

import pytest

from bot.domain.news import LINK_WAIT
from bot.domain.task import Status
from bot.errors import ChanjingRefused, ChanjingRejected, ChanjingUnavailable
from tests.worlds import DAY, SORTED, START, Bot, World


@pytest.mark.parametrize("order", SORTED)
def test_a_stuck_task_deep_in_the_list_costs_one_request_a_poll_and_is_announced_soon(order):
    world = World(order)
    world.fill(50)
    world.add("stuck", Status.GENERATING, create_time=int(START) - 3 * DAY)
    world.fill(1000, prefix="newer")
    bot = Bot(world, full_scan_interval=1e9)
    bot.cycle()
    bot.clock.wait(7200)
    bot.cycle()
    assert [bot.cycle() for _ in range(40)] == [2] * 40
    world.set("stuck", Status.SUCCEEDED)
    bot.cycle()
    assert bot.announced == [("stuck", Status.SUCCEEDED)]


@pytest.mark.parametrize("order", SORTED)
def test_a_stuck_task_is_found_again_while_new_ones_push_it_down(order):
    world = World(order)
    world.fill(30)
    world.add("stuck", Status.GENERATING, create_time=int(START) - 3 * DAY)
    world.fill(200, prefix="newer")
    bot = Bot(world, full_scan_interval=1e9)
    bot.cycle()
    bot.clock.wait(7200)
    for number in range(10):
        world.fill(7, prefix=f"more{number}-")
        bot.cycle()
    world.set("stuck", Status.FAILED)
    bot.cycle()
    bot.cycle()
    assert ("stuck", Status.FAILED) in bot.announced


def stuck_deep(count=1, **settings):
    """Return a bot that has watched *count* tasks, "stuck0" …, deep in the list, for more than an hour."""
    world = World()
    world.fill(count, status=Status.GENERATING, prefix="stuck")
    world.fill(50, prefix="newer")
    bot = Bot(world, **{"full_scan_interval": 1e9, **settings})
    bot.cycle()
    bot.clock.wait(3600)
    return world, bot


def test_late_tasks_are_asked_for_in_turn():
    world, bot = stuck_deep(3)
    for _ in range(6):
        bot.cycle()
    first = world.lookups[:3]
    assert (sorted(first), world.lookups[3:]) == (["stuck0", "stuck1", "stuck2"], first)


def test_if_each_poll_is_a_process_of_its_own_no_late_task_is_left_out():
    world, bot = stuck_deep(3)
    for _ in range(60):
        bot.restart()
        bot.poll.once()
    assert set(world.lookups) == {"stuck0", "stuck1", "stuck2"}


def test_a_late_task_that_the_poll_came_across_is_not_asked_for():
    world, bot = stuck_deep(1)
    world.add("late", Status.GENERATING, create_time=int(bot.clock.now()) - 2 * 3600)
    bot.cycle()
    bot.cycle()
    assert world.lookups == ["stuck0"] * 2


def test_a_late_task_that_has_vanished_is_not_asked_for():
    world, bot = stuck_deep(1, full_scan_interval=3600.0)
    world.answer_lookup = lambda task_id: None
    world.remove("stuck0")
    for _ in range(3):
        bot.full_cycle()
    lookups = len(world.lookups)
    bot.full_cycle()
    assert len(world.lookups) == lookups


def test_a_late_task_that_cannot_be_asked_for_fails_no_poll_and_is_left_to_the_full_scan():
    world, bot = stuck_deep(2, full_scan_interval=4000.0)

    def refuse(task_id):
        raise ChanjingRejected("detail: HTTP 404.")

    world.answer_lookup = refuse
    for _ in range(5):
        bot.poll.cycle()
    assert sorted(world.lookups) == ["stuck0", "stuck1"]
    world.set("stuck0", Status.SUCCEEDED)
    bot.full_cycle()
    assert bot.announced == [("stuck0", Status.SUCCEEDED)]
    bot.cycle()
    assert world.lookups[2:] == ["stuck1"]


@pytest.mark.parametrize(
    "error", [ChanjingUnavailable("detail: no answer"), ChanjingRefused("detail: code 10400.", code=10400)]
)
def test_a_late_task_for_which_chanjing_could_not_answer_is_asked_for_again_and_fails_no_poll(error):
    world, bot = stuck_deep(1)

    def fail(task_id):
        raise error

    world.answer_lookup = fail
    bot.poll.cycle()
    world.answer_lookup = world.tasks.get
    world.set("stuck0", Status.FAILED)
    bot.poll.cycle()
    assert bot.announced == [("stuck0", Status.FAILED)]


def test_an_older_answer_for_a_late_task_is_not_news():
    world, bot = stuck_deep(1)
    older = world.tasks["stuck0"]
    world.answer_lookup = lambda task_id: older
    world.set("stuck0", Status.FAILED)
    bot.cycle()
    assert bot.announced == []
    world.answer_lookup = world.tasks.get
    bot.cycle()
    world.answer_lookup = lambda task_id: older
    bot.cycle()
    assert bot.announced == [("stuck0", Status.FAILED)]


def test_a_late_task_that_succeeded_without_a_link_is_waited_for_as_if_it_had_been_listed():
    world, bot = stuck_deep(1)
    world.set("stuck0", Status.SUCCEEDED, video_url="")
    began = bot.clock.now()
    bot.cycle()
    while bot.clock.now() < began + LINK_WAIT - 10:
        assert bot.announced == []
        bot.cycle()
    world.set("stuck0", Status.SUCCEEDED, video_url="https://res.example/v.mp4")
    bot.cycle()
    assert bot.announced == [("stuck0", Status.SUCCEEDED)]
    assert bot.postbox.notices[-1].content.task.video_url == "https://res.example/v.mp4"


def test_a_single_poll_asks_for_a_late_task_as_well():
    world, bot = stuck_deep(1)
    world.set("stuck0", Status.SUCCEEDED)
    bot.poll.once()
    assert bot.announced == [("stuck0", Status.SUCCEEDED)]
