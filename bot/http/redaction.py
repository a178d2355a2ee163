"""Pure: what somebody else said, fit to be quoted: without our secrets."""

import re
from html import unescape
from typing import Any

from bot.harmless import clean

# A letter as a URL, JSON or HTML may spell it.
_SPELLED = re.compile(
    r"%([0-9a-fA-F]{2})"
    r"|\\(u00[0-9a-fA-F]{2}|x[0-9a-fA-F]{2}|[/\"'\\])"
    r"|&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[a-zA-Z]+;)"
)
_HIDDEN = bytes([*range(0x21), 0x7F])
_LAYERS = 12  # of one spelling inside another; as a rule there is none


def plain(said: object, secrets: tuple[str, ...], most: int = 200) -> str:
    """Return what somebody else said, fit for one line of a log: printable, short, and without our secrets."""
    match said:
        case None:
            text = "null"
        case dict() | list():
            text = f"a {type(said).__name__}"
        case _:
            text = str(said)
    # Before it is cut, which could leave half a secret.
    return clean(redacted(text, secrets)[: 10 * most])[:most]


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
    # Each answer comes through here, so in few passes over it.
    for _ in range(_LAYERS):
        text = text.encode("ascii", "ignore").translate(None, _HIDDEN).decode()
        text, found = _SPELLED.subn(_letter, text)
        if not found:
            break
    return text.lower()


def _letter(spelled: re.Match[str]) -> str:
    in_url, in_json, in_html = spelled.groups()
    if in_html:
        return unescape(spelled[0])
    code = in_url or in_json
    return code if len(code) == 1 else chr(int(code[-2:], 16))
