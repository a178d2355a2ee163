import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.news import LINK_WAIT, EndedTask, TaskRecord, Tasks, baseline, news, reconcile
from bot.domain.task import Status, Task, is_final, rank

NOW = 1_763_800_000.0
DAY = 86_400
URL = "https://res.example.com/v.mp4"
QUEUED, GENERATING, SUCCEEDED, FAILED = Status


def known(status, **fields):
    if is_final(status):
        return {"a": EndedTask(status, **{"create_time": int(NOW) - 60, **fields})}
    return {"a": TaskRecord(status, **{"create_time": int(NOW) - 60, "first_seen": NOW - 60, **fields})}


def listed(status, **fields):
    return [Task("a", status, **{"video_url": URL, "create_time": int(NOW) - 60, **fields})]


@pytest.mark.parametrize(
    ("before", "now", "is_news"),
    [
        (None, QUEUED, False),
        (None, GENERATING, False),
        (None, SUCCEEDED, True),
        (None, FAILED, True),
        (QUEUED, GENERATING, False),
        (QUEUED, SUCCEEDED, True),
        (GENERATING, FAILED, True),
        (GENERATING, SUCCEEDED, True),
        (FAILED, SUCCEEDED, True),
        (FAILED, FAILED, False),
        (SUCCEEDED, SUCCEEDED, False),
        (SUCCEEDED, FAILED, False),
        (SUCCEEDED, GENERATING, False),
        (FAILED, QUEUED, False),
        (QUEUED, 40, False),
        (None, 40, False),
        (40, SUCCEEDED, True),
        (SUCCEEDED, 40, False),
    ],
)
def test_a_task_is_news_when_it_rises_to_a_final_status(before, now, is_news):
    found = news({} if before is None else known(before), listed(now), floor=0, now=NOW)
    assert bool(found.ended) is is_news


@pytest.mark.parametrize("before", [None, QUEUED, 40])
def test_a_task_that_rises_to_generating_is_watched(before):
    found = news({} if before is None else known(before), listed(GENERATING), floor=0, now=NOW)
    assert found.changed["a"].watched


def test_a_stale_answer_changes_nothing_that_is_remembered():
    assert not news(known(SUCCEEDED), listed(GENERATING), floor=0, now=NOW).changed


def test_a_task_that_is_not_listed_is_not_news():
    assert news(known(GENERATING), [], floor=0, now=NOW) == news({}, [], floor=0, now=NOW)


def test_a_task_listed_twice_is_news_once():
    assert len(news({}, listed(SUCCEEDED) * 2, floor=0, now=NOW).ended) == 1


@pytest.mark.parametrize(
    ("create_time", "is_news"),
    [
        (int(NOW) - 8 * DAY, False),
        (int(NOW) - 7 * DAY, True),
        (int(NOW) - 6 * DAY, True),
        (0, True),
        (int(NOW) + 2 * DAY, True),
    ],
)
def test_an_unknown_task_older_than_the_floor_is_not_news_whatever_our_clock_says(create_time, is_news):
    for clock in (NOW, NOW - 8 * DAY, NOW - 6 * DAY, 0.0, NOW + 8 * DAY, 10 * NOW):
        found = news({}, listed(SUCCEEDED, create_time=create_time), floor=int(NOW) - 7 * DAY, now=clock)
        assert (bool(found.ended), bool(found.changed)) == (is_news, is_news), clock


def test_a_watched_task_below_the_floor_is_news_when_it_ends():
    old = int(NOW) - 30 * DAY
    before = known(GENERATING, create_time=old)
    assert news(before, listed(SUCCEEDED, create_time=old), floor=int(NOW) - 7 * DAY, now=NOW).ended


def test_a_success_without_a_link_is_waited_for_and_then_announced_without():
    waiting = news(known(GENERATING), listed(SUCCEEDED, video_url=""), floor=0, now=NOW)
    assert not waiting.ended
    assert waiting.changed["a"].watched
    early = news(waiting.changed, listed(SUCCEEDED, video_url=""), floor=0, now=NOW + LINK_WAIT - 1)
    assert not early.ended
    late = news(waiting.changed, listed(SUCCEEDED, video_url=""), floor=0, now=NOW + LINK_WAIT)
    assert late.ended


def test_the_link_that_came_late_is_announced_at_once():
    waiting = news(known(GENERATING), listed(SUCCEEDED, video_url=""), floor=0, now=NOW)
    (ended,) = news(waiting.changed, listed(SUCCEEDED), floor=0, now=NOW + 1).ended
    assert ended.video_url == URL


def test_a_failure_needs_no_link():
    assert news(known(GENERATING), listed(FAILED, video_url=""), floor=0, now=NOW).ended


def test_the_wait_for_a_link_begins_again_when_the_clock_was_set_back():
    before = known(GENERATING, linkless_since=NOW + 3600)
    found = news(before, listed(SUCCEEDED, video_url=""), floor=0, now=NOW)
    assert found.changed == known(GENERATING, linkless_since=NOW)


def test_the_baseline_is_never_news():
    tasks = [Task("a", SUCCEEDED), Task("b", FAILED), Task("c", GENERATING)]
    remembered = baseline(tasks, now=NOW)
    assert not news(remembered, tasks, floor=0, now=NOW).ended
    assert [task_id for task_id, one in remembered.items() if one.watched] == ["c"]


def after_full_scan(before, *, seen=(), **options):
    defaults = {"newest": int(NOW), "floor": 0, "retention": 7.0 * DAY, "keep": frozenset(), "now": NOW}
    return reconcile(before, set(seen), **{**defaults, **options})


def test_the_floor_is_the_newest_task_less_the_retention_and_never_the_clock():
    assert after_full_scan({}, newest=1_000_000, retention=100.0).floor == 999_900


def test_the_floor_never_moves_back():
    assert after_full_scan({}, newest=1_000_000, floor=2_000_000, retention=100.0).floor == 2_000_000


def test_the_floor_stays_when_nothing_was_listed():
    assert after_full_scan({}, newest=0, floor=5).floor == 5


@pytest.mark.parametrize(
    ("status", "create_time", "keep", "stays"),
    [
        (SUCCEEDED, int(NOW) - 8 * DAY, (), False),
        (SUCCEEDED, int(NOW) - 8 * DAY, ("a",), True),
        (SUCCEEDED, int(NOW) - 6 * DAY, (), True),
        (GENERATING, int(NOW) - 8 * DAY, (), True),
        (SUCCEEDED, 0, (), True),
        (SUCCEEDED, int(NOW) + 2 * DAY, (), True),
    ],
)
def test_only_ended_tasks_below_the_floor_are_forgotten_unless_owed(status, create_time, keep, stays):
    assert bool(after_full_scan(known(status, create_time=create_time), seen=["a"], keep=set(keep)).tasks) is stays


@pytest.mark.parametrize("clock", [NOW - 8 * DAY, 0.0, 10 * NOW])
def test_a_task_whose_age_is_known_is_not_forgotten_for_a_wrong_clock(clock):
    tasks = known(SUCCEEDED)
    for _ in range(4):
        tasks = after_full_scan(tasks, newest=0, floor=int(NOW) - 7 * DAY, now=clock).tasks
    assert tasks


@pytest.mark.parametrize("create_time", [0, int(NOW) + 2 * DAY])
def test_a_task_of_unknown_age_is_forgotten_when_three_full_scans_did_not_list_it(create_time):
    tasks = known(SUCCEEDED, create_time=create_time)
    for _ in range(2):
        tasks = after_full_scan(tasks).tasks
        assert tasks
    assert not after_full_scan(tasks).tasks


def test_a_full_scan_that_lists_it_starts_the_count_anew():
    tasks = after_full_scan(after_full_scan(known(SUCCEEDED, create_time=0)).tasks).tasks
    tasks = after_full_scan(tasks, seen=["a"]).tasks
    assert after_full_scan(after_full_scan(tasks).tasks).tasks


def vanish(before, times, step):
    results = []
    for number in range(times):
        reconciled = after_full_scan(before, now=NOW + number * step)
        results.append(reconciled.vanished)
        before = reconciled.tasks
    return results, before


def test_a_watched_task_vanishes_once_after_three_full_scans_and_five_minutes():
    results, tasks = vanish(known(GENERATING), 4, step=200.0)
    assert results == [(), (), ("a",), ()]
    assert not tasks["a"].watched


def test_three_quick_full_scans_are_not_enough_to_vanish():
    results, _ = vanish(known(GENERATING), 4, step=10.0)
    assert results == [(), (), (), ()]


def test_a_vanished_task_that_comes_back_is_watched_again():
    _, tasks = vanish(known(GENERATING), 3, step=200.0)
    found = news(tasks, listed(GENERATING), floor=0, now=NOW + 1000)
    assert found.changed["a"].watched


def test_a_vanished_task_that_ended_is_news():
    _, tasks = vanish(known(GENERATING), 3, step=200.0)
    assert news(tasks, listed(SUCCEEDED), floor=0, now=NOW + 1000).ended


@given(st.lists(st.sampled_from([0, 10, 20, 30, 7])))
def test_whatever_the_answers_each_final_status_is_news_at_most_once_and_only_rising(answers):
    remembered: Tasks = {}
    announced: list[int] = []
    for status in answers:
        found = news(remembered, listed(status), floor=0, now=NOW)
        remembered = {**remembered, **found.changed}
        announced += [task.status for task in found.ended]
    assert announced == sorted(set(announced), key=rank)
    best = max(answers, key=rank, default=0)
    assert not is_final(best) or announced[-1] == best


@pytest.mark.parametrize("first_seen", [0.0, NOW - 7200, NOW - 30, NOW + DAY])
def test_a_task_is_as_old_as_its_create_time_says_whatever_our_clock_said_when_it_was_first_seen(first_seen):
    assert TaskRecord(GENERATING, int(NOW) - 60, first_seen).age(NOW) == 60


@pytest.mark.parametrize("create_time", [0, int(NOW) + 3600, int(NOW) * 1000])
def test_where_the_create_time_says_nothing_a_task_is_as_old_as_we_know_it(create_time):
    assert TaskRecord(GENERATING, create_time, NOW - 90).age(NOW) == 90
