"""The state file: atomic replace, backup, quarantine."""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.disk import Disk, beside, read, refuse
from bot.domain.news import Tasks
from bot.domain.state import State
from bot.errors import StateError
from bot.events import NOBODY, Events
from bot.store import document, lock
from bot.store.lock import Lock

_MISSING = "missing"


class FilePlace:
    """The state file *path*, which is resolved, and what lies beside it: a store.places.Place."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __str__(self) -> str:
        return str(self._path)

    def hold(self, now: float, events: Events = NOBODY) -> "Store":
        lock = Lock(self._path)
        lock.take(now)
        return Store(self._path, State(), lock=lock, events=events)

    def peek(self) -> State | None:
        return peek(self._path)

    def left(self) -> tuple[float, Mapping[str, Any]] | None:
        return lock.left(self._path)


class Store:
    """The state file of the copy of the bot that holds *lock*: a store.places.Store.

    `state` is what the file holds: a save that fails leaves both as they were. (But for one whose last step, the sync
    of the directory, fails: then the file may hold more than `state`, which is what a crash would leave as well.)
    """

    def __init__(
        self,
        path: Path,
        state: State,
        disk: Disk | None = None,
        *,
        lock: Lock | None = None,
        events: Events = NOBODY,
    ) -> None:
        self._path = path
        self._disk = disk or Disk()
        self._lock = lock or Lock(path)
        self._events = events
        self.state = state
        self._written = True
        self._encoded: tuple[Tasks, bytes] = ({}, b"{}")  # most saves change no task
        self.last_alive = self._lock.last_alive
        self.before = self._lock.before
        self.heartbeat = self._lock.heartbeat
        self.leave = self._lock.leave
        self.release = self._lock.release

    def load(self) -> State:
        """Read the state as the function `load` does."""
        self.state = load(self._path, lambda text: self._events.emit("state_recovered", detail=text))
        self._written = False  # by this copy: it is to learn at the start whether that can be done
        return self.state

    def save(self, state: State) -> None:
        """Replace the state file. A crash leaves the old file or the new one. Nothing is written when nothing changed.

        Raise StateError; then nothing has changed.
        """
        self._lock.verify()
        if not self._written or not _same(state, self.state):
            self.write(state)

    def write(self, state: State) -> None:
        """Replace the state file even when nothing changed."""
        if state.tasks is not self._encoded[0]:
            self._encoded = (state.tasks, document.encode_tasks(state.tasks))
        content = document.encode(state, self._encoded[1])
        new = beside(self._path, ".new")
        self._lock.verify()
        began = time.monotonic()
        try:
            self._disk.write(new, *content)
            self._disk.sync(new)
            self._lock.verify()
            self._keep_generation()
            # Same directory: a rename is atomic only within one file system.
            self._disk.replace(new, self._path)
            self._disk.sync(self._path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._disk.unlink(new)
            refuse(error, self._path, "written")
        self.state, self._written = state, True
        self._events.emit("state_written", seconds=time.monotonic() - began, size=sum(map(len, content)))

    def _keep_generation(self) -> None:
        """Keep what the file holds now as `.bak`."""
        passing = beside(self._path, ".bak.new")
        self._disk.unlink(passing)
        try:
            self._disk.link(self._path, passing)
        except FileNotFoundError:
            return
        self._disk.replace(passing, beside(self._path, ".bak"))


def _same(one: State, other: State) -> bool:
    # To compare 100,000 tasks takes 20 ms, even with themselves, and most saves leave them alone.
    same_rest = replace(one, tasks={}) == replace(other, tasks={})
    return same_rest and (one.tasks is other.tasks or one.tasks == other.tasks)


def load(path: Path, warn: Callable[[str], None]) -> State:
    """Return the state in *path*, or a new one if none was ever saved. For the copy that holds the lock.

    A file that cannot be read as a state is put aside as `.corrupt-<time>` and the generation before it is used.
    Raise StateError when that cannot be read either: corrupt is never taken for empty.
    """
    state, trouble = _newest(path)
    backup = beside(path, ".bak").name
    if trouble == _MISSING:
        warn(f"{path}: missing; {backup} is used")
    elif trouble:
        aside = beside(path, time.strftime(".corrupt-%Y%m%dT%H%M%SZ", time.gmtime()))
        try:
            path.replace(aside)
        except OSError as error:
            refuse(error, path, "moved aside")
        warn(f"{path}: {trouble}; it was moved to {aside.name}, and {backup} is used")
    return state or State()


def peek(path: Path) -> State | None:
    """Return the state as it is now, without the lock and without touching anything. None: there is none yet.

    Raise StateError when neither the file nor the generation before it can be read.
    """
    return _newest(path)[0]


def _newest(path: Path) -> tuple[State | None, str]:
    """Return the newest state that can be read, and why that is not the one in *path* ("": it is, or there is none)."""
    state, trouble = _read(path)
    if state is not None:
        return state, ""
    backup = beside(path, ".bak")
    older, trouble_of_older = _read(backup)
    if older is None and trouble == trouble_of_older == _MISSING:
        return None, ""
    if older is None:
        raise StateError(
            f"{path}: {trouble}; {backup.name}: {trouble_of_older}. Put a good copy of either back. "
            "To start from scratch, move both away; what has ended by then will not be announced."
        )
    return older, trouble


def _read(path: Path) -> tuple[State | None, str]:
    """Return the state in *path*, or what is wrong with it."""
    try:
        return document.decode(read(path)), ""
    except FileNotFoundError:
        return None, _MISSING
    except OSError as error:
        refuse(error, path, "read")
    except document.NewerVersionError as error:
        raise StateError(
            f"{path}: written by a newer version of the bot ({error}). "
            "Run that version, or put back a state file from before the upgrade."
        ) from None
    except (ValueError, RecursionError) as error:
        return None, f"not a state file: {str(error)[:120]}"
