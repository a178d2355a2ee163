"""Reads for news and full scans over a list in memory: what is announced, and at what cost."""

import pytest

from bot.domain.task import Status
from tests.worlds import ORDERS, SORTED, START, started


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("finished", [0, 1, 9, 10, 11, 100, 1000])
def test_an_idle_poll_costs_one_request_and_no_write(order, finished):
    _, bot = started(order, finished)
    bot.cycle()
    writes = bot.store.writes
    assert [bot.cycle() for _ in range(5)] == [1] * 5
    assert bot.store.writes == writes


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("new", [1, 9, 10, 11, 35])
def test_what_ended_between_two_polls_is_announced_at_the_next(order, new):
    world, bot = started(order)
    ids = world.fill(new, prefix="new")
    bot.cycle()
    assert sorted(bot.announced) == sorted((task_id, Status.SUCCEEDED) for task_id in ids)


@pytest.mark.parametrize("new", [1, 5, 9])
def test_fewer_new_tasks_than_a_page_cost_one_request(new):
    world, bot = started()
    world.fill(new, prefix="new")
    assert bot.cycle() == 1


@pytest.mark.parametrize("order", SORTED)
def test_a_task_is_followed_from_the_queue_to_its_end(order):
    world, bot = started(order)
    world.add("a", Status.QUEUED)
    bot.cycle()
    world.set("a", Status.GENERATING)
    bot.cycle()
    assert bot.announced == []
    world.set("a", Status.FAILED)
    bot.cycle()
    world.set("a", Status.SUCCEEDED)
    bot.cycle()
    bot.cycle()
    assert bot.announced == [("a", Status.FAILED), ("a", Status.SUCCEEDED)]


def test_in_no_order_at_all_the_end_of_a_task_is_announced_when_the_budget_allows():
    world, bot = started("shuffled")
    world.add("a", Status.GENERATING)
    bot.cycle()
    world.set("a", Status.SUCCEEDED)
    for _ in range(6):
        bot.cycle()
    assert bot.announced == [("a", Status.SUCCEEDED)]


@pytest.mark.parametrize("order", SORTED)
def test_a_burst_under_way_is_followed_over_several_pages(order):
    world, bot = started(order)
    ids = world.fill(25, status=Status.GENERATING, prefix="burst")
    bot.cycle()
    world.set(ids[0], Status.SUCCEEDED)
    bot.cycle()
    assert bot.announced == [(ids[0], Status.SUCCEEDED)]


def test_an_oldest_first_list_that_grows_costs_one_request_again_at_the_next_poll():
    world, bot = started("oldest_first", finished=95, full_scan_interval=1e9)
    world.fill(60, prefix="new")
    bot.cycle()
    assert [bot.cycle() for _ in range(3)] == [1] * 3
    assert len(bot.announced) == 60


def test_an_oldest_first_list_that_shrinks_costs_one_request_again_at_the_next_poll():
    world, bot = started("oldest_first", finished=95, full_scan_interval=1e9)
    for task_id in world.ages[40:]:
        world.remove(task_id)
    bot.cycle()
    assert [bot.cycle() for _ in range(3)] == [1] * 3
    world.add("new")
    bot.cycle()
    assert bot.announced == [("new", Status.SUCCEEDED)]


def test_a_task_that_comes_between_two_pages_of_a_read_does_not_make_it_read_the_whole_list():
    world, bot = started(finished=1000, full_scan_interval=1e9)
    ids = world.fill(15, prefix="new")
    first = len(world.requests)

    def come(index):
        if index == first + 1:
            ids.append(world.add("between"))

    world.before_answer = come
    assert bot.cycle() <= 3
    bot.cycle()
    assert sorted(task_id for task_id, _ in bot.announced) == sorted(ids)


def test_a_long_read_is_paid_for_with_short_ones():
    world, bot = started(full_scan_interval=1e9)
    ids = world.fill(100, status=Status.GENERATING, prefix="burst")
    costs = [bot.cycle() for _ in range(5)]
    assert costs[0] == 11
    assert costs[1:4] == [3, 3, 3]
    world.set(ids[0], Status.SUCCEEDED)  # the oldest, so the deepest
    for _ in range(10):
        bot.cycle()
    assert bot.announced == [(ids[0], Status.SUCCEEDED)]


def test_what_a_read_cut_short_has_not_seen_is_found_by_the_next_ones():
    world, bot = started("shuffled", finished=300, full_scan_interval=1e9)
    world.fill(100, status=Status.GENERATING, prefix="burst")
    bot.cycle()  # a long read: from now on three pages
    ids = world.fill(5, prefix="new")
    for _ in range(30):
        bot.cycle()
    assert sorted(bot.announced) == sorted((task_id, Status.SUCCEEDED) for task_id in ids)


@pytest.mark.parametrize("order", SORTED)
def test_a_batch_of_one_second_larger_than_a_page_is_announced_whole(order):
    world, bot = started(order)
    ids = [world.add(f"batch{n}", create_time=int(START)) for n in range(33)]
    bot.cycle()
    assert sorted(task_id for task_id, _ in bot.announced) == sorted(ids)


def test_tasks_taken_out_during_a_full_scan_hide_no_other():
    world, bot = started(finished=60, full_scan_interval=100.0)
    world.add("new", create_time=int(START))
    order = world.listed()
    hidden = order[20]  # the first of the third page
    bot.clock.wait(200)
    bot.cycle()
    assert bot.announced == [("new", Status.SUCCEEDED)]
    state = bot.store.state
    forgotten = {task_id: known for task_id, known in state.tasks.items() if task_id != hidden}
    bot.store.save(type(state)(baseline_at=state.baseline_at, profile=state.profile, tasks=forgotten))
    first = len(world.requests)

    def take_out(index):
        if index == first + 3:  # the normal read and two pages of the full scan are over
            world.remove(order[0])
            world.remove(order[1])

    world.before_answer = take_out
    bot.clock.wait(200)
    bot.cycle()
    assert (hidden, Status.SUCCEEDED) in bot.announced


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("fails", range(1, 6))
def test_a_read_cut_short_by_an_error_is_made_good_by_the_next_ones(order, fails):
    world, bot = started(order, full_scan_interval=1e9)
    ids = world.fill(45, prefix="new")
    world.fail_at = {len(world.requests) + fails}
    for _ in range(12):
        bot.cycle()
    assert sorted(task_id for task_id, _ in bot.announced) == sorted(ids)


def test_a_full_scan_goes_on_where_it_was_cut_short():
    world, bot = started(finished=300)
    bot.clock.wait(3600)
    first = len(world.requests)
    world.fail_at = {first + 10}  # one for the news, nine pages, and then
    bot.cycle()
    bot.cycle()
    read = world.requests[first:]
    assert read.count(10) == 2  # the one without an answer was asked for again
    assert read.count(5) == 1
    assert bot.store.state.profile.full_scan_at > START + 3600


def test_what_comes_between_two_parts_of_a_full_scan_does_not_end_it():
    world, bot = started(finished=2000)
    bot.clock.wait(3600)
    bot.cycle()
    assert bot.store.state.profile.full_scan_at < START + 3600
    world.fill(35, prefix="new")  # more than three pages, which the full scan meets once more
    bot.cycle()
    assert world.requests[-1] == 205  # the last one is not full, and behind it there is none
