"""`health`: is the bot well? A container asks every half minute: neither the state nor all of the settings are read."""

import os
import time
from collections.abc import Mapping
from typing import Any

from bot.cli import DONE, UNDONE
from bot.cli.selection import Selection
from bot.config.load import load_states
from bot.config.sections import State
from bot.disk import resolve
from bot.domain.health import judge
from bot.errors import StateError
from bot.harmless import visible
from bot.store.lock import left


def main(selection: Selection) -> int:
    """Print "ok", or why the bot is not well, and return the exit code. Raise ConfigError or StateError."""
    states = selection.of(load_states(selection.config, os.environ))
    lines = []
    for name, state in states.items():
        whose = f"account {name}: " if len(states) > 1 else ""
        try:
            found = judge(_left(state, name), time.time())
        except StateError as error:
            if len(states) == 1:
                raise
            found = [("state_unavailable", str(error))]
        lines += [f"{whose}{code}: {visible(detail)}" for code, detail in found]
    print("\n".join(lines) or "ok")
    return UNDONE if lines else DONE


def _left(state: State, account: str) -> tuple[float, Mapping[str, Any]] | None:
    if state.url is None:
        return left(resolve(state.path))
    from bot.store.places import Places

    with Places() as places:
        return places.at(state, account).left()
