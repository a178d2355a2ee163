"""The configuration: environment, secret files and YAML → one frozen Config, or every problem at once."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bot.config import values
from bot.config.accounts import DEFAULT, accounts_of, problems, shared_apps, with_own_state
from bot.config.credentials import credential_problems, untrusted_base_urls
from bot.config.doubts import doubts, forgotten_state
from bot.config.sections import KEYS, Config, Key, State, config_of
from bot.config.texts import (
    DEFAULT_PATH,
    LARGEST_YAML,
    RUN_SECRETS,
    Found,
    Raw,
    from_environment,
    from_secret_files,
    gather,
    place,
)
from bot.errors import ConfigError
from bot.secret import Secret, read_secret, read_small_file

_KEYS = {key.name: key for key in KEYS}
_STATE = tuple(name for name in _KEYS if name.startswith("state."))
_MORE = re.compile(rb"accounts|\burl")  # in a YAML file: it may say more of states than that one is a file


@dataclass(frozen=True, slots=True)
class Usable:
    """What was found for one account, and the configuration made of as much of it as can be used.

    `refused` has for each key that cannot be used a line that says why. Secrets that stand in files are among `found`.
    """

    config: Config
    found: Found
    refused: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """The configuration of each account as far as it can be used, and every problem: a line each, without a value."""

    found: Found
    accounts: dict[str, Usable]
    problems: list[str]


def read(path: Path | None, environ: Mapping[str, str], *, secrets_dir: Path = RUN_SECRETS) -> Reading:
    """Return what there is, right or wrong.

    *path* None means `config.yaml` in the current directory, if there is one.
    """
    found = gather(_KEYS, path, environ, secrets_dir)
    lines = [problem.text for problem in found.problems]
    usable = {}
    for name, one in _accounts(found, named=path is not None).items():
        opened = _with_secret_files(one.values)
        config, refused = _parsed(opened)
        places = {key: [raw, *one.places.get(key, [])[1:]] for key, raw in opened.items()}
        usable[name] = Usable(with_own_state(config, one), replace(one, places=places), refused)
        lines += [*credential_problems(one), *refused.values()]
    return Reading(found, usable, [*lines, *problems({name: one.config for name, one in usable.items()})])


def load(
    path: Path | None,
    environ: Mapping[str, str],
    *,
    secrets_dir: Path = RUN_SECRETS,
    warn: Callable[[str, str], object] = lambda _subject, _text: None,
) -> dict[str, Config]:
    """Return the configuration that the bot runs with for each account: "default" if none is named.

    *warn* is given what can be used but is hardly meant: what it is about, and a sentence. ConfigError lists every
    problem, one line each; no line holds a value.
    """
    reading = read(path, environ, secrets_dir=secrets_dir)
    raise_if(reading.problems)
    configs = {name: one.config for name, one in reading.accounts.items()}
    said = [doubt for one in reading.accounts.values() for doubt in doubts(one.config, one.found, environ)]
    for doubt in dict.fromkeys([*said, *forgotten_state(reading.found, configs.values()), *shared_apps(configs)]):
        warn(*doubt)
    return configs


def load_local(path: Path | None, environ: Mapping[str, str], *, secrets_dir: Path = RUN_SECRETS) -> dict[str, Config]:
    """Return the configuration for a command that needs only the state: what cannot be used elsewhere is the default.

    ConfigError if the YAML cannot be read or a `state` section cannot be used.
    """
    found = gather(_KEYS, path, environ, secrets_dir)
    configs, lines = {}, [problem.text for problem in found.problems if problem.section in {"", "state"}]
    for name, one in _accounts(found, named=path is not None).items():
        state = {key: raw for key, raw in one.values.items() if key in _STATE}
        config, refused = _parsed(one.values | _with_secret_files(state))
        configs[name] = with_own_state(config, one)
        lines += [line for key, line in refused.items() if key in _STATE]
    raise_if(lines)
    return configs


def load_states(path: Path | None, environ: Mapping[str, str], *, secrets_dir: Path = RUN_SECRETS) -> dict[str, State]:
    """Return the section `state` of each account. The YAML, which takes long to load, is read only if it has a say.

    ConfigError if it cannot be read or the section cannot be used. Other sections are not looked at.
    """
    found = from_secret_files(_STATE, secrets_dir) | from_environment(_STATE, environ)
    if {"state.path", "state.url", "state.url_file"} & found.keys() and not _says_more(path or DEFAULT_PATH):
        config, refused = _parsed(_with_secret_files(found))
        raise_if([*refused.values()])
        return {DEFAULT: config.state}
    return {name: config.state for name, config in load_local(path, environ, secrets_dir=secrets_dir).items()}


def _accounts(found: Found, *, named: bool) -> dict[str, Found]:
    """Return what was found for each account; *named*: somebody has named the YAML file."""
    accounts = accounts_of(found)
    for one in accounts.values() if not named else ():
        for key, problem in untrusted_base_urls(one, {key.name: key.default for key in KEYS}):
            url, *others = one.places[key]
            one.places[key] = [replace(url, problem=problem), *others]
    return accounts


def _says_more(file: Path) -> bool:
    try:
        return bool(_MORE.search(read_small_file(file, LARGEST_YAML)))
    except ConfigError:
        return False  # what it would say of them cannot be known


def _with_secret_files(found: Mapping[str, Raw]) -> dict[str, Raw]:
    """Return *found* with the content of each secret file under the key of its secret."""
    opened = dict(found)
    for key, raw in found.items():
        secret = key.removesuffix("_file")
        if secret == key or secret in found or raw.problem:
            continue
        try:
            content = read_secret(values.path(str(raw.value))).value
        except (ConfigError, ValueError) as problem:
            opened[key] = replace(raw, problem=f"must be the path of a file with the secret: {problem}")
        else:
            opened[secret] = Raw(raw.name.removesuffix("_file"), content, f"file named by {raw.name}, {raw.where}")
    return opened


def _parsed(found: Mapping[str, Raw]) -> tuple[Config, dict[str, str]]:
    """Return the Config of all usable values, and for each key that is not usable a line that says why."""
    usable, refused = {}, {}
    for name in (name for name in _KEYS if name in found):
        raw, problem = found[name], found[name].problem
        if not problem:
            try:
                usable[name] = _KEYS[name].parse(raw.value)
            except ValueError as error:
                problem = str(error)
        if problem:
            refused[name] = f"{place(raw)}: {problem}"
    for name, value in usable.items():
        if isinstance(value, Secret) and (file := usable.get(f"{name}_file")):
            usable[name] = replace(value, read_again=partial(_read_again, _KEYS[name], file))
    return config_of(usable), refused


def _read_again(key: Key, file: Path) -> str:
    try:
        return str(key.parse(read_secret(file).value).value)
    except ValueError as problem:
        raise ConfigError(str(problem)) from None


def raise_if(problems: list[str]) -> None:
    """Raise ConfigError if there are *problems*."""
    if problems:
        raise ConfigError("\n".join(dict.fromkeys(problems)))
