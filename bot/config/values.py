"""Pure: one text of the configuration → one value, or ValueError with what is wanted there.

No error quotes the text: people put secrets under the wrong key.
"""

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from bot.host import is_host
from bot.secret import Secret, visible_ascii

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}
_SIZES = {"B": 1, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40, None: 1}
_LONGEST = 3650 * 86400.0
SHORTEST_INTERVAL = 0.1
_PLACEHOLDER = re.compile(r"\byour[-_ ]|change[-_ ]?me|placeholder|x{6}|\.{3}|^<.*>$|^\$\{?\w+\}?$", re.IGNORECASE)
_EXAMPLE_CHANNEL = re.compile(r"[CG]0?X+")
MENTION = re.compile(r"(?:<!(?:here|channel|everyone)>|<@[UW][A-Z0-9]+>|<!subteam\^S[A-Z0-9]+>)")
YES = {"true", "yes", "on", "1", "t", "y"}
NO = {"false", "no", "off", "0", "f", "n"}
_TOKENS_ARE_AT = "api.slack.com/apps → your app → OAuth & Permissions"
_OTHER_TOKENS = {
    "xoxp-": "is a user token; the bot posts under its own name",
    "xapp-": "is an app-level token, for Socket Mode",
    "xoxe": "is a token that expires within hours; turn off token rotation for the app",
    "xoxs-": "is a browser's token",
    "xoxc-": "is a browser's token",
    "http": "is a URL; an incoming webhook belongs in slack.webhook_url",
}


def seconds(text: str) -> float:
    """Return a duration in seconds: `30`, `500ms`, `30s`, `5m`, `2h`, `7d`."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?(ms|s|m|h|d)?", text)
    if match is None:
        raise ValueError("must be a duration: seconds, or such as 500ms, 30s, 5m, 2h, 7d")
    duration = float(match[1]) * _UNITS[match[2]]
    if duration > _LONGEST or not math.isfinite(duration):
        raise ValueError("must be at most 3650d")
    return duration


def size(text: str) -> int:
    """Return a number of bytes: `500MiB`, `2GiB`."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?([KMGT]iB|B)?", text, re.IGNORECASE)
    found = int(float(match[1]) * _SIZES[match[2] and match[2].upper()]) if match else 0
    if found <= 0:
        raise ValueError("must be a size: bytes, or such as 500MiB, 2GiB")
    return found


def positive(text: str) -> float:
    if (duration := seconds(text)) <= 0:
        raise ValueError("must be more than 0")
    return duration


def interval(text: str) -> float:
    if (duration := seconds(text)) < SHORTEST_INTERVAL:
        raise ValueError("must be at least 100ms")
    return duration


@dataclass(frozen=True, slots=True)
class Number:
    """What makes a number of its text."""

    least: float
    most: float
    whole: bool = False

    def __call__(self, text: str) -> float:
        pattern = r"[+-]?[0-9]{1,9}" if self.whole else r"[+-]?[0-9]{0,9}\.?[0-9]{1,9}"
        if not re.fullmatch(pattern, text) or not self.least <= float(text) <= self.most:
            raise ValueError(f"must be a {'whole ' if self.whole else ''}number from {self.least} to {self.most}")
        return int(text) if self.whole else float(text)


def yes_or_no(text: str) -> bool:
    """Return what YAML and the environment say in many words."""
    if text.lower() not in YES | NO:
        raise ValueError("must be true or false")
    return text.lower() in YES


@dataclass(frozen=True, slots=True)
class OneOf:
    """What takes one of `names`, in whatever case and also by its `other` names, and makes it the name."""

    names: tuple[str, ...]
    other: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, text: str) -> str:
        name = self.other.get(text.lower(), text.lower())
        if name not in self.names:
            *others, last = map(repr, self.names)
            raise ValueError(f"must be {', '.join(others)} or {last}")
        return name


@dataclass(frozen=True, slots=True)
class Hidden:
    """What makes a Secret of a text that `parse` takes."""

    parse: Callable[[str], str]

    def __call__(self, text: str) -> Secret:
        return Secret(self.parse(text))


def own(text: str) -> str:
    """Return a value that each user has of their own: visible ASCII, and not an example's."""
    text = visible_ascii(text)
    if _PLACEHOLDER.search(text):
        raise ValueError("is still a placeholder; put your own value there")
    return text


def bot_token(text: str) -> str:
    text = visible_ascii(text)
    for prefix, what in _OTHER_TOKENS.items():
        if text.startswith(prefix):
            raise ValueError(f"this {what}. The bot token (xoxb-…): {_TOKENS_ARE_AT}")
    if not text.startswith("xoxb-"):
        raise ValueError(f"must be a bot token (xoxb-…): {_TOKENS_ARE_AT}")
    return own(text)


def channel(text: str) -> str:
    """Return the id of a channel (`C…`, `G…`)."""
    if _EXAMPLE_CHANNEL.fullmatch(text):
        raise ValueError("is still the one from the example; the id is in Slack: channel name → About → bottom")
    if not re.fullmatch(r"[CG][A-Z0-9]+", text):
        raise ValueError("must be a channel's id (C… or G…), not a name; it is in Slack: channel name → About → bottom")
    return text


def mentions(raw: str | list[str]) -> tuple[str, ...]:
    """Return whom to mention: a list, or one text with commas."""
    items = [item.strip() for item in (raw.split(",") if isinstance(raw, str) else raw)]
    if not all(MENTION.fullmatch(item) for item in items if item):
        raise ValueError("each must be written as <!here>, <!channel>, <@U0AB12CD3> or <!subteam^S0AB12CD3>")
    return tuple(item for item in items if item)


def url(text: str) -> str:
    """Return an address that may hold secrets in its path and query."""
    _split(text)
    return own(text)


def database(text: str) -> str:
    """Return the address of a PostgreSQL database, which may hold a password."""
    text = own(text)
    if not re.match(r"postgres(ql)?://.", text):
        raise ValueError("must be the address of a PostgreSQL database, postgresql://user:password@host/database")
    return text


def base_url(text: str) -> str:
    """Return an address that paths are added to, without a slash at its end."""
    parts = _split(text)
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise ValueError("must be an address to which paths can be added: nothing after ? or #")
    return text.rstrip("/")


def base_url_with_slash(text: str) -> str:
    """Return an address as slack_sdk wants it, with a slash at its end."""
    return f"{base_url(text)}/"


def _split(text: str) -> SplitResult:
    wanted = (
        "must be a whole http:// or https:// address. Its host is a name, of parts of at most 63 letters, digits and "
        "hyphens (other letters as xn--…), or an IP address without a zone; its port at most 65535"
    )
    try:
        # urlsplit drops tabs and line breaks without a word.
        parts = urlsplit(visible_ascii(text))
        host, port = parts.hostname or "", parts.port
    except ValueError:
        # Its own words quote the text.
        raise ValueError(wanted) from None
    bracketed = "[" in parts.netloc
    possible = is_host(host) and bracketed == (":" in host)
    if parts.scheme not in {"http", "https"} or not possible or port == 0:
        raise ValueError(wanted)
    if "@" in parts.netloc:
        raise ValueError("must be an address without user name and password")
    return parts


def listen(text: str) -> tuple[str, int]:
    """Return (host, port)."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if ":" in host else host
    if not is_host(host) or not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 1 << 16:
        raise ValueError("must be host:port, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080")
    return host, int(port)


def clock_time(text: str) -> str:
    """Return a time of day as HH:MM."""
    match = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", text)
    if match is None:
        raise ValueError("must be a time of day, such as 09:00")
    return f"{match[1]:0>2}:{match[2]}"


def path(text: str) -> Path:
    """Return a path that a file could have."""
    try:
        encoded = os.fsencode(text)
    except UnicodeEncodeError:
        encoded = b"\0"
    if b"\0" in encoded:
        raise ValueError("must be a path")
    return Path(text)


def folder(text: str) -> Path:
    """Return a path that a folder could have."""
    if "://" in text:
        raise ValueError("must be a folder, not an address")
    return path(text)
