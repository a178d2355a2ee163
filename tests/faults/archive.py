"""An archive in memory: a folder of which a power cut leaves what was synced, and the server that the files are on."""

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from bot.archive.background import Finished
from bot.archive.copier import Copier
from bot.archive.download import Limits
from bot.archive.files import Files, Part
from bot.domain.recent import RecentTask
from bot.errors import ArchiveError
from tests.archive.server import JPEG, video

if TYPE_CHECKING:
    from tests.faults.world import Effects, Survival

VIDEO = video(5_000)


class StoredFile:
    """What is in it, and what of that a power cut leaves."""

    def __init__(self, content: bytes = b"") -> None:
        self.content = content
        self.synced = b""


class SimulatedFiles(Files):
    """The folder. Each change of it is an effect."""

    def __init__(self, effects: "Effects") -> None:
        super().__init__(Path("archive"))
        self._effects = effects
        self._names: dict[str, StoredFile] = {}
        self._synced_names: dict[str, StoredFile] = {}

    def contents(self) -> dict[str, bytes]:
        return {name: file.content for name, file in self._names.items()}

    def come_back(self, survival: "Survival") -> None:
        """Leave what is there after a death."""
        if survival == "power_cut":
            self._names = dict(self._synced_names)
        for file in self._names.values():
            if survival != "kill":
                file.content = file.synced
            file.synced = file.content
        self._synced_names = dict(self._names)

    def size(self, name: str) -> int | None:
        return len(self._names[name].content) if name in self._names else None

    def pieces(self, name: str) -> Iterator[bytes]:
        if name not in self._names:
            raise FileNotFoundError(2, "No such file or directory")
        yield self._names[name].content

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[Part]:
        if name not in self._names:
            with self._effects.around("create"):
                self._names[name] = StoredFile()
        yield _SimulatedPart(self._names[name], self._effects)

    def write(self, name: str, content: bytes) -> None:
        with self._effects.around("write"):
            self._names[name] = StoredFile(content)

    def sync(self, name: str) -> None:
        with self._effects.around("sync"):
            if name in self._names:
                self._names[name].synced = self._names[name].content
            else:
                self._synced_names = dict(self._names)

    def rename(self, name: str, other: str) -> None:
        with self._effects.around("rename"):
            self._names[other] = self._names.pop(name)

    def remove(self, name: str) -> None:
        if name in self._names:
            with self._effects.around("remove"):
                del self._names[name]

    def names(self, pattern: str) -> Iterator[tuple[str, float]]:
        return iter([(name, 0.0) for name in self._names if fnmatch(name.rpartition("/")[2], pattern)])

    def space(self) -> tuple[int, int]:
        return 50 << 30, 100 << 30


class _SimulatedPart:
    def __init__(self, file: StoredFile, effects: "Effects") -> None:
        self._file = file
        self._effects = effects

    def size(self) -> int:
        return len(self._file.content)

    def read(self, at: int, most: int) -> bytes:
        return self._file.content[at : at + most]

    def append(self, content: bytes) -> None:
        with self._effects.around("append"):
            self._file.content += content

    def cut(self, size: int) -> None:
        if size != self.size():
            with self._effects.around("cut"):
                self._file.content = self._file.content[:size]

    def sync(self) -> None:
        with self._effects.around("sync"):
            self._file.synced = self._file.content


class FileServer:
    """Serves a video and a cover, and stands for the Exchange that asks for them. `breaks` is how often it breaks."""

    def __init__(self) -> None:
        self.breaks = 0

    @contextlib.contextmanager
    def open(self, url: str) -> Iterator["FileServer"]:
        yield self

    @contextlib.contextmanager
    def response(self, method: str, url: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        body = VIDEO if url.endswith(".mp4") else JPEG
        first = int(headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        end = len(body)

        def pieces() -> Iterator[bytes]:
            half = (first + end) // 2
            yield body[first:half]
            if self.breaks:
                self.breaks -= 1
                raise httpx.ReadError("the connection broke")
            yield body[half:]

        described = {
            "ETag": '"1"',
            "Content-Length": str(end - first),
            "Content-Range": f"bytes {first}-{end - 1}/{end}",
        }
        yield httpx.Response(206 if first else 200, headers=described, content=pieces())


class CopiesAtOnce:
    """Copies that have ended when they have begun."""

    def __init__(self, files: Files, server: FileServer) -> None:
        self._copier = Copier(files, server.open, Limits(1 << 30, monotonic=lambda: 0.0))  # type: ignore[arg-type]
        self._results: Finished = []

    def sweep(self, waited_for: Sequence[RecentTask], now: float) -> None:
        self._copier.sweep(waited_for, now)

    def begin(self, task: RecentTask, attempts: int) -> None:
        try:
            self._results.append((task.id, self._copier.copy(task, attempts=attempts)))
        except ArchiveError as error:
            self._results.append((task.id, error))

    def forget(self, task: RecentTask) -> None:
        self._copier.forget(task)

    def finished(self) -> Finished:
        found, self._results = self._results, []
        return found

    def ended(self) -> threading.Event:
        (ended := threading.Event()).set()
        return ended

    def close(self) -> None:
        pass
