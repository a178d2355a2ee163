"""Pure: what somebody else said, without our secrets."""

import re
from html import unescape
from typing import Any
from urllib.parse import unquote

_ESCAPED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([/\"'\\]))")
_NOT_VISIBLE_ASCII = re.compile(r"[^!-~]+")
_LAYERS = 4  # of one spelling inside another


def redacted(said: Any, secrets: tuple[str, ...]) -> Any:
    """Return *said*, a JSON value, without *secrets*: `***` for each, or for a text that spells it otherwise."""
    match said:
        case str():
            for secret in filter(None, secrets):
                said = said.replace(secret, "***")
            return "***" if holds(said, secrets) else said
        case list():
            return [redacted(item, secrets) for item in said]
        case dict():
            return {redacted(key, secrets): redacted(value, secrets) for key, value in said.items()}
    return said


def holds(text: str, secrets: tuple[str, ...]) -> bool:
    """Tell whether *text* has one of *secrets* in it: as it is, or as JSON, HTML or a URL may spell it.

    Letters that do not show, spaces, line breaks and case do not hide it.
    """
    spelled_out = _spelled_out(text)
    return any(secret and secret.isascii() and _spelled_out(secret) in spelled_out for secret in secrets)


def _spelled_out(text: str) -> str:
    for _ in range(_LAYERS):
        before, text = text, unescape(unquote(_ESCAPED.sub(_character, _NOT_VISIBLE_ASCII.sub("", text))))
        if text == before:
            break
    return text.lower()


def _character(escaped: re.Match[str]) -> str:
    code = escaped[1] or escaped[2]
    return chr(int(code, 16)) if code else escaped[3]
