"""One request to Chanjing: at the pace, and again after a passing fault."""

import json
from collections import deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import tenacity

from bot.chanjing.answers import OK, TOO_MUCH, Answered, Operation, label, opened
from bot.clock import Clock
from bot.errors import NO_THREAD, ChanjingError, ChanjingRejected, ChanjingUnavailable
from bot.events import NOBODY, Events
from bot.http.client import Exchange, TooLargeError

ATTEMPTS = 4  # at one request
MAX_BODY = 2 * 1024 * 1024  # bytes of an answer: a page of a hundred tasks with long links has a tenth of that


class Transport:
    """Sends operations to *base_url*, *attempts* times at most, and opens the answers."""

    def __init__(
        self,
        exchange: Exchange,
        base_url: str,
        *,
        max_requests_per_second: float,
        clock: Clock,
        events: Events = NOBODY,
        attempts: int = ATTEMPTS,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._exchange = exchange
        self._events = events
        self._pace = SlidingWindow(max_requests_per_second, clock)
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(ChanjingUnavailable),
            stop=tenacity.stop_after_attempt(attempts),
            wait=tenacity.wait_exponential(multiplier=0.5, max=8) + tenacity.wait_random(0, 0.5),
            sleep=clock.wait,
            reraise=True,
        )

    def call(self, operation: Operation, fields: Mapping[str, Any], *, token: str = "", secret: str = "") -> Answered:
        """Return what the answer held. Raise ChanjingError; its text never holds *token* or *secret*."""
        if operation.again:
            return self._retrying(self._once, operation, fields, token, secret)
        return self._once(operation, fields, token, secret)

    def _once(self, operation: Operation, fields: Mapping[str, Any], token: str, secret: str) -> Answered:
        self._pace.wait()
        try:
            answered = self._answer(operation, fields, token, secret)
        except ChanjingError as error:
            self._events.emit("chanjing_answered", operation=operation.name, code=label(error.code))
            raise
        self._events.emit("chanjing_answered", operation=operation.name, code=label(OK))
        return answered

    def _answer(self, operation: Operation, fields: Mapping[str, Any], token: str, secret: str) -> Answered:
        url = f"{self.base_url}{operation.path}" + (f"?{urlencode(fields)}" if operation.get else "")
        content = None if operation.get else json.dumps(fields).encode()
        headers = {"Content-Type": "application/json", **({"access_token": token} if token else {})}
        try:
            answer = self._exchange.send(url, headers=headers, content=content, max_body=MAX_BODY)
        except TooLargeError as error:
            said = f"{operation.name}: the answer from {urlsplit(url).hostname} is not read: {error}."
            raise ChanjingRejected(said, TOO_MUCH) from None
        except httpx.RequestError as error:
            said = f"{operation.name}: no answer from {urlsplit(url).hostname}: {error}."
            remedy = "" if NO_THREAD in str(error) else "Check chanjing.base_url and the network."
            raise ChanjingUnavailable(said, remedy) from None
        return opened(answer, operation, secrets=(token, secret, *self._exchange.secrets))


class SlidingWindow:
    """At most so many starts in any second, rounded down; if that is none, one in the longer span it takes."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._starts = deque[float](maxlen=max(1, int(per_second)))
        self._span = max(1.0, 1 / per_second)
        self._clock = clock

    def wait(self) -> None:
        """Return when the next request may start, and count it."""
        if len(self._starts) == self._starts.maxlen:
            early = self._starts[0] + self._span - self._clock.monotonic()
            if early > 0:
                self._clock.wait(early)
        self._starts.append(self._clock.monotonic())
