"""`config init`: write a configuration file to fill in."""

import os
import shlex
from importlib import resources
from pathlib import Path

from bot.config.texts import DEFAULT_PATH
from bot.errors import ConfigError

_EXAMPLE = "config.example.yaml"


def main(path: Path | None) -> None:
    """Write the example to *path* (None: config.yaml), or to stdout for `-`, and print what comes next."""
    if str(path) == "-":
        print(_example(), end="")
        return
    target = path or DEFAULT_PATH
    _write(target, _example())
    option = f" --config {shlex.quote(str(path))}" if path else ""
    print(f"{target} was written, and only you can read it. Fill in the values that are not commented out; then:")
    print(f"  lipsync-bot check{option}")


def _example() -> str:
    """Return an example of the YAML file, with every key: it is in the wheel, and in a checkout above the package."""
    installed = resources.files("bot") / _EXAMPLE
    return (installed if installed.is_file() else Path(__file__).parents[2] / _EXAMPLE).read_text("utf-8")


def _write(path: Path, content: str) -> None:
    """Write a new file that only its owner may read, as secrets come into it. Raise ConfigError."""
    try:
        # O_EXCL: no file is overwritten, and no symbolic link followed.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(content)
        except OSError:
            path.unlink()
            raise
    except FileExistsError:
        what = "is a directory" if path.is_dir() else "already exists and is not overwritten"
        raise ConfigError(f"{path}: {what}. Name another file: lipsync-bot config init PATH") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}.") from None
