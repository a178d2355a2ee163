"""A wake-up makes the next poll happen now, and never more than one a second."""

from itertools import pairwise
from pathlib import Path

import pytest

from bot.domain.task import Status
from bot.errors import ChanjingUnavailable, Stopped
from bot.watch.loop import Daemon
from bot.watch.wake import Wake
from tests.fakes import RecordedEvents, SimulatedClock
from tests.faults.world import World
from tests.worlds import LATENCY, started

HOUR = 3600.0


class Polls:
    """Stands for Poll, on a simulated clock: polls of *takes* seconds, an hour apart; `began` is when.

    `fail` is how many of them fail, from the first on, and `news` whether the others find any.
    """

    def __init__(self, takes: float = 0.2) -> None:
        self.takes = takes
        self.fail = 0
        self.news = True
        self.clock = SimulatedClock()
        self.events = RecordedEvents()
        self.wake = Wake(self.clock, self.events)
        self.began: list[float] = []

    def cycle(self) -> None:
        self.wake.poll_begins()
        self.began.append(self.clock.monotonic())
        self.clock.wait(self.takes)
        failed = len(self.began) <= self.fail
        self.wake.poll_ended(well=not failed, news=self.news and not failed)
        if failed:
            raise ChanjingUnavailable("list: no answer")

    def interval(self) -> float:
        return HOUR

    def run(self, until: float) -> list[float]:
        self.clock.at(until, self.clock.stop)
        Daemon(self, self.clock, self.events, self.wake).run()  # type: ignore[arg-type]
        return self.began


def asked(at, *, takes=0.2, fail=0, news=True, until=600.0):
    polls = Polls(takes)
    polls.fail, polls.news = fail, news
    for when in at:
        polls.clock.at(when, polls.wake.ask)
    return [round(began, 3) for began in polls.run(until)]


@pytest.mark.parametrize(
    ("at", "began"),
    [
        ([], [0]),
        ([30], [0, 30]),
        ([0.5], [0, 1]),  # it comes within the second: when that is over
        ([0.1], [0, 1]),  # during a poll, which may have been too early to see it: another follows
        ([0.1, 0.5, 0.9], [0, 1]),
        ([5, 5.5, 5.9], [0, 5, 6]),
        ([5, 7], [0, 5, 7]),
    ],
)
def test_the_next_poll_begins_now_but_not_within_the_same_second(at, began):
    assert asked(at) == began


def test_asked_for_during_a_long_poll_another_follows_at_once():
    assert asked([3], takes=8) == [0, 8]


def test_a_thousand_in_a_second_are_one_poll_a_second_and_none_is_lost():
    flood = [10 + number / 1000 for number in range(3000)]
    began = asked(flood)
    assert all(later - earlier >= 1 for earlier, later in pairwise(began))
    assert began[1] == 10
    assert began[-1] >= flood[-1]
    assert len(began) <= 6


@pytest.mark.parametrize(
    ("at", "fail", "began"),
    [
        ([5, 6, 7], 1, [0, 10.2]),
        ([5], 2, [0, 10.2, 20.4]),
        ([20, 25], 3, [0, 20, 30.2, 40.4]),
        ([], 1, [0]),  # nobody asked: the regular poll is the retry
    ],
)
def test_a_poll_that_fails_is_asked_for_again_in_ten_seconds_and_not_sooner(at, fail, began):
    assert asked(at, fail=fail) == began


@pytest.mark.parametrize(
    ("at", "began"),
    [
        ([10], [0, 10, 15.2, 75.4]),
        ([10, 40], [0, 10, 15.2, 40, 45.2, 105.4]),
        ([], [0]),
    ],
)
def test_a_poll_that_brings_no_news_is_repeated_twice_as_the_list_may_lag_behind(at, began):
    assert asked(at, news=False) == began


def test_an_end_that_the_list_shows_late_is_news_five_seconds_later():
    world, bot = started(interval=600.0, active_interval=600.0)
    bot.poll.wake.ask()
    bot.poll.cycle()
    world.add("late", Status.SUCCEEDED)
    began = bot.clock.monotonic()
    assert bot.poll.wake.wait(600)
    assert bot.clock.monotonic() - began == pytest.approx(5)
    bot.poll.cycle()
    assert bot.announced == [("late", Status.SUCCEEDED)]
    assert not bot.poll.wake.wait(600)


def test_each_poll_that_was_asked_for_is_made_known():
    polls = Polls()
    polls.clock.at(5, polls.wake.ask)
    polls.clock.at(5.1, polls.wake.ask)
    polls.run(HOUR / 2)
    assert len(polls.events.of("woken")) == 2


def test_the_end_of_the_program_is_an_end_whatever_was_asked_for():
    clock = SimulatedClock()
    wake = Wake(clock, RecordedEvents())
    wake.ask()
    clock.stop()
    with pytest.raises(Stopped):
        wake.wait(60)


def test_a_full_scan_makes_way_and_goes_on_later():
    world, bot = started(finished=4000, interval=600.0)
    bot.clock.wait(HOUR)
    began, before = bot.clock.monotonic(), len(world.requests)
    world.before_answer = lambda number: bot.poll.wake.ask() if number == before + 10 else None
    bot.poll.cycle()
    assert len(world.requests) - before == 11
    assert bot.clock.monotonic() - began < 11 * LATENCY + 0.01
    world.add("new", Status.SUCCEEDED)
    bot.poll.cycle()
    assert bot.announced == [("new", Status.SUCCEEDED)]
    assert len(world.requests) > 300


def test_a_message_in_doubt_does_not_hold_up_a_poll_that_is_asked_for(tmp_path: Path) -> None:
    world = World(tmp_path, interval=600.0)
    world.start()
    world.poll.cycle()
    world.slack.faults.append("lost_before")
    world.chanjing.put("a", 20)
    asked_at = world.clock.monotonic() + 3
    world.clock.at(asked_at, world.poll.wake.ask)
    world.poll.cycle()
    assert asked_at <= world.clock.monotonic() < asked_at + 1
    assert world.owed
    for _ in range(3):  # the repetitions: the looks go on between them
        world.poll.cycle()
    assert not world.owed
