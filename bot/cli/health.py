"""The command `health`. A container asks every half minute, so it reads neither the state nor all of the settings."""

import contextlib
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.config.texts import RUN_SECRETS, Raw, from_environment, from_secret_files, place
from bot.config.values import path
from bot.disk import resolve
from bot.domain.health import judge
from bot.errors import ConfigError, StateError
from bot.harmless import visible
from bot.store.lock import left

_KEY, _DEFAULT = "state.path", "state.json"


def asked(arguments: Sequence[str]) -> tuple[bool, Path | None]:
    """Return whether *arguments* say `health` and nothing else but --config, and the path that this names."""
    rest, config, given = [], None, iter(arguments)
    for one in given:
        name, equals, value = one.partition("=")
        if name == "--config":
            config = value if equals else next(given, "")
        else:
            rest.append(one)
    return rest == ["health"] and config != "", Path(config) if config else None


def main(config: Path | None, environ: Mapping[str, str], secrets_dir: Path = RUN_SECRETS) -> int:
    """Print "ok", or why the bot is not well, and return the exit code."""
    try:
        found = judge(left(resolve(_state_path(config, environ, secrets_dir))), time.time())
        sys.stdout.write("".join(f"{code}: {visible(detail)}\n" for code, detail in found) or "ok\n")
        sys.stdout.flush()
    except (ConfigError, StateError) as error:
        return _fail(str(error), 2 if isinstance(error, ConfigError) else 4)
    except OSError as error:
        return _fail(f"the output cannot be written: {error.strerror}.", 1)
    return 1 if found else 0


def _fail(text: str, code: int) -> int:
    with contextlib.suppress(OSError):  # the exit code says it too
        sys.stderr.write("".join(f"lipsync-bot: {visible(line)}\n" for line in text.splitlines()))
    return code


def _state_path(config: Path | None, environ: Mapping[str, str], secrets_dir: Path) -> Path:
    values = from_environment((_KEY,), environ) or from_secret_files((_KEY,), secrets_dir)
    if not values:
        from bot.config.yaml import gather  # YAML takes as long to load as all the rest

        found = gather((_KEY,), config, environ, secrets_dir)
        # Other sections are not looked at: their keys are not known here.
        if problems := [problem.text for problem in found.problems if not problem.section]:
            raise ConfigError("\n".join(problems))
        values = found.values
    raw = values.get(_KEY, Raw(_DEFAULT, "default"))
    problem = raw.problem
    try:
        if isinstance(raw.value, str) and not problem:
            return path(raw.value)
    except ValueError as error:
        problem = str(error)
    raise ConfigError(f"{place(_KEY, raw)}: {problem or 'must be one value, not a list'}")
