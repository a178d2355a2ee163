"""What is known of before a command asks: the state, and the task that the first characters of an id stand for."""

import sys
from collections.abc import Mapping

from bot.config.sections import Config
from bot.domain.state import State
from bot.errors import StateError, UsageError
from bot.harmless import visible
from bot.store.places import Place, Places

_SHOWN = 3  # ids in a message


def known_state(place: Place) -> State:
    """Return the state at *place*. Raise StateError when there is none."""
    state = place.peek()
    if state is None:
        raise StateError(
            f"{place}: there is no state yet, as no bot has run with it. Start one with `lipsync-bot run`."
        )
    return state


def known_states(configs: Mapping[str, Config]) -> dict[str, State]:
    """Return the state of each account that has one, and print why others have none. Raise StateError when none has."""
    states, errors = {}, {}
    with Places() as places:
        for name, config in configs.items():
            try:
                states[name] = known_state(places.at(config.state, name))
            except StateError as error:
                errors[name] = error
    if not states:
        raise next(iter(errors.values()))
    for name, why in errors.items():
        print(visible(f"lipsync-bot: account {name}: {why}"), file=sys.stderr)
    return states


def the_only(prefix: str, ids: list[str], what: str) -> str:
    """Return the one of *ids*, which all begin with *prefix*. Raise a UsageError that helps if it is none or several.

    *what* says how they were chosen, such as "is owed".
    """
    if not ids:
        raise UsageError(f"no task whose id begins with {prefix!r} {what}.")
    if len(ids) > 1 and prefix not in ids:
        some = ", ".join(ids[:_SHOWN]) + (" …" if len(ids) > _SHOWN else ".")
        raise UsageError(visible(f"{len(ids)} ids begin with {prefix!r}: {some} Type more characters."))
    return prefix if prefix in ids else ids[0]
