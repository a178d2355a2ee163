"""The program dies at every boundary of an effect, once each, until a run completes."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest

from bot.archive.sums import verify
from bot.domain.notice import Role
from tests.archive.server import JPEG
from tests.faults.archive import VIDEO
from tests.faults.world import SETTLE, Fault, Survival, World


def one_end(world: World) -> None:
    """A task ends."""
    world.chanjing.put("a", 10)
    world.run(31)
    world.chanjing.put("a", 20)
    world.run(12)


def digests_for_two_channels(world: World) -> None:
    """Many end at once, some failed, for two channels; more end meanwhile, which must not join what was marked."""
    for number in range(26):
        world.chanjing.put(f"good{number}", 20)
    for number in range(7):
        world.chanjing.put(f"bad{number}", 30)
    world.run(31)
    for number in range(3):
        world.chanjing.put(f"late{number}", 20)
    world.run(40)


def doubt(*faults: Fault | None) -> Callable[[World], None]:
    """Return a story in which the posts meet *faults*; looks are made, the last may find nothing."""

    def story(world: World) -> None:
        world.slack.faults.extend(faults)
        one_end(world)
        world.run(2 * SETTLE)

    return story


def lagging_history(world: World) -> None:
    """The reply is lost, and the message is not in the history until the last look."""
    world.slack.lag = SETTLE - 20
    world.slack.faults.append("lost_after")
    one_end(world)
    world.run(2 * SETTLE)


def after_a_null_page(world: World) -> None:
    """More tasks end than a page holds, after an answer that did not say how many there are."""
    world.chanjing.put("first", 20)
    world.run(11)
    world.chanjing.null_pages.add(1)
    world.run(1)
    assert not world.chanjing.null_pages
    for number in range(22):
        world.chanjing.put(f"task{number}", 20)
    world.run(11)


STORIES: dict[str, Callable[[World], None]] = {
    "one end": one_end,
    "digests for two channels": digests_for_two_channels,
    "in doubt, posted": doubt("lost_after"),
    "in doubt, not posted": doubt("lost_before"),
    "in doubt twice": doubt("lost_before", "lost_after"),
    "simpler": doubt("unsayable", "unsayable", "unsayable"),
    "simpler, then in doubt": doubt("unsayable", "unsayable", "lost_after"),
    "refused, then limited": doubt("refused", "limited"),
    "lagging history": lagging_history,
    "after a null page": after_a_null_page,
}


def deaths(world: World, story: Callable[[], None]) -> Iterator[World]:
    """Yield the world after each way in which the program can die of *story* and start again; the last did not die.

    What a kill, a power cut and a torn write leave on the disk is often the same. Then it starts from that once.
    """
    for left in world.before_each_effect(story):
        disks: list[dict[str, bytes]] = []
        for survival in get_args(Survival) if left is not world else ():
            after = left.without_program()
            disk = after.disk.come_back(survival)
            if disk not in disks:
                disks.append(disk)
                after.start(survival)
                yield after
    yield world


@pytest.mark.parametrize("database", [False, True], ids=["file", "PostgreSQL"])
@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
def test_wherever_the_program_dies_each_end_is_announced_in_exactly_one_message(
    tmp_path: Path, story: Callable[[World], None], *, database: bool
) -> None:
    route: dict[Role, str] = {"success": "C1", "failure": "C2", "alerts": "C1"}
    world = World(tmp_path, route=route, interval=10.0, page_size=20, database=database)
    world.start()
    world.run(11)
    runs = 0
    for after in deaths(world, lambda: story(world)):
        after.settle()
        after.check()
        runs += 1
    assert runs > (10 if database else 50)


def test_wherever_the_first_run_dies_what_was_unfinished_then_is_announced_later(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.chanjing.put("old", 20)
    world.chanjing.put("new", 10)
    runs = 0
    for after in deaths(world, world.start_and_run):
        after.run(1)
        after.chanjing.put("new", 20)
        after.settle()
        after.check({("new", 20)})
        runs += 1
    assert runs > 30


def copies_that_break(world: World) -> None:
    """Two videos are copied; the connection breaks while the first is."""
    world.server.breaks = 1
    one_end(world)
    world.run(80)
    world.chanjing.put("b", 20)
    world.run(31)


def test_wherever_the_program_dies_each_file_of_the_archive_is_whole_and_its_message_updated_in_the_end(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, interval=10.0, page_size=20, archive=True)
    world.start()
    world.run(11)
    runs = 0
    for after in deaths(world, lambda: copies_that_break(world)):
        for name in "ab":
            after.chanjing.put(name, 20)
        after.settle()
        after.check()
        month = "2025/06"
        contents = after.files.contents()
        described = [contents.pop(f"{month}/{name}.json") for name in "ab"]
        expected = {f"{month}/{name}.mp4": VIDEO for name in "ab"} | {f"{month}/{name}.jpg": JPEG for name in "ab"}
        assert contents == expected
        assert [sorted(json.loads(text)["files"]) for text in described] == [["cover", "video"]] * 2
        assert list(verify(after.files)) == []
        links = [f"https://lasting/{month}/{name}.mp4" for name in "ab"]
        assert [sum(link in post.text for post in after.slack.posts) for link in links] == [1, 1]
        after.files.come_back("power_cut")
        assert after.files.contents().keys() == {*expected, *(f"{month}/{name}.json" for name in "ab")}
        runs += 1
    assert runs > 100


@pytest.mark.parametrize("hours", [-72, -5, 5, 72])
def test_what_is_looked_for_is_newer_than_the_last_receipt_whatever_our_clock_says(tmp_path: Path, hours: int) -> None:
    world = World(tmp_path)
    world.start()
    world.run(31)
    greeting = world.slack.posts[0].ts
    world.clock.skew = hours * 3_600.0
    world.slack.faults.append("lost_after")
    one_end(world)
    world.settle()
    world.check()
    assert world.slack.looks[-1] == ("C1", greeting)


def test_a_marked_digest_is_posted_again_unchanged(tmp_path: Path) -> None:
    world = World(tmp_path, digest_after=1)
    world.start()
    world.run(31)
    for name in "abc":
        world.chanjing.put(name, 20)
    world.slack.faults.append("lost_before")
    world.run_until_death("look")
    world.chanjing.put("d", 20)
    world.start()
    world.settle()
    attempts = [ids for _, ids in world.slack.attempts if len(ids) > 1]
    assert attempts[0] == attempts[1]
    world.check()
