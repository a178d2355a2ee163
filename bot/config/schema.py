"""Pure: the YAML file as a JSON Schema, with which editors complete and check it. What only the bot can know it leaves.

Draft 7, as editors know it. A pattern there is only about texts and a minimum only about numbers, as each value may be
written as either.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from bot.config import values
from bot.config.sections import KEYS, Key
from bot.config.texts import OF_THE_PROCESS
from bot.config.yaml import ACCOUNT_NAME

_OWN: Mapping[str, dict[str, Any]] = {
    "properties": {"<<": {}},
    "patternProperties": {"^x-": {}},
}  # merge keys, and keys of the user's own
_ACCOUNTS = "Each takes from the sections above what it does not say itself, and has a state of its own."
_VISIBLE = "[!-~]+"
_DURATION = r"[0-9]+(?:\.[0-9]+)? ?(?:ms|s|m|h|d)?"
_HTTP = r"[Hh][Tt][Tt][Pp][Ss]?://[^/?#@\s]+"
_LEAST: Mapping[Callable[[str], object], dict[str, float]] = {
    values.seconds: {"minimum": 0},
    values.positive: {"exclusiveMinimum": 0},
    values.interval: {"minimum": values.SHORTEST_INTERVAL},
}
# How each kind of text is written, where a pattern can say it.
_PATTERNS: Mapping[Callable[[str], object], str] = {
    values.own: _VISIBLE,
    values.bot_token: "xoxb-[!-~]*",
    values.channel: "[CG][A-Z0-9]+",
    values.url: rf"{_HTTP}(?:[/?#]{_VISIBLE})?[/?#]?",
    values.base_url: rf"{_HTTP}(?:/[^?#\s]*)?",
    values.base_url_with_slash: rf"{_HTTP}(?:/[^?#\s]*)?",
    values.database: f"postgres(?:ql)?://{_VISIBLE}",
    values.listen: r"\S+:[0-9]{1,5}",
    values.clock_time: "(?:[01]?[0-9]|2[0-3]):[0-5][0-9]",
}


def schema(example: str) -> dict[str, Any]:
    """Return the JSON Schema. What a key is for is said by the comments above it in *example*, a YAML file."""
    meanings = _meanings(example)
    sections: dict[str, dict[str, Any]] = {}
    for key in KEYS:
        section, _, name = key.name.partition(".")
        meaning = {"description": meanings[key.name]} if key.name in meanings else {}
        sections.setdefault(section, {})[name] = {**meaning, **_value(key.written), **_default(key)}
    of_an_account = [name for name in sections if name not in OF_THE_PROCESS]
    account = _mapping({name: {"$ref": f"#/definitions/{name}"} for name in of_an_account})
    accounts = {
        "description": _ACCOUNTS,
        "type": "object",
        "minProperties": 1,
        "properties": {"<<": {}},
        "patternProperties": {f"^{ACCOUNT_NAME}$": account},
        "additionalProperties": False,
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "The configuration of lipsync-bot",
        **_mapping({name: {"$ref": f"#/definitions/{name}"} for name in sections} | {"accounts": accounts}),
        "definitions": {name: _mapping(keys) for name, keys in sections.items()},
    }


def _mapping(properties: Mapping[str, Any]) -> dict[str, Any]:
    own = {**_OWN, "properties": {**properties, **_OWN["properties"]}}
    return {"type": ["object", "null"], **own, "additionalProperties": False}


def _value(parse: Callable[[Any], Any]) -> dict[str, Any]:
    """Return what may stand where *parse* takes the text. Nothing, and an empty text, leave a key unset."""
    match parse:
        case values.Hidden():
            value = _value(parse.parse)
        case values.Number():
            kind, pattern = ("integer", "[+-]?[0-9]{1,9}") if parse.whole else ("number", r"[+-]?[0-9]*\.?[0-9]+")
            value = _text(pattern, kind) | {"minimum": parse.least, "maximum": parse.most}
        case values.OneOf():
            words = "|".join(map(_in_any_case, (*parse.names, *parse.other)))
            value = {"anyOf": [{"enum": [*parse.names]}, _text(words)]}
        case values.yes_or_no:
            words = "|".join(map(_in_any_case, sorted(values.YES | values.NO)))
            value = _text(words, "boolean", "integer") | {"minimum": 0, "maximum": 1}
        case values.size:
            value = _text(r"[0-9]{1,9}(?:\.[0-9]{1,9})? ?(?:[KkMmGgTt][Ii][Bb]|[Bb])?", "number") | {"minimum": 1}
        case values.mentions:
            one = values.MENTION.pattern
            value = _text(rf"{one}(?:\s*,\s*{one})*", "array") | {"items": _text(one)}
        case _ if parse in _LEAST:
            value = _text(_DURATION, "number") | _LEAST[parse]
        case _ if parse in _PATTERNS:
            value = _text(_PATTERNS[parse], *(("number", "boolean") if parse is values.own else ()))
        case _:
            value = {"type": ["string", "number", "boolean", "null"]}
    return value


def _text(pattern: str, *others: str) -> dict[str, Any]:
    """Return a schema for a text of this pattern, for nothing, and for the *other* kinds of value."""
    return {"type": [*others, "string", "null"], "pattern": rf"^\s*(?:{pattern})?\s*$"}


def _in_any_case(word: str) -> str:
    return "".join(f"[{letter.upper()}{letter}]" if letter.isalpha() else letter for letter in word)


def _default(key: Key) -> dict[str, Any]:
    if not key.default:
        return {}
    value = key.written(key.default)
    # A duration and a size are shown as people write them.
    return {"default": value if isinstance(value, bool) or isinstance(key.written, values.Number) else key.default}


def _meanings(example: str) -> dict[str, str]:
    """Return what the comments above each key say. A comment counts up to the next blank line or comment."""
    known, found = {key.name for key in KEYS}, {}
    section, comment, complete = "", "", True
    for line in example.splitlines():
        if head := re.fullmatch(r"(\w+):", line):
            section = head[1]
        named = re.match(r"  (?:# )?(\w+):", line)
        if named and f"{section}.{named[1]}" in known:
            complete = True
            if comment:
                found[f"{section}.{named[1]}"] = comment
        elif line.startswith("  # "):
            comment = line[4:] if complete else f"{comment} {line[4:]}"
            complete = False
        else:
            comment, complete = "", True
    return found
