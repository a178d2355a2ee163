"""State ⇄ versioned JSON: atomic replace, lock, backup, quarantine."""

import contextlib
import errno
import fcntl
import json
import math
import os
import shutil
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, Protocol

from pydantic import TypeAdapter, ValidationError

from bot.diff import Known
from bot.errors import StateError, StateHeldError
from bot.listing import Listing
from bot.metrics import Metrics
from bot.outbox import Outbox, Receipt
from bot.summary import Day
from bot.trouble import Ongoing

VERSION = 1


@dataclass(frozen=True, slots=True)
class State:
    """Everything the bot remembers.

    `instance` tells this bot's own messages from those of another bot in the same channel. `baseline_at` is when the
    first run ended, in Unix seconds (None: it has not). `delivered` are the last receipts, `delivered_count` counts all
    messages there ever were. `summarised` are the days whose summary was made last, with commas between. `boards` are
    the ts of the boards, by channel.
    """

    version: int = VERSION
    instance: str = ""
    baseline_at: float | None = None
    listing: Listing = field(default_factory=Listing)
    tasks: Mapping[str, Known] = field(default_factory=dict)
    outbox: Outbox = field(default_factory=Outbox)
    delivered: tuple[Receipt, ...] = ()
    delivered_count: int = 0
    troubles: Mapping[str, Ongoing] = field(default_factory=dict)
    days: Mapping[str, Day] = field(default_factory=dict)
    summarised: str = ""
    boards: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock. `started` is Unix seconds."""

    host: str
    pid: int
    started: float


_STATE = TypeAdapter(State)
_HOLDER = TypeAdapter(Holder)


class Disk(Protocol):
    """The effects of a save, one call each: a crash, or a power cut, may come between any two. All raise OSError."""

    def write(self, path: Path, content: bytes) -> None:
        """Create *path*, or create it anew, with *content*, which need not have reached the medium."""

    def sync(self, path: Path) -> None:
        """Return when what the file, or the names that the directory, holds has reached the medium."""

    def link(self, path: Path, other: Path) -> None:
        """Give the file *path* the name *other* as well. Raise FileNotFoundError where there is none."""

    def replace(self, path: Path, other: Path) -> None:
        """Rename *path* to *other*, which is replaced: at every moment there is the one or the other."""

    def unlink(self, path: Path) -> None:
        """Remove the name *path*, where there is one."""


class Store:
    """The state file of the copy of the bot that holds its lock.

    `state` is what the file holds: a save that fails leaves both as they were. (But for one whose last step, the sync
    of the directory, fails: then the file may hold more than `state`, which is what a crash would leave as well.)
    """

    def __init__(self, path: Path, state: State, disk: Disk | None = None, *, metrics: Metrics | None = None) -> None:
        self._path = path
        self._disk = disk or _LocalDisk()
        self._write_duration = (metrics or Metrics()).state_write_duration
        self.state = state
        self.size = 0  # bytes of the file, once it was written

    def save(self, state: State) -> None:
        """Replace the state file. A crash leaves the old file or the new one. Nothing is written when nothing changed.

        Raise StateError; then nothing has changed.
        """
        if state is self.state or state == self.state:
            return
        self.write(state)

    def write(self, state: State) -> None:
        """Replace the state file even when nothing changed: at the start, to learn whether it can be done."""
        document = _STATE.dump_json(state, indent=1, exclude_defaults=False)
        new = beside(self._path, ".new")
        try:
            with self._write_duration.time():
                self._disk.write(new, document)
                self._disk.sync(new)
                self._keep_generation()
                # Same directory: a rename is atomic only within one file system.
                self._disk.replace(new, self._path)
                self._disk.sync(self._path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._disk.unlink(new)
            _refuse(error, self._path, "written")
        self.state = state
        self.size = len(document)

    def _keep_generation(self) -> None:
        """Keep what the file holds now as `.bak`."""
        passing = beside(self._path, ".bak.new")
        self._disk.unlink(passing)
        try:
            self._disk.link(self._path, passing)
        except FileNotFoundError:
            return
        self._disk.replace(passing, beside(self._path, ".bak"))


class _LocalDisk:
    def write(self, path: Path, content: bytes) -> None:
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)

    def sync(self, path: Path) -> None:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def link(self, path: Path, other: Path) -> None:
        try:
            os.link(path, other)
        except FileNotFoundError:
            raise
        except OSError:
            # Some file systems have no hard links.
            shutil.copy2(path, other)

    def replace(self, path: Path, other: Path) -> None:
        path.replace(other)

    def unlink(self, path: Path) -> None:
        path.unlink(missing_ok=True)


class Lock:
    """The lock beside the state file: one bot at a time. Its modification time is the heartbeat."""

    def __init__(self, path: Path) -> None:
        self._state_path = path
        self._path = beside(path, ".lock")
        self._file: int | None = None
        self.last_alive: float | None = None  # the heartbeat of the copy that held it before us

    def take(self, now: float) -> None:
        """Hold the lock until the process ends. Raise StateHeldError when another copy holds it, or StateError."""
        self.last_alive = heartbeat(self._state_path)
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._file, 0)
            os.write(self._file, _HOLDER.dump_json(Holder(socket.gethostname(), os.getpid(), now)))
        except BlockingIOError:
            raise StateHeldError(
                f"{self._path}: held by {_describe_holder(self._path)}. Stop it first, or give this "
                "copy a state.path of its own."
            ) from None
        except OSError as error:
            if error.errno in {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS}:
                raise StateError(
                    f"{self._path}: this file system has no locks, so two copies could run at once. "
                    "Set state.path to a file on a local disk or volume."
                ) from None
            _refuse(error, self._path, "locked")

    def beat(self) -> None:
        """Say that the bot is alive."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.utime(self._file)

    def release(self) -> None:
        """Let another copy take the lock."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def heartbeat(path: Path) -> float | None:
    """Return when a bot with this state file was last alive, in Unix seconds, or None where none ever ran."""
    try:
        return beside(path, ".lock").stat().st_mtime
    except OSError:
        return None


def resolve(path: Path) -> Path:
    """Return where the state file really lies: a symbolic link is followed, so that it is not replaced by a file."""
    try:
        resolved = path.expanduser().resolve()
    except (OSError, RuntimeError) as error:
        raise StateError(f"{path}: cannot be resolved: {error}. Set state.path to a file in a directory.") from None
    if not resolved.name:
        raise StateError(f"{path}: {remedy(errno.EISDIR)}")
    return resolved


def load(path: Path, warn: Callable[[str], None]) -> State:
    """Return the state in *path*, or a new one where none was ever saved. For the copy that holds the lock.

    A file that cannot be read as a state is put aside as `.corrupt-<time>` and the generation before it is used.
    Raise StateError when that cannot be read either: corrupt is never taken for empty.
    """
    state, trouble = _read(path)
    if state is not None:
        return state
    backup = beside(path, ".bak")
    older, trouble_of_older = _read(backup)
    if older is None:
        if trouble is None and trouble_of_older is None:
            return State()
        raise _unreadable(path, trouble, trouble_of_older)
    if trouble is not None:
        aside = beside(path, time.strftime(".corrupt-%Y%m%dT%H%M%SZ", time.gmtime()))
        try:
            path.replace(aside)
        except OSError as error:
            _refuse(error, path, "moved aside")
        warn(f"{path}: {trouble}; it was moved to {aside.name}, and {backup.name} is used")
    else:
        warn(f"{path}: missing; {backup.name} is used")
    return older


def peek(path: Path) -> State | None:
    """Return the state as it is now, without the lock and without touching anything. None: there is none yet.

    Raise StateError when neither the file nor the generation before it can be read.
    """
    state, trouble = _read(path)
    if state is not None:
        return state
    older, trouble_of_older = _read(beside(path, ".bak"))
    if older is None and (trouble or trouble_of_older):
        raise _unreadable(path, trouble, trouble_of_older)
    return older


def _unreadable(path: Path, trouble: str | None, trouble_of_older: str | None) -> StateError:
    return StateError(
        f"{path}: {trouble or 'missing'}; {beside(path, '.bak').name}: {trouble_of_older or 'missing'}. Put a good "
        "copy of either back. To start from scratch, move both away; what has ended by then will not be announced."
    )


def _read(path: Path) -> tuple[State | None, str | None]:
    """Return the state in *path*, or what is wrong with it. Both None: there is no such file."""
    try:
        if path.is_fifo():
            return None, "not a state file: it is a pipe"  # to read it would wait until somebody writes
        document = path.read_bytes()
    except FileNotFoundError:
        return None, None
    except OSError as error:
        _refuse(error, path, "read")
    try:
        version = _strict_json(document).get("version")
        if type(version) is not int or version < 1:
            # `{}` too: else it would be taken for the state before a first run.
            return None, "not a state file: it has no version"
        if version > VERSION:
            raise StateError(
                f"{path}: written by a newer version of the bot (format {version}, this one reads {VERSION}). "
                "Run that version, or put back a state file from before the upgrade."
            )
        return _STATE.validate_json(document, strict=True), None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        return None, f"not a state file: {'.'.join(map(str, first['loc']))[:80] or 'document'}: {first['msg']}"
    except (ValueError, RecursionError) as error:
        return None, f"not a state file: {str(error)[:120]}"


def _strict_json(document: bytes) -> dict[str, Any]:
    """Return the JSON object. Raise ValueError also for doubled keys and numbers that are not numbers."""

    def no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key appears twice")
        return found

    def finite(text: str) -> float:
        if not math.isfinite(float(text)):
            raise ValueError(f"{text[:20]} is not a number")
        return float(text)

    parsed = json.loads(document, object_pairs_hook=no_doubles, parse_constant=finite, parse_float=finite)
    if not isinstance(parsed, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 - for the caller it is one more way of being unreadable
    return parsed


def beside(path: Path, suffix: str) -> Path:
    """Return the path of a file that lies beside the state file and is named after it."""
    return path.with_name(path.name + suffix)


def _describe_holder(lock: Path) -> str:
    try:
        holder = _HOLDER.validate_json(lock.read_bytes())
    except (OSError, ValidationError):
        return "another copy of the bot"
    started = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(holder.started))
    return f"another copy of the bot (host {holder.host}, pid {holder.pid}, started {started})"


_REMEDIES = {
    errno.EACCES: "Give the bot's user write access to the directory.",
    errno.EPERM: "Give the bot's user write access to the directory.",
    errno.EROFS: "The file system is read-only: mount a writable volume there.",
    errno.ENOSPC: "The disk is full: free some space. The bot then goes on by itself.",
    errno.EDQUOT: "The disk quota is used up: free some space. The bot then goes on by itself.",
    errno.ENOENT: "Create the directory, or set state.path to a file in an existing one.",
    errno.ENOTDIR: "Set state.path to a file in a directory.",
    errno.EISDIR: "state.path is a directory: name a file in it, such as state.json.",
    errno.ENAMETOOLONG: "Choose a shorter name for state.path.",
    errno.EBUSY: "It seems to be mounted as a single file, which cannot be replaced: mount its directory instead.",
}


def remedy(number: int | None) -> str:
    """Return what to do about an error of the disk, by its errno."""
    return _REMEDIES.get(number or 0, "Check state.path and the disk.")


def _refuse(error: OSError, path: Path, verb: str) -> NoReturn:
    unreadable = verb == "read" and isinstance(error, PermissionError)
    cure = "Give the bot's user read access to the file." if unreadable else remedy(error.errno)
    raise StateError(f"{path}: cannot be {verb}: {error.strerror or error}. {cure}") from None
