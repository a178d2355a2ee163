"""However the server pages, counts and ends its list: reads end, cost little, and lose nothing."""

import itertools
from dataclasses import replace
from typing import Any

import pytest

from bot.domain.task import Status
from bot.errors import Stopped
from bot.watch.reader import NEAR
from tests.worlds import ORDERS, SORTED, Bot, World, null, refused, started


@pytest.mark.parametrize("end", [null, refused])
@pytest.mark.parametrize("count", [lambda true: true, lambda true: None], ids=["counted", "not counted"])
def test_a_list_that_has_become_shorter_is_found_again(end, count):
    world, bot = started("oldest_first", finished=21, page_size=50)
    world.cap, world.answer = 10, end
    bot.settings["page_size"] = 10
    bot.restart()
    bot.full_cycle()
    for number in range(3):
        world.remove(f"old{number}")
    world.count = count
    world.add("a")
    for _ in range(3):
        bot.cycle()
    assert bot.announced == [("a", Status.SUCCEEDED)]
    assert bot.store.state.profile.page_size == 0


@pytest.mark.parametrize("end", [null, refused])
@pytest.mark.parametrize("order", SORTED)
@pytest.mark.parametrize("more", [0, None, 1, 20, 10**9, -1])
def test_a_list_may_end_in_null_or_in_a_refusal_whatever_its_count(order, end, more):
    world = World(order)
    world.answer, world.count = end, lambda true: None if more is None else true + more
    world.fill(20)
    bot = Bot(world)
    for number in range(3):
        bot.full_cycle()
        world.add(f"a{number}")
        bot.cycle()
    assert [task_id for task_id, _ in bot.announced] == ["a0", "a1", "a2"]


@pytest.mark.parametrize("end", [null, refused])
def test_the_waits_before_what_may_be_the_end_are_not_held_against_the_reads(end):
    world = World("shuffled")
    world.answer, world.count = end, lambda true: None
    world.fill(50)
    bot = Bot(world, full_scan_interval=1e9)
    bot.cycle()
    bot.restart()  # so that it has to find out once more where the list ends
    began, long_reads = bot.clock.now(), 0
    while long_reads < 2:
        long_reads += bot.cycle() > NEAR
    assert bot.clock.now() - began < 90


@pytest.mark.parametrize("end", [null, refused])
def test_what_may_be_the_end_is_asked_for_again_where_no_count_says_so(end):
    world = World()
    world.count = lambda true: None
    world.fill(30)

    def passing(page):
        return end(replace(page, tasks=(), listed=0)) if page.number == 2 and world.requests.count(2) < 3 else page

    world.answer = passing
    bot = Bot(world)
    bot.cycle()
    assert len(bot.store.state.tasks) == 30


@pytest.mark.parametrize("end", [null, refused])
@pytest.mark.parametrize("count", [30, None, 0, 10**9])
@pytest.mark.parametrize("cap", [None, 10])
def test_a_page_that_should_be_there_is_not_the_end(end, count, cap):
    world = World()
    world.fill(30)
    world.cap, world.count = cap, lambda true: count
    world.answer = lambda page: end(replace(page, tasks=(), listed=0)) if page.number == 2 else page
    bot = Bot(world, page_size=50 if cap else 10)
    bot.cycle()
    assert bot.store.state.baseline_at is None


def test_a_count_that_grows_without_new_tasks_is_not_believed_twice():
    world, bot = started(finished=200, full_scan_interval=1e9)
    world.count = lambda true: true + 1
    assert bot.cycle() > 20
    assert [bot.cycle() for _ in range(3)] == [1] * 3


def test_a_count_that_a_full_scan_contradicts_is_not_used():
    world = World()
    world.fill(200)
    lies = iter(range(1, 10**6))
    world.count = lambda true: 7 * true + next(lies)
    bot = Bot(world)
    bot.cycle()
    assert [bot.cycle() for _ in range(5)] == [1] * 5
    world.fill(3, prefix="new")
    bot.cycle()
    assert len(bot.announced) == 3


@pytest.mark.parametrize("order", ORDERS)
def test_a_list_that_does_not_say_how_long_it_is_is_followed_too(order):
    world = World(order)
    world.fill(95)
    world.count = lambda true: None
    bot = Bot(world)
    bot.cycle()
    ids = world.fill(25, prefix="new")
    bot.cycle()
    bot.full_cycle()
    assert sorted(bot.announced) == sorted((task_id, Status.SUCCEEDED) for task_id in ids)


@pytest.mark.parametrize("order", SORTED)
@pytest.mark.parametrize("finished", [5, 95])
def test_without_a_count_the_read_goes_on_to_a_page_that_ends_in_a_known_task(order, finished):
    world = World(order)
    world.fill(finished)
    world.count = lambda true: None
    bot = Bot(world)
    bot.cycle()
    world.fill(25, prefix="new")
    bot.cycle()
    assert len(bot.announced) == 25


@pytest.mark.parametrize("order", ORDERS)
def test_a_server_that_caps_the_page_size_is_followed_too(order):
    world = World(order)
    world.cap = 10
    world.fill(95)
    bot = Bot(world, page_size=50)
    bot.cycle()
    assert [bot.cycle() for _ in range(3)] == [1] * 3
    ids = world.fill(25, prefix="new")
    bot.cycle()
    assert sorted(bot.announced) == sorted((task_id, Status.SUCCEEDED) for task_id in ids)


def test_a_long_scan_ends_between_two_pages_when_the_program_is_asked_to_end():
    world = World()
    world.fill(200)
    bot = Bot(world)
    world.before_answer = lambda number: bot.clock.stop() if number == 3 else None
    with pytest.raises(Stopped):
        bot.poll.cycle()
    assert len(world.requests) == 4


def test_a_page_size_that_is_refused_is_lowered_once_for_all():
    world = World()
    world.refuse_over = 10
    world.fill(25)
    bot = Bot(world, page_size=50)
    bot.cycle()
    assert bot.store.state.baseline_at is not None
    assert bot.store.state.profile.page_size == 10
    bot.restart()
    assert bot.cycle() == 1
    world.add("new")
    bot.cycle()
    assert bot.announced == [("new", Status.SUCCEEDED)]


def test_a_server_that_ignores_the_page_ends_the_read():
    world = World()
    world.ignore_page = True
    world.fill(95)
    bot = Bot(world)
    assert bot.cycle() <= 6
    world.add("new")
    assert bot.cycle() <= 4
    assert bot.announced == [("new", Status.SUCCEEDED)]


COUNTS = {
    "right": lambda true: true,
    "null": lambda true: None,
    "one more": lambda true: true + 1,
    "one less": lambda true: max(0, true - 1),
    "0": lambda true: 0,
    "absurd": lambda true: 10**9,
}


PAGING: dict[str, dict[str, Any]] = {
    "an empty page past the end": {},
    "the last page past the end": {"clamp": True},
    "page ignored": {"ignore_page": True},
    "page_size capped": {"cap": 10},
    "page_size capped, the last page past the end": {"cap": 10, "clamp": True},
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("paging", PAGING)
@pytest.mark.parametrize("count", COUNTS)
def test_however_the_server_pages_and_counts_reads_end_and_news_is_announced_soon(order, paging, count):
    for finished in (0, 1, 10, 11, 35):
        world = World(order)
        world.account = "one"
        for name, value in PAGING[paging].items():
            setattr(world, name, value)
        world.count = COUNTS[count]
        world.fill(finished)
        bot = Bot(world, page_size=50 if world.cap else 10, full_scan_interval=1e9)

        def pages(world: World = world) -> int:
            return 1 if world.ignore_page else -(-len(world.ages) // 10)

        assert bot.cycle() <= pages() + 1
        for number, new in enumerate((1, 12, 25)):
            ids = set(world.fill(new, prefix=f"new{number}-"))
            if world.ignore_page:
                ids &= set(world.listed()[:10])  # there is no way to see more
            # In no order at all, a long read is followed by short ones for ten times as long.
            for _ in range(8 if order == "shuffled" else 1):
                assert bot.cycle() <= pages() + 2
            assert ids <= {task_id for task_id, _ in bot.announced}
        assert len(bot.announced) == len(set(bot.announced))


@pytest.mark.parametrize("order", SORTED)
@pytest.mark.parametrize("paging", ["an empty page past the end", "the last page past the end"])
@pytest.mark.parametrize("count", ["right", "null"])
@pytest.mark.parametrize("left", [0, 3, 10])
def test_a_list_that_was_all_but_cleared_is_found_again(order, paging, count, left):
    world = World(order)
    world.account = "one"
    world.clamp = "last page" in paging
    world.count = COUNTS[count]
    world.fill(150)
    bot = Bot(world, full_scan_interval=1e9)
    bot.cycle()
    for task_id in world.ages[left:]:
        world.remove(task_id)
    ids = world.fill(25, prefix="new")
    assert bot.cycle() <= 8
    assert sorted(bot.announced) == sorted((task_id, Status.SUCCEEDED) for task_id in ids)
    bot.cycle()
    assert bot.cycle() <= 2


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("clamp", [False, True])
def test_a_count_that_is_another_each_time_costs_a_few_pages_more(order, clamp):
    world = World(order)
    world.clamp = clamp
    world.fill(95)
    answers = itertools.cycle([94, 96, 95, 10**6, 0, None])
    world.count = lambda true: next(answers)
    bot = Bot(world)
    assert bot.cycle() <= 10 + 6
    world.add("new")
    for _ in range(10):
        assert bot.cycle() <= 10 + 6
    assert bot.announced == [("new", Status.SUCCEEDED)]


@pytest.mark.parametrize("order", SORTED)
def test_a_count_that_is_found_to_lie_costs_one_long_read(order):
    world, bot = started(order, finished=200, full_scan_interval=1e9)
    polls = itertools.count(1)
    world.count = lambda true: true + next(polls)
    assert bot.cycle() >= 20
    assert max(bot.cycle() for _ in range(20)) <= 2
    world.fill(25, prefix="new")
    bot.cycle()
    assert len(bot.announced) == 25


def test_a_page_of_which_nothing_can_be_read_is_not_the_end():
    world = World()
    world.fill(50)
    world.answer = lambda page: replace(page, tasks=()) if page.number == 2 else page
    bot = Bot(world)
    bot.cycle()
    assert len(bot.store.state.tasks) == 40


@pytest.mark.parametrize("new", [2, 12])
def test_what_comes_onto_a_page_that_a_read_has_left_is_announced_at_the_next_poll_without_a_count(new):
    world = World("oldest_first")
    world.count = lambda true: None
    world.fill(19)
    bot = Bot(world)
    bot.cycle()
    before = len(world.requests)

    def meanwhile(index):
        if index == before + 1:
            world.fill(new, prefix="new")

    world.before_answer = meanwhile
    bot.cycle()
    bot.cycle()
    assert len(bot.announced) == new
    bot.cycle()
    assert bot.cycle() == 2


def test_a_count_that_nobody_believes_is_not_saved():
    world = World()
    world.fill(30)
    counts = itertools.count(100)
    world.count = lambda true: next(counts)
    bot = Bot(world)
    bot.cycle()
    bot.cycle()
    writes = bot.store.writes
    for _ in range(5):
        bot.cycle()
    assert bot.store.writes == writes


@pytest.mark.parametrize("end", [null, refused])
def test_what_is_due_is_delivered_before_it_is_known_where_the_list_ends(end):
    world = World("oldest_first")
    world.answer, world.count = end, lambda true: None
    world.fill(19)
    bot = Bot(world)
    bot.cycle()
    world.fill(12, prefix="new")
    announced = []
    world.before_answer = lambda number: announced.append(len(bot.announced))
    bot.cycle()
    assert announced == [0, 0, 0, 0, 12, 12, 12, 12]  # pages 2 to 4, page 5 four times, page 6


def test_each_page_is_a_sign_of_life_however_long_the_read_takes():
    world = World()
    world.fill(3000)
    bot = Bot(world)
    bot.poll.once()
    bot.clock.wait(4000)
    bot.poll.once()
    assert len(bot.events.of("page_read")) == len(world.requests) > 600
