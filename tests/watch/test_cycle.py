"""The reader, the diff and the floor together, over a list in memory: what is told, and at what cost."""

import itertools
from dataclasses import replace
from typing import Any

import pytest

from bot.domain.notice import Greeting, Notice, TaskEnded, Trouble
from bot.domain.outbox import Outbox
from bot.domain.read import NEAR
from bot.domain.task import Page, Status, Task
from bot.errors import ChanjingRefused, ChanjingRejected, ChanjingUnavailable, ForeignStateError, Stopped
from tests.simulated import SimulatedClock
from tests.worlds import DAY, LATENCY, START, Bot, MemoryStore, World

SORTED = ["newest_first", "oldest_first"]
ORDERS = [*SORTED, "shuffled"]


def started(order="newest_first", finished=100, **settings):
    world = World(order)
    world.fill(finished)
    bot = Bot(world, **settings)
    bot.cycle()
    return world, bot


def test_the_first_run_tells_of_nothing_but_itself():
    world = World()
    world.fill(95)
    running = [world.add(f"new{n}", Status.GENERATING) for n in range(5)]
    bot = Bot(world)
    bot.cycle()
    assert bot.told == []
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
    assert bot.told == []


def test_first_run_announce_tells_what_is_younger_than_the_retention():
    world = World()
    for age in (1, 6, 8, 30):
        world.add(f"{age} days", create_time=int(START) - age * DAY)
    world.add("running", Status.GENERATING)
    world.order = "shuffled"
    bot = Bot(world, first_run="announce", retention=7.0 * DAY - 3600)
    bot.cycle()
    assert {task_id for task_id, _ in bot.told} == {"1 days", "6 days"}


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
def test_what_ended_between_two_polls_is_told_at_the_next(order, new):
    world, bot = started(order)
    ids = world.fill(new, prefix="new")
    bot.cycle()
    assert sorted(bot.told) == sorted((task_id, Status.SUCCEEDED) for task_id in ids)


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
    assert bot.told == []
    world.set("a", Status.FAILED)
    bot.cycle()
    world.set("a", Status.SUCCEEDED)
    bot.cycle()
    bot.cycle()
    assert bot.told == [("a", Status.FAILED), ("a", Status.SUCCEEDED)]


def test_in_no_order_at_all_the_end_of_a_task_is_told_when_the_budget_allows():
    world, bot = started("shuffled")
    world.add("a", Status.GENERATING)
    bot.cycle()
    world.set("a", Status.SUCCEEDED)
    for _ in range(6):
        bot.cycle()
    assert bot.told == [("a", Status.SUCCEEDED)]


@pytest.mark.parametrize("latest_first", [True, False])
def test_of_two_answers_on_one_page_the_later_status_counts(latest_first):
    world, bot = started()
    world.add("a")

    def twice(page):
        older = tuple(replace(task, status=Status.GENERATING) for task in page.tasks if task.id == "a")
        return replace(page, tasks=(*page.tasks, *older) if latest_first else (*older, *page.tasks))

    world.answer = twice
    bot.cycle()
    assert bot.told == [("a", Status.SUCCEEDED)]


def test_of_two_answers_on_two_pages_the_later_status_counts():
    world, bot = started()
    task = world.tasks[world.add("a")]
    older = replace(task, status=Status.GENERATING)
    world.answer = lambda page: replace(page, tasks=((older if page.number == 1 else task), *page.tasks[1:]))
    bot.full_cycle()
    assert bot.told == [("a", Status.SUCCEEDED)]


def null(page: Page) -> Page:
    return page if page.listed else replace(page, oddities=("page: the list is null",))


def refused(page: Page) -> Page:
    if page.listed:
        return page
    raise ChanjingRejected("list: code 40000.", code=40000)


@pytest.mark.parametrize("order", ORDERS)
def test_a_task_that_ends_while_the_first_run_reads_the_list_again_is_announced(order):
    world = World(order)
    world.fill(30)
    world.add("a", Status.GENERATING)

    def meanwhile(number):
        if number == 3:
            world.add("b", Status.GENERATING)  # more than was met: the list is read once more
        if number == 4:
            world.set("a", Status.SUCCEEDED)

    world.before_answer = meanwhile
    bot = Bot(world)
    for _ in range(3):
        bot.cycle()
    assert bot.told == [("a", Status.SUCCEEDED)]


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
    assert bot.told == [("a", Status.SUCCEEDED)]
    assert bot.store.state.profile.page_size == 0


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
    assert bot.told == []


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
    assert bot.told == [("a", Status.SUCCEEDED)]


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
    assert [task_id for task_id, _ in bot.told] == ["a0", "a1", "a2"]


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


@pytest.mark.parametrize("order", SORTED)
def test_a_burst_under_way_is_followed_over_several_pages(order):
    world, bot = started(order)
    ids = world.fill(25, status=Status.GENERATING, prefix="burst")
    bot.cycle()
    world.set(ids[0], Status.SUCCEEDED)
    bot.cycle()
    assert bot.told == [(ids[0], Status.SUCCEEDED)]


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
    assert bot.told == [("stuck", Status.SUCCEEDED)]


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
    assert ("stuck", Status.FAILED) in bot.told


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
    assert world.lookups == ["stuck0", "stuck1", "stuck2"] * 2


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


@pytest.mark.parametrize(
    "error", [ChanjingRejected("detail: HTTP 404."), ChanjingRefused("detail: code 10400.", code=10400)]
)
def test_a_late_task_that_cannot_be_asked_for_fails_no_poll_and_is_left_to_the_full_scan(error):
    world, bot = stuck_deep(2, full_scan_interval=4000.0)

    def refuse(task_id):
        raise error

    world.answer_lookup = refuse
    for _ in range(5):
        bot.poll.cycle()
    assert world.lookups == ["stuck0", "stuck1"]
    world.set("stuck0", Status.SUCCEEDED)
    bot.full_cycle()
    assert bot.told == [("stuck0", Status.SUCCEEDED)]
    bot.cycle()
    assert world.lookups[2:] == ["stuck1"]


def test_a_late_task_for_which_chanjing_could_not_answer_is_asked_for_again_and_fails_no_poll():
    world, bot = stuck_deep(1)

    def fail(task_id):
        raise ChanjingUnavailable("detail: no answer")

    world.answer_lookup = fail
    bot.poll.cycle()
    world.answer_lookup = world.tasks.get
    world.set("stuck0", Status.FAILED)
    bot.poll.cycle()
    assert bot.told == [("stuck0", Status.FAILED)]


def test_an_older_answer_for_a_late_task_is_not_news():
    world, bot = stuck_deep(1)
    older = world.tasks["stuck0"]
    world.answer_lookup = lambda task_id: older
    world.set("stuck0", Status.FAILED)
    bot.cycle()
    assert bot.told == []
    world.answer_lookup = world.tasks.get
    bot.cycle()
    world.answer_lookup = lambda task_id: older
    bot.cycle()
    assert bot.told == [("stuck0", Status.FAILED)]


def test_a_single_poll_asks_for_a_late_task_as_well():
    world, bot = stuck_deep(1)
    world.set("stuck0", Status.SUCCEEDED)
    bot.poll.once()
    assert bot.told == [("stuck0", Status.SUCCEEDED)]


def test_an_oldest_first_list_that_grows_costs_one_request_again_at_the_next_poll():
    world, bot = started("oldest_first", finished=95, full_scan_interval=1e9)
    world.fill(60, prefix="new")
    bot.cycle()
    assert [bot.cycle() for _ in range(3)] == [1] * 3
    assert len(bot.told) == 60


def test_an_oldest_first_list_that_shrinks_costs_one_request_again_at_the_next_poll():
    world, bot = started("oldest_first", finished=95, full_scan_interval=1e9)
    for task_id in world.ages[40:]:
        world.remove(task_id)
    bot.cycle()
    assert [bot.cycle() for _ in range(3)] == [1] * 3
    world.add("new")
    bot.cycle()
    assert bot.told == [("new", Status.SUCCEEDED)]


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
    assert sorted(task_id for task_id, _ in bot.told) == sorted(ids)


def test_a_long_read_is_paid_for_with_short_ones():
    world, bot = started(full_scan_interval=1e9)
    ids = world.fill(100, status=Status.GENERATING, prefix="burst")
    costs = [bot.cycle() for _ in range(5)]
    assert costs[0] == 11
    assert costs[1:4] == [3, 3, 3]
    world.set(ids[0], Status.SUCCEEDED)  # the oldest, so the deepest
    for _ in range(10):
        bot.cycle()
    assert bot.told == [(ids[0], Status.SUCCEEDED)]


def test_what_a_read_cut_short_has_not_met_is_found_by_the_next_ones():
    world, bot = started("shuffled", finished=300, full_scan_interval=1e9)
    world.fill(100, status=Status.GENERATING, prefix="burst")
    bot.cycle()  # a long read: from now on three pages
    ids = world.fill(5, prefix="new")
    for _ in range(30):
        bot.cycle()
    assert sorted(bot.told) == sorted((task_id, Status.SUCCEEDED) for task_id in ids)


def test_a_count_that_grows_without_new_tasks_is_not_believed_twice():
    world, bot = started(finished=200, full_scan_interval=1e9)
    world.count = lambda true: true + 1
    assert bot.cycle() > 20
    assert [bot.cycle() for _ in range(3)] == [1] * 3


def test_a_count_that_a_full_read_contradicts_is_not_used():
    world = World()
    world.fill(200)
    lies = iter(range(1, 10**6))
    world.count = lambda true: 7 * true + next(lies)
    bot = Bot(world)
    bot.cycle()
    assert [bot.cycle() for _ in range(5)] == [1] * 5
    world.fill(3, prefix="new")
    bot.cycle()
    assert len(bot.told) == 3


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
    assert sorted(bot.told) == sorted((task_id, Status.SUCCEEDED) for task_id in ids)


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
    assert len(bot.told) == 25


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
    assert sorted(bot.told) == sorted((task_id, Status.SUCCEEDED) for task_id in ids)


def test_the_board_shows_what_was_not_listed_since_the_start():
    world, bot = started()
    world.add("new", Status.GENERATING)
    bot.cycle()
    shown = len(bot.boards)
    world.fail_at = {len(world.requests)}
    bot.restart()
    bot.cycle()
    assert len(bot.boards) == shown
    world.fill(30)
    world.answer = lambda page: replace(page, tasks=tuple(task for task in page.tasks if task.id != "new"))
    bot.cycle()
    assert bot.boards[-1] == ["new"]


def test_a_single_poll_updates_the_board_as_well():
    world, bot = started()
    world.add("new", Status.GENERATING)
    bot.poll.once()
    assert bot.boards[-1] == ["new"]


def test_a_long_walk_ends_between_two_pages_when_the_program_is_asked_to_end():
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
    assert bot.told == [("new", Status.SUCCEEDED)]


def test_a_server_that_ignores_the_page_ends_the_read():
    world = World()
    world.ignore_page = True
    world.fill(95)
    bot = Bot(world)
    assert bot.cycle() <= 6
    world.add("new")
    assert bot.cycle() <= 4
    assert bot.told == [("new", Status.SUCCEEDED)]


@pytest.mark.parametrize("order", SORTED)
def test_a_batch_of_one_second_larger_than_a_page_is_told_whole(order):
    world, bot = started(order)
    ids = [world.add(f"batch{n}", create_time=int(START)) for n in range(33)]
    bot.cycle()
    assert sorted(task_id for task_id, _ in bot.told) == sorted(ids)


@pytest.mark.parametrize("create_time", [0, int(START) + 30 * DAY])
def test_an_odd_create_time_loses_nothing(create_time):
    world, bot = started()
    world.add("odd", Status.GENERATING, create_time=create_time)
    for _ in range(3):
        bot.full_cycle()
    world.set("odd", Status.SUCCEEDED)
    bot.cycle()
    bot.full_cycle()
    assert bot.told == [("odd", Status.SUCCEEDED)]


def test_a_task_below_the_floor_that_was_never_seen_is_taken_for_a_forgotten_one():
    world, bot = started()
    world.add("old", Status.SUCCEEDED, create_time=1)
    bot.cycle()
    bot.full_cycle()
    assert bot.told == []


def test_tasks_taken_out_during_a_full_read_hide_no_other():
    world, bot = started(finished=60, full_scan_interval=100.0)
    world.add("new", create_time=int(START))
    order = world.listed()
    hidden = order[20]  # the first of the third page
    bot.clock.wait(200)
    bot.cycle()
    assert bot.told == [("new", Status.SUCCEEDED)]
    state = bot.store.state
    forgotten = {task_id: known for task_id, known in state.tasks.items() if task_id != hidden}
    bot.store.save(type(state)(baseline_at=state.baseline_at, profile=state.profile, tasks=forgotten))
    first = len(world.requests)

    def take_out(index):
        if index == first + 3:  # the normal read and two pages of the full read are over
            world.remove(order[0])
            world.remove(order[1])

    world.before_answer = take_out
    bot.clock.wait(200)
    bot.cycle()
    assert (hidden, Status.SUCCEEDED) in bot.told


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("fails", range(1, 6))
def test_a_read_cut_short_by_an_error_is_made_good_by_the_next_ones(order, fails):
    world, bot = started(order, full_scan_interval=1e9)
    ids = world.fill(45, prefix="new")
    world.fail_at = {len(world.requests) + fails}
    for _ in range(12):
        bot.cycle()
    assert sorted(task_id for task_id, _ in bot.told) == sorted(ids)


def test_a_full_read_goes_on_where_it_was_cut_short():
    world, bot = started(finished=300)
    bot.clock.wait(3600)
    first = len(world.requests)
    world.fail_at = {first + 10}  # one for the news, nine pages, and then
    bot.cycle()
    bot.cycle()
    walked = world.requests[first:]
    assert walked.count(10) == 2  # the one without an answer was asked for again
    assert walked.count(5) == 1
    assert bot.store.state.profile.full_scan_at > START + 3600


def test_a_long_full_read_does_not_hold_up_the_news():
    world, bot = started(finished=4000)
    before = bot.store.state.profile.full_scan_at
    bot.clock.wait(3600)
    bot.cycle()
    world.add("new")
    bot.cycle()
    assert bot.told == [("new", Status.SUCCEEDED)]
    assert bot.store.state.profile.full_scan_at == before


def test_deliveries_get_their_share_however_long_the_poll_took():
    world, bot = started()
    world.before_answer = lambda index: bot.clock.wait(60)
    began = bot.clock.monotonic()
    bot.poll.cycle()
    assert bot.clock.monotonic() > began + bot.settings["interval"]
    assert bot.postbox.untils[-1] == bot.clock.monotonic() + 5


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
    assert sorted(task_id for task_id, _ in bot.told) == sorted([*ids, "rendering"])


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
    assert len(bot.told) == len(set(bot.told)) == 30


def test_what_is_forgotten_is_not_told_again():
    world, bot = started(finished=10, retention=float(DAY))
    for number in range(100):
        world.add(f"n{number}", create_time=int(START) + number * 3600)
        bot.clock.wait(3600)
        bot.cycle()
    for _ in range(3):
        bot.full_cycle()
    assert len(bot.store.state.tasks) < 40
    assert len(bot.told) == len(set(bot.told)) == 100


def test_another_accounts_list_is_not_announced():
    _, bot = started(finished=50)
    other = World()
    other.fill(30, prefix="other")
    bot.world = other
    bot.restart()
    tasks = bot.store.state.tasks
    for _ in range(3):
        with pytest.raises(ForeignStateError, match="belongs to another account"):
            bot.poll.once()
    assert bot.told == []
    assert bot.store.state.tasks == tasks


def test_many_new_tasks_after_downtime_are_not_taken_for_another_account():
    world, bot = started(finished=50)
    bot.restart()
    ids = world.fill(40, prefix="new")
    bot.cycle()
    assert len(bot.told) == len(ids)


def test_an_emptied_list_is_not_another_account():
    world, bot = started(finished=20)
    for task_id in list(world.ages):
        world.remove(task_id)
    bot.cycle()
    bot.full_cycle()
    assert bot.told == []


def test_the_pace_is_fast_only_while_something_young_is_unfinished():
    world, bot = started()
    assert bot.poll.interval() == 30
    world.add("a", Status.GENERATING)
    bot.cycle()
    assert bot.poll.interval() == 5
    bot.clock.wait(3600)
    bot.cycle()
    assert bot.poll.interval() == 30


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


def test_ready_after_is_told_only_where_the_task_was_seen_unfinished_shortly_before():
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
    assert bot.told == []


def test_a_state_can_be_taken_over_by_another_copy():
    world, bot = started()
    world.add("a", Status.GENERATING)
    bot.cycle()
    other = Bot(world, SimulatedClock(bot.clock.now()), MemoryStore(bot.store.state))
    world.tasks["a"] = Task("a", Status.SUCCEEDED, video_url="https://res.example.com/a.mp4")
    other.cycle()
    assert other.told == [("a", Status.SUCCEEDED)]


# Whose list it is


def cleared(account="one"):
    """Return a bot that knows fifty tasks of *account*, all of which have left the list since."""
    world = World()
    world.account = account
    world.fill(50)
    bot = Bot(world)
    bot.cycle()
    for task_id in list(world.ages):
        world.remove(task_id)
    return world, bot


@pytest.mark.parametrize("seen_empty", [False, True])
def test_the_new_tasks_of_a_list_that_was_cleared_are_announced(seen_empty):
    world, bot = cleared()
    if seen_empty:
        bot.cycle()
    world.add("new")
    bot.restart()
    bot.poll.once()
    assert bot.told == [("new", Status.SUCCEEDED)]


@pytest.mark.parametrize("account", ["", "two"])
def test_a_list_that_was_seen_empty_is_this_accounts_whatever_the_token_has_become(account):
    world, bot = cleared(account="")
    bot.poll.once()
    world.account = account
    world.add("new")
    bot.poll.once()
    assert bot.told == [("new", Status.SUCCEEDED)]
    assert bot.store.state.account == account


def test_with_another_token_a_list_that_holds_no_known_task_is_another_accounts():
    world, bot = cleared()
    world.account = "two"
    world.fill(5, prefix="new")
    for _ in range(2):
        with pytest.raises(ForeignStateError):
            bot.poll.once()
    assert bot.told == []
    assert bot.store.state.account == "one"
    world.account = "one"
    bot.poll.once()
    assert len(bot.told) == 5


def test_a_token_that_was_renewed_is_this_accounts_where_the_list_holds_a_known_task():
    world = World()
    world.account = "one"
    world.fill(50)
    bot = Bot(world)
    bot.cycle()
    world.account = "two"
    world.add("new")
    bot.cycle()
    assert bot.store.state.account == "two"
    for task_id in list(world.ages):
        world.remove(task_id)
    world.add("newer")
    bot.cycle()
    assert [task_id for task_id, _ in bot.told] == ["new", "newer"]


def test_a_state_from_before_accounts_were_kept_takes_the_account_it_recognises():
    world, bot = started()
    assert bot.store.state.account == ""
    world.account = "one"
    bot.cycle()
    assert bot.store.state.account == "one"


@pytest.mark.parametrize("full", [False, True])
def test_a_token_of_another_account_in_the_middle_of_a_read_announces_nothing_of_it(full):
    world, bot = started(finished=60)
    world.account = "one"
    bot.cycle()
    other = World()
    other.fill(60, prefix="other")
    other.account = "two"
    if full:
        bot.clock.wait(3600)
    else:
        world.fill(15, prefix="new")
    first = len(world.requests)

    def switch(page: Page) -> Page:
        later = len(world.requests) > first + 1
        return other.fetch(page.number, 10) if later else page

    world.answer = switch
    for _ in range(3):
        bot.cycle()
    assert not [task_id for task_id, _ in bot.told if task_id.startswith("other")]


# The clock and the floor


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
    assert sorted(bot.told) == sorted((task_id, Status.SUCCEEDED) for task_id in ids)


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
    assert sorted(task_id for task_id, _ in bot.told) == ["new", "yesterday"]


def test_an_empty_first_list_without_a_date_sets_no_floor():
    world = World()
    bot = Bot(world)
    bot.cycle()
    world.add("old", create_time=int(START) - 30 * DAY)
    bot.cycle()
    assert [task_id for task_id, _ in bot.told] == ["old"]


@pytest.mark.parametrize("step", [-8, -400 * 365])
def test_a_first_run_that_announces_is_not_misled_by_a_clock_that_is_behind(step):
    world = World()
    world.date = START
    for age in (30, 9, 6, 1):
        world.add(f"{age} days", create_time=int(START) - age * DAY)
    bot = Bot(world, SimulatedClock(max(0.0, START + step * DAY)), first_run="announce")
    bot.cycle()
    assert {task_id for task_id, _ in bot.told} == {"1 days", "6 days"}


# However the server pages and counts

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
def test_however_the_server_pages_and_counts_reads_end_and_news_is_told_soon(order, paging, count):
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
            assert ids <= {task_id for task_id, _ in bot.told}
        assert len(bot.told) == len(set(bot.told))


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
    assert sorted(bot.told) == sorted((task_id, Status.SUCCEEDED) for task_id in ids)
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
    assert bot.told == [("new", Status.SUCCEEDED)]


@pytest.mark.parametrize("order", SORTED)
def test_a_count_that_is_found_to_lie_costs_one_long_read(order):
    world, bot = started(order, finished=200, full_scan_interval=1e9)
    polls = itertools.count(1)
    world.count = lambda true: true + next(polls)
    assert bot.cycle() >= 20
    assert max(bot.cycle() for _ in range(20)) <= 2
    world.fill(25, prefix="new")
    bot.cycle()
    assert len(bot.told) == 25


def test_a_page_of_which_nothing_can_be_read_is_not_the_end():
    world = World()
    world.fill(50)
    world.answer = lambda page: replace(page, tasks=()) if page.number == 2 else page
    bot = Bot(world)
    bot.cycle()
    assert len(bot.store.state.tasks) == 40


def test_what_comes_between_two_parts_of_a_full_read_does_not_end_it():
    world, bot = started(finished=2000)
    bot.clock.wait(3600)
    bot.cycle()
    assert bot.store.state.profile.full_scan_at < START + 3600
    world.fill(35, prefix="new")  # more than three pages, which the full read meets once more
    bot.cycle()
    assert world.requests[-1] == 205  # the last one is not full, and behind it there is none


@pytest.mark.parametrize("new", [2, 12])
def test_what_comes_onto_a_page_that_a_read_has_left_is_told_at_the_next_poll_without_a_count(new):
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
    assert len(bot.told) == new
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


# A read that takes long


@pytest.mark.parametrize("once", [False, True])
def test_what_is_due_is_delivered_while_a_long_read_goes_on(once):
    world, bot = started("shuffled", finished=600)
    world.count = lambda true: None
    world.shuffled.remove("old0")
    world.shuffled.insert(0, "old0")
    bot.full_cycle()
    bot.clock.wait(3000)  # what the reads up to now took is made up for
    world.tasks["old0"] = replace(world.tasks["old0"], id="new")  # on the first of sixty pages
    first, told = len(world.requests), []
    world.before_answer = lambda number: told.append((number - first, [task_id for task_id, _ in bot.told]))
    bot.poll.once() if once else bot.poll.cycle()
    seen = next(number for number, ids in told if ids == ["new"])
    assert seen * LATENCY < 6 < len(world.requests) * LATENCY


@pytest.mark.parametrize("end", [null, refused])
def test_what_is_due_is_delivered_before_it_is_known_where_the_list_ends(end):
    world = World("oldest_first")
    world.answer, world.count = end, lambda true: None
    world.fill(19)
    bot = Bot(world)
    bot.cycle()
    world.fill(12, prefix="new")
    told = []
    world.before_answer = lambda number: told.append(len(bot.told))
    bot.cycle()
    assert told == [0, 0, 0, 0, 12, 12, 12, 12]  # pages 2 to 4, page 5 four times, page 6


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


def test_each_page_is_a_sign_of_life_however_long_the_read_takes():
    world = World()
    world.fill(3000)
    bot = Bot(world)
    bot.poll.once()
    bot.clock.wait(4000)
    bot.poll.once()
    assert len(bot.events.of("page_read")) == len(world.requests) > 600


def test_the_time_that_deliveries_take_is_not_held_against_the_reads():
    world, bot = started("shuffled", finished=300, full_scan_interval=1e9)
    world.count = lambda true: None
    world.add("new")
    slack = bot.postbox.run_once

    def slow():
        if bot.store.state.outbox.notices:
            bot.clock.wait(600)
        slack()

    bot.postbox.run_once = slow
    costs = [bot.cycle() for _ in range(8)]
    assert sum(cost > 20 for cost in costs) > 2


# The order of what is announced


@pytest.mark.parametrize("order", SORTED)
@pytest.mark.parametrize("new", [3, 33])
@pytest.mark.parametrize("how", ["poll", "full read", "first run"])
def test_tasks_of_one_second_are_announced_in_the_order_in_which_they_were_made(order, new, how):
    world = World(order)
    world.fill(20)
    if how == "first run":
        bot = Bot(world, first_run="announce")
    else:
        bot = Bot(world)
        bot.cycle()
    ids = [world.add(f"batch{n:02}", create_time=int(START) + 60 + n // 20) for n in range(new)]
    if how == "full read":
        bot.store.save(replace(bot.store.state, profile=replace(bot.store.state.profile, full_scan_at=0.0)))
        bot.poll.once()
        bot.postbox.run_once()
    else:
        bot.cycle()
    assert [task_id for task_id, _ in bot.told if task_id.startswith("batch")] == ids
