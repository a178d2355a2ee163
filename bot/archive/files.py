"""The files of an archive's folder, by their names in it; what is done to them, one effect at a time."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from bot.disk import Disk
from bot.errors import ArchiveError, ArchiveUnusable

PIECE = 256 * 1024  # bytes
_GIB = 1024**3


def must_stay_free(total: int) -> float:
    """Return how many bytes of *total* are not the archive's: other programs need space as well."""
    return max(total / 10, _GIB)


class Part(Protocol):
    """A file that is being written, open to this process alone."""

    def size(self) -> int: ...

    def read(self, at: int, most: int) -> bytes: ...

    def append(self, content: bytes) -> None: ...

    def cut(self, size: int) -> None:
        """Leave its first *size* bytes."""

    def sync(self) -> None:
        """Return when its content has reached the medium."""


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raise ArchiveUnusable for an error of the disk, ArchiveError for a file that another process has."""
    try:
        yield
    except BlockingIOError:
        raise ArchiveError("another copy of the bot is copying the file") from None
    except OSError as error:
        raise ArchiveUnusable(f"archive.path: {error.strerror or error}") from None


class Files:
    """The folder *root*. Names are such as `2025/02/a.mp4`. Everything raises OSError."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._disk = Disk()

    def size(self, name: str) -> int | None:
        """Return the size of a file in bytes. None: there is none."""
        try:
            return (self.root / name).stat().st_size
        except FileNotFoundError:
            return None

    def pieces(self, name: str) -> Iterator[bytes]:
        """Yield what a file holds."""
        with (self.root / name).open("rb") as file:
            while piece := file.read(PIECE):
                yield piece

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[Part]:
        """Yield the file *name*, which is made if there is none. Raise BlockingIOError if another process has it."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644), "r+b", 0) as file:
            _lock(file.fileno())
            # Whoever had it may have given it another name meanwhile.
            if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                raise BlockingIOError("another process has just finished it")
            yield _OpenPart(file.fileno())

    def write(self, name: str, content: bytes) -> None:
        """Write a file anew, which need not have reached the medium."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def sync(self, name: str) -> None:
        """Return when the file, or the names that a directory holds, has reached the medium."""
        self._disk.sync(self.root / name)

    def rename(self, name: str, other: str) -> None:
        self._disk.replace(self.root / name, self.root / other)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        self._disk.unlink(self.root / name)

    def names(self, pattern: str) -> Iterator[tuple[str, float]]:
        """Yield the files of all months whose names match *pattern*, and when each was changed, in Unix seconds."""
        for path in sorted(self.root.glob(f"[0-9][0-9][0-9][0-9]/[0-9][0-9]/{pattern}")):
            with contextlib.suppress(FileNotFoundError):
                yield str(path.relative_to(self.root)), path.stat().st_mtime

    def space(self) -> tuple[int, int]:
        """Return how many bytes are free, and how many there are."""
        self.root.mkdir(parents=True, exist_ok=True)
        usage = shutil.disk_usage(self.root)
        return usage.free, usage.total


def _lock(handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        pass  # a file system without locks: then nothing but the state's lock keeps another copy away


class _OpenPart:
    def __init__(self, handle: int) -> None:
        self._handle = handle

    def size(self) -> int:
        return os.fstat(self._handle).st_size

    def read(self, at: int, most: int) -> bytes:
        return os.pread(self._handle, most, at)

    def append(self, content: bytes) -> None:
        at, left = self.size(), memoryview(content)
        while left:
            written = os.pwrite(self._handle, left, at)
            at, left = at + written, left[written:]

    def cut(self, size: int) -> None:
        os.ftruncate(self._handle, size)

    def sync(self) -> None:
        os.fsync(self._handle)
