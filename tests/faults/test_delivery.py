"""The promises against single faults, on a simulated clock."""

from pathlib import Path

import pytest

from bot.outbox import LOOKS
from tests.faults.world import SETTLE, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.start()
    world.run(60)
    return world


def end_one(world: World, task_id: str = "a") -> None:
    world.chanjing.put(task_id, 10)
    world.run(31)
    world.chanjing.put(task_id, 20)


def put_back(world: World, earlier: dict[str, bytes]) -> None:
    for name, content in earlier.items():
        world.disk.write(Path(name), content)


def test_a_failed_look_is_repeated_before_anything_is_posted_again(world: World) -> None:
    end_one(world)
    world.slack.faults.extend(["lost_after"])
    world.slack.failing_looks = 4
    world.settle()
    world.check()


def test_a_failed_reading_at_the_start_is_repeated_before_the_first_post(world: World) -> None:
    end_one(world)
    world.run_until_death("post")
    world.slack.failing_looks = 3
    world.start()
    world.settle()
    world.check()


def test_a_single_poll_goes_on_with_looks_that_are_due(world: World) -> None:
    end_one(world)
    world.slack.faults.append("lost_before")
    world.poll.once()
    for _ in range(4):
        world.clock.pass_by(60)
        world.start()
        world.poll.once()
    world.check()


@pytest.mark.parametrize("step", [-3_600.0, 7 * 86_400.0])
def test_a_clock_that_steps_while_the_bot_is_down_does_not_shorten_the_looks(world: World, step: float) -> None:
    end_one(world)
    world.slack.lag = LOOKS[1] * SETTLE
    world.run_until_death("post")
    world.clock.skew = step
    world.start()
    world.settle()
    world.check()


def test_a_channel_whose_history_can_be_read_again_is_looked_through_before_a_message_is_repeated(world: World) -> None:
    end_one(world)
    world.slack.dead["C1"] = "not_in_channel"
    world.start()
    world.settle(60)
    assert world.owed == ["a"]
    world.slack.dead.clear()
    world.slack.faults.append("lost_after")
    world.settle()
    world.check()


def test_removed_from_the_channel_while_in_doubt_and_invited_again(world: World) -> None:
    end_one(world)
    world.run_until_death("post")
    world.slack.dead["C1"] = "not_in_channel"
    world.start()
    world.run(120)
    world.slack.dead.clear()
    world.settle()
    world.check()


def test_a_state_from_before_a_message_finds_it_by_slacks_clock_and_repeats_nothing(world: World) -> None:
    end_one(world)
    world.settle()
    earlier = world.disk.come_back("kill")
    end_one(world, "b")
    world.settle()
    world.run(3 * 86_400)
    put_back(world, earlier)
    world.start()
    world.settle()
    world.check()


def test_a_backup_from_before_many_messages_repeats_none_though_the_list_is_read_in_parts(world: World) -> None:
    end_one(world)
    world.settle()
    earlier = world.disk.come_back("kill")
    for number in range(700):
        world.chanjing.put(f"b{number}", 20)
        if number % 50 == 49:
            world.settle()
    put_back(world, earlier)
    world.chanjing.null_pages = {9}
    world.start()
    world.run(7_200)
    world.check()
    assert len(world.state.delivered) == 500


def test_a_look_that_is_answered_ends_the_growing_waits_of_those_that_were_not(world: World) -> None:
    end_one(world)
    world.slack.faults.extend(["lost_before"])
    world.slack.failing_looks = 6
    world.run(240)
    destination = world.state.outbox.to("C1")
    assert (destination.refusals, destination.error) == (0, "")


def test_a_history_that_never_answers_does_not_keep_the_first_message_from_being_posted(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.slack.failing_looks = 10_000
    world.start()
    world.run(60)
    end_one(world)
    world.run(60)
    world.check()


@pytest.mark.parametrize("every", [120, 240])
def test_restarts_do_not_put_off_a_message_that_was_often_refused_and_then_lost(world: World, every: float) -> None:
    world.slack.dead["C1"] = "is_archived"
    end_one(world)
    world.run(1_200)
    del world.slack.dead["C1"]
    world.slack.faults.extend(["lost_before"] * 4)
    for _ in range(8):
        world.run(every)
        world.start()
    world.check()


def test_a_single_poll_does_not_wait_for_a_message_that_was_never_found(world: World) -> None:
    end_one(world)
    world.slack.faults.extend(["lost_before"] * 6)
    world.run(300)
    began = world.clock.monotonic()
    world.poll.once()
    assert world.clock.monotonic() - began < 10
    for _ in range(3):
        world.clock.wait(600)
        world.poll.once()
    world.check()


def test_a_history_that_never_shows_our_messages_makes_no_flood(world: World) -> None:
    end_one(world)
    world.slack.faults.extend(["lost_after"] * 1_000)
    world.slack.lag = 1e9
    world.run(3_600)
    assert 10 <= len(world.slack.posts) <= 20
