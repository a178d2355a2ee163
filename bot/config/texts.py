"""The texts of the configuration: environment, secret files, YAML, in this order. Nothing is interpreted here."""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.errors import ConfigError
from bot.secret import decoded, read_small_file

RUN_SECRETS = Path("/run/secrets")
DEFAULT_PATH = Path("config.yaml")

_LARGEST_VALUE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Raw:
    """What stood under one key, and where, in words. `problem` says why it cannot be used, if it cannot.

    `file` is the YAML file, if it stood there.
    """

    value: str | list[str]
    where: str
    problem: str = ""
    file: Path | None = field(default=None, compare=False)  # `where` says it too


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with the YAML file. `section` is empty if the whole file is meant."""

    section: str
    text: str


@dataclass(slots=True)
class Found:
    """All that was found. `note` says that there is no YAML file or nothing in it; else it is empty.

    `overridden` is what stands in further places under a key of `values`, and is not used.
    """

    values: dict[str, Raw] = field(default_factory=dict)
    overridden: dict[str, list[Raw]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    note: str = ""


def gather(keys: Collection[str], path: Path | None, environ: Mapping[str, str], secrets_dir: Path) -> Found:
    """Return, for each of *keys* that is set anywhere, what stands in the first of the three sources."""
    if path is None and not os.path.lexists(DEFAULT_PATH):
        found = Found(note=f"there is no {DEFAULT_PATH} in this directory")
    else:
        from bot.config import yaml

        found = yaml.read(keys, path or DEFAULT_PATH)
    for values in (from_secret_files(keys, secrets_dir), from_environment(keys, environ)):
        for key in values.keys() & found.values.keys():
            found.overridden.setdefault(key, []).append(found.values[key])
        found.values |= values
    return found


def environment_name(key: str) -> str:
    """Return the environment's name of a key: `slack.channel` is SLACK_CHANNEL."""
    return key.replace(".", "_").upper()


def place(key: str, raw: Raw) -> str:
    """Return a key with its environment's name and where it stands, as each line about it begins."""
    environment = environment_name(key)
    return f"{key} ({raw.where if environment in raw.where else f'{environment}; {raw.where}'})"


def from_environment(keys: Collection[str], environ: Mapping[str, str]) -> dict[str, Raw]:
    """Return what the environment says of *keys*."""
    values = {}
    for key in keys:
        text = environ.get(environment_name(key), "").lstrip("\ufeff").strip()
        quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
        problem = "the quotes are part of the value (docker run --env-file keeps them); remove them" if quoted else ""
        if text:
            values[key] = Raw(text, f"environment variable {environment_name(key)}", problem)
    return values


def from_secret_files(keys: Collection[str], secrets_dir: Path) -> dict[str, Raw]:
    """Return what the files in *secrets_dir* say of *keys*."""
    # A directory that is closed to this user is somebody else's.
    if not os.access(secrets_dir, os.X_OK):
        return {}
    files = {key: secrets_dir / key.replace(".", "_") for key in keys}
    return {key: _from_secret_file(file) for key, file in files.items() if os.path.lexists(file)}


def _from_secret_file(file: Path) -> Raw:
    where = f"file {file}"
    try:
        text = decoded(read_small_file(file, _LARGEST_VALUE)).strip()
    except ConfigError as problem:
        return Raw("", where, str(problem))
    return Raw(text, where, "" if text else "the file is empty")
