"""What `preview` shows: the messages as they will look, from samples or from what is owed."""

import json
from collections.abc import Iterator
from urllib.parse import quote

from rich.console import Console
from rich.rule import Rule

from bot.domain.outbox import TaskEnded
from bot.domain.state import State
from bot.harmless import in_json
from bot.slack import terminal
from bot.slack.blocks import Message, Style
from bot.slack.digest import render_board
from bot.slack.message import render
from bot.wording import samples as sample

_SAMPLES = {
    "success": ("success",),
    "failure": ("failure",),
    "digest": ("digest-success", "digest-failure"),
    "board": (),
    "summary": ("summary",),
    "alert": ("trouble", "trouble-over"),
    "greeting": ("greeting",),
}
_BUILDER = "https://app.slack.com/block-kit-builder#"


def samples(kind: str | None, style: Style) -> Iterator[Message]:
    """Yield the sample messages of *kind* (None: of every kind)."""
    for one, names in _SAMPLES.items():
        if kind in {None, one}:
            yield from (render(sample.SAMPLES[name], style) for name in names)
            if one == "board":
                yield render_board(sample.BOARD, sample.NOW, style)


def owed(state: State, prefix: str) -> list[str]:
    """Return the ids that begin with *prefix* of the tasks that are owed: only of those does the state keep all."""
    tasks = {notice.subject for notice in state.outbox.notices if isinstance(notice.content, TaskEnded)}
    return sorted(task_id for task_id in tasks if task_id.startswith(prefix))


def of_task(state: State, task_id: str, style: Style) -> Message:
    """Return the message for a task that is owed, as it would be posted next."""
    notice = next(notice for notice in state.outbox.notices if notice.subject == task_id)
    return render([notice.content], style, fallback=notice.fallback)


def as_json(messages: list[Message], *, ascii_only: bool = False) -> str:
    """Return the message as Slack's chat.postMessage takes it; a list of them where there are several."""
    bodies = [{"text": message.text, "blocks": list(message.blocks)} for message in messages]
    return in_json(json.dumps(bodies[0] if len(bodies) == 1 else bodies, ensure_ascii=ascii_only, indent=2))


def link(message: Message) -> str:
    """Return a link that shows *message* in Slack's Block Kit Builder."""
    return _BUILDER + quote(json.dumps({"blocks": list(message.blocks)}, ensure_ascii=False), safe="")


def draw(message: Message, console: Console) -> None:
    """Draw *message* on the terminal about as Slack shows it."""
    console.print(Rule(style="dim"))
    terminal.draw(message, console)
