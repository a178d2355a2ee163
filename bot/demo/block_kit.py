"""Slack's limits for a message, and for Block Kit: what is wrong with one, in Slack's own words."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

MAX_TEXT = 40_000
MAX_BLOCKS = 50
MAX_CHARACTERS = 13_000
"""Of all blocks together. Not documented: https://github.com/slackapi/bolt-js/issues/2509."""
MAX_METADATA = 1_024

# Block Kit, by https://docs.slack.dev/reference/block-kit. A check takes a value and the JSON pointer to it, and yields
# what Slack would say against it.
_Check = Callable[[Any, str], Iterator[str]]


def problems(message: Mapping[str, Any]) -> list[str]:
    """Return what Slack would refuse in a message's text, blocks and metadata: `error: detail`, none for a good one.

    A text of more than 40,000 characters is among them as msg_too_long, although chat.postMessage cuts it in silence.
    """
    text, blocks, metadata = message.get("text") or "", message.get("blocks"), message.get("metadata")
    found = [f"invalid_blocks: {detail}" for detail in _blocks(blocks, "/blocks")] if blocks else []
    if not text.strip() and not blocks:
        found.append("no_text: neither text nor blocks")
    if len(text) > MAX_TEXT:
        found.append(f"msg_too_long: {len(text)} characters of text")
    if (characters := sum(len(value) for _, name, value in scan(blocks, "") if name != "type")) > MAX_CHARACTERS:
        found.append(f"msg_blocks_too_long: {characters} characters in the blocks")
    if metadata:
        found += _metadata(metadata)
    return found


def _metadata(metadata: Any) -> Iterator[str]:
    match metadata:
        case {"event_type": str(event), "event_payload": dict(), **rest} if event and not rest:
            if (size := len(json.dumps(metadata).encode())) > MAX_METADATA:
                yield f"metadata_too_large: {size} bytes"
        case _:
            yield "invalid_metadata_format: not an event_type and an event_payload"


def keeps_metadata(metadata: Any) -> bool:
    """Tell whether Slack keeps *metadata*: it drops what its types do not know without a word.

    These are strings, numbers, booleans, objects of them, and arrays of such objects:
    https://docs.slack.dev/messaging/message-metadata
    """
    return all(map(_is_kept, metadata["event_payload"].values())) if metadata else True


def _is_kept(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_kept, value.values()))
    if isinstance(value, list):
        return all(isinstance(part, dict) and _is_kept(part) for part in value)
    return isinstance(value, str | int | float)


def _blocks(blocks: Any, at: str) -> Iterator[str]:
    yield from _items(_BLOCK, MAX_BLOCKS)(blocks, at)
    seen: set[tuple[str, str]] = set()
    for where, name, value in scan(blocks, at):
        if name in {"block_id", "action_id"}:
            if (name, value) in seen:
                yield said(f"{name} already exists: {value}", where)
            seen.add((name, value))


def said(detail: str, at: str) -> str:
    return f"{detail} [json-pointer:{at}]"


def _flagged(value: Any, at: str) -> Iterator[str]:
    if not isinstance(value, bool):
        yield said("must be a boolean", at)


def _string(most: int, pattern: str = r"\s*\S") -> _Check:
    def check(value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield said("must be a string", at)
        elif len(value) > most:
            yield said(f"must be less than {most + 1} characters", at)
        elif not re.match(pattern, value):
            yield said("must be more than 0 characters" if not value.strip() else "does not match the format", at)

    return check


def _items(item: _Check, most: int) -> _Check:
    def check(value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield said("must be an array", at)
            return
        if not value:
            yield said("no fewer than 1 items allowed", at)
        if len(value) > most:
            yield said(f"no more than {most} items allowed", at)
        for index, part in enumerate(value):
            yield from item(part, f"{at}/{index}")

    return check


class _Shape(NamedTuple):
    """The fields of one type of object, and what each is checked by. Where `any_of` names some, one is required."""

    required: Mapping[str, _Check] = {}
    optional: Mapping[str, _Check] = {}
    any_of: frozenset[str] = frozenset()


def _typed(shapes: Mapping[str, _Shape]) -> _Check:
    def check(value: Any, at: str) -> Iterator[str]:
        kind = value.get("type") if isinstance(value, dict) else None
        shape = shapes.get(kind) if isinstance(kind, str) else None
        if shape is None:
            yield said(f"unsupported type: {kind}", at)
            return
        yield from (said(f"missing required field: {name}", at) for name in shape.required if name not in value)
        if shape.any_of and shape.any_of.isdisjoint(value):
            yield said(f"missing one of: {', '.join(sorted(shape.any_of))}", at)
        checks = {**shape.required, **shape.optional}
        for name, part in value.items():
            if name in checks:
                yield from checks[name](part, f"{at}/{name}")
            elif name != "type":
                yield said(f"invalid additional property: {name}", at)

    return check


def _plain(most: int) -> dict[str, _Shape]:
    return {"plain_text": _Shape({"text": _string(most)}, {"emoji": _flagged})}


def _texts(most: int) -> dict[str, _Shape]:
    return {**_plain(most), "mrkdwn": _Shape({"text": _string(most)}, {"verbatim": _flagged})}


_PLACE = {"block_id": _string(255)}
_PICTURE = {"image_url": _string(3000, "https?://"), "alt_text": _string(2000)}
_BUTTON = _Shape(
    {"text": _typed(_plain(75))},
    {
        "action_id": _string(255),
        "url": _string(3000, "[a-z]+:"),
        "value": _string(2000),
        "style": _string(10, "(primary|danger)$"),
        "accessibility_label": _string(75),
    },
)
_BLOCK = _typed(
    {
        "divider": _Shape({}, _PLACE),
        "header": _Shape({"text": _typed(_plain(150))}, _PLACE),
        "image": _Shape(_PICTURE, {"title": _typed(_plain(2000)), **_PLACE}),
        "section": _Shape(
            {},
            {
                "text": _typed(_texts(3000)),
                "fields": _items(_typed(_texts(2000)), 10),
                "accessory": _typed({"button": _BUTTON, "image": _Shape(_PICTURE)}),
                "expand": _flagged,
                **_PLACE,
            },
            any_of=frozenset({"text", "fields"}),
        ),
        "context": _Shape({"elements": _items(_typed({**_texts(3000), "image": _Shape(_PICTURE)}), 10)}, _PLACE),
        "actions": _Shape({"elements": _items(_typed({"button": _BUTTON}), 25)}, _PLACE),
    }
)


def scan(value: Any, at: str) -> Iterator[tuple[str, str, str]]:
    """Yield each string inside *value*: the JSON pointer to it, its name and itself."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        if isinstance(part, str):
            yield f"{at}/{name}", str(name), part
        else:
            yield from scan(part, f"{at}/{name}")
