"""The promises against single faults, on a simulated clock."""

from itertools import pairwise
from pathlib import Path

import pytest

from bot.cli.status import guarantee
from bot.domain.destination import LOOKS
from bot.domain.health import Condition, condition, reasons
from bot.domain.notice import Key
from tests.faults.world import SETTLE, SimulatedDisk, World


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
    assert isinstance(world.disk, SimulatedDisk)
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


@pytest.mark.parametrize("deaths", [1, 2, 3])
def test_restarts_after_a_clock_was_set_back_do_not_shorten_the_looks(world: World, deaths: int) -> None:
    end_one(world)
    world.slack.lag = 0.9 * SETTLE
    world.clock.skew = 3_600.0
    world.run_until_death("post")
    world.clock.skew = 0.0
    for _ in range(deaths):
        world.start()
        world.run(6.0)
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
    world.clock.pass_by(3 * 86_400)
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
    world.run(540)
    assert world.owed == ["a"]
    world.run(600)
    world.check()


def restored_from_before_eight_messages(world: World) -> None:
    end_one(world)
    world.settle()
    earlier = world.disk.come_back("kill")
    for number in range(8):
        end_one(world, f"b{number}")
        world.settle()
    put_back(world, earlier)


@pytest.mark.parametrize("minutes", [0.05, 2, 8])
def test_a_history_that_does_not_answer_for_minutes_repeats_nothing_of_an_old_state(
    world: World, minutes: float
) -> None:
    restored_from_before_eight_messages(world)
    world.slack.failing_looks = 10_000
    world.start()
    world.run(minutes * 60)
    world.slack.failing_looks = 0
    world.settle()
    world.check()
    assert guarantee(world.state) == "once"


def test_a_clock_that_is_set_ahead_does_not_shorten_the_ten_minutes(world: World) -> None:
    restored_from_before_eight_messages(world)
    world.slack.failing_looks = 8
    world.start()
    world.run(31)
    world.clock.skew = 3_600.0
    world.settle()
    world.check()


def test_a_restart_does_not_begin_the_ten_minutes_anew(world: World) -> None:
    world.slack.failing_looks = 10_000
    end_one(world)
    for _ in range(12):
        world.start()
        world.run(100)
    world.check()


def test_a_history_that_was_given_up_is_weaker_until_it_answers_though_nothing_is_owed(world: World) -> None:
    world.slack.failing_looks = 10_000
    world.start()
    end_one(world)
    world.run(1_200)
    world.check()
    assert guarantee(world.state) == "at least once"
    world.slack.failing_looks = 0
    world.run(400)
    assert guarantee(world.state) == "once"


@pytest.mark.parametrize("seconds", [31, 500])
def test_a_history_that_is_readable_at_last_is_read_back_to_where_it_was_given_up(world: World, seconds: float) -> None:
    restored_from_before_eight_messages(world)
    world.slack.failing_looks = 10_000
    world.start()
    world.run(seconds)
    world.slack.dead["C1"] = "is_archived"
    world.run(100)
    assert guarantee(world.state) == "at least once"
    world.slack.failing_looks = 0
    world.slack.dead.clear()
    world.settle()
    world.check()


def test_what_was_found_before_the_history_was_given_up_is_not_repeated(world: World) -> None:
    restored_from_before_eight_messages(world)
    slow(world)
    world.slack.page_size = 3
    world.start()
    world.run(40)
    world.slack.page_every, world.slack.failing_looks = 0.0, 10_000
    world.run(1_500)
    announced = world.announced()
    assert world.owed == []
    assert [announced[(f"b{number}", 20)] for number in (5, 6, 7)] == [1, 1, 1]


def test_a_doubt_where_the_history_was_given_up_waits_for_no_look(world: World) -> None:
    world.slack.failing_looks = 10_000
    world.start()
    end_one(world)
    world.run(1_200)
    end_one(world, "b")
    world.slack.faults.append("lost_before")
    world.run(120)
    world.check()


# One page of history a minute, with 15 messages


def slow(world: World) -> None:
    world.slack.page_every, world.slack.page_size = 60.0, 15


def crowd(world: World, count: int) -> None:
    """Let others post *count* messages in the channel, one a second."""
    world.slack.others = [("C1", f"{world.clock.real + number:.6f}") for number in range(count)]
    world.clock.pass_by(count)


def test_with_a_page_a_minute_each_message_is_posted_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    slow(world)
    crowd(world, 100)
    world.start()
    world.run(900)
    for name in "abc":
        world.slack.faults.append("lost_after")
        end_one(world, name)
        world.run(600)
    world.check()


def test_the_page_with_the_newest_message_is_not_asked_for_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    slow(world)
    crowd(world, 100)
    world.start()
    world.run(900)
    assert [post.channel for post in world.slack.posts] == ["C1"]  # the greeting
    assert len(world.slack.looks) <= 2 * 7  # 100 messages, and each page was refused once at most


def test_a_message_in_doubt_is_found_on_the_first_page_though_the_others_take_many_minutes(world: World) -> None:
    end_one(world)
    world.settle()
    crowd(world, 300)
    slow(world)
    end_one(world, "b")
    world.slack.faults.append("lost_after")
    world.run(200)
    world.check()


def test_single_polls_come_to_the_end_of_the_history_though_each_reads_one_page(world: World) -> None:
    end_one(world)
    world.settle()
    crowd(world, 60)
    slow(world)
    world.chanjing.put("b", 20)
    for _ in range(9):
        world.clock.pass_by(61)
        world.start()
        world.poll.once()
    world.check()


def test_cursors_that_expire_make_the_reading_begin_anew_and_nothing_is_repeated(world: World) -> None:
    restored_from_before_eight_messages(world)
    world.slack.page_size, world.slack.cursors_live = 3, 30.0
    world.slack.page_every = 60.0
    world.start()
    world.run(180)
    world.slack.page_every = 1.0
    world.settle()
    world.check()


def test_what_was_posted_after_a_reading_began_is_read_too_when_a_backup_holds_half_of_it(world: World) -> None:
    end_one(world)
    world.settle()
    crowd(world, 60)
    slow(world)
    end_one(world, "b")
    world.start()
    world.run(70)
    assert world.state.outbox.to("C1").reading
    earlier = world.disk.come_back("kill")
    world.slack.page_every = 0.0
    for name in "cde":
        end_one(world, name)
        world.settle()
    put_back(world, earlier)
    world.start()
    world.settle()
    world.check()


def test_a_history_that_ten_minutes_do_not_suffice_to_read_is_reported_as_overdue(world: World) -> None:
    end_one(world)
    world.settle()
    crowd(world, 600)
    slow(world)
    world.start()
    end_one(world, "b")
    world.run(700)
    now = world.clock.now()
    found = dict(reasons(condition(world.state, Condition(30.0, 60.0), now=now), silent_for=0.0, now=now))
    assert "conversations.history" in found["notices_overdue"]
    world.settle(3_600)
    world.check()


# A channel that Slack knows by another id


@pytest.mark.parametrize("unreadable", [[], ["C1"], ["C2000000"]], ids=["both are read", "the new", "the old"])
def test_a_message_in_doubt_is_found_in_a_channel_that_got_another_id(world: World, unreadable: list[str]) -> None:
    end_one(world)
    world.settle()
    world.slack.names["C1"] = "C2000000"
    end_one(world, "b")
    world.settle()
    world.slack.unreadable = dict.fromkeys(unreadable, "channel_not_found")
    end_one(world, "c")
    world.slack.faults.append("lost_after")
    world.settle()
    world.start()
    end_one(world, "d")
    world.run_until_death("post")
    world.start()
    world.settle()
    world.check()
    assert world.state.outbox.to("C1").moved_to == "C2000000"
    assert guarantee(world.state) == "once"


def test_a_channel_that_can_be_read_by_neither_id_holds_nothing_up(world: World) -> None:
    world.slack.names["C1"] = "C2000000"
    end_one(world)
    world.settle()
    world.slack.unreadable = dict.fromkeys(["C1", "C2000000"], "channel_not_found")
    end_one(world, "b")
    world.slack.faults.append("lost_before")
    world.settle()
    world.check()
    assert guarantee(world.state) == "at least once"


# Where nothing can be looked for


@pytest.mark.parametrize("reason", ["webhook", "missing_scope"])
def test_a_message_that_is_always_in_doubt_is_posted_again_at_growing_distances(world: World, reason: str) -> None:
    world.slack.unreadable["C1"] = reason
    world.slack.faults.extend(["lost_after"] * 100)
    end_one(world)
    world.run(3_600)
    first_hour = [post.at for post in world.slack.posts]
    assert 5 <= len(first_hour) <= 10
    world.run(6 * 3_600)
    posts = [post for post in world.slack.posts if post.ids == (Key("a", 20, "success").id,)]
    apart = [later.at - sooner.at for sooner, later in pairwise(posts)]
    assert all(later > sooner - 10 for sooner, later in pairwise(apart))
    assert 1_700 < max(apart) < 2_000


def test_restarts_neither_hasten_nor_put_off_what_nobody_can_look_for(world: World) -> None:
    world.slack.unreadable["C1"] = "webhook"
    world.slack.faults.extend(["lost_before"] * 7)
    end_one(world)
    for _ in range(60):
        world.run(60)
        world.start()
        assert len(world.slack.attempts) <= 9
    world.check()


@pytest.mark.parametrize(("refused", "delivered"), [(3, True), (4, True), (99, True)])
def test_a_message_whose_metadata_slack_refuses_is_posted_without_rather_than_never(
    world: World, refused: int, *, delivered: bool
) -> None:
    world.slack.faults.extend(["no_metadata"] * refused)
    end_one(world)
    world.run(1_200)
    assert (world.owed == []) is delivered


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


def test_what_was_frozen_for_long_before_a_post_looks_first_as_another_copy_may_have_posted(world: World) -> None:
    attempts = len(world.slack.attempts)
    frozen: list[bool] = []

    def freeze_before_the_intent_is_saved() -> None:
        if world.owed and not frozen:
            frozen.append(True)
            world.clock.pass_by(2 * SETTLE)

    world.effects.before = freeze_before_the_intent_is_saved
    end_one(world)
    world.run(1)
    assert frozen
    assert len(world.slack.attempts) == attempts
    world.settle()
    world.check()
