"""What Slack takes, as a check for tests. Source: https://docs.slack.dev/reference/block-kit/blocks."""

import json
import re

from bot.demo.block_kit import problems
from bot.slack.blocks import Message

_ALLOWED = re.compile(
    r"<!date\^\d+\^(\{date_short_pretty\} \{time\}\|\d{4}-\d\d-\d\d|\{time\}\|)[ \d]*\d\d:\d\d UTC>"
    r"|<#[CG][A-Z0-9]+>"
    r"|<https?://[^|<>\s]+\|[^|<>]+>"
    r"|^> ",
    re.MULTILINE,
)


def strings(value: object) -> list[str]:
    """Return every string in a JSON value."""
    match value:
        case str():
            return [value]
        case dict():
            return [found for item in value.values() for found in strings(item)]
        case list() | tuple():
            return [found for item in value for found in strings(item)]
        case _:
            return []


def check(message: Message, *, mentions: tuple[str, ...] = (), text_limit: int = 4_000) -> None:
    """Assert that Slack takes *message*, and that it mentions nobody but *mentions* and links to http(s) only."""
    assert problems({"text": message.text, "blocks": list(message.blocks)}) == []
    assert message.text.strip()
    assert len(message.text) <= text_limit
    assert len(json.dumps(message.blocks, ensure_ascii=False)) <= 13_000
    json.dumps([message.text, message.blocks], ensure_ascii=False).encode()
    for text in (message.text, *(text for block in message.blocks for text in strings(block))):
        rest = _ALLOWED.sub("", text)
        for mention in mentions:
            rest = rest.replace(mention, "")
        assert not re.search("[<>]", rest), text
