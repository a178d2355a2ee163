"""What is remembered of the last tasks that ended."""

from bot.domain.notice import TaskEnded
from bot.domain.recent import RECENT, ToArchive, with_ended
from bot.domain.task import Task


def contents(*ids: str, status: int = 20) -> list[TaskEnded]:
    return [TaskEnded(Task(task_id, status)) for task_id in ids]


def test_the_last_tasks_are_kept_and_those_that_are_still_to_be_archived():
    first = with_ended((), contents("a", "b"), (), 1.0)
    ids = [f"task {n}" for n in range(RECENT)]
    after = with_ended(first, contents(*ids), [ToArchive("b", 1.0)], 2.0)
    assert [task.id for task in after] == ["b", *ids]


def test_a_failed_task_that_later_succeeded_is_there_once_as_it_ended_last():
    failed = with_ended((), contents("a", status=30), (), 1.0)
    after = with_ended(failed, contents("b", "a"), (), 2.0)
    assert [(task.id, task.content.task.status, task.seen_at) for task in after] == [("b", 20, 2.0), ("a", 20, 2.0)]


def test_nothing_changes_when_nothing_ended():
    before = with_ended((), contents("a"), (), 1.0)
    assert with_ended(before, [], (), 2.0) is before
