"""Standard error that keeps nobody waiting: its reader may be stuck, and the pipe to it full after 64 KiB."""

import atexit
import io
import os
import select
import threading
from collections.abc import Callable
from typing import TextIO

_ROOM = 256 * 1024  # bytes that wait to be written
_AT_THE_END = 1.0  # seconds in which what still waits when the program ends may be written


def without_waiting(file: TextIO) -> TextIO:
    """Return what writes to *file* and never waits; *file* itself if it is none of the operating system's."""
    try:
        file.fileno()
    except (OSError, ValueError):
        return file
    return file if isinstance(file, NonBlocking) else NonBlocking(file)


class NonBlocking(io.TextIOBase, TextIO):
    """Text for a file, written in order by a thread, so that only that thread waits.

    What there is no room for is dropped, and from then on everything, until all that waits has been written: then
    `on_gap` is called with the number of lines that are missing, and may write.

    To make the file itself non-blocking would do so to every process that shares it.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._changed = threading.Condition()
        self._waiting = bytearray()
        self._dropped = 0  # lines since there was no room
        self._thread: threading.Thread | None = None
        self.on_gap: Callable[[int], None] = lambda _: None
        atexit.register(self._finish)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._file.encoding

    def fileno(self) -> int:
        return self._file.fileno()

    def isatty(self) -> bool:
        return self._file.isatty()

    def write(self, text: str) -> int:
        data = text.encode(self.encoding, "backslashreplace")
        with self._changed:
            if not self._dropped and len(self._waiting) + len(data) <= _ROOM:
                self._waiting += data
            else:
                self._dropped += max(1, text.count("\n"))
            self._changed.notify_all()
            self._start()
        return len(text)

    def _start(self) -> None:
        """Have a thread write. If none can be started, write what the file takes at once."""
        if self._thread is None:
            thread = threading.Thread(target=self._write_on, name="stderr", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                self._write_what_fits()
            else:
                self._thread = thread

    def _write_on(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._unfinished)
            self._write_some()

    def _write_what_fits(self) -> None:
        while self._unfinished() and self._ready(0):
            self._write_some()

    def _write_some(self) -> None:
        """Write the first of what waits, or lose it if that fails: the bot goes on when its log's disk is full."""
        data = bytes(self._waiting[: select.PIPE_BUF])
        try:
            done = os.write(self.fileno(), data)
        except BlockingIOError:  # another process has made it non-blocking
            self._ready(None)
            done = 0
        except (OSError, ValueError):
            done = len(data)
        with self._changed:
            del self._waiting[:done]
            if self._dropped and not self._waiting:
                count, self._dropped = self._dropped, 0
                self.on_gap(count)
            self._changed.notify_all()

    def _ready(self, timeout: float | None) -> bool:
        """Return whether PIPE_BUF bytes can be written without waiting, at the latest after *timeout*."""
        poll = select.poll()
        poll.register(self.fileno(), select.POLLOUT)
        return bool(poll.poll(timeout))

    def _unfinished(self) -> bool:
        return bool(self._waiting or self._dropped)

    def _finish(self) -> None:
        with self._changed:
            if self._thread is None:
                self._write_what_fits()
            self._changed.wait_for(lambda: not self._unfinished(), _AT_THE_END)
