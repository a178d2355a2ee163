"""`config`: the values in force, each with its place; and `config init`: write a configuration file to fill in."""

import json
import os
import shlex
import textwrap
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from bot.cli import output
from bot.cli.selection import Selection
from bot.config.load import Usable, raise_if, read
from bot.config.sections import KEYS, Key
from bot.config.texts import DEFAULT_PATH
from bot.config.values import Number
from bot.disk import create
from bot.errors import ConfigError
from bot.harmless import visible

_HIDDEN = "********"  # of the same length whatever the secret's is
_EXAMPLE = "config.example.yaml"


def show(selection: Selection, *, as_json: bool) -> None:
    """Print each key with its value and where that stands. Raise ConfigError afterwards, if something is wrong."""
    reading = read(selection.config, os.environ)
    facts = {name: in_force(one) for name, one in selection.of(reading.accounts).items()}
    if as_json:
        print(output.as_json({"accounts": facts} if len(facts) > 1 else next(iter(facts.values()))))
    elif len(facts) == 1:
        print(text(*facts.values()))
    else:
        print("\n\n".join(f"account {name}\n{textwrap.indent(text(one), '  ')}" for name, one in facts.items()))
    raise_if(reading.problems)


def in_force(usable: Usable) -> dict[str, dict[str, Any]]:
    """Return for each key `value` and `place`, both None if it is not set. A secret's value is hidden.

    The value is None, and the place is not, if what stands there cannot be used.
    """
    return {key.name: _fact(key, usable) for key in KEYS}


def _fact(key: Key, usable: Usable) -> dict[str, Any]:
    raw = usable.found.values.get(key.name)
    section, _, name = key.name.partition(".")
    value = getattr(getattr(usable.config, section), name)
    place = raw.where if raw else "default" if key.default else None
    if key.name == "state.path" and usable.found.account and (raw is None or raw.name == key.name):
        place = f"{place}, with the account's name"
    if key.name in usable.refused or value is None:
        return {"value": None, "place": place}
    match value:
        case bool() | str():
            pass
        case int() if isinstance(key.written, Number):
            pass
        case _ if key.secret:
            value = _HIDDEN
        case Path():
            value = str(value)
        case _:  # such as a duration, a size, an address with its port: as it was written
            value = raw.value if raw else key.default or None
    return {"value": value, "place": place}


def text(facts: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what `config` prints, from what `in_force` returned: keys, values and places in three columns."""
    shown = {key: (_words(**fact), fact["place"] or "") for key, fact in facts.items()}
    keys, values = max(map(len, shown)), min(40, max(len(value) for value, _ in shown.values()))
    return "\n".join(
        visible(f"{key:<{keys}}  {value:<{values}}  {place}".rstrip()) for key, (value, place) in shown.items()
    )


def _words(value: Any, place: str | None) -> str:
    if value is None:
        return "cannot be used" if place else "not set"
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, list) else str(value)


def print_schema() -> None:
    """Print the JSON Schema of the YAML file."""
    from bot.config.schema import schema

    print(json.dumps(schema(_example()), indent=2))


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
