"""The real program, in a thread, between a Chanjing and a Slack on loopback."""

import io
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bot import app as wiring
from bot.clock import Stop, SystemClock
from bot.config.load import load
from bot.demo.chanjing import ChanjingServer
from bot.demo.slack import CHANNEL, SlackServer
from bot.domain.state import State
from bot.log import Log, as_json
from bot.store import file as state
from bot.watch.loop import Daemon

CHANJING_TOKEN = "secret-chanjing"
SLACK_TOKEN = "xoxb-secret-slack"
SETTINGS = {
    "POLL_INTERVAL": "400ms",
    "POLL_ACTIVE_INTERVAL": "400ms",
    "CHANJING_TIMEOUT": "1s",
    "CHANJING_MAX_REQUESTS_PER_SECOND": "1000",
    "SLACK_TIMEOUT": "1s",
    "SLACK_PACE": "50ms",
    "SLACK_SETTLE": "1s",
    "SLACK_CHANNEL": CHANNEL,
    "SLACK_BOT_TOKEN": SLACK_TOKEN,
    "CHANJING_ACCESS_TOKEN": CHANJING_TOKEN,
    "LOG_LEVEL": "debug",
}
PATIENCE = 60.0  # seconds


@dataclass(slots=True)
class Scene:
    """The two servers, and the program between them once `running`."""

    directory: Path
    chanjing: ChanjingServer
    slack: SlackServer
    log: io.StringIO

    @property
    def path(self) -> Path:
        return self.directory / "state.json"

    @property
    def state(self) -> State:
        return state.peek(self.path) or State()

    def environment(self, **settings: str) -> dict[str, str]:
        """Return the environment of the program. A setting that is "" is left out."""
        given = {
            **SETTINGS,
            "CHANJING_BASE_URL": self.chanjing.url,
            "SLACK_BASE_URL": self.slack.base_url,
            "STATE_PATH": str(self.path),
            **settings,
        }
        return {name: value for name, value in given.items() if value}

    @contextmanager
    def running(self, **settings: str) -> Iterator[None]:
        """Let the program run for as long as the block lasts; it begins when the first run is over."""
        config = load(Path(os.devnull), self.environment(**settings), secrets_dir=self.directory / "none")["default"]
        stop, clock = Stop(), None
        clock = SystemClock(stop)
        events = Log(lambda line: self.log.write(f"{line}\n"), "debug", as_json)

        def run() -> None:
            with wiring.assembled(config, clock, events) as bot:
                Daemon(bot.poll, clock, bot.events, bot.wake).run()

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def end(self, *names: str, status: int = 20) -> list[str]:
        """Let a task of each name end, and return their ids."""
        return [self.chanjing.add(f"{name:-<32}", status) for name in names]

    def announced(self, ids: list[str]) -> list[int]:
        """Return how many messages name each of *ids*."""
        return [sum(task_id in message.text for message in self.slack.messages) for task_id in ids]

    def posts(self) -> int:
        return sum(call.path.endswith(("/chat.postMessage", "/XXXX")) for call in self.slack.calls)

    def wait_until_told(self, ids: list[str]) -> None:
        wait_for(lambda: all(self.announced(ids)) and not self.state.outbox.notices, f"{ids} announced")

    def lists(self) -> int:
        return sum(call.path.endswith("/list") for call in self.chanjing.calls)


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Return when *condition* holds. Raise AssertionError after PATIENCE."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for: {what}")
        time.sleep(0.1)


_NUMBERS = itertools.count()


@contextmanager
def scene(directory: Path) -> Iterator[Scene]:
    """Yield a scene with its servers running."""
    own = directory / f"scene{next(_NUMBERS)}"
    own.mkdir()
    with ChanjingServer(CHANJING_TOKEN) as chanjing, SlackServer(SLACK_TOKEN) as slack:
        yield Scene(own, chanjing, slack, io.StringIO())
