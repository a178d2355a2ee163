"""Small files that people hand to the bot, and the secret in one.

No error here names the path: whoever writes the token itself where its file belongs would find it in a log.
"""

import stat
from pathlib import Path

from pydantic import SecretStr

from bot.errors import ConfigError

_LARGEST_SECRET = 64 * 1024
# A pipe or a terminal here is meant, as in `--config <(…)`.
_HANDED_OVER = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/", "/dev/null")


def visible(text: str) -> str:
    """Return *text* without surrounding white space. ValueError where it is empty or holds more than visible ASCII.

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
    """Return what the file holds. ConfigError, without the path, where it cannot be read or is over *largest* bytes."""
    try:
        mode = path.stat().st_mode
        if (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)) and not str(path).startswith(_HANDED_OVER):
            # Reading would wait until somebody writes.
            raise ConfigError("it is a pipe or a device, not a file")
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except FileNotFoundError:
        raise ConfigError("there is no such file") from None
    except IsADirectoryError:
        raise ConfigError(
            "it is a directory, not a file (Docker makes one where the file to mount is missing)"
        ) from None
    except PermissionError:
        raise ConfigError("the bot's user may not read it; check its owner and mode") from None
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "no file can have such a name"
        raise ConfigError(f"it cannot be read: {reason}") from None
    if len(content) > largest:
        raise ConfigError(f"it has more than {largest // 1024} KiB")
    return content


def read_secret(path: Path) -> SecretStr:
    """Return the one secret in this file. ConfigError, naming neither content nor path, where there is none."""
    # Any byte beyond ASCII becomes a character that `visible` refuses.
    text = read_small_file(path, _LARGEST_SECRET).decode("ascii", errors="replace")
    try:
        return SecretStr(visible(text))
    except ValueError as problem:
        raise ConfigError(str(problem)) from None
