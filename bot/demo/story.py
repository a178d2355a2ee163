"""The demo: videos queue, render and end while the real loop runs against a Chanjing and a Slack on loopback."""

import json
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from bot import app as wiring
from bot import log
from bot.clock import Stop, SystemClock
from bot.config.accounts import DEFAULT
from bot.config.load import load
from bot.config.sections import Config
from bot.demo import words
from bot.demo.chanjing import ChanjingServer
from bot.demo.slack import CHANNEL, Message, SlackServer
from bot.demo.window import Window
from bot.domain.notice import EVENT_TYPE
from bot.domain.task import Status
from bot.errors import LipsyncBotError
from bot.language import Language
from bot.slack import terminal
from bot.slack.blocks import Message as Words
from bot.watch.loop import Daemon

_BALANCE, _VOICE = "蝉豆不足扣费失败", "音频中没有人声，请检查是否为单声道"
_ENDINGS = ("", "", _BALANCE, "", _VOICE, "")  # what Chanjing says of each failure; "": it succeeds
_BURST = 8  # more than slack.digest_after
_BEAT = 1.6  # seconds between two events of the story
_THREADS = 20  # of the servers with a client or two, the loop, and a timer for each request
_WAKE_TOKEN = "demo-wake"  # noqa: S105 - made up
_PATIENCE = 15.0  # seconds for what the bot does to be seen

_Add = Callable[..., str]  # makes a task, and returns its id
_Finish = Callable[[str, int], None]  # a task's id, and which ending it has


class _Stage:
    """Where the story passes its time, until nobody can see it: messages are printed by Slack's threads."""

    def __init__(self) -> None:
        self._left = threading.Event()
        self._why: BaseException | None = None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """If what is done in this block fails, it is the story that ends, and not the thread."""
        try:
            yield
        except (LipsyncBotError, OSError, RuntimeError, SystemExit) as error:
            # rich ends the program when the reader has gone.
            self._why = error
            self._left.set()

    def wait(self, seconds: float) -> None:
        """Return after that many seconds. Raise at once what kept the story from being seen."""
        if self._left.wait(seconds) and self._why is not None:
            raise self._why

    def wait_until(self, true: Callable[[], bool]) -> None:
        """Wait until *true*, but for _PATIENCE at most."""
        deadline = time.monotonic() + _PATIENCE
        while not true() and time.monotonic() < deadline:
            self.wait(0.1)


class _Screen:
    """Where the demo shows what it says, and the messages."""

    def __init__(self, console: Console, language: Language, stage: _Stage) -> None:
        self._console = console
        self._language: Language = language
        self._stage = stage

    def show(self, message: Message) -> None:
        with self._stage.watched():
            self.rule()
            terminal.draw(Words(message.text, tuple(message.blocks)), self._console)

    def rule(self) -> None:
        self._console.print(Rule(style="dim"))

    def say(self, *sentences: str) -> None:
        # Chinese has no spaces between sentences.
        text = Text((" " if self._language == "en" else "").join(sentences))
        self._console.print(text, soft_wrap=not self._console.is_terminal)


def play(
    language: Language = "en", console: Console | None = None, *, wait: Callable[[], object] | None = None
) -> bool:
    """Run the demo, printing each message as it arrives. Return True if each task was announced once.

    A browser can look at it until *wait* returns; if that is None, until the story is over. The board is printed when
    it is posted and as it stands at the end, not each time that it is updated. Raise OSError or SystemExit, as rich
    does, when nobody can see it any more.
    """
    began, stage, port = time.monotonic(), _Stage(), _free_port()
    screen = _Screen(console or Console(highlight=False), language, stage)
    _need_threads(_THREADS)
    with (
        ChanjingServer() as chanjing,
        SlackServer() as slack,
        Window(f"http://127.0.0.1:{port}/", lambda: slack.messages, language) as window,
        tempfile.TemporaryDirectory() as directory,
    ):
        screen.say(words.LOOK.say(language, address=window.address))
        slack.on_message = lambda message: None if message.edited else screen.show(message)
        finish = partial(_finish, chanjing, window)
        for number in range(3):
            finish(chanjing.add(create_time=int(time.time()) - 86_400 + number), number)
        screen.say(words.INTRODUCTION.say(language))
        with _running(_config(Path(directory), chanjing, slack, language, port), stage):
            add = partial(chanjing.add, callback=f"http://127.0.0.1:{port}/wake/{_WAKE_TOKEN}")
            ids = _tell(chanjing, slack, stage, add, finish)
            for board in _boards(slack):
                screen.show(board)
            screen.rule()
            seconds, times = round(time.monotonic() - began), _times_announced(slack, ids)
            failed = len(_ENDINGS) - _ENDINGS.count("")
            counts = len(_notices(slack)), len(chanjing.calls)
            screen.say(*words.sum_up(times, failed, seconds, *counts, language))
            screen.say(words.NEXT.say(language))
            if wait is not None:
                screen.say(words.STAYS.say(language, address=window.address))
                wait()
    return times == [1] * len(ids)


def _tell(chanjing: ChanjingServer, slack: SlackServer, stage: _Stage, add: _Add, finish: _Finish) -> list[str]:
    """Let all tasks of the story end, wait until the bot has announced them, and return their ids."""
    stage.wait_until(lambda: bool(_notices(slack)))  # the greeting: from now on everything is news
    ids = [*_one_by_one(chanjing, stage, add, finish), *_all_at_once(chanjing, stage, add, finish)]
    stage.wait_until(lambda: all(_times_announced(slack, ids)))
    stage.wait_until(lambda: not any(task_id in board.text for board in _boards(slack) for task_id in ids))
    return ids


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _need_threads(count: int) -> None:
    """Raise RuntimeError at once where not so many threads can be started: later it would be the story that fails."""
    enough = threading.Event()
    try:
        for _ in range(count):
            threading.Thread(target=enough.wait, daemon=True).start()
    finally:
        enough.set()


def _one_by_one(chanjing: ChanjingServer, stage: _Stage, add: _Add, finish: _Finish) -> list[str]:
    """Let six tasks queue, render and end, overlapping, and return their ids."""
    ids = []
    for step in range(len(_ENDINGS) + 3):
        if step < len(_ENDINGS):
            ids.append(add())
        if 0 <= step - 1 < len(_ENDINGS):
            chanjing.update(ids[step - 1], status=Status.GENERATING, progress=75)
        if step >= 3:  # noqa: PLR2004 - queued for one step, rendered for two
            finish(ids[step - 3], step - 3)
        stage.wait(_BEAT)
    return ids


def _all_at_once(chanjing: ChanjingServer, stage: _Stage, add: _Add, finish: _Finish) -> list[str]:
    """Let eight tasks end in the same moment, between two answers of Chanjing's, and return their ids."""
    ids = [add(status=Status.GENERATING, progress=50) for _ in range(_BURST)]
    stage.wait(_BEAT)
    with chanjing.lock:
        for number, task_id in enumerate(ids):
            finish(task_id, number % 2)
    return ids


def _finish(chanjing: ChanjingServer, window: Window, task_id: str, number: int) -> None:
    if reason := _ENDINGS[number]:
        chanjing.fail(task_id, msg=reason)
        return
    chanjing.finish(task_id, **window.links(task_id), duration=12_000 + 9_700 * number)


def _notices(slack: SlackServer) -> list[Message]:
    return [message for message in slack.messages if (message.metadata or {}).get("event_type") == EVENT_TYPE]


def _boards(slack: SlackServer) -> list[Message]:
    return [message for message in slack.messages if (message.metadata or {}).get("event_type") != EVENT_TYPE]


def _times_announced(slack: SlackServer, ids: Sequence[str]) -> list[int]:
    notices = _notices(slack)
    return [sum(task_id in notice.text for notice in notices) for task_id in ids]


def _config(directory: Path, chanjing: ChanjingServer, slack: SlackServer, language: Language, port: int) -> Config:
    """Return a configuration that knows nothing of the user's own."""
    file = directory / "demo.yaml"
    sections = {
        "chanjing": {"base_url": chanjing.url, "access_token": chanjing.token},
        "slack": {
            "base_url": slack.base_url,
            "bot_token": slack.token,
            "channel": CHANNEL,
            "board": True,
            "language": language,
        },
        "poll": {"interval": "1s", "active_interval": "1s"},
        "state": {"path": str(directory / "state.json")},
        "monitor": {"listen": f"127.0.0.1:{port}", "wake_token": _WAKE_TOKEN},
    }
    file.write_text(json.dumps(sections), "utf-8")  # JSON is YAML
    return load(file, {}, secrets_dir=directory / "none")[DEFAULT]


@contextmanager
def _running(config: Config, stage: _Stage) -> Iterator[None]:
    """Run the real loop in a thread for as long as the block lasts."""
    stop = Stop()

    def run() -> None:
        clock = SystemClock(stop)
        events = log.make("warning", "text")
        with stage.watched(), wiring.assembled(config, clock, events, trust_env=False) as bot:
            Daemon(bot.poll, clock, bot.events, bot.wake).run()

    thread = threading.Thread(target=run, name="bot")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
