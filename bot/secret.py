"""Small files that people hand to the bot, and the secret in one.

No error here names the path: whoever writes the token itself where its file belongs would find it in a log.
"""

import codecs
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bot.clock import Clock
from bot.disk import irregular
from bot.errors import ConfigError

_EVERY = 60.0  # seconds between two readings of a file whose secret is refused
_LARGEST_SECRET = 64 * 1024
# A pipe or a terminal here is meant, as in `--config <(…)`.
_HANDED_OVER = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/", "/dev/null")


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that neither `repr` nor `str` shows. If a file holds it, `read_again` returns what it holds by now.

    `read_again` raises ConfigError, without the path, if the file cannot be used.
    """

    value: str = field(repr=False)
    read_again: Callable[[], str] | None = field(default=None, repr=False, compare=False)


def visible_ascii(text: str) -> str:
    """Return *text* without surrounding white space. ValueError if it is empty or holds more than visible ASCII.

    A line break or a letter like “é” would make the HTTP libraries quote the secret in their exceptions.
    """
    text = text.strip()
    if not text:
        raise ValueError("it is empty")
    if not all("!" <= character <= "~" for character in text):
        raise ValueError(
            "it contains a space, a line break or another character that is not visible ASCII; copy it again"
        )
    return text


def read_small_file(path: Path, largest: int) -> bytes:
    """Return what the file holds. ConfigError, without the path, if it cannot be read or is over *largest* bytes."""
    try:
        # Reading a pipe might wait until somebody writes.
        if (what := irregular(path)) and not str(path).startswith(_HANDED_OVER):
            why = " (Docker makes one where the file to mount is missing)" if what == "a directory" else ""
            raise ConfigError(f"it is {what}, not a file{why}")
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except FileNotFoundError:
        raise ConfigError("there is no such file") from None
    except PermissionError:
        raise ConfigError("the bot's user may not read it; check its owner and mode") from None
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "no file can have such a name"
        raise ConfigError(f"it cannot be read: {reason}") from None
    if len(content) > largest:
        raise ConfigError(f"it has more than {largest // 1024} KiB")
    return content


def decoded(content: bytes) -> str:
    """Return *content* as text without a byte order mark. ConfigError if it is neither UTF-8 nor marked as UTF-16.

    Windows writes the marks: Notepad that of UTF-8, PowerShell with `>` that of UTF-16.
    """
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if utf16 else "utf-8").lstrip("\ufeff")
    except UnicodeDecodeError:
        raise ConfigError("it is not text; save it as UTF-8") from None


def read_secret(path: Path) -> Secret:
    """Return the one secret in this file. ConfigError, naming neither content nor path, if there is none."""
    try:
        return Secret(visible_ascii(decoded(read_small_file(path, _LARGEST_SECRET))))
    except ValueError as problem:
        raise ConfigError(str(problem)) from None


class FileSecret:
    """A secret in a file that somebody renews: read again when it is refused, at most once a minute."""

    def __init__(self, secret: str, read: Callable[[], str], clock: Clock) -> None:
        self.secret = secret
        self._read = read
        self._clock = clock
        self._tried = float("-inf")

    def changed(self) -> bool:
        """Return whether the file now holds another secret. Raise ConfigError if it cannot be read."""
        if self._clock.monotonic() - self._tried < _EVERY:
            return False
        before, self.secret = self.secret, self._read()
        # Not if it could not be read: perhaps it is being written just now.
        self._tried = self._clock.monotonic()
        return self.secret != before
