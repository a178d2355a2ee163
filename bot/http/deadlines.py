"""Deadlines: what is not done in time is cut off, whatever it waits for."""

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Self


class Deadlines:
    """One thread for all: to start one for each request takes a good part of what the request itself takes.

    It lasts as long as the block.
    """

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._pending: dict[object, tuple[float, Callable[[], None]]] = {}  # monotonic seconds, and what cuts
        self._looks_at = math.inf  # when the thread wakes up by itself
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._turn:
            thread, self._thread = self._thread, None
            self._turn.notify()
        if thread is not None:
            thread.join()

    @contextlib.contextmanager
    def after(self, seconds: float, cut: Callable[[], None]) -> Iterator[None]:
        """Call *cut*, which must neither wait nor raise, if the block takes longer; never after it has ended.

        Raise RuntimeError if no thread can be started.
        """
        end, key = time.monotonic() + seconds, object()
        with self._turn:
            if self._thread is None:
                thread = threading.Thread(target=self._watch, name="deadlines", daemon=True)
                thread.start()
                self._thread = thread
            self._pending[key] = (end, cut)
            if end < self._looks_at:
                self._turn.notify()
        try:
            yield
        finally:
            with self._turn:
                self._pending.pop(key, None)

    def _watch(self) -> None:
        with self._turn:
            while self._thread is threading.current_thread():
                now = time.monotonic()
                for key, (end, cut) in [*self._pending.items()]:
                    if end <= now:
                        del self._pending[key]
                        cut()
                self._looks_at = min((end for end, _ in self._pending.values()), default=math.inf)
                self._turn.wait(None if self._looks_at == math.inf else self._looks_at - now)
