"""`archive verify` and `archive fetch`, against a Chanjing and a file server on loopback."""

import time
from pathlib import Path

import pytest

from bot import clients
from bot.archive.files import Files
from bot.cli import DONE, UNDONE, check_archive, check_slack
from bot.cli.archive import fetch, verify
from bot.cli.selection import Selection
from bot.demo.chanjing import ChanjingServer
from bot.demo.slack import SlackServer
from bot.errors import ConfigError, StateError, UsageError
from bot.slack.client import SlackWebhook
from tests.archive.server import serving, status, video, whole

VIDEO = video()


@pytest.fixture
def room(tmp_path, monkeypatch):
    """Return a directory with a Chanjing and a file server, for which the environment is set."""
    monkeypatch.chdir(tmp_path)
    with ChanjingServer() as chanjing, serving() as server:
        for name, value in {
            "CHANJING_BASE_URL": chanjing.url, "CHANJING_ACCESS_TOKEN": chanjing.token, "ARCHIVE_PATH": "archive",
            "SLACK_BOT_TOKEN": "xoxb-1-a", "SLACK_CHANNEL": "C0AB12CD3", "LOG_FORMAT": "json",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        yield chanjing, server


def add(chanjing: ChanjingServer, address: str, *, age: float = 0.0) -> str:
    task_id = chanjing.add(create_time=int(time.time() - age))
    chanjing.finish(task_id, video_url=f"{address}/v", preview_url="")
    return task_id


def test_what_is_still_listed_is_copied_and_verified(room, capsys, tmp_path):
    chanjing, server = room
    server.answers = [whole(VIDEO)]
    new, old = add(chanjing, server.address), add(chanjing, server.address, age=86_400 * 8)
    assert fetch(Selection(), None, since="7d") == DONE
    assert [path.read_bytes() for path in tmp_path.glob("archive/*/*/*.mp4")] == [VIDEO]
    assert capsys.readouterr().out.startswith(f"{new}  ")
    assert fetch(Selection(), old[:31], since=None) == DONE
    assert verify(Selection()) == DONE
    assert capsys.readouterr().out.endswith("2 tasks: all files are as they were copied\n")
    (lost,) = tmp_path.glob(f"archive/*/*/{new}.mp4")
    lost.unlink()
    assert verify(Selection()) == UNDONE
    assert capsys.readouterr().out.splitlines() == [f"{lost}: missing", "2 tasks: 1 files are missing or wrong"]


def test_what_cannot_be_copied_is_named(room, capsys):
    chanjing, server = room
    server.answers = [status("404 Gone")]
    task_id = add(chanjing, server.address)
    assert fetch(Selection(), task_id, since=None) == UNDONE
    assert capsys.readouterr().out == f"{task_id}  failed: the server answered with HTTP 404\n"


def test_check_says_whether_files_can_be_copied(tmp_path):
    found = check_archive.folder(Folder(tmp_path / "archive", free=20))
    assert (found.severity, found.text) == ("good", f"{tmp_path}/archive: 20.0 GiB are free")
    assert list((tmp_path / "archive").iterdir()) == []
    found = check_archive.folder(Folder(tmp_path / "archive", free=9))
    assert found.severity == "bad"
    assert found.text.endswith("9.0 GiB are free, less than must stay free: 10.0 GiB. Free some space.")
    (tmp_path / "file").write_text("")
    found = check_archive.folder(Files(tmp_path / "file"))
    assert found.severity == "bad"
    assert "cannot be written" in found.text


def test_check_says_that_a_webhook_cannot_update():
    with SlackServer() as slack, clients.connections(trust_env=False) as exchange:
        webhook = SlackWebhook(slack.webhook_url, exchange(slack.webhook_url, 5.0))
        found = list(check_slack.account(webhook, {}, lasting=True))
    assert [(one.severity, one.subject) for one in found] == [("warning", "slack"), ("warning", "archive.public_url")]


class Folder(Files):
    """A folder on a disk of 100 GiB, *free* of them."""

    def __init__(self, root: Path, *, free: int) -> None:
        super().__init__(root)
        self.free = free

    def space(self) -> tuple[int, int]:
        super().space()
        return self.free << 30, 100 << 30


def test_what_makes_no_sense_is_refused(room, monkeypatch):
    with pytest.raises(UsageError, match="either an ID or --since"):
        fetch(Selection(), None, since=None)
    with pytest.raises(UsageError, match="--since: must be a duration"):
        fetch(Selection(), None, since="yesterday")
    with pytest.raises(UsageError, match="no task whose id begins with 'x'"):
        fetch(Selection(), "x", since=None)
    with pytest.raises(StateError, match="there is no such folder"):
        verify(Selection())
    monkeypatch.delenv("ARCHIVE_PATH")
    with pytest.raises(ConfigError, match=r"archive\.path: is not set"):
        verify(Selection())
