"""What Slack takes, as a check for tests. Source: https://docs.slack.dev/reference/block-kit/blocks."""

import json
import re

from bot.blocks import Block, Message

_ALLOWED = re.compile(
    r"<!date\^\d+\^\{date_short_pretty\} \{time\}\|\d{4}-\d\d-\d\d \d\d:\d\d UTC>"
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
    assert message.text.strip()
    assert len(message.text) <= text_limit
    assert len(message.blocks) <= 50
    assert len(json.dumps(message.blocks, ensure_ascii=False)) <= 13_000
    message.text.encode()
    for block in message.blocks:
        _check_block(block)
    for text in strings([message.text, *(_texts(block) for block in message.blocks)]):
        rest = _ALLOWED.sub("", text)
        for mention in mentions:
            rest = rest.replace(mention, "")
        assert not re.search("[<>]", rest), text


def _check_block(block: Block) -> None:
    match block:
        case {"type": "section", "fields": fields}:
            assert 1 <= len(fields) <= 10
            assert all(1 <= len(field["text"]) <= 2_000 for field in fields)
        case {"type": "section", "text": {"text": text}}:
            assert 1 <= len(text) <= 3_000
        case {"type": "image", "image_url": url, "alt_text": alt_text}:
            assert re.fullmatch(r"https?://[!-~]+", url)
            assert len(url) <= 3_000
            assert 1 <= len(alt_text) <= 2_000
        case {"type": "context", "elements": elements}:
            assert 1 <= len(elements) <= 10
            assert all(1 <= len(element["text"]) <= 3_000 for element in elements)
        case _:
            raise AssertionError(f"not a block we use: {block}")


def _texts(block: Block) -> list[str]:
    return [text for text in strings(block) if not text.startswith("http")]
