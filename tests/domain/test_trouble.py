from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from bot.domain.archiving import Archiving
from bot.domain.destination import Destination
from bot.domain.notice import TaskEnded, Trouble
from bot.domain.recent import RecentTask, ToArchive
from bot.domain.task import Task
from bot.domain.trouble import CODES, Ongoing, Problem, observe, problems
from bot.errors import ChanjingRefused, ChanjingUnavailable, ForeignStateError
from tests.worlds import Bot, World

NOW = 1_763_800_000.0
MINUTE = 60


def run(schedule, *, until, step=30):
    """Observe every *step* seconds; *schedule* is (from, to, code, subjects), in seconds. Return (at, trouble) owed."""
    remembered: Mapping[str, Ongoing] = {}
    reports = []
    for at in range(0, until, step):
        now = {
            code: Problem("why", frozenset(subjects)) for start, end, code, subjects in schedule if start <= at < end
        }
        remembered, new = observe(remembered, now, NOW + at)
        reports += [(at, report) for report in new]
    return reports, remembered


def said(reports):
    return [(at, trouble.until is not None) for at, trouble in reports]


def test_what_lasts_five_minutes_is_reported_once_and_once_more_when_it_is_over():
    reports, remembered = run([(0, 1800, "chanjing_unreachable", ())], until=3 * 3600)
    assert said(reports) == [(300, False), (1800, True)]
    assert reports[1][1].until - reports[1][1].since == 1800
    assert remembered == {}


def test_what_happened_is_remembered_for_status_until_it_is_over_and_written_once():
    causes = [{"chanjing_unreachable": Problem(f"list: HTTP 502, trace_id {n}")} for n in range(20)]
    remembered: Mapping[str, Ongoing] = {}
    details = []
    for at, cause in enumerate(causes):
        remembered, _ = observe(remembered, cause, NOW + 30 * at)
        details.append(remembered["chanjing_unreachable"].detail.rpartition(" ")[2])
    assert details == ["0"] * 10 + ["10"] * 10


def test_what_passes_within_five_minutes_is_never_reported():
    reports, remembered = run([(0, 290, "chanjing_unreachable", ())], until=3600)
    assert reports == []
    assert remembered == {}


def test_one_cause_is_reported_at_most_once_an_hour():
    flapping = [(start, start + 600, "slack_refused", ()) for start in range(0, 4 * 3600, 900)]
    reports, _ = run(flapping, until=4 * 3600)
    begun = [at for at, over in said(reports) if not over]
    assert len(begun) == 4
    assert all(later - earlier >= 3600 for earlier, later in pairwise(begun))


def test_each_end_that_is_reported_belongs_to_a_beginning_that_was():
    flapping = [(start, start + 600, "slack_refused", ()) for start in range(0, 4 * 3600, 900)]
    reports, _ = run(flapping, until=5 * 3600)
    assert [over for _, over in said(reports)] == [False, True] * 4


def test_two_causes_are_reported_apart():
    reports, _ = run([(0, 900, "chanjing_refused", ()), (0, 900, "task_stuck", ["a"])], until=901)
    assert sorted((trouble.code, trouble.until is not None) for _, trouble in reports) == [
        ("chanjing_refused", False),
        ("chanjing_refused", True),
        ("task_stuck", False),
        ("task_stuck", True),
    ]


def test_another_stuck_task_is_reported_when_the_hour_is_over():
    reports, _ = run([(0, 9000, "task_stuck", ["a"]), (600, 9000, "task_stuck", ["a", "b"])], until=8000)
    assert [(at, trouble.detail) for at, trouble in reports] == [(300, "a: why"), (3900, "b: why")]


def test_a_task_that_vanished_is_reported_once_and_for_all():
    reports, _ = run([(0, 30_000, "task_vanished", ["a"]), (50_000, 90_000, "task_vanished", ["a"])], until=90_000)
    assert said(reports) == [(300, False)]


def test_what_comes_and_goes_is_reported_once_for_each_subject():
    turns = [(n * 4000, (n + 1) * 4000, "unknown_status", [("40", "50")[n % 2]]) for n in range(6)]
    reports, _ = run(turns, until=24_000)
    assert [trouble.detail for _, trouble in reports] == ["40: why", "50: why"]


def test_tasks_that_vanish_one_after_another_are_not_remembered_for_ever():
    days = [(n * 86_400, (n + 2) * 86_400, "task_vanished", [f"t{n}"]) for n in range(20)]
    _, remembered = run(days, until=20 * 86_400, step=3600)
    assert len(remembered["task_vanished"].subjects) <= 2


def test_many_subjects_are_not_all_named():
    reports, _ = run([(0, 900, "task_stuck", [f"t{n:02}" for n in range(50)])], until=600)
    assert reports[0][1].detail.endswith("t04 (+45): why")


def test_a_clock_that_is_set_back_delays_the_message_by_five_minutes_at_most():
    remembered, _ = observe({}, {"chanjing_refused": Problem()}, NOW)
    back = NOW - 7200
    remembered, notices = observe(remembered, {"chanjing_refused": Problem()}, back)
    assert not notices
    _, notices = observe(remembered, {"chanjing_refused": Problem()}, back + 300)
    assert len(notices) == 1


def test_a_cause_that_goes_on_changes_nothing_that_is_remembered():
    remembered, _ = observe({}, {"chanjing_refused": Problem()}, NOW)
    assert observe(remembered, {"chanjing_refused": Problem()}, NOW + 1)[0] == remembered


ENDED = TaskEnded(Task("a", 20))
NOTHING: dict[str, Any] = {
    "stuck": (),
    "vanished": (),
    "destinations": {},
    "alerts_channel": "CALERTS",
    "page_size": 0,
    "archiving": Archiving(),
    "odd": (),
}


@pytest.mark.parametrize(
    ("error", "change", "code"),
    [
        (ChanjingUnavailable("no answer"), {}, "chanjing_unreachable"),
        (ChanjingRefused("10400"), {}, "chanjing_refused"),
        (ForeignStateError("other"), {}, "foreign_state"),
        (None, {"stuck": ["a"]}, "task_stuck"),
        (None, {"vanished": ["a"]}, "task_vanished"),
        (None, {"page_size": 10}, "page_size_refused"),
        (
            None,
            {"archiving": Archiving((), (ToArchive("a", NOW, problem="unusable", last_error="full"),))},
            "archive_failing",
        ),
        (None, {"archiving": Archiving((RecentTask(ENDED, NOW, given_up="no"),))}, "archive_given_up"),
        (None, {"odd": [("unknown_status", "25")]}, "unknown_status"),
        (None, {"odd": [("malformed_items", "an item")]}, "malformed_items"),
        (None, {"destinations": {"C1": Destination(refused="is_archived", error="is_archived")}}, "slack_refused"),
    ],
)
def test_each_cause_has_its_code(error, change, code):
    assert list(problems(error, **{**NOTHING, **change})) == [code]
    assert code in CODES


def test_a_message_has_a_remedy_of_its_own_so_that_of_the_error_is_left_out():
    error = ChanjingRefused("list: code 10400.", "Put a valid token there.", code=10400)
    refused = Destination(refused="not_in_channel", error="not_in_channel. Invite the bot.")
    found = problems(error, **{**NOTHING, "destinations": {"C1": refused, "C2": refused}})
    assert found == {
        "chanjing_refused": Problem("list: code 10400."),
        "slack_refused": Problem("not_in_channel", frozenset({"C1", "C2"})),
    }


def test_a_channel_that_refuses_is_not_reported_in_that_very_channel():
    refusing = {"CALERTS": Destination(refused="is_archived", error="is_archived")}
    assert problems(None, **{**NOTHING, "destinations": refusing}) == {}


def test_an_hour_without_chanjing_is_two_messages_and_a_restart_repeats_none():
    world = World()
    world.fill(5)
    bot = Bot(world)
    bot.cycle()
    world.fail_at = set(range(len(world.requests), 10_000))
    ends = bot.clock.now() + 3600
    while bot.clock.now() < ends:
        bot.cycle()
        if len(world.requests) % 20 == 0:
            bot.restart()
    world.fail_at = set()
    for _ in range(3):
        bot.cycle()
    troubles = [n.content for n in bot.postbox.notices if isinstance(n.content, Trouble)]
    assert [(trouble.code, trouble.until is not None) for trouble in troubles] == [
        ("chanjing_unreachable", False),
        ("chanjing_unreachable", True),
    ]


def test_only_a_good_poll_says_that_a_refused_token_is_accepted_again():
    refused, unreachable = {"chanjing_refused": Problem()}, {"chanjing_unreachable": Problem()}
    remembered, _ = observe({}, refused, NOW)
    remembered, reports = observe(remembered, refused, NOW + 300)
    assert len(reports) == 1
    remembered, reports = observe(remembered, unreachable, NOW + 330)
    assert reports == ()
    _, (over,) = observe(remembered, {}, NOW + 360)
    assert over.key.subject.startswith("trouble:chanjing_refused:")
