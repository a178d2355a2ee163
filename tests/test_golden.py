"""The messages as people see them. After a change that is meant, run with GOLDEN=renew and read the diff."""

import io
import json
import os
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import get_args

import pytest
from rich.console import Console

from bot.language import Language
from bot.slack.blocks import Message, Style
from bot.slack.board import render_board
from bot.slack.message import render
from bot.slack.terminal import draw
from bot.wording.samples import BOARD, NOW, SAMPLES

GOLDEN = Path(__file__).parent / "golden"
MENTIONS = ("<!here>",)


def messages(language: Language) -> Iterator[tuple[str, Message]]:
    style = Style(language, MENTIONS)
    yield from ((name, render(contents, style)) for name, contents in SAMPLES.items())
    yield "board", render_board(BOARD, NOW, style)
    yield "board-empty", render_board((), NOW, style)


def written(message: Message) -> str:
    output = io.StringIO()
    draw(message, Console(file=output, width=80, force_terminal=True, color_system=None), zone=UTC)
    picture = "\n".join(line.rstrip() for line in output.getvalue().splitlines())
    blocks = json.dumps(message.blocks, ensure_ascii=False, indent=2)
    return f"{picture}\n\n--- text\n{message.text}\n\n--- blocks\n{blocks}\n"


LANGUAGES: tuple[Language, ...] = get_args(Language)
CASES = [(f"{name}.{lang}.txt", message) for lang in LANGUAGES for name, message in messages(lang)]


@pytest.mark.parametrize(("name", "message"), CASES, ids=[name for name, _ in CASES])
def test_the_message_looks_as_it_did(name, message):
    path = GOLDEN / name
    if os.environ.get("GOLDEN") == "renew":
        path.parent.mkdir(exist_ok=True)
        path.write_text(written(message), encoding="utf-8")
    assert written(message) == path.read_text(encoding="utf-8")


def test_every_golden_file_has_its_message():
    assert {path.name for path in GOLDEN.iterdir()} == {name for name, _ in CASES}
