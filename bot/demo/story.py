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
from bot.wording.phrases import Phrase

_BALANCE, _VOICE = "蝉豆不足扣费失败", "音频中没有人声，请检查是否为单声道"
_ENDINGS = ("", "", _BALANCE, "", _VOICE, "")  # what Chanjing says of each failure; "": it succeeds
_BURST = 8  # more than slack.digest_after
_BEAT = 1.6  # seconds between two events of the story
_THREADS = 20  # of the servers with a client or two, the loop, and a timer for each request
_WAKE_TOKEN = "demo-wake"  # noqa: S105 - made up
_PATIENCE = 15.0  # seconds for what the bot does to be seen

_Add = Callable[..., str]  # makes a task, and returns its id
_Finish = Callable[[str, int], None]  # a task's id, and which ending it has

_INTRODUCTION = Phrase(
    "A built-in Chanjing and a built-in Slack are running on this machine. Three videos are already finished; more "
    "will follow, first one by one, then many at once, and the real bot watches them. When one ends, Chanjing calls "
    "the bot.",
    "本机上运行着一个模拟的蝉镜和一个模拟的 Slack。已有三个视频生成完毕；"
    "接下来会逐个生成几个视频，再同时生成一批，由真正的机器人负责通知。每个任务一结束，蝉镜就回调机器人。",
)
_FIGURES = Phrase(
    "{ended} tasks ended in {seconds} s: {succeeded} succeeded, {failed} failed. "
    "{messages} messages, greeting included, and a board; {requests} requests to Chanjing.",
    "{seconds} 秒内有 {ended} 个任务结束：成功 {succeeded} 个，失败 {failed} 个。"
    "共发出 {messages} 条消息（含启动消息）和一个看板，向蝉镜请求 {requests} 次。",
)
_ONCE = Phrase("Each task was announced exactly once.", "每个任务都恰好通知了一次。")
_NOT_ONCE = Phrase("Times each task was announced: {times}.", "每个任务的通知次数：{times}。")
_LOOK = Phrase("Look at it in a browser: {address}", "请在浏览器中观看：{address}")
_STAYS = Phrase(
    "The page stays up until you press Enter: {address}",
    "页面会一直保留，按回车键结束：{address}",
)
_NEXT = Phrase("For your own account, see “Set it up” in the README.", "要用于自己的账号，请看 README 的“部署”一节。")


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


def play(
    language: Language = "en", console: Console | None = None, *, wait: Callable[[], object] | None = None
) -> bool:
    """Run the demo, printing each message as it arrives. Return True if each task was announced once.

    A browser can look at it until *wait* returns; if that is None, until the story is over. The board is printed when
    it is posted and as it stands at the end, not each time that it is updated. Raise OSError or SystemExit, as rich
    does, when nobody can see it any more.
    """
    console = console or Console(highlight=False)
    began = time.monotonic()
    stage = _Stage()
    _need_threads(_THREADS)

    def show(message: Message) -> None:
        with stage.watched():
            console.print(Rule(style="dim"))
            terminal.draw(Words(message.text, tuple(message.blocks)), console)

    def say(*sentences: str) -> None:
        # Chinese has no spaces between sentences.
        text = Text((" " if language == "en" else "").join(sentences))
        console.print(text, soft_wrap=not console.is_terminal)

    port = _free_port()
    with (
        ChanjingServer() as chanjing,
        SlackServer() as slack,
        Window(f"http://127.0.0.1:{port}/", lambda: slack.messages, language) as window,
        tempfile.TemporaryDirectory() as directory,
    ):
        say(_LOOK.say(language, address=window.address))
        slack.on_message = lambda message: None if message.edited else show(message)
        finish = partial(_finish, chanjing, window)
        for number in range(3):
            finish(chanjing.add(create_time=int(time.time()) - 86_400 + number), number)
        say(_INTRODUCTION.say(language))
        with _running(_config(Path(directory), chanjing, slack, language, port), stage):
            stage.wait_until(lambda: bool(_notices(slack)))  # the greeting: from now on everything is news
            add = partial(chanjing.add, callback=f"http://127.0.0.1:{port}/wake/{_WAKE_TOKEN}")
            ids = [*_one_by_one(chanjing, stage, add, finish), *_all_at_once(chanjing, stage, add, finish)]
            stage.wait_until(lambda: all(_times_announced(slack, ids)))
            stage.wait_until(lambda: not any(task_id in board.text for board in _boards(slack) for task_id in ids))
            for board in _boards(slack):
                show(board)
            console.print(Rule(style="dim"))
            seconds, times = round(time.monotonic() - began), _times_announced(slack, ids)
            say(*_sum_up(times, seconds, len(_notices(slack)), len(chanjing.calls), language))
            say(_NEXT.say(language))
            if wait is not None:
                say(_STAYS.say(language, address=window.address))
                wait()
    return times == [1] * len(ids)


def _sum_up(times: Sequence[int], seconds: int, messages: int, requests: int, language: Language) -> tuple[str, str]:
    """Return what happened, of tasks that were announced so many *times*, and whether that was once each."""
    failed = len(_ENDINGS) - _ENDINGS.count("")
    figures = _FIGURES.say(
        language,
        ended=len(times),
        seconds=seconds,
        succeeded=len(times) - failed,
        failed=failed,
        messages=messages,
        requests=requests,
    )
    good = all(count == 1 for count in times)
    return figures, _ONCE.say(language) if good else _NOT_ONCE.say(language, times=times)


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
