"""Hours in moments: waiting for one thing never keeps another from being done, on a simulated clock."""

from itertools import pairwise
from pathlib import Path

import pytest

from tests.faults.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, route={"success": "C1", "failure": "C2", "alerts": "C1"})
    world.start()
    world.run(31)
    return world


def longest_gap(world: World, since: float) -> float:
    """Return the longest time between two requests to Chanjing, in seconds."""
    times = [since, *(at for at in world.chanjing.requests if at > since), world.clock.real]
    return max(later - earlier for earlier, later in pairwise(times))


def test_a_thousand_tasks_that_end_in_one_second_make_at_most_60_messages_while_polls_go_on(world: World) -> None:
    for number in range(1_000):
        world.chanjing.put(f"task{number}", 30 if number % 10 == 0 else 20)
    began = world.clock.real
    world.settle()
    world.check()
    posts = [post for post in world.slack.posts if post.at > began]
    assert len(posts) <= 60
    assert longest_gap(world, began) <= 31
    for channel in ("C1", "C2"):
        times = [post.at for post in posts if post.channel == channel]
        # Five at once, and then one a second.
        assert all(later - earlier >= 0.999 for earlier, later in zip(times, times[5:], strict=False))
        assert times[-1] - times[0] >= 0.999 * (len(times) - 5)


def test_polls_go_on_through_an_hour_of_rate_limits_and_all_is_announced_afterwards(world: World) -> None:
    began = world.clock.real
    world.slack.limited_until = began + 3_600
    for number in range(3):
        world.chanjing.put(f"task{number}", 20)
        world.run(1_200)
    assert longest_gap(world, began) <= 31
    world.settle()
    world.check()


def test_polls_go_on_while_slack_hangs(world: World) -> None:
    began = world.clock.real
    world.slack.hanging = True
    world.chanjing.put("a", 20)
    world.run(3_600)
    assert longest_gap(world, began) <= 41
    world.slack.hanging = False
    world.settle()
    world.check()


def test_a_dead_channel_for_failures_delays_no_success(world: World) -> None:
    world.slack.dead["C2"] = "is_archived"
    for number in range(10):
        world.chanjing.put(f"bad{number}", 30)
        world.chanjing.put(f"good{number}", 20)
        world.run(31)
        assert f"good{number}" not in world.owed
    assert len(world.owed) == 10
    world.slack.dead.clear()
    world.settle()
    world.check()
    announced = [id_ for post in world.slack.posts if post.channel == "C2" for id_ in post.ids]
    assert len(announced) == 10


@pytest.mark.parametrize("step", [-3_600.0, 7 * 86_400.0])
def test_a_clock_that_steps_delays_nothing(world: World, step: float) -> None:
    world.slack.dead["C1"] = "is_archived"
    world.chanjing.put("a", 20)
    world.run(100)
    world.clock.skew = step
    world.slack.dead.clear()
    began = world.clock.real
    world.chanjing.put("b", 20)
    world.settle()
    world.check()
    assert world.clock.real - began <= 330


def test_an_hour_without_chanjing_loses_nothing(world: World) -> None:
    world.chanjing.put("a", 10)
    world.run(31)
    world.chanjing.down = True
    world.chanjing.put("a", 20)
    world.run(3_600)
    world.chanjing.down = False
    world.settle()
    world.check()


def test_a_notice_that_not_even_plain_text_delivers_stays_owed_and_lets_others_pass(world: World) -> None:
    world.slack.faults.extend(["unsayable"] * 4)
    world.chanjing.put("a", 20)
    world.run(31)
    world.chanjing.put("b", 20)
    world.run(31)
    assert world.owed == ["a"]
    world.settle()
    world.check()


@pytest.mark.parametrize("page", [1, 2, 3])
def test_a_page_that_is_null_is_not_taken_for_the_end_of_the_list(world: World, page: int) -> None:
    for number in range(140):
        world.chanjing.put(f"task{number}", 20)
    world.chanjing.null_pages.add(page)
    world.run(120)
    assert not world.chanjing.null_pages
    world.check()
