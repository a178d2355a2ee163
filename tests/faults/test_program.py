"""The program as a process: killed, ended while it does something, started twice."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from bot.store import file as state
from tests.faults import wire
from tests.faults.bot_in_thread import Scene, scene, wait_for
from tests.faults.test_slack_faults import HISTORY, POST, greeted
from tests.faults.wire import SECRETS
from tests.forked import Program, Running

Lose = Callable[[Path], None]
Start = Callable[..., Running]


@pytest.fixture
def start(program: Program) -> Start:
    """Return a function that starts `lipsync-bot run` at a scene; its stderr is appended to a file beside the state."""

    def start(here: Scene, **settings: str) -> Running:
        with (here.directory / "stderr").open("a") as stderr:
            file = stderr.fileno()
            environ = here.environment(**settings)
            return program.start("run", directory=here.directory, environ=environ, out=file, err=file)

    return start


@contextmanager
def greeting(here: Scene, running: Running) -> Iterator[Running]:
    """Yield the running program when it has greeted; kill it at the end where it is still there."""
    with running:
        greeted(here)
        yield running


def printed(here: Scene) -> str:
    return (here.directory / "stderr").read_text()


def check_output(here: Scene) -> None:
    output = printed(here)
    assert "Traceback" not in output
    assert not [secret for secret in SECRETS if secret in output]


@pytest.mark.parametrize("moment", ["post", "listing", "back-off", "look", "nothing"])
def test_sigterm_ends_it_within_ten_seconds_whatever_it_does(tmp_path: Path, start: Start, moment: str) -> None:
    with scene(tmp_path) as here:
        slow = {"SLACK_TIMEOUT": "60s", "CHANJING_TIMEOUT": "60s", "SLACK_SETTLE": "9s"}
        with greeting(here, start(here, **slow)) as running:
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


def test_a_second_copy_is_refused_and_does_no_harm(tmp_path: Path, start: Start) -> None:
    with scene(tmp_path) as here, greeting(here, start(here)) as running:
        second = start(here)
        assert second.wait(60) == 3
        assert f"pid {running.pid}" in printed(here)
        ids = here.end("a")
        here.wait_until_told(ids)
        assert here.announced(ids) == [1]
        check_output(here)


def test_two_copies_started_at_once_tell_each_end_once(tmp_path: Path, start: Start) -> None:
    with scene(tmp_path) as here:
        copies = [start(here), start(here)]
        with copies[0], copies[1]:
            wait_for(lambda: any(copy.poll() is not None for copy in copies), "one to give way")
            assert [copy.returncode for copy in copies if copy.poll() is not None] == [3]
            greeted(here)
            ids = here.end("a", "b")
            here.wait_until_told(ids)
            assert here.announced(ids) == [1, 1]
            assert sum("watching" in message.text.lower() for message in here.slack.messages) <= 1
        check_output(here)


def test_killed_between_the_post_and_its_reply_it_announces_nothing_twice(tmp_path: Path, start: Start) -> None:
    with scene(tmp_path) as here:
        ids: list[str] = []
        for round_number in range(3):
            with greeting(here, start(here)) as running:
                here.wait_until_told(ids)

                def kill(call: object, victim: int = running.pid) -> None:
                    if getattr(call, "channel", ""):
                        os.kill(victim, signal.SIGKILL)

                here.slack.on_message = kill
                ids += here.end(f"task{round_number}")
                assert running.wait(60) == -signal.SIGKILL
                here.slack.on_message = None
        with greeting(here, start(here)):
            here.wait_until_told(ids)
        assert here.announced(ids) == [1, 1, 1]
        check_output(here)


def delete_the_lock(path: Path) -> None:
    path.with_name("state.json.lock").unlink()


def replace_the_directory(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))
    path.parent.mkdir()


@pytest.mark.parametrize("lose", [delete_the_lock, replace_the_directory])
def test_a_copy_that_has_lost_its_lock_posts_nothing_more_and_ends_with_3(
    tmp_path: Path, start: Start, lose: Lose
) -> None:
    with scene(tmp_path) as here:
        path = here.directory / "data" / "state.json"
        path.parent.mkdir()
        with start(here, STATE_PATH=str(path)) as running:
            wait_for(lambda: (known := state.peek(path)) and known.delivered_count, "greeting")
            lose(path)
            ids = here.end("a", "b")
            assert running.wait(60) == 3
        assert here.announced(ids) == [0, 0]
        assert "state.json.lock: removed or replaced while the bot was running" in printed(here)
        check_output(here)


def test_a_wake_up_brings_the_news_at_once_and_check_sends_one(tmp_path: Path, start: Start, program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    wakes = {
        "POLL_INTERVAL": "10m",
        "POLL_ACTIVE_INTERVAL": "10m",
        "MONITOR_LISTEN": address,
        "MONITOR_WAKE_TOKEN": "secret-wake",
        "MONITOR_PUBLIC_URL": f"http://{address}",
    }
    with scene(tmp_path) as here, greeting(here, start(here, **wakes)) as running:
        ids = here.end("a")
        for unknown in ("other", "secret-wake?account=other"):
            assert httpx.post(f"http://{address}/wake/{unknown}", timeout=30).status_code == 404
        assert httpx.post(f"http://{address}/wake/secret-wake", content=b"{}", timeout=30).status_code == 204
        here.wait_until_told(ids)
        assert here.announced(ids) == [1]
        late = here.end("b")
        with (here.directory / "stdout").open("w+") as out:
            check = program.start(
                "check", directory=here.directory, environ=here.environment(**wakes), out=out.fileno(), err=out.fileno()
            )
            check.wait()
        here.wait_until_told(late)
        output = (here.directory / "stdout").read_text()
        assert "monitor.public_url: a wake-up reaches the bot" in output
        assert "secret-wake" not in output
        running.send_signal(signal.SIGTERM)  # ten minutes before its next poll
        assert running.wait(10) == 0
        check_output(here)
