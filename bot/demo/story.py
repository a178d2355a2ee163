"""The demo: six tasks queue, render and end while the real loop runs against a Chanjing and a Slack on loopback."""

import json
import tempfile
import threading
import time
from pathlib import Path

from rich.console import Console
from rich.rule import Rule

from bot import log, terminal, wiring
from bot.blocks import Message as Words
from bot.clock import SystemClock
from bot.config import Config, load
from bot.daemon import Daemon
from bot.demo.chanjing import ChanjingServer
from bot.demo.slack import CHANNEL, Message, SlackServer
from bot.task import Status

_SHELF = "https://res.example.com/lip-sync"
_BALANCE, _VOICE = "蝉豆不足扣费失败", "音频中没有人声，请检查是否为单声道"
_ENDINGS = ("", "", _BALANCE, "", _VOICE, "")  # what Chanjing says of each failure; "": it succeeds
_BEAT = 2.0  # seconds between two events of the story
_PATIENCE = 15.0  # seconds for the last message to arrive


def tell(console: Console | None = None) -> bool:
    """Run the demo, printing each message as it arrives. Return True when each of the six tasks was told of once."""
    console = console or Console(highlight=False)
    began = time.monotonic()
    with ChanjingServer() as chanjing, SlackServer() as slack, tempfile.TemporaryDirectory() as directory:
        arrived = threading.Semaphore(0)

        def print_message(message: Message) -> None:
            console.print(Rule(style="dim"))
            terminal.draw(Words(message.text, tuple(message.blocks)), console)
            arrived.release()

        slack.on_message = print_message
        for number in range(3):
            _finish(chanjing, chanjing.add(create_time=int(time.time()) - 86_400 + number), number)
        console.print(
            "A Chanjing and a Slack of our own are up on this machine. Three videos are finished already; six more are "
            "about to be made, and the real bot watches."
        )
        with _running(_config(Path(directory), chanjing, slack)):
            complete = arrived.acquire(timeout=_PATIENCE)  # the greeting: from now on everything is news
            ids = _make_videos(chanjing)
            complete = all(arrived.acquire(timeout=_PATIENCE) for _ in ids) and complete
        messages, requests = slack.messages, len(chanjing.calls)
    named = [sum(task_id in message.text for message in messages) for task_id in ids]
    good = complete and named == [1] * len(ids)
    console.print(Rule(style="dim"))
    succeeded = _ENDINGS.count("")
    console.print(
        f"{len(ids)} tasks ended in {time.monotonic() - began:.0f} s: {succeeded} succeeded, "
        f"{len(ids) - succeeded} failed. {len(messages)} messages, greeting included; {requests} requests to Chanjing. "
        + ("Each task was told of exactly once." if good else f"Times each task was told of: {named}.")
    )
    console.print("For your own account: see the README, or begin with `lipsync-bot check`.")
    return good


def _make_videos(chanjing: ChanjingServer) -> list[str]:
    """Let six tasks queue, render and end, overlapping, and return their ids."""
    ids = []
    for step in range(len(_ENDINGS) + 3):
        if step < len(_ENDINGS):
            ids.append(chanjing.add())
        if 0 <= step - 1 < len(_ENDINGS):
            chanjing.update(ids[step - 1], status=Status.GENERATING, progress=75)
        if step >= 3:  # noqa: PLR2004 - queued for one step, rendered for two
            _finish(chanjing, ids[step - 3], step - 3)
        time.sleep(_BEAT)
    return ids


def _finish(chanjing: ChanjingServer, task_id: str, number: int) -> None:
    if reason := _ENDINGS[number]:
        chanjing.fail(task_id, msg=reason)
        return
    links = {"video_url": f"{_SHELF}/{task_id}.mp4", "preview_url": f"{_SHELF}/{task_id}.jpg"}
    chanjing.finish(task_id, **links, duration=12_000 + 9_700 * number)


def _config(directory: Path, chanjing: ChanjingServer, slack: SlackServer) -> Config:
    """Return a configuration that knows nothing of the user's own."""
    file = directory / "demo.yaml"
    sections = {
        "chanjing": {"base_url": chanjing.url, "access_token": chanjing.token},
        "slack": {"base_url": slack.base_url, "bot_token": slack.token, "channel": CHANNEL},
        "poll": {"interval": "500ms", "active_interval": "500ms"},
        "state": {"path": str(directory / "state.json")},
    }
    file.write_text(json.dumps(sections), "utf-8")  # JSON is YAML
    return load(file, {}, secrets_dir=directory / "none")


class _running:  # noqa: N801 - reads as what it is: with _running(config)
    """The real loop, in a thread, for as long as the block lasts."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bot")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        clock = SystemClock(self._stop)
        logger = log.make("warning", "text")
        with wiring.bot(self._config, clock, logger, progress=lambda *_, **__: None, trust_env=False) as bot:
            Daemon(bot.poll, clock, logger, cycle_ended=bot.cycle_ended).run()
