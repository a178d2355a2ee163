"""One cycle: the order of effects, and the share that each gets of the time."""

from dataclasses import replace

import pytest

from bot.domain.task import Status
from tests.worlds import LATENCY, started


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


def test_a_long_full_scan_does_not_hold_up_the_news():
    world, bot = started(finished=4000)
    before = bot.store.state.profile.full_scan_at
    bot.clock.wait(3600)
    bot.cycle()
    world.add("new")
    bot.cycle()
    assert bot.announced == [("new", Status.SUCCEEDED)]
    assert bot.store.state.profile.full_scan_at == before


def test_deliveries_get_their_share_however_long_the_poll_took():
    world, bot = started()
    world.before_answer = lambda index: bot.clock.wait(60)
    began = bot.clock.monotonic()
    bot.poll.cycle()
    assert bot.clock.monotonic() > began + bot.settings["interval"]
    assert bot.postbox.untils[-1] == bot.clock.monotonic() + 5


def test_the_pace_is_fast_only_while_something_young_is_unfinished():
    world, bot = started()
    assert bot.poll.interval() == 30
    world.add("a", Status.GENERATING)
    bot.cycle()
    assert bot.poll.interval() == 5
    bot.clock.wait(3600)
    bot.cycle()
    assert bot.poll.interval() == 30


@pytest.mark.parametrize("once", [False, True])
def test_what_is_due_is_delivered_while_a_long_read_goes_on(once):
    world, bot = started("shuffled", finished=600)
    world.count = lambda true: None
    world.shuffled.remove("old0")
    world.shuffled.insert(0, "old0")
    bot.full_cycle()
    bot.clock.wait(3000)  # what the reads up to now took is made up for
    world.tasks["old0"] = replace(world.tasks["old0"], id="new")  # on the first of sixty pages
    first, announced = len(world.requests), []
    world.before_answer = lambda number: announced.append((number - first, [task_id for task_id, _ in bot.announced]))
    bot.poll.once() if once else bot.poll.cycle()
    seen = next(number for number, ids in announced if ids == ["new"])
    assert seen * LATENCY < 6 < len(world.requests) * LATENCY


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
