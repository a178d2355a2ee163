"""One download: streamed into a file that is not all there, and gone on with where it stopped.

Where it stopped is what had reached the medium when it was last noted down, beside the server's name for that version
of the file. Without such a name, or with another one, it starts anew.
"""

import contextlib
import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urljoin, urlsplit

import httpx

from bot.archive import content
from bot.archive.files import Files, Part, must_stay_free, translated
from bot.errors import ArchiveError, ArchiveUnusable, LinkExpired, NotArchivable
from bot.http.client import Exchange

LONGEST = 1800.0  # seconds for one file
SILENCE = 30.0  # seconds without a byte, and the time over which the pace is first judged
SLOWEST = 10 * 1024  # bytes a second
_REDIRECTS = 3
_NOTED_EVERY = 16 * 1024 * 1024  # bytes
_PIECE = 256 * 1024
_GONE = {403, 404, 410}


class Open(Protocol):
    def __call__(self, url: str) -> AbstractContextManager[Exchange]:
        """Yield what sends a request to *url*, to be used once."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`largest` is in bytes; `stopped` says that the download is to end now; `monotonic` is in seconds."""

    largest: int
    stopped: Callable[[], bool] = lambda: False
    monotonic: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Received:
    """`sha256` is in hex, `size` in bytes; `head` are the first bytes."""

    size: int
    sha256: str
    head: bytes


class Downloads:
    """Fetches files into *files*."""

    def __init__(self, open_: Open, files: Files, limits: Limits) -> None:
        self._open = open_
        self._files = files
        self._limits = limits

    def fetch(self, url: str, name: str) -> Received:
        """Leave what *url* leads to, whole and on the medium, in the part *name*.

        Raise ArchiveError, which is ArchiveUnusable for an error of the disk. What has arrived stays for the next
        attempt, unless it is not what was asked for.
        """
        with translated(), self._files.part(name) as part:
            try:
                return _Transfer(part, _Notes(self._files, name), self._files, self._limits).run(url, self._open)
            except httpx.RequestError as error:
                raise ArchiveError(f"{_host(url)}: {error}") from None
            except ValueError:
                raise ArchiveError("the link is no address") from None

    def forget(self, name: str) -> None:
        """Remove the part *name*, and what was noted down of it. Raise ArchiveUnusable."""
        with translated():
            for one in (name, _notes(name)):
                self._files.remove(one)


class _Notes:
    """What was noted down of a part: the server's name for this version of the file, and how much was safe."""

    def __init__(self, files: Files, name: str) -> None:
        self._files = files
        self._name = _notes(name)

    def read(self) -> tuple[str, int]:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads(b"".join(self._files.pieces(self._name)))
            return str(found["version"]), int(found["size"])
        return "", 0

    def write(self, version: str, size: int) -> None:
        self._files.write(self._name, json.dumps({"version": version, "size": size}).encode())

    def remove(self) -> None:
        self._files.remove(self._name)


class _Transfer:
    def __init__(self, part: Part, notes: _Notes, files: Files, limits: Limits) -> None:
        self._part = part
        self._notes = notes
        self._files = files
        self._limits = limits
        self._digest = hashlib.sha256()

    def run(self, url: str, open_: Open) -> Received:
        version, at = self._where_it_stopped()
        headers = {"Range": f"bytes={at}-", "If-Range": version} if at else {}
        for _ in range(_REDIRECTS + 1):
            if urlsplit(url).scheme not in {"http", "https"}:
                raise ArchiveError("the link leads to an address that is neither http nor https")
            with open_(url) as exchange, exchange.response("GET", url, headers) as response:
                if not response.has_redirect_location:
                    with translated():
                        return self._receive(response, version, at)
                url = urljoin(url, response.headers["location"])
        raise ArchiveError(f"the link was redirected more than {_REDIRECTS} times")

    def _where_it_stopped(self) -> tuple[str, int]:
        version, at = self._notes.read()
        if not version or not 0 < at <= self._part.size():
            self._restart()
            return "", 0
        self._part.cut(at)
        return version, at

    def _receive(self, response: httpx.Response, version: str, at: int) -> Received:
        status, headers = response.status_code, response.headers
        if status in _GONE:
            raise LinkExpired(f"the server answered with HTTP {status}")
        if status == httpx.codes.PARTIAL_CONTENT and at:
            if _first_byte(headers) != at or _version(headers) != version:
                self._restart()
                raise ArchiveError("the file has changed since a part of it was copied")
        elif status != httpx.codes.OK:
            if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                self._restart()
            raise ArchiveError(f"the server answered with HTTP {status}")
        else:
            at = 0
            self._restart()
        self._stream(response, at, self._length(headers))
        if not (size := self._part.size()):
            raise LinkExpired("the link leads to an empty file")
        if content.is_cut(size, self._part.read):
            self._restart()
            raise ArchiveError("the video ends in the middle")
        self._part.sync()
        return Received(size, self._digest.hexdigest(), self._part.read(0, content.HEAD))

    def _length(self, headers: Mapping[str, str]) -> int | None:
        """Return how many bytes are to come. None: that is seen when they have."""
        if headers.get("content-encoding", "identity") != "identity":
            raise ArchiveError("the server sent the file compressed, which it was not asked for")
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return None
        if not headers.get("content-length", "").isdecimal():
            raise ArchiveError("the server does not say how long the file is")
        return int(headers["content-length"])

    def _stream(self, response: httpx.Response, at: int, length: int | None) -> None:
        for begin in range(0, at, _PIECE):
            self._digest.update(self._part.read(begin, min(_PIECE, at - begin)))
        self._make_room(at + (length or 0), length or 0)
        version, noted, size = _version(response.headers), at, at
        began, started = self._limits.monotonic(), at
        try:
            for piece in response.iter_raw():
                if not size and content.is_text(response.headers.get("content-type", ""), piece[: content.HEAD]):
                    self._restart()
                    raise LinkExpired("the link leads to a page, not to a file")
                self._part.append(piece)
                self._digest.update(piece)
                size += len(piece)
                self._judge(size, size - started, self._limits.monotonic() - began)
                if size - noted >= _NOTED_EVERY:
                    self._make_room(size, 0)
                    self._note(version, size)
                    noted = size
        finally:
            if self._part.size() > noted:
                self._note(version, self._part.size())

    def _make_room(self, whole: int, more: int) -> None:
        if whole > self._limits.largest:
            raise NotArchivable(f"the file is larger than archive.max_size: {whole} bytes")
        free, total = self._files.space()
        if free - more < must_stay_free(total):
            raise ArchiveUnusable("less than 10 % or 1 GiB of the space would stay free")

    def _judge(self, size: int, received: int, seconds: float) -> None:
        if size > self._limits.largest:
            self._restart()
            raise NotArchivable("the file is larger than archive.max_size")
        if seconds > SILENCE and received < SLOWEST * seconds:
            raise ArchiveError(f"the server sends less than {SLOWEST // 1024} KiB a second")
        if self._limits.stopped():
            raise ArchiveError("the bot was asked to end")

    def _note(self, version: str, size: int) -> None:
        """Note down how far it has come, if it can be gone on with from there."""
        if version:
            self._part.sync()
            self._notes.write(version, size)

    def _restart(self) -> None:
        self._notes.remove()
        self._part.cut(0)


def _notes(name: str) -> str:
    return f"{name.removesuffix('.part')}.resume.part"


def _version(headers: Mapping[str, str]) -> str:
    """Return the server's name for this version of the file, as If-Range takes it; "" if it gave none.

    Source: RFC 9110, 13.1.5: a weak ETag does not do.
    """
    tag = headers.get("etag", "")
    return tag if tag.startswith('"') else headers.get("last-modified", "")


def _first_byte(headers: Mapping[str, str]) -> int | None:
    match = re.fullmatch(r"bytes ([0-9]{1,18})-.*", headers.get("content-range", ""))
    return int(match[1]) if match else None


def _host(url: str) -> str:
    with contextlib.suppress(ValueError):
        return urlsplit(url).hostname or ""
    return ""
