"""`health`: is the bot well? A container asks every half minute: neither the state nor all of the settings are read."""

import os
import time
from pathlib import Path

from bot.cli import DONE, UNDONE
from bot.config.load import load_state_path
from bot.disk import resolve
from bot.domain.health import judge
from bot.harmless import visible
from bot.store.lock import left


def main(path: Path | None) -> int:
    """Print "ok", or why the bot is not well, and return the exit code. Raise ConfigError or StateError."""
    found = judge(left(resolve(load_state_path(path, os.environ))), time.time())
    print("\n".join(f"{code}: {visible(detail)}" for code, detail in found) or "ok")
    return UNDONE if found else DONE
