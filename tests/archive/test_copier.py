"""What comes into the archive from servers of all kinds: each file whole, or none."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot import clients
from bot.archive.copier import Copier, stem
from bot.archive.download import Limits
from bot.archive.files import Files
from bot.archive.sums import verify
from bot.domain.notice import TaskEnded
from bot.domain.recent import Archived, RecentTask
from bot.domain.task import Task
from bot.errors import ArchiveError, ArchiveUnusable, LinkExpired, NotArchivable
from bot.http.transport import Resolver
from tests.archive.server import JPEG, Server, head, ranged, serving, status, video, whole
from tests.fakes import NOON

VIDEO = video()
PUBLIC = "https://open-api.chanjing.cc"


class Room(Files):
    """A folder with as much space as a test wants, and a copier for it."""

    def __init__(self, root: Path, server: Server, connections: clients.Connections) -> None:
        super().__init__(root)
        self.server = server
        self.connections = connections
        self.free = (50 << 30, 100 << 30)
        self.passed = iter(range(10**9))  # seconds: the next reading of the clock
        self.limits = Limits(1_000_000, monotonic=lambda: 0.0)

    def space(self) -> tuple[int, int]:
        return self.free

    def task(self, *, cover: str = "", task_id: str = "a") -> RecentTask:
        task = Task(task_id, 20, video_url=f"{self.server.address}/v", preview_url=cover, create_time=int(NOON))
        return RecentTask(TaskEnded(task), NOON)

    def copy(
        self, task: RecentTask | None = None, *, attempts: int = 0, base_url: str = "http://127.0.0.1:1"
    ) -> Archived:
        copier = Copier(self, self.connections.for_downloads(base_url), self.limits)
        return copier.copy(task or self.task(), attempts=attempts)

    def there(self) -> list[str]:
        return sorted(path.name for path in (self.root / "2025/02").iterdir())

    def content(self) -> bytes:
        return (self.root / "2025/02/a.mp4").read_bytes()


@pytest.fixture
def room(tmp_path):
    with serving() as server, clients.connections(trust_env=False) as connections:
        yield Room(tmp_path / "archive", server, connections)


def test_the_video_its_cover_and_what_they_are_lie_beside_each_other(room):
    room.server.answers = [whole(VIDEO), whole(JPEG, "image/jpeg")]
    task = room.task(cover=f"{room.server.address}/c")
    assert room.copy(task) == Archived("2025/02/a.mp4", "2025/02/a.jpg")
    assert room.there() == ["a.jpg", "a.json", "a.mp4"]
    assert room.content() == VIDEO
    written = json.loads((room.root / "2025/02/a.json").read_text())
    assert written["task"]["video_url"] == f"{room.server.address}/v"
    digest = hashlib.sha256(VIDEO).hexdigest()
    assert written["files"]["video"] == {"name": "a.mp4", "size": len(VIDEO), "sha256": digest}
    assert list(verify(room)) == []


def test_what_is_there_is_not_fetched_again(room):
    room.server.answers = [whole(VIDEO)]
    assert room.copy() == room.copy()
    (room.root / "2025/02/a.json").unlink()
    assert room.copy() == Archived("2025/02/a.mp4")
    assert len(room.server.requests) == 1


def test_a_download_that_broke_goes_on_where_it_stopped(room):
    room.server.answers = [ranged(VIDEO, breaks_at=60_000), ranged(VIDEO)]
    with pytest.raises(ArchiveError, match="closed before the answer was whole"):
        room.copy()
    room.copy()
    assert room.content() == VIDEO
    assert 'Range: bytes=60000-\r\nIf-Range: "1"' in room.server.requests[1]
    assert room.there() == ["a.json", "a.mp4"]


@pytest.mark.parametrize(
    "answers",
    [
        [ranged(VIDEO, breaks_at=60_000), whole(VIDEO)],  # 200 to a Range
        [ranged(video(seed=2), '"2"', breaks_at=60_000), ranged(VIDEO)],  # it changed, and the server says so
        [lambda _: iter([head("200 OK", Content_Length=len(VIDEO)), VIDEO[:500]]), ranged(VIDEO)],  # without a version
        [lambda _: iter([head("200 OK", Content_Length=200_000, ETag='"1"'), VIDEO]), status("416 No"), ranged(VIDEO)],
    ],
    ids=["no ranges", "changed", "no version", "length too long"],
)
def test_whatever_a_server_does_the_file_is_whole_and_right_in_the_end(room, answers):
    room.server.answers = answers
    failures = 0
    while True:
        try:
            room.copy()
            break
        except ArchiveError:
            failures += 1
            assert failures < 4
    assert failures
    assert room.content() == VIDEO
    assert room.there() == ["a.json", "a.mp4"]


def test_a_part_of_another_version_is_not_gone_on_with_even_if_the_server_sends_it(room):
    lie = head("206 Partial", Content_Length=40_000, Content_Range="bytes 60000-99999/100000", ETag='"2"')
    room.server.answers = [ranged(VIDEO, breaks_at=60_000), lambda _: iter([lie, VIDEO[60_000:]]), ranged(VIDEO, '"2"')]
    with pytest.raises(ArchiveError):
        room.copy()
    with pytest.raises(ArchiveError, match="has changed"):
        room.copy()
    room.copy()
    assert room.content() == VIDEO


def test_a_length_that_is_too_short_does_not_make_half_a_video(room):
    room.server.answers = [lambda _: iter([head("200 OK", Content_Length=50_000), VIDEO])]
    with pytest.raises(ArchiveError, match="ends in the middle"):
        room.copy()
    assert room.there() == [".a.mp4.part"]


def test_without_a_length_only_chunks_say_where_the_end_is(room):
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(VIDEO), VIDEO)
    room.server.answers = [
        lambda _: iter([head("200 OK"), VIDEO]),
        lambda _: iter([head("200 OK", Transfer_Encoding="chunked"), chunks]),
    ]
    with pytest.raises(ArchiveError, match="does not say how long"):
        room.copy()
    room.copy()
    assert room.content() == VIDEO


@pytest.mark.parametrize(
    "page",
    [whole(b"<html>expired", "text/html"), whole(b" \n<!DOCTYPE html>"), whole(b'{"code": 403}', "video/mp4")],
    ids=["by its type", "by its first bytes", "JSON"],
)
def test_a_page_instead_of_a_video_is_refused(room, page):
    room.server.answers = [page]
    with pytest.raises(LinkExpired, match="leads to a page"):
        room.copy()
    assert room.there() == [".a.mp4.part"]
    assert (room.root / "2025/02/.a.mp4.part").stat().st_size == 0


def test_an_empty_file_is_no_video(room):
    room.server.answers = [whole(b"")]
    with pytest.raises(LinkExpired, match="empty"):
        room.copy()


@pytest.mark.parametrize("line", ["403 Forbidden", "404 Not Found", "410 Gone"])
def test_a_link_that_leads_nowhere_asks_for_a_fresh_one(room, line):
    room.server.answers = [status(line)]
    with pytest.raises(LinkExpired):
        room.copy()


def test_a_server_in_trouble_does_not_cost_what_has_arrived(room):
    room.server.answers = [ranged(VIDEO, breaks_at=60_000), status("503 Busy"), ranged(VIDEO)]
    for _ in range(2):
        with pytest.raises(ArchiveError):
            room.copy()
    room.copy()
    assert "Range: bytes=60000-" in room.server.requests[2]


def test_what_is_larger_than_allowed_is_not_begun(room):
    room.server.answers = [lambda _: iter([head("200 OK", Content_Length=1_000_001)])]
    with pytest.raises(NotArchivable, match=r"archive\.max_size"):
        room.copy()


def test_a_body_without_an_end_ends_at_the_limit(room):
    def endless(_: str) -> Iterator[bytes]:
        yield head("200 OK", Transfer_Encoding="chunked")
        while True:
            yield b"%x\r\n%s\r\n" % (len(VIDEO), VIDEO)

    room.server.answers = [endless]
    with pytest.raises(NotArchivable):
        room.copy()


def test_a_server_that_drips_is_left(room):
    seconds = iter([0.0, *[100.0] * 100])
    room.limits = replace(room.limits, monotonic=lambda: next(seconds))
    room.server.answers = [whole(VIDEO)]
    with pytest.raises(ArchiveError, match="less than 10 KiB a second"):
        room.copy()


@pytest.mark.parametrize("free", [(5 << 30, 100 << 30), (1 << 29, 2 << 30)], ids=["10 %", "1 GiB"])
def test_nothing_is_begun_when_the_space_runs_short(room, free):
    room.free = free
    room.server.answers = [whole(VIDEO)]
    with pytest.raises(ArchiveUnusable, match="1 GiB"):
        room.copy()


def test_a_folder_that_takes_nothing_is_the_archives_fault(room):
    room.root.write_text("a file")
    with pytest.raises(ArchiveUnusable, match=r"archive\.path: "):
        room.copy()


def test_three_redirects_are_followed_and_no_more(room):
    further = status("302 Found", Location="/next")
    room.server.answers = [further, further, further, whole(VIDEO)]
    room.copy()
    room.server.answers = [further]
    with pytest.raises(ArchiveError, match="more than 3"):
        room.copy(room.task(task_id="b"))
    assert len(room.server.requests) == 8


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/a", "file:///etc/passwd", "http://[", "//"])
def test_no_other_address_is_followed(room, target):
    room.server.answers = [status("302 Found", Location=target)]
    with pytest.raises(ArchiveError):
        room.copy()


def test_an_address_that_is_not_public_is_not_connected_to(room):
    room.server.answers = [whole(VIDEO)]
    with pytest.raises(ArchiveError, match="its address is not a public one"):
        room.copy(base_url="https://8.8.8.8")
    assert room.server.requests == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1.", "2130706433", "127.1", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "[::1%25lo]"]
)
def test_no_proxy_is_asked_for_an_address_that_is_not_public_however_it_is_written(room, monkeypatch, host):
    monkeypatch.setenv("http_proxy", room.server.address)
    monkeypatch.setenv("no_proxy", "")
    with clients.connections() as through_proxy:
        open_ = through_proxy.for_downloads("https://8.8.8.8")
        with pytest.raises(ArchiveError, match="its address is not a public one"), open_(f"http://{host}/"):
            pass
        with open_("http://videos.example.com/"), open_("http://8.8.8.8/"), open_("http://例子.example/"):
            pass
    assert room.server.requests == []


def test_a_base_url_whose_name_is_not_known_here_is_no_fault_of_the_folder(room, monkeypatch):
    monkeypatch.setattr(room.connections, "_resolver", Resolver(lambda *_, **__: (_ for _ in ()).throw(OSError("no"))))
    monkeypatch.setattr(room.connections, "_environ", {"http_proxy": "http://127.0.0.1:9"})
    with pytest.raises(ArchiveError, match="its address is not a public one") as caught:
        room.copy(base_url="https://chanjing.invalid")
    assert not isinstance(caught.value, ArchiveUnusable)


def test_nothing_of_ours_is_sent(room):
    room.server.answers = [whole(VIDEO)]
    room.copy()
    names = {line.partition(":")[0].lower() for line in room.server.requests[0].split("\r\n")[1:] if line}
    assert names <= {"host", "accept", "accept-encoding", "connection", "user-agent"}


def test_a_cover_that_cannot_be_had_does_not_cost_the_video(room):
    task = room.task(cover=f"{room.server.address}/c")
    room.server.answers = [whole(VIDEO), status("500 No")]
    with pytest.raises(ArchiveError):
        room.copy(task)
    assert room.copy(task, attempts=5) == Archived("2025/02/a.mp4")
    assert room.there() == ["a.json", "a.mp4"]


@pytest.mark.parametrize("task_id", ["../../etc/passwd", "a/b", "..", "", "a\0b", "ä" * 300, "-rf", "a.b", "\ud800"])
def test_no_id_leads_out_of_the_folder(room, task_id):
    room.server.answers = [whole(VIDEO)]
    found = room.copy(room.task(task_id=task_id))
    assert found.video.startswith("2025/02/")
    assert found.video.count("/") == 2
    assert len(room.there()) == 2


def test_ids_that_are_made_safe_stay_different(room):
    assert len({stem(room.task(task_id=one)) for one in ("a/b", "a_b", "a.b", "a//b")}) == 4


@pytest.mark.parametrize("create_time", [0, -5, 10**17])
def test_a_time_that_cannot_be_is_not_the_folders(room, create_time):
    task = room.task()
    odd = replace(task, content=TaskEnded(replace(task.content.task, create_time=create_time)))
    assert stem(odd) == "2025/02/a"


def test_what_nobody_goes_on_with_is_swept_away(room):
    room.server.answers = [ranged(VIDEO, breaks_at=60_000)]
    for name in "ab":
        with pytest.raises(ArchiveError):
            room.copy(room.task(task_id=name))
    changed = (room.root / "2025/02/.a.mp4.part").stat().st_mtime
    copier = Copier(room, room.connections.for_downloads(PUBLIC), room.limits)
    copier.sweep([room.task()], changed + 3600)
    assert len(room.there()) == 4
    copier.sweep([room.task()], changed + 2 * 86_400)
    assert room.there() == [".a.mp4.part", ".a.mp4.resume.part"]


def test_a_file_that_is_missing_or_changed_is_found_by_its_sum(room):
    room.server.answers = [whole(VIDEO)]
    for name in "abc":
        room.copy(room.task(task_id=name))
    folder = room.root / "2025/02"
    (folder / "a.mp4").unlink()
    (folder / "b.mp4").write_bytes(VIDEO[:-1] + b"?")
    (folder / "c.json").write_text("{}")
    assert list(verify(room)) == [
        "2025/02/a.mp4: missing",
        "2025/02/b.mp4: its sha256 is another one",
        "2025/02/c.json: does not say what is beside it",
    ]
