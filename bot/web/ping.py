"""Pings a dead-man's switch, such as healthchecks.io: the bot does its work, or why not."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from bot.clock import Clock
from bot.errors import NO_THREAD
from bot.events import Events
from bot.http.client import Exchange
from bot.web.standings import Reason

TIMEOUT = 5.0  # seconds for a ping
_EVERY = 60.0  # seconds


def ask(exchange: Exchange, url: httpx.URL) -> tuple[int | None, str]:
    """Ask for *url*; return the status of the answer, if there is one, and what went wrong ("": nothing).

    The text does not hold the URL: who has it can keep the switch quiet.
    """
    try:
        status = exchange.status(str(url))
    except httpx.RequestError as error:
        return None, str(error)
    if httpx.codes.is_redirect(status):
        return status, f"HTTP {status}: a redirect, which the bot does not follow. Set the address that it leads to"
    return status, "" if httpx.codes.is_success(status) else f"HTTP {status}"


def below(url: httpx.URL, name: str) -> httpx.URL:
    """Return *url* with *name* added to its path, as healthchecks.io and its like have it."""
    return url.copy_with(path=f"{url.path.rstrip('/')}/{name}")


class Ping:
    """Listens to the loop and pings at most once a minute: after a good cycle, or to say that the bot is not well.

    Neither a slow answer nor a failure reaches the loop.
    """

    def __init__(
        self,
        url: str,
        exchange: Exchange,
        clock: Clock,
        problems: Callable[[], Sequence[Reason]],
        events: Events,
    ) -> None:
        self._url = httpx.URL(url)
        self._exchange = exchange
        self._clock = clock
        self._problems = problems
        self._events = events
        self._next = 0.0
        self._thread: threading.Thread | None = None
        self._one_at_a_time = threading.Lock()

    def emit(self, event: str, /, **fields: Any) -> None:
        if event == "cycle_ended":
            with self._one_at_a_time:  # each account has a thread of its own
                self._after_cycle(well=fields["well"])

    def _after_cycle(self, *, well: bool) -> None:
        """Send a ping, if it is time: after each good cycle, or to say that the bot is not well."""
        under_way = self._thread is not None and self._thread.is_alive()
        if under_way or self._clock.monotonic() < self._next:
            return
        found = self._problems()
        if not (well or found):
            return
        self._next = self._clock.monotonic() + _EVERY
        url = self._url
        if found:
            codes = dict.fromkeys(reason.code for reason in found)
            url = below(url, "fail").copy_merge_params({"reason": ",".join(codes)})
        thread = threading.Thread(target=self._send, args=(url,), name="ping", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._note(NO_THREAD)
        else:
            self._thread = thread

    def close(self) -> None:
        """Wait for a ping that is under way."""
        if self._thread is not None:
            self._thread.join(TIMEOUT)

    def _send(self, url: httpx.URL) -> None:
        _, failure = ask(self._exchange, url)
        self._note(failure)

    def _note(self, failure: str) -> None:
        if failure:
            self._events.emit("ping_failed", result="failed", error=f"monitor.ping_url: {failure}.")
        else:
            self._events.emit("ping_sent", result="ok")
