"""What a script of thirty lines loses and repeats where the bot does not: both for real, under the same faults."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks import paper
from benchmarks.footprint import until
from bot.demo.chanjing import ChanjingServer
from bot.demo.server import Call
from bot.demo.slack import CHANNEL, SlackServer
from bot.domain.task import Status

_TASKS = 40
_EVERY = 4  # posts: each such one meets the fault
_OUTAGE = 5.0  # seconds
_QUIET = 8.0  # seconds without a message after which no more is expected
_SCRIPT = (sys.executable, str(Path(__file__).with_name("thirty_lines.py")))
_BOT = (sys.executable, "-m", "bot", "run")


class _World:
    """One program between a Chanjing and a Slack on loopback, in a directory of its own."""

    def __init__(self, command: tuple[str, ...], home: Path, chanjing: ChanjingServer, slack: SlackServer) -> None:
        self.command, self.home, self.chanjing, self.slack = command, home, chanjing, slack
        self.ended: list[str] = []
        self.environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[1]),
            "CHANJING_BASE_URL": chanjing.url,
            "CHANJING_ACCESS_TOKEN": chanjing.token,
            "CHANJING_MAX_REQUESTS_PER_SECOND": "100",
            "SLACK_BASE_URL": slack.base_url,
            "SLACK_BOT_TOKEN": slack.token,
            "SLACK_CHANNEL": CHANNEL,
            "SLACK_PACE": "50ms",
            "SLACK_SETTLE": "2s",
            "POLL_INTERVAL": "200ms",
            "POLL_ACTIVE_INTERVAL": "200ms",
        }
        self.start()
        until(lambda: len(chanjing.calls), 5)  # what had ended before is noted

    def start(self) -> None:
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(
            self.command, cwd=self.home, env=self.environ, stdin=quiet, stdout=quiet, stderr=quiet
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        self.kill()
        self.start()

    def end(self, number: int = _TASKS, *, apart: float = 0.25) -> None:
        """Let tasks succeed, every fifth fail."""
        for one in range(number):
            status = Status.FAILED if one % 5 == 0 else Status.SUCCEEDED
            self.ended.append(self.chanjing.add(status=status.value))
            time.sleep(apart)

    def figures(self) -> list[int]:
        """Wait until nothing is posted any more. Return how many ends were lost and repeated, and the messages."""
        before, since = -1, time.monotonic()
        while time.monotonic() - since < _QUIET:
            if len(self.slack.messages) != before:
                before, since = len(self.slack.messages), time.monotonic()
            time.sleep(0.1)
        posted = [message.text + json.dumps(message.blocks) for message in self.slack.messages]
        times = Counter({task: sum(task in text for text in posted) for task in self.ended})
        lost = sum(not count for count in times.values())
        return [lost, sum(count > 1 for count in times.values()), len(posted)]


def _every(then: Callable[[], object]) -> Callable[[Call], bool]:
    """Return an interceptor: Slack takes each post, but the reply to every fourth is lost, and *then* is called."""
    posts = iter(range(1, 1_000_000))

    def intercept(call: Call) -> bool:
        if not call.path.endswith("chat.postMessage") or next(posts) % _EVERY:
            return False
        call.process()
        then()
        return True

    return intercept


def _for_a_while(server: ChanjingServer | SlackServer, status: int) -> None:
    until_then = time.monotonic() + _OUTAGE
    headers = {"Retry-After": "1", "Content-Type": "text/html"}
    server.intercept = lambda call: time.monotonic() < until_then and (call.send(status, headers, b"<html>") or True)


def _nothing(world: _World) -> None:
    world.end()


def _lost_replies(world: _World) -> None:
    world.slack.intercept = _every(lambda: None)
    world.end()


def _killed(world: _World) -> None:
    lock = threading.Lock()

    def restart() -> None:
        with lock:
            world.restart()

    world.slack.intercept = _every(restart)
    world.end()


def _slack_refuses(world: _World) -> None:
    _for_a_while(world.slack, 429)
    world.end()


def _chanjing_fails(world: _World) -> None:
    _for_a_while(world.chanjing, 502)
    world.end()


def _away(world: _World) -> None:
    world.kill()
    world.end(120, apart=0)
    world.start()


def _slow(world: _World) -> None:
    slow = world.chanjing.add()
    time.sleep(1)
    world.end(60, apart=0.1)
    world.chanjing.finish(slow)
    world.ended.append(slow)


_SCENES: dict[str, Callable[[_World], None]] = {
    "nothing goes wrong": _nothing,
    "every fourth reply of Slack is lost": _lost_replies,
    "killed at every fourth post, and started again": _killed,
    "Slack answers 429 for 5 s": _slack_refuses,
    "Chanjing answers 502 for 5 s": _chanjing_fails,
    "not running while 120 tasks end": _away,
    "a slow video ends after 60 newer ones": _slow,
}


def _measured(command: tuple[str, ...], scene: Callable[[_World], None]) -> list[int]:
    with tempfile.TemporaryDirectory() as home, ChanjingServer() as chanjing, SlackServer() as slack:
        for _ in range(5):
            chanjing.add(status=Status.SUCCEEDED.value)
        world = _World(command, Path(home), chanjing, slack)
        try:
            scene(world)
            return world.figures()
        finally:
            world.kill()


def main() -> None:
    """Measure, and write the section `script`."""
    rows = []
    for name, scene in _SCENES.items():
        script, bot = _measured(_SCRIPT, scene), _measured(_BOT, scene)
        rows.append([name, *map(str, [*script, *bot])])
        print(rows[-1], flush=True)
    head = ["", "script: lost", "repeated", "messages", "bot: lost", "repeated", "messages"]
    text = f"{_TASKS} tasks end in each row that says no other number, one every quarter of a second, and every fifth"
    paper.write("script", f"{text} fails:\n\n{paper.table(head, rows)}")
