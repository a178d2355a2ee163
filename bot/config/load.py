"""The configuration: environment, secret files and YAML → one frozen Config, or every problem at once."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from bot.config import values
from bot.config.credentials import CHANNELS, credential_problems, untrusted_base_urls
from bot.config.doubts import doubts
from bot.config.sections import KEYS, Config, Key, config_of
from bot.config.texts import RUN_SECRETS, Found, Raw, from_environment, from_secret_files, gather, place
from bot.errors import ConfigError
from bot.secret import Secret, read_secret

_KEYS = {key.name: key for key in KEYS}
_STATE_PATH = ("state.path",)


def load(
    path: Path | None,
    environ: Mapping[str, str],
    *,
    secrets_dir: Path = RUN_SECRETS,
    warn: Callable[[str, str], object] = lambda _subject, _text: None,
) -> Config:
    """Return the configuration that the bot runs with.

    *path* None means `config.yaml` in the current directory, if there is one. *warn* is given what can be used but is
    hardly meant: what it is about, and a sentence. ConfigError lists every problem, one line each; no line holds a
    value.
    """
    found = _gather(path, environ, secrets_dir)
    config, refused = _parsed(_with_secret_files(found.values))
    _raise_if([*(problem.text for problem in found.problems), *credential_problems(found), *refused.values()])
    for doubt in doubts(config, found, environ):
        warn(*doubt)
    return config


def load_local(path: Path | None, environ: Mapping[str, str], *, secrets_dir: Path = RUN_SECRETS) -> Config:
    """Return the configuration for a command that needs only the state: what cannot be used elsewhere is the default.

    ConfigError if the YAML cannot be read or its `state` section cannot be used.
    """
    found = _gather(path, environ, secrets_dir)
    config, refused = _parsed(found.values)
    lines = [problem.text for problem in found.problems if problem.section in {"", "state"}]
    _raise_if([*lines, *(line for key, line in refused.items() if key.startswith("state."))])
    return config


def load_state_path(path: Path | None, environ: Mapping[str, str], *, secrets_dir: Path = RUN_SECRETS) -> Path:
    """Return `state.path` alone. The YAML, which takes long to load, is read only if no other source has it.

    ConfigError if the YAML cannot be read or this key cannot be used. Other sections are not looked at.
    """
    found = Found(from_environment(_STATE_PATH, environ) or from_secret_files(_STATE_PATH, secrets_dir))
    if not found.values:
        found = gather(_STATE_PATH, path, environ, secrets_dir)
    config, refused = _parsed(found.values)
    _raise_if([*(problem.text for problem in found.problems if not problem.section), *refused.values()])
    return config.state.path


def load_usable(
    path: Path | None, environ: Mapping[str, str], *, secrets_dir: Path = RUN_SECRETS
) -> tuple[Config, dict[str, str]]:
    """Return the configuration as far as it can be used, and what stands where a channel's id should: key → text.

    It has the secrets that stand in files.
    """
    found = _gather(path, environ, secrets_dir).values
    config, refused = _parsed(_with_secret_files(found))
    return config, {key: str(found[key].value) for key in CHANNELS if key in refused}


def _gather(path: Path | None, environ: Mapping[str, str], secrets_dir: Path) -> Found:
    found = gather(_KEYS, path, environ, secrets_dir)
    if path is None:
        for name, problem in untrusted_base_urls(found, {key.name: key.default for key in KEYS}):
            found.values[name] = replace(found.values[name], problem=problem)
    return found


def _with_secret_files(found: Mapping[str, Raw]) -> dict[str, Raw]:
    """Return *found* with the content of each secret file under the key of its secret."""
    opened = dict(found)
    for name, raw in found.items():
        secret = name.removesuffix("_file")
        if secret == name or secret in found or raw.problem:
            continue
        try:
            content = read_secret(values.path(str(raw.value))).value
        except (ConfigError, ValueError) as problem:
            opened[name] = replace(raw, problem=f"must be the path of a file with the secret: {problem}")
        else:
            opened[secret] = Raw(content, f"file named by {name}, {raw.where}")
    return opened


def _parsed(found: Mapping[str, Raw]) -> tuple[Config, dict[str, str]]:
    """Return the Config of all usable values, and for each key that is not usable a line that says why."""
    usable, refused = {}, {}
    for name, key in _KEYS.items():
        if name not in found:
            continue
        raw = found[name]
        problem = raw.problem
        if not problem:
            try:
                usable[name] = key.parse(raw.value)
            except ValueError as error:
                problem = str(error)
        if problem:
            refused[name] = f"{place(name, raw)}: {problem}"
    for name, value in usable.items():
        if isinstance(value, Secret) and (file := usable.get(f"{name}_file")):
            usable[name] = replace(value, read_again=partial(_read_again, _KEYS[name], file))
    return config_of(usable), refused


def _read_again(key: Key, file: Path) -> str:
    try:
        return str(key.parse(read_secret(file).value).value)
    except ValueError as problem:
        raise ConfigError(str(problem)) from None


def _raise_if(problems: list[str]) -> None:
    if problems:
        raise ConfigError("\n".join(problems))
