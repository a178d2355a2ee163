"""The counts of the last days."""

from datetime import UTC

from bot.domain.chart import DAYS, Chart, DayCount, counted
from bot.domain.notice import TaskEnded
from bot.domain.task import Status, Task
from tests.fakes import NOON

DAY = 86_400.0


def ended(took=None, status=Status.SUCCEEDED):
    return TaskEnded(Task("a", status), ready_after=took)


def test_a_day_counts_by_outcome_and_has_the_median_of_the_known_times():
    chart = counted({}, [ended(10), ended(30), ended(90), ended(), ended(status=Status.FAILED)], now=NOON, zone=UTC)
    assert chart == {"2025-02-04": DayCount(4, 1, 30, (10, 30, 90))}


def test_of_earlier_days_only_the_median_is_kept_and_of_days_fourteen():
    chart: Chart = {}
    for day in range(20):
        chart = counted(chart, [ended(10 + day)], now=NOON + day * DAY, zone=UTC)
    assert len(chart) == DAYS
    *earlier, today = chart.values()
    assert [one.took for one in earlier] == [()] * 13
    assert (earlier[-1].median, today.took) == (28, (29,))


def test_what_a_day_remembers_has_a_limit():
    chart = counted({}, [ended(took) for took in range(1, 2_000)], now=NOON, zone=UTC)
    assert len(chart["2025-02-04"].took) == 500
    assert chart["2025-02-04"].succeeded == 1_999
