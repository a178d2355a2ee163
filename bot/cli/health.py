"""`health`: is the bot well? A container asks every half minute: neither the state nor all of the settings are read."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

from bot.cli import DONE, UNDONE
from bot.config.texts import RUN_SECRETS, Raw, from_environment, from_secret_files, place
from bot.config.values import path as as_path
from bot.disk import resolve
from bot.domain.health import judge
from bot.errors import ConfigError
from bot.harmless import visible
from bot.store.lock import left

_KEY, _DEFAULT = "state.path", "state.json"


def main(path: Path | None) -> int:
    """Print "ok", or why the bot is not well, and return the exit code. Raise ConfigError or StateError."""
    found = judge(left(resolve(_state_path(path, os.environ, RUN_SECRETS))), time.time())
    print("\n".join(f"{code}: {visible(detail)}" for code, detail in found) or "ok")
    return UNDONE if found else DONE


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
            return as_path(raw.value)
    except ValueError as error:
        problem = str(error)
    raise ConfigError(f"{place(_KEY, raw)}: {problem or 'must be one value, not a list'}")
