"""What is archived when: after it was enqueued, never in the way of a poll, and until it is done."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bot.archive.background import Background, Finished
from bot.archive.copier import Copier
from bot.config import sections as config
from bot.domain.notice import TaskEnded
from bot.domain.recent import Archived, RecentTask
from bot.domain.task import Status, Task
from bot.errors import ArchiveError, ChanjingUnavailable, LinkExpired, Stopped
from bot.watch.archive import Archive
from tests.fakes import RecordedEvents, SimulatedClock
from tests.worlds import URL, Bot, World


class Copies:
    """Copies that end when a test says so."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.forgotten: list[str] = []
        self.results: list[tuple[str, Archived | ArchiveError]] = []

    def sweep(self, waited_for: Sequence[RecentTask], now: float) -> None:
        self.swept = [task.id for task in waited_for]

    def begin(self, task: RecentTask, attempts: int) -> None:
        self.begun.append(task.id)

    def forget(self, task: RecentTask) -> None:
        self.forgotten.append(task.id)

    def finished(self) -> Finished:
        found, self.results = self.results, []
        return found

    def ended(self) -> threading.Event:
        self.results += [(task_id, Archived(f"{task_id}.mp4")) for task_id in self.begun]
        (ended := threading.Event()).set()
        return ended

    def close(self) -> None:
        pass


class Room(Bot):
    def restart(self) -> None:
        super().restart()
        self.copies = Copies()
        archive = Archive(self.store, self.clock, self.events, self.copies, ask=self.task)
        self.poll = replace(self.poll, archive=archive)


@pytest.fixture
def room():
    room = Room(World(), archive=config.Archive(path=Path("archive")))
    room.cycle()
    return room


def finish(room: Room, *ids: str) -> None:
    for task_id in ids:
        room.world.add(task_id)
    room.cycle()


def test_what_ended_is_copied_after_it_was_announced_and_only_once(room):
    finish(room, "a")
    room.cycle()
    assert room.announced == [("a", Status.SUCCEEDED)]
    assert room.copies.begun == ["a"]
    room.copies.results = [("a", Archived("2025/11/a.mp4"))]
    room.cycle()
    assert room.store.state.to_archive == ()
    assert room.store.state.ended[0].archived == Archived("2025/11/a.mp4")
    writes = room.store.writes
    room.cycle()
    assert room.store.writes == writes


def test_what_was_not_copied_before_a_restart_is_copied_after_it(room):
    finish(room, "a", "b")
    room.restart()
    room.cycle()
    assert room.copies.begun == ["a", "b"]
    assert room.copies.swept == ["a", "b"]


def test_fresh_links_are_asked_for_once_chanjing_answers(room):
    finish(room, "a")
    room.copies.results = [("a", LinkExpired("403"))]
    room.world.answer_lookup = lambda _: (_ for _ in ()).throw(ChanjingUnavailable("detail: no answer"))
    room.cycle()
    assert room.store.state.to_archive[0].problem == "expired"
    room.world.answer_lookup = lambda task_id: Task(task_id, 20, video_url=f"{URL}?new")
    room.cycle()
    assert room.store.state.ended[0].content.task.video_url == f"{URL}?new"
    assert room.copies.begun == ["a", "a"]


def test_what_is_given_up_is_removed(room):
    finish(room, "a")
    for _ in range(30):
        room.clock.pass_by(3600)
        room.copies.results = [("a", ArchiveError("no"))]
        room.cycle()
    assert room.store.state.ended[0].given_up == "no"
    assert room.copies.forgotten == ["a"]
    assert [fields["task_id"] for fields in room.events.of("archive_given_up")] == ["a"]


def test_one_run_copies_what_is_due_before_it_leaves(room):
    room.world.add("a")
    room.poll.once()
    assert room.store.state.ended[0].archived == Archived("a.mp4")


def test_one_run_that_could_not_read_the_list_asks_for_no_links_either(room):
    finish(room, "a")
    room.copies.results = [("a", LinkExpired("403"))]
    room.copies.ended = threading.Event
    room.world.lookups.clear()
    room.world.fail_at = {len(room.world.requests)}
    with pytest.raises(ChanjingUnavailable):
        room.poll.once()
    assert room.store.state.to_archive[0].problem == "expired"
    assert room.world.lookups == []


def test_one_run_that_is_asked_to_end_waits_for_no_copy(room):
    finish(room, "a")
    room.copies.ended = threading.Event  # never set
    room.clock.stops_at = room.clock.monotonic() + 2
    with pytest.raises(Stopped):
        room.poll.archive.run_once()
    room.clock.stops_at = float("inf")
    room.poll.archive.run_once()
    assert room.clock.waits[-1] == 30


class BrokenCopier(Copier):
    def __init__(self) -> None:
        pass

    def copy(self, task: RecentTask, *, attempts: int = 0) -> Archived:
        if task.id == "broken":
            raise RuntimeError("a fault")
        return Archived(f"{task.id}.mp4")


def test_a_fault_of_ours_ends_one_copy_and_not_the_copying():
    events = RecordedEvents()
    copies = Background(BrokenCopier(), threading.Event(), events)
    for task_id in ("broken", "a"):
        copies.begin(RecentTask(TaskEnded(Task(task_id, 20)), SimulatedClock().now()), 0)
    assert copies.ended().wait(60)
    results = dict(copies.finished())
    copies.close()
    assert isinstance(results["broken"], ArchiveError)
    assert results["a"] == Archived("a.mp4")
    assert len(events.of("cycle_failed")) == 1
