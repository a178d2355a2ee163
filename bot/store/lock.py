"""The lock beside the state file: one copy of the bot at a time. Its modification time is the heartbeat.

Its content is one line of JSON: who holds it, and what the running bot leaves there for `health`.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot import disk
from bot.errors import StateError, StateHeldError
from bot.store.holder import in_words

_LARGEST = 64 * 1024  # bytes
_READINGS = 3


class Lock:
    """The lock of the state file *path*.

    `last_alive` is the heartbeat of the copy that held it before, and `before` what that one has left there.
    """

    def __init__(self, path: Path) -> None:
        self._path = disk.beside(path, ".lock")
        self._file: int | None = None
        self._holder: dict[str, Any] = {}
        self._line = b""
        self.last_alive: float | None = None
        self.before: Mapping[str, Any] = {}

    def take(self, now: float) -> None:
        """Hold the lock until `release`. Raise StateHeldError when another copy holds it, or StateError."""
        with contextlib.ExitStack() as undo:
            undo.callback(self.release)
            try:
                self._file = file = _opened(self._path, os.O_RDWR | os.O_CREAT)
                disk.lock(file, self._path)
                before = os.fstat(file)
                self.last_alive = before.st_mtime if before.st_size else None
                self.before = _parsed(file)
                self._holder = {"host": os.uname().nodename, "pid": os.getpid(), "started": now}
                self._write(self._holder)
            except BlockingIOError:
                holder = in_words(_parsed(file))
                raise StateHeldError(
                    f"{self._path}: held by {holder}. Stop it first, or give this copy a state.path of its own."
                ) from None
            except OSError as error:
                disk.refuse(error, self._path, "locked")
            undo.pop_all()

    def check(self) -> None:
        """Raise StateError when this user cannot open the lock file that is there, whether or not a copy holds it."""
        try:
            os.close(_opened(self._path, os.O_RDWR))
        except FileNotFoundError:
            return
        except OSError as error:
            disk.refuse(error, self._path, "locked")

    def verify(self) -> None:
        """Raise StateHeldError unless the lock file is the one that was locked: else another copy may hold another."""
        if self._file is None:
            return
        try:
            same = os.path.samestat(self._path.lstat(), os.fstat(self._file))
        except (FileNotFoundError, NotADirectoryError):
            same = False
        except OSError as error:
            disk.refuse(error, self._path, "read")
        if not same:
            raise StateHeldError(
                f"{self._path}: removed or replaced while the bot was running, so another copy may be running now. "
                "Leave the files beside the state alone, and start the bot again."
            )

    def heartbeat(self) -> None:
        """Say that the bot is alive."""
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            try:
                os.utime(self._file)
            except OSError:
                os.pwrite(self._file, self._line, 0)  # a write sets the time as well

    def leave(self, note: Mapping[str, Any]) -> None:
        """Replace the *note*. Nothing is written when it is the same, and the heartbeat stays what it is."""
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            before = os.fstat(self._file)
            if self._write({**self._holder, **note}):
                os.utime(self._file, ns=(before.st_atime_ns, before.st_mtime_ns))

    def release(self) -> None:
        """Let another copy take the lock."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, content: Mapping[str, Any]) -> bool:
        """Overwrite the file, which needs no space on a full disk. Return whether it held something else."""
        if self._file is None:
            return False
        self._line = line = json.dumps(content).encode() + b"\n"
        if os.pread(self._file, len(line) + 1, 0) == line:
            return False
        os.pwrite(self._file, line, 0)
        os.ftruncate(self._file, len(line))
        return True


def left(path: Path) -> tuple[float, dict[str, Any]] | None:
    """Return when the bot with this state file was last alive, in Unix seconds, and what it has left in its lock.

    None: none ever ran. Raise StateError.
    """
    lock = disk.beside(path, ".lock")
    try:
        file = _opened(lock, os.O_RDONLY)
        try:
            # While it is overwritten it may be neither the old line nor the new one.
            content = next(filter(None, (_parsed(file) for _ in range(_READINGS))), {})
            return os.fstat(file).st_mtime, content
        finally:
            os.close(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        disk.refuse(error, lock, "read")


def _opened(path: Path, flags: int) -> int:
    """Open the lock file, and nothing else that may stand there: no symbolic link is followed. Raise OSError."""
    if what := disk.irregular(path, follow=False):
        raise StateError(f"{path}: it is {what}, where the bot keeps a file. Remove it.")
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)


def _parsed(file: int) -> dict[str, Any]:
    try:
        content = json.loads(os.pread(file, _LARGEST, 0).partition(b"\n")[0])
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
