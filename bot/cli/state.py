"""`state export` and `state import`: move what the bot remembers between a file and PostgreSQL, or put it away."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot import disk
from bot.cli.selection import Selection
from bot.config.load import load_local
from bot.domain.state import State
from bot.errors import StateError, UsageError
from bot.store import document
from bot.store.places import Place, Places, Store


def write(selection: Selection, path: Path) -> None:
    """Write the state as one JSON document to a new file *path*, or to stdout for `-`. Raise StateError."""
    with _held(selection) as (place, store):
        state = store.load()
    if state == State():
        raise StateError(f"{place}: there is no state yet.")
    content = b"".join(document.encode(state, document.encode_tasks(state.tasks)))
    if str(path) == "-":
        sys.stdout.buffer.write(content)
        return
    try:
        disk.create(path, content)
    except FileExistsError:
        raise UsageError(f"{path}: already exists and is not overwritten.") from None
    except OSError as error:
        disk.refuse(error, path, "written")
    print(f"{path}: {len(state.tasks)} tasks and {len(state.outbox.notices)} messages that are still owed")


def read(selection: Selection, path: Path) -> None:
    """Make what `state export` has written to *path* the state. Raise StateError if there is one already."""
    try:
        state = document.decode(sys.stdin.buffer.read() if str(path) == "-" else disk.read(path))
    except OSError as error:
        disk.refuse(error, path, "read")
    except (document.NewerVersionError, ValueError, RecursionError) as error:
        raise StateError(f"{path}: it is not a state that this version can read: {str(error)[:120]}.") from None
    with _held(selection) as (place, store):
        if store.load() != State():
            raise StateError(f"{place}: there is a state already, and it is not overwritten.")
        store.save(state)
    print(f"{place}: {len(state.tasks)} tasks and {len(state.outbox.notices)} messages that are still owed")


@contextmanager
def _held(selection: Selection) -> Iterator[tuple[Place, Store]]:
    """Yield the place of the one account that is meant, and its store: while a bot runs, what is moved would be old."""
    configs = selection.of(load_local(selection.config, os.environ))
    if len(configs) > 1:
        raise UsageError("state: name one account with --account.")
    ((name, config),) = configs.items()
    with Places() as places:
        place = places.at(config.state, name)
        store = place.hold(time.time())
        try:
            yield place, store
        finally:
            store.release()
