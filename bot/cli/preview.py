"""`preview`: the messages as they will look, from samples or from what is owed."""

import json
import os
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from bot.cli import output
from bot.cli.known import known_states, the_only
from bot.cli.selection import Selection
from bot.config.accounts import shown
from bot.config.load import load_local
from bot.domain.notice import TaskEnded
from bot.domain.state import State
from bot.errors import UsageError
from bot.language import Language
from bot.slack.blocks import Message, Style
from bot.slack.board import render_board
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


def main(
    selection: Selection,
    task: str | None,
    *,
    kind: str | None,
    language: Language | None,
    as_json: bool,
    as_link: bool,
) -> None:
    """Print the message of *task*, which is owed, or samples: as JSON, as links, or drawn."""
    if (as_json and as_link) or (task and kind):
        raise UsageError("preview: give --json or --link, and an ID or --kind, not both.")
    configs = selection.of(load_local(selection.config, os.environ))
    styles = {
        name: Style(language or one.slack.language, one.slack.mention_on_failure, shown(name))
        for name, one in configs.items()
    }
    first = next(iter(styles.values()))
    messages = [_of_task(known_states(configs), task, styles)] if task else list(_samples(kind, first))
    if as_json:
        bodies = [{"text": message.text, "blocks": list(message.blocks)} for message in messages]
        print(output.as_json(bodies[0] if len(bodies) == 1 else bodies))
    elif as_link:
        for message in messages:
            blocks = json.dumps({"blocks": list(message.blocks)}, ensure_ascii=False)
            print(_BUILDER + quote(blocks, safe=""))
    else:
        _draw(messages)


def _samples(kind: str | None, style: Style) -> Iterator[Message]:
    """Yield the sample messages of *kind* (None: of every kind)."""
    for one, names in _SAMPLES.items():
        if kind in {None, one}:
            yield from (render(sample.SAMPLES[name], style) for name in names)
            if one == "board":
                yield render_board(sample.BOARD, sample.NOW, style)


def _of_task(states: Mapping[str, State], prefix: str, styles: Mapping[str, Style]) -> Message:
    """Return the message as it would be posted next, for a task that is owed: only of those does the state keep all."""
    owed = {
        one.key.subject: (one, styles[name])
        for name, state in states.items()
        for one in state.outbox.notices
        if isinstance(one.content, TaskEnded)
    }
    task_id = the_only(prefix, sorted(task_id for task_id in owed if task_id.startswith(prefix)), "is owed")
    notice, style = owed[task_id]
    return render([notice.content], style, fallback=notice.fallback)


def _draw(messages: list[Message]) -> None:
    from rich.console import Console
    from rich.rule import Rule

    from bot.slack import terminal

    console = Console(highlight=False)
    for message in messages:
        console.print(Rule(style="dim"))
        terminal.draw(message, console)
