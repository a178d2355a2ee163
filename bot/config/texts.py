"""The texts of the configuration: environment, secret files, YAML, in this order. Nothing is interpreted here.

A key is called `slack.channel`, and in an account `accounts.shop.slack.channel`.
"""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.errors import ConfigError
from bot.secret import decoded, read_small_file

RUN_SECRETS = Path("/run/secrets")
DEFAULT_PATH = Path("config.yaml")
OF_THE_PROCESS = ("monitor", "log")  # sections that no account has

LARGEST_YAML = 1024 * 1024  # bytes: room for thousands of accounts
_LARGEST_VALUE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Raw:
    """What stood under the key `name`, and where, in words. `problem` says why it cannot be used, if it cannot.

    `file` is the YAML file, if it stood there.
    """

    name: str
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
    """All that was found: what stands under each key, in however many places, that which counts first.

    `note` says that there is no YAML file or nothing in it; else it is empty. `accounts` are the names of the accounts;
    `account` is the one that all this is of, "" if there are no accounts.
    """

    places: dict[str, list[Raw]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    note: str = ""
    accounts: tuple[str, ...] = ()
    account: str = ""

    @property
    def values(self) -> dict[str, Raw]:
        """What counts under each key."""
        return {key: raws[0] for key, raws in self.places.items()}

    def name(self, key: str) -> str:
        """Return what *key* is called in this account."""
        return f"accounts.{self.account}.{key}" if self.account else key


def gather(keys: Collection[str], path: Path | None, environ: Mapping[str, str], secrets_dir: Path) -> Found:
    """Return, for each of *keys* that is set anywhere, what stands in the first of the three sources."""
    if path is None and not os.path.lexists(DEFAULT_PATH):
        found = Found(note=f"there is no {DEFAULT_PATH} in this directory")
    else:
        from bot.config import yaml

        found = yaml.read(keys, path or DEFAULT_PATH)
    of_accounts = [key for key in keys if key.partition(".")[0] not in OF_THE_PROCESS]
    names = [*keys, *(f"accounts.{account}.{key}" for account in found.accounts for key in of_accounts)]
    for values in (from_secret_files(names, secrets_dir), from_environment(names, environ)):
        for name, raw in values.items():
            found.places[name] = [raw, *found.places.get(name, ())]
    return found


def environment_name(name: str) -> str:
    """Return the environment's name of a key: `slack.channel` is SLACK_CHANNEL."""
    return name.replace(".", "_").replace("-", "_").upper()


def place(raw: Raw) -> str:
    """Return a key with its environment's name and where it stands, as each line about it begins."""
    environment = environment_name(raw.name)
    return f"{raw.name} ({raw.where if environment in raw.where else f'{environment}; {raw.where}'})"


def from_environment(names: Collection[str], environ: Mapping[str, str]) -> dict[str, Raw]:
    """Return what the environment says of the keys *names*."""
    wanted, values = {environment_name(name): name for name in names}, {}
    for variable in wanted.keys() & environ.keys():
        text, name = environ[variable].lstrip("\ufeff").strip(), wanted[variable]
        quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
        problem = "the quotes are part of the value (docker run --env-file keeps them); remove them" if quoted else ""
        if text:
            values[name] = Raw(name, text, f"environment variable {variable}", problem)
    return values


def from_secret_files(names: Collection[str], secrets_dir: Path) -> dict[str, Raw]:
    """Return what the files in *secrets_dir* say of the keys *names*."""
    # A directory that is closed to this user is somebody else's.
    if not os.access(secrets_dir, os.R_OK | os.X_OK):
        return {}
    wanted = {environment_name(name).lower(): name for name in names}
    return {
        wanted[file.name]: _from_secret_file(wanted[file.name], file)
        for file in secrets_dir.iterdir()
        if file.name in wanted
    }


def _from_secret_file(name: str, file: Path) -> Raw:
    where = f"file {file}"
    try:
        text = decoded(read_small_file(file, _LARGEST_VALUE)).strip()
    except ConfigError as problem:
        return Raw(name, "", where, str(problem))
    return Raw(name, text, where, "" if text else "the file is empty")
