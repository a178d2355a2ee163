"""`config init`: write a configuration file to fill in."""

import shlex
from importlib import resources
from pathlib import Path

from bot.config.texts import DEFAULT_PATH
from bot.disk import create
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
        create(path, content.encode())
    except FileExistsError:
        what = "is a directory" if path.is_dir() else "already exists and is not overwritten"
        raise ConfigError(f"{path}: {what}. Name another file: lipsync-bot config init PATH") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}.") from None
