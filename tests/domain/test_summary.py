import itertools
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from bot.domain.notice import Summary, TaskEnded
from bot.domain.summary import Diary, count, summarise
from bot.domain.task import Status, Task
from tests.worlds import DAY, Bot, World

MONDAY = date(2025, 2, 3)
TUESDAY, WEDNESDAY = MONDAY + timedelta(days=1), MONDAY + timedelta(days=2)
SHANGHAI, HAWAII, KIRITIMATI = (timezone(timedelta(hours=hours)) for hours in (8, -10, 14))


def at(day, hour, minute=0, zone=UTC):
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).timestamp()


def ended(status=Status.SUCCEEDED, msg="", took=None):
    return TaskEnded(Task("a", status, msg=msg), took)


class Book:
    """What the state keeps for the summaries, and each that was made: day → how many succeeded."""

    def __init__(self):
        self.diary = Diary()
        self.made: list[Summary] = []

    def end(self, now, *tasks, zone=UTC):
        self.diary = count(self.diary, tasks or [ended()], now=now, zone=zone)
        self.look(now, zone=zone)

    def look(self, now, *, zone=UTC):
        self.diary, summaries = summarise(self.diary, at="09:00", rendering=2, now=now, zone=zone)
        self.made += summaries

    @property
    def summed_up(self):
        return [(summary.day, summary.succeeded) for summary in self.made]


@pytest.fixture
def book():
    return Book()


def test_yesterday_is_counted_by_outcome_and_reason(book):
    book.end(at(MONDAY, 10), ended(took=30.0), ended(took=90.0), ended(took=60.0))
    book.end(at(MONDAY, 11), ended(Status.FAILED, "no voice"), ended(Status.FAILED, "balance"))
    book.end(at(MONDAY, 12), ended(Status.FAILED, "balance"))
    book.look(at(TUESDAY, 9))
    [summary] = book.made
    assert (summary.day, summary.succeeded, summary.rendering) == ("2025-02-03", 3, 2)
    assert summary.failed == (("balance", 2), ("no voice", 1))
    assert (summary.median, summary.slowest) == (60.0, 90.0)


@pytest.mark.parametrize(("hour", "minute", "is_due"), [(0, 0, False), (8, 59, False), (9, 0, True), (23, 59, True)])
def test_it_is_due_from_the_time_set_until_the_day_is_over(book, hour, minute, is_due):
    book.end(at(MONDAY, 10))
    book.look(at(TUESDAY, hour, minute))
    assert bool(book.made) is is_due


def test_a_quiet_day_is_summarised_too(book):
    book.look(at(MONDAY, 10))
    book.look(at(TUESDAY, 9))
    [summary] = book.made
    assert (summary.day, summary.succeeded, summary.failed, summary.median) == ("2025-02-03", 0, (), None)


def test_a_day_is_summarised_once(book):
    book.end(at(MONDAY, 10))
    for hour in range(9, 24):
        book.look(at(TUESDAY, hour))
    assert book.summed_up == [("2025-02-03", 1)]


def test_a_day_on_which_the_bot_did_not_run_is_not_made_up(book):
    book.look(at(MONDAY, 10))
    book.look(at(WEDNESDAY, 9))
    assert book.made == []


def test_a_day_waits_for_its_summary_until_the_bot_runs_again(book):
    book.end(at(MONDAY, 10))
    book.look(at(WEDNESDAY + timedelta(days=30), 8))
    assert book.made == []
    book.look(at(WEDNESDAY + timedelta(days=30), 9))
    assert book.summed_up == [("2025-02-03", 1)]


def test_the_zone_decides_which_day_it_is(book):
    book.end(at(MONDAY, 20), zone=SHANGHAI)
    book.look(at(WEDNESDAY, 9, zone=SHANGHAI), zone=SHANGHAI)
    assert book.summed_up == [("2025-02-04", 1)]


ZONES = [UTC, SHANGHAI, HAWAII, KIRITIMATI]


@pytest.mark.parametrize(("before", "after"), [*itertools.permutations(ZONES, 2)], ids=str)
@pytest.mark.parametrize("hour", range(0, 24, 6))
def test_when_the_time_zone_moves_each_task_is_counted_in_one_summary(book, before, after, hour):
    for step in range(96):
        zone = before if step < 24 + hour else after
        book.end(at(MONDAY, 0) + step * 3600, zone=zone)
    for step in range(96, 144):
        book.look(at(MONDAY, 0) + step * 3600, zone=after)
    days = [day for day, _ in book.summed_up]
    assert len(days) == len(set(days))
    assert sum(succeeded for _, succeeded in book.summed_up) == 96


@pytest.mark.parametrize("hour", [0, 8, 9, 15])
@pytest.mark.parametrize("there", [-9000, -400, -40, -3, -1, -0.5, 0.5, 1, 2, 3, 40, 400, 9000])
def test_when_the_clock_jumps_there_and_back_each_task_is_counted_in_one_summary(book, there, hour):
    jump = range(48 + hour, 80)
    for step in range(120):
        now = at(MONDAY, 0) + step * 3600
        book.end(now + (there * DAY if step in jump else 0))
    for step in range(120, 168):
        book.look(at(MONDAY, 0) + step * 3600)
    days = [day for day, _ in book.summed_up]
    assert len(days) == len(set(days))
    assert sum(succeeded for _, succeeded in book.summed_up) == 120
    assert "2025-02-06" in days[-3:]  # the days that follow are as they should be


def test_a_day_that_only_a_wrong_clock_saw_has_no_summary(book):
    book.end(at(MONDAY, 10))
    book.look(at(MONDAY, 10) + 100 * DAY)
    for hour in range(11, 48):
        book.look(at(MONDAY, 0) + hour * 3600)
    assert book.summed_up == [("2025-02-03", 1)]


def test_however_the_clock_jumps_few_days_are_kept(book):
    for number in range(1000):
        book.end(at(MONDAY, 3) + number * DAY * (-1) ** number)
    assert len(book.diary.days) < 10
    assert len(book.diary.summarised) < 100


def test_the_summary_comes_once_a_day_over_restarts_too():
    world = World()
    world.fill(3)
    bot = Bot(world, daily_summary="09:00", interval=600.0)
    bot.cycle()
    finished = 0
    while bot.clock.monotonic() < 4 * DAY:
        if finished < 40:
            finished += 1
            world.add(f"new{finished}", Status.FAILED if finished % 4 == 0 else Status.SUCCEEDED)
        bot.cycle()
        bot.restart()
    summaries = [n.content for n in bot.postbox.notices if isinstance(n.content, Summary)]
    assert len(summaries) == len({summary.day for summary in summaries}) == 3  # it is 08:26 when it ends
    assert sum(s.succeeded + sum(n for _, n in s.failed) for s in summaries) == finished


@pytest.mark.parametrize("skew", [-2 * DAY, -0.5 * DAY, 0.5 * DAY, 2 * DAY])
def test_over_a_clock_that_jumps_each_task_is_in_one_summary(skew):
    world = World()
    world.fill(3)
    bot = Bot(world, daily_summary="09:00", interval=1800.0)
    bot.cycle()
    for number in range(5 * 48):
        bot.clock.skew = skew if 60 < number < 110 else 0.0
        if number < 3 * 48:
            world.add(f"new{number}", create_time=int(bot.clock.real))
        bot.cycle()
    summaries = [n.content for n in bot.postbox.notices if isinstance(n.content, Summary)]
    assert len(summaries) == len({summary.day for summary in summaries})
    assert sum(summary.succeeded for summary in summaries) == 3 * 48
