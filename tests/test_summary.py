from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from bot.outbox import TaskEnded
from bot.summary import Day, count, due, today
from bot.task import Status, Task
from tests.worlds import DAY, Bot, World

MONDAY = date(2025, 2, 3)
TUESDAY = MONDAY + timedelta(days=1)


def at(day, hour, minute=0, zone=UTC):
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).timestamp()


def ended(status=Status.SUCCEEDED, msg="", took=None):
    return TaskEnded(Task("a", status, msg=msg), took)


def told(days, now, *, last="", zone=UTC):
    return due(days, last, at="09:00", rendering=2, now=now, zone=zone)


def test_yesterday_is_counted_by_outcome_and_reason():
    days = count({}, MONDAY, [ended(took=30.0), ended(took=90.0), ended(took=60.0)])
    days = count(days, MONDAY, [ended(Status.FAILED, "no voice"), ended(Status.FAILED, "balance")])
    days = count(days, MONDAY, [ended(Status.FAILED, "balance")])
    summary = told(days, at(TUESDAY, 9)).content
    assert (summary.day, summary.succeeded, summary.rendering) == ("2025-02-03", 3, 2)
    assert summary.failed == (("balance", 2), ("no voice", 1))
    assert (summary.median, summary.slowest) == (60.0, 90.0)


@pytest.mark.parametrize(("hour", "minute", "is_due"), [(0, 0, False), (8, 59, False), (9, 0, True), (23, 59, True)])
def test_it_is_due_from_the_time_set_until_the_day_is_over(hour, minute, is_due):
    assert bool(told(count({}, MONDAY, []), at(TUESDAY, hour, minute))) is is_due


def test_a_quiet_day_is_told_too():
    summary = told(count({}, MONDAY, []), at(TUESDAY, 9)).content
    assert (summary.succeeded, summary.failed, summary.median) == (0, (), None)


def test_a_day_is_told_once():
    assert told(count({}, MONDAY, []), at(TUESDAY, 9), last="2025-02-03") is None


def test_a_day_on_which_the_bot_did_not_run_is_not_made_up():
    days = count({}, MONDAY, [ended()])
    assert told(days, at(TUESDAY + timedelta(days=1), 9)) is None


def test_only_two_days_are_kept():
    days: Mapping[str, Day] = {}
    for number in range(5):
        days = count(days, MONDAY + timedelta(days=number), [ended()])
    assert list(days) == ["2025-02-06", "2025-02-07"]


def test_the_zone_decides_which_day_it_is():
    shanghai = timezone(timedelta(hours=8))
    assert today(at(MONDAY, 20), shanghai) == TUESDAY
    assert told(count({}, MONDAY, []), at(TUESDAY, 9, zone=shanghai), zone=shanghai)


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
    summaries = [n.content for n in bot.postbox.notices if n.content.kind == "summary"]
    assert len(summaries) == len({summary.day for summary in summaries}) == 3  # it is 08:26 when it ends
    assert sum(s.succeeded + sum(n for _, n in s.failed) for s in summaries) == finished
