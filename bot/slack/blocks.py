"""Pure: a Slack message as plain values, its building blocks, and the limits it has to keep.

Source of the limits: https://docs.slack.dev/reference/block-kit/blocks
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from bot.language import Language

ELLIPSIS = "…"
TEXT = 4_000  # the top-level text
LONGEST_TEXT = 10 * TEXT  # what is longer is cut by Slack
SECTION = 3_000
ALL_BLOCKS = 13_000
IMAGE_URL = 3_000

Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """What is posted. Screen readers and notifications read `text` only; if `blocks` is empty it is everything."""

    text: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Style:
    """The channel's language, and whom a failure calls: mentions in Slack's markup, e.g. `<!here>`, `<@U123>`.

    `account` is to be named in each message ("": it is not). `lasting`: the links do not expire.
    """

    language: Language = "en"
    mentions: tuple[str, ...] = ()
    account: str = ""
    lasting: bool = False


def mrkdwn(text: str) -> Block:
    """Return a text object. `verbatim`: Slack makes no links or mentions of its own from plain text."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def section(*lines: str) -> Block:
    return {"type": "section", "text": mrkdwn("\n".join(lines))}


def columns(pairs: Iterable[tuple[str, str]]) -> list[Block]:
    """Return a section of two columns with a bold label over each value; nothing if there are no pairs."""
    fields = [mrkdwn(f"*{label}*\n{value}") for label, value in pairs]
    return [{"type": "section", "fields": fields}] if fields else []


def context(*lines: str) -> Block:
    return {"type": "context", "elements": [mrkdwn(line) for line in lines]}


def image(url: str, alt_text: str) -> Block:
    return {"type": "image", "image_url": url, "alt_text": alt_text}


def packed(lines: Iterable[str]) -> list[Block]:
    """Return as few sections as hold all *lines* in their order. No line may be longer than SECTION."""
    groups: list[list[str]] = [[]]
    for line in lines:
        if sum(len(taken) + 1 for taken in groups[-1]) + len(line) > SECTION:
            groups.append([])
        groups[-1].append(line)
    return [section(*group) for group in groups if group]


def first_lines(lines: Sequence[str]) -> str:
    """Return as many of *lines* as the text beside blocks may hold."""
    fitting = sum(end <= TEXT - len(ELLIPSIS) for end in accumulate(len(line) + 1 for line in lines))
    return "\n".join((*lines[:fitting], *([ELLIPSIS] if fitting < len(lines) else [])))


def fits(blocks: Sequence[Block]) -> bool:
    """Tell whether Slack takes *blocks* together. Counted as JSON: more than Slack counts, so on the safe side."""
    return len(json.dumps(blocks, ensure_ascii=False)) <= ALL_BLOCKS and all(
        len(block["text"]["text"]) <= SECTION for block in blocks if "text" in block
    )
