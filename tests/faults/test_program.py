"""The program as a process: killed, ended while it does something, started twice."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.store import file as state
from tests.faults import wire
from tests.faults.bot_in_thread import Scene, scene, wait_for
from tests.faults.test_slack_faults import HISTORY, POST, greeted
from tests.faults.wire import SECRETS

ROOT = Path(__file__).parents[2]
Lose = Callable[[Path], None]


def start(here: Scene, **settings: str) -> subprocess.Popen[str]:
    """Start `lipsync-bot run`; its stderr is appended to a file beside the state."""
    with (here.directory / "stderr").open("a") as stderr:
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "bot", "run"],
            cwd=here.directory,
            env={**os.environ, "PYTHONPATH": str(ROOT), **here.environment(**settings)},
            stdout=stderr,
            stderr=stderr,
            text=True,
        )


@contextmanager
def process(here: Scene, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """Yield the running program, past its greeting; kill it at the end where it is still there."""
    running = start(here, **settings)
    try:
        greeted(here)
        yield running
    finally:
        running.kill()
        running.wait()


def printed(here: Scene) -> str:
    return (here.directory / "stderr").read_text()


def check_output(here: Scene) -> None:
    output = printed(here)
    assert "Traceback" not in output
    assert not [secret for secret in SECRETS if secret in output]


@pytest.mark.parametrize("moment", ["post", "listing", "back-off", "look", "nothing"])
def test_sigterm_ends_it_within_ten_seconds_whatever_it_does(tmp_path: Path, moment: str) -> None:
    with scene(tmp_path) as here:
        slow = {"SLACK_TIMEOUT": "60s", "CHANJING_TIMEOUT": "60s", "SLACK_SETTLE": "9s"}
        with process(here, **slow) as running:
            match moment:
                case "post":
                    here.slack.intercept = wire.first(1, lambda call: here.slack.closing.wait(60), at=POST)
                case "listing":
                    here.chanjing.intercept = lambda call: here.chanjing.closing.wait(60)
                case "back-off":
                    here.slack.intercept = wire.says("", 429, Retry_After="300")
                case "look":
                    here.slack.intercept = lambda call: (
                        wire.closed(call) if call.path.endswith(POST) else here.slack.closing.wait(60)
                    )
            here.end("a")
            seen = here.chanjing if moment in {"listing", "nothing"} else here.slack
            calls = len(seen.calls)
            wait_for(lambda: len(seen.calls) > calls, moment)
            if moment == "look":
                wait_for(lambda: here.slack.calls[-1].path.endswith(HISTORY), moment)
            asked = time.monotonic()
            running.send_signal(signal.SIGTERM)
            assert running.wait(10) == 0
            assert time.monotonic() - asked < 10
        check_output(here)


def test_a_second_copy_is_refused_and_does_no_harm(tmp_path: Path) -> None:
    with scene(tmp_path) as here, process(here) as running:
        second = start(here)
        assert second.wait(60) == 3
        assert f"pid {running.pid}" in printed(here)
        ids = here.end("a")
        here.wait_until_told(ids)
        assert here.told(ids) == [1]
        check_output(here)


def test_two_copies_started_at_once_tell_each_end_once(tmp_path: Path) -> None:
    with scene(tmp_path) as here:
        copies = [start(here), start(here)]
        try:
            wait_for(lambda: any(copy.poll() is not None for copy in copies), "one to give way")
            assert [copy.returncode for copy in copies if copy.poll() is not None] == [3]
            greeted(here)
            ids = here.end("a", "b")
            here.wait_until_told(ids)
            assert here.told(ids) == [1, 1]
            assert sum("watching" in message.text.lower() for message in here.slack.messages) <= 1
        finally:
            for copy in copies:
                copy.kill()
                copy.wait()
        check_output(here)


def test_killed_between_the_post_and_its_reply_it_tells_nothing_twice(tmp_path: Path) -> None:
    with scene(tmp_path) as here:
        ids: list[str] = []
        for round_number in range(3):
            with process(here) as running:
                here.wait_until_told(ids)

                def kill(call: object, victim: int = running.pid) -> None:
                    if getattr(call, "channel", ""):
                        os.kill(victim, signal.SIGKILL)

                here.slack.on_message = kill
                ids += here.end(f"task{round_number}")
                assert running.wait(60) == -signal.SIGKILL
                here.slack.on_message = None
        with process(here):
            here.wait_until_told(ids)
        assert here.told(ids) == [1, 1, 1]
        check_output(here)


def delete_the_lock(path: Path) -> None:
    path.with_name("state.json.lock").unlink()


def replace_the_directory(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))
    path.parent.mkdir()


@pytest.mark.parametrize("lose", [delete_the_lock, replace_the_directory])
def test_a_copy_that_has_lost_its_lock_posts_nothing_more_and_ends_with_3(tmp_path: Path, lose: Lose) -> None:
    with scene(tmp_path) as here:
        path = here.directory / "data" / "state.json"
        path.parent.mkdir()
        running = start(here, STATE_PATH=str(path))
        try:
            wait_for(lambda: (known := state.peek(path)) and known.delivered_count, "greeting")
            lose(path)
            ids = here.end("a", "b")
            assert running.wait(60) == 3
        finally:
            running.kill()
            running.wait()
        assert here.told(ids) == [0, 0]
        assert "state.json.lock: removed or replaced while the bot was running" in printed(here)
        check_output(here)
