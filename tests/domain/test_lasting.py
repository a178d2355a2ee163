"""Which message gets lasting links, and when: once, as soon as all that it announces is in the archive."""

from dataclasses import replace

from bot.domain.archiving import Archiving
from bot.domain.lasting import Update, next_update, updated
from bot.domain.notice import Notice, Receipt, TaskEnded
from bot.domain.outbox import Outbox
from bot.domain.recent import Archived, RecentTask, ToArchive
from bot.domain.task import Task
from tests.fakes import NOON

PUBLIC = "https://videos.example.com"


def task(task_id: str, *, archived: bool = True, given_up: str = "") -> RecentTask:
    content = TaskEnded(Task(task_id, 20, video_url="https://x/v", preview_url="https://x/c"), 5.0)
    return RecentTask(content, NOON, Archived(f"{task_id}.mp4", f"{task_id}.jpg") if archived else None, given_up)


def archiving(*tasks: RecentTask) -> Archiving:
    return Archiving(tasks, tuple(ToArchive(one.id, NOON) for one in tasks if not one.given_up))


def receipt(one: RecentTask, ts: str = "1.5") -> Receipt:
    return Receipt(one.content.key.id, "C1", ts, NOON, one.content.key)


def due(tasks: list[RecentTask], delivered: list[Receipt], *owed: RecentTask) -> Update | None:
    outbox = Outbox(tuple(Notice(one.content, NOON) for one in owed))
    return next_update(archiving(*tasks), outbox, delivered, PUBLIC)


def test_a_message_gets_the_links_of_what_it_announces_and_is_then_done():
    a, b = task("a"), task("b")
    update = due([a, b], [receipt(a, "1.5"), receipt(b, "2.5")])
    assert update is not None
    assert (update.channel, update.ts, update.ids) == ("C1", "1.5", (a.content.key.id,))
    (content,) = update.contents
    assert (content.task.video_url, content.task.preview_url) == (f"{PUBLIC}/a.mp4", f"{PUBLIC}/a.jpg")
    assert content.ready_after == 5.0
    assert [one.task_id for one in updated(archiving(a, b), update).to_archive] == ["b"]


def test_a_digest_waits_until_all_of_it_is_there_and_keeps_its_order():
    a, b = task("b-first"), task("a-second", archived=False)
    delivered = [receipt(a), receipt(b)]
    assert due([b, a], delivered) is None
    update = due([replace(b, archived=Archived("x.mp4")), a], delivered)
    assert update is not None
    assert [content.task.id for content in update.contents] == ["b-first", "a-second"]
    assert update.contents[1].task.preview_url == ""
    assert update.task_ids == {a.id, b.id}


def test_a_digest_of_which_one_was_given_up_gets_the_others():
    a, b = task("a"), task("b", archived=False, given_up="too large")
    update = due([a, b], [receipt(a), receipt(b)])
    assert update is not None
    assert [content.task.video_url for content in update.contents] == [f"{PUBLIC}/a.mp4", "https://x/v"]


def test_a_message_that_is_still_owed_is_waited_for_and_holds_up_no_other():
    a, b = task("a"), task("b")
    update = due([a, b], [receipt(b)], a)
    assert update is not None
    assert update.task_ids == {"b"}


def test_a_message_that_cannot_be_found_or_made_again_is_left_as_it_is():
    a, b = task("a"), task("b")
    unknown = replace(receipt(b), id="0123456789abcdef", key=None)
    for delivered in ([], [receipt(a, "")], [receipt(a), unknown]):
        assert due([a], delivered) == Update(frozenset({"a"}))


def test_nothing_is_due_when_nothing_is_archived():
    assert due([task("a", archived=False)], []) is None
