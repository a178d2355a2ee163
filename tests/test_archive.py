"""The program with an archive: from the task that ends to the message with links that last."""

import json
from pathlib import Path

from bot.archive.files import Files
from bot.archive.sums import verify
from tests.archive.server import JPEG, ranged, serving, status, video, whole
from tests.faults.bot_in_thread import scene, wait_for

VIDEO = video()
PUBLIC = "https://videos.example.com/archive"


def test_a_video_is_copied_and_its_message_gets_links_that_last(tmp_path: Path) -> None:
    with scene(tmp_path) as play, serving() as server:
        server.answers = [ranged(VIDEO), whole(JPEG, "image/jpeg")]
        archive = tmp_path / "archive"
        with play.running(ARCHIVE_PATH=str(archive), ARCHIVE_PUBLIC_URL=PUBLIC):
            wait_for(lambda: play.slack.messages, "the greeting")
            task_id = play.chanjing.add(video_url=f"{server.address}/v", preview_url=f"{server.address}/c")
            play.chanjing.finish(task_id, video_url=f"{server.address}/v", preview_url=f"{server.address}/c")
            wait_for(lambda: any(message.edited for message in play.slack.messages), "the update")
            wait_for(lambda: not play.state.to_archive, "the state")
        (message,) = [message for message in play.slack.messages if task_id in message.text]
        (recent,) = play.state.ended
        assert recent.archived is not None
        assert f"{PUBLIC}/{recent.archived.video}" in message.text
        assert f"{PUBLIC}/{recent.archived.cover}" in json.dumps(message.blocks)
        assert "expire" not in json.dumps(message.blocks)
        assert message.metadata is not None
        assert message.metadata["event_payload"]["ids"] == recent.content.key.id
        assert (archive / recent.archived.video).read_bytes() == VIDEO
        assert list(verify(Files(archive))) == []


def test_an_archive_that_fails_delays_no_message(tmp_path: Path) -> None:
    with scene(tmp_path) as play, serving() as server:
        server.answers = [status("403 Forbidden")]
        (tmp_path / "archive").write_text("no folder")
        with play.running(ARCHIVE_PATH=str(tmp_path / "archive")):
            wait_for(lambda: play.slack.messages, "the greeting")
            task_id = play.chanjing.add()
            play.chanjing.finish(task_id, video_url=f"{server.address}/v", preview_url="")
            play.wait_until_told([task_id])
            wait_for(lambda: play.state.to_archive and play.state.to_archive[0].attempts, "an attempt")
        assert play.state.to_archive[0].problem == "unusable"
