"""What becomes of what is to be archived: copied, tried again later, with fresh links, or given up."""

from dataclasses import replace

import pytest

from bot.domain.archiving import Archiving, after, due, enqueue, expired, with_links
from bot.domain.notice import TaskEnded
from bot.domain.recent import Archived, RecentTask, ToArchive
from bot.domain.task import Task
from bot.errors import ArchiveError, ArchiveUnusable, LinkExpired, NotArchivable
from tests.fakes import NOON

HOUR, DAY = 3600.0, 86_400.0
COPIED = Archived("2025/02/a.mp4")


def content(task_id: str = "a", status: int = 20, video_url: str = "https://x/v") -> TaskEnded:
    return TaskEnded(Task(task_id, status, video_url=video_url), 5.0, (1.0, 2.0))


def waiting(*ids: str) -> Archiving:
    ended = tuple(RecentTask(content(task_id), NOON) for task_id in ids)
    return Archiving(ended, tuple(ToArchive(task_id, NOON) for task_id in ids))


def failed(times: int, error: ArchiveError, *, every: float = 0.0) -> Archiving:
    archiving = waiting("a")
    for n in range(times):
        archiving = after(archiving, "a", error, NOON + n * every, update=False)
    return archiving


def test_successes_with_a_link_are_to_be_archived():
    contents = [content("a"), content("b", 30), content("c", video_url=""), content("d")]
    assert [one.task_id for one in enqueue((), contents, NOON)] == ["a", "d"]


def test_what_is_due_is_copied_in_order_and_not_while_it_is_being_copied():
    archiving = waiting("a", "b", "c")
    assert [task.id for task, _ in due(archiving, {"b"}, NOON)] == ["a", "c"]


def test_a_copied_task_is_remembered_with_its_names_and_no_longer_waits():
    archiving = after(waiting("a", "b"), "a", COPIED, NOON, update=False)
    assert [task.archived for task in archiving.ended] == [COPIED, None]
    assert [one.task_id for one in archiving.to_archive] == ["b"]


def test_with_a_message_to_update_it_waits_for_that_and_is_not_copied_again():
    archiving = after(waiting("a"), "a", COPIED, NOON, update=True)
    assert [one.task_id for one in archiving.to_archive] == ["a"]
    assert due(archiving, set(), NOON + DAY) == []


def test_attempts_are_a_minute_apart_at_first_and_an_hour_at_last():
    waits = [failed(n, ArchiveError("no")).to_archive[0].next_attempt - NOON for n in (1, 2, 3, 6, 7, 2000)]
    assert waits == [60, 120, 240, 1920, 3600, 3600]


@pytest.mark.parametrize(("after_seconds", "tried"), [(59.0, False), (60.0, True), (-2 * HOUR, True)])
def test_an_attempt_waits_its_time_unless_the_clock_was_set_back(after_seconds, tried):
    assert bool(due(failed(1, ArchiveError("no")), set(), NOON + after_seconds)) == tried


def test_after_a_day_it_is_given_up():
    archiving = failed(25, ArchiveError("no"), every=HOUR)
    assert archiving.to_archive == ()
    assert archiving.ended[0].given_up == "no"


def test_what_no_attempt_will_copy_is_given_up_at_once():
    assert failed(1, NotArchivable("too large")).ended[0].given_up == "too large"


def test_when_the_archive_takes_files_again_all_that_it_refused_are_due():
    archiving = waiting("a", "b", "c")
    archiving = after(archiving, "a", ArchiveUnusable("full"), NOON, update=False)
    archiving = after(archiving, "b", ArchiveError("no"), NOON, update=False)
    archiving = after(archiving, "c", COPIED, NOON, update=False)
    assert [task.id for task, _ in due(archiving, set(), NOON)] == ["a"]


def test_fresh_links_are_tried_at_once_and_later_ones_only_in_their_time():
    archiving = failed(1, LinkExpired("403"))
    assert expired(archiving) == archiving.ended[0]
    fresh = Task("a", 20, video_url="https://x/new", preview_url="https://x/cover")
    archiving = with_links(archiving, "a", fresh, NOON)
    assert expired(archiving) is None
    ((task, attempts),) = due(archiving, set(), NOON)
    assert (task.content.task.video_url, attempts) == ("https://x/new", 1)
    assert (task.content.ready_after, task.content.away) == (5.0, (1.0, 2.0))
    archiving = after(archiving, "a", LinkExpired("403"), NOON, update=False)
    archiving = with_links(archiving, "a", replace(fresh, video_url="https://x/newer"), NOON)
    assert due(archiving, set(), NOON) == []
    assert due(archiving, set(), NOON + 120)[0][0].content.task.video_url == "https://x/newer"


@pytest.mark.parametrize("answered", [None, Task("a", 20), Task("a", 20, video_url="https://x/v")])
def test_without_fresh_links_the_old_ones_are_tried_in_their_time(answered):
    archiving = with_links(failed(1, LinkExpired("403")), "a", answered, NOON)
    assert expired(archiving) is None
    assert due(archiving, set(), NOON) == []
    assert due(archiving, set(), NOON + 60)[0][0].content == content()


def test_what_became_of_a_task_that_nobody_waits_for_changes_nothing():
    assert after(waiting("a"), "b", COPIED, NOON, update=False) == waiting("a")
