"""One HTTP exchange under one deadline and one limit of size."""

import contextlib
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from bot.errors import LipsyncBotError
from bot.http.deadlines import Deadlines
from bot.http.failures import why
from bot.http.proxy import Proxy

MAX_BODY = 16 * 1024 * 1024  # bytes
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "lipsync-bot"}
_ZLIB = {"gzip", "x-gzip", "deflate"}
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32  # whichever the first bytes say
# The steps before a request is sent.
_BEGINNING = (".connect_tcp.started", ".setup_socks5_connection.started", ".start_tls.started")


class TooLargeError(httpx.DecodingError):
    """The body is larger than what is read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. Names in `headers` are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Exchange:
    """Sends requests through one transport, one at a time. *proxy* is what that goes through, to be named.

    *timeout* is for a whole exchange, *silence* for one without a byte (None: as long), both in seconds.

    Not through an httpx client: its cookies, redirects and authentication are not wanted, and take time.

    *settled* is called when an exchange has ended, in whatever way: a bot that waits for one is not dead.

    httpx's timeouts bound each read, not the answer: a server that drips a byte a second could hold the bot for ever.
    So the socket is shut at the deadline, and afterwards nothing of ours is left on the wire.
    """

    def __init__(
        self,
        transport: httpx.BaseTransport,
        deadlines: Deadlines,
        *,
        timeout: float,
        silence: float | None = None,
        keep_alive: bool = True,
        proxy: Proxy | None = None,
        settled: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settled = settled
        self._monotonic = monotonic
        self._end = float("inf")
        self._transport = transport
        self._deadlines = deadlines
        self._headers = {**_HEADERS, **({} if keep_alive else {"Connection": "close"})}
        self._timeout = timeout
        self._timeouts = httpx.Timeout(silence or timeout).as_dict()
        self._proxy = proxy
        self._socket: socket.socket | None = None
        self._connecting = False
        self._overdue = threading.Event()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be printed of the way there."""
        return self._proxy.secrets if self._proxy else ()

    def send(
        self, url: str, *, headers: Mapping[str, str], content: bytes | None = None, max_body: int = MAX_BODY
    ) -> Answer:
        """POST *content* (None: GET *url*) and return the whole answer, redirects included, which are not followed.

        Raise an httpx.RequestError in every other case: no connection, no whole answer within the timeout (seconds), a
        body of more than *max_body* bytes (TooLargeError), or one that cannot be unpacked. ConnectError,
        ConnectTimeout, ProxyError and UnsupportedProtocol say that nothing was sent. The texts quote nothing of the
        answer.
        """
        method = "GET" if content is None else "POST"
        with self.response(method, url, headers, content or b"") as response:
            return Answer(response.status_code, dict(response.headers), _read(response, max_body))

    def status(self, url: str) -> int:
        """GET *url* and return the status of the answer, whose body is not read. Raise as `send` does."""
        with self.response("GET", url, {}) as response:
            return response.status_code

    @contextlib.contextmanager
    def response(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes = b""
    ) -> Iterator[httpx.Response]:
        """Yield the answer, to be read within the timeout. Raise as `send` does, and whatever of our own comes up."""
        self._overdue.clear()
        self._end = self._monotonic() + self._timeout
        self._connecting = False
        try:
            with (
                self._deadlines.after(self._timeout, self._cut),
                self._answered(method, url, headers, content) as response,
            ):
                if self._proxy and response.status_code == httpx.codes.PROXY_AUTHENTICATION_REQUIRED:
                    raise httpx.ProxyError(str(response.status_code))  # noqa: TRY301 - put in words below, like any other
                yield response
        except LipsyncBotError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a library raises, it was this request that failed
            if self._connecting and self._socket is not None:
                self._socket.close()  # httpcore forgets it if SOCKS fails
            raise self._in_words(error, url) from None
        finally:
            self._settled()

    def _answered(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes
    ) -> contextlib.closing[httpx.Response]:
        # Not kept: a reference to itself would keep all that an Exchange has read until the garbage is looked for.
        extensions = {"trace": self._follow, "timeout": self._timeouts}
        asked = httpx.Request(method, url, headers={**headers, **self._headers}, content=content, extensions=extensions)
        response = self._transport.handle_request(asked)
        response.request = asked
        return contextlib.closing(response)

    def _in_words(self, error: Exception, url: str) -> httpx.RequestError:
        """Return what is raised for *error*. Without a connection nothing was sent, which is worth knowing."""
        # httpx's own timeout may strike first.
        if self._overdue.is_set() or isinstance(error, httpx.TimeoutException):
            if self._connecting or isinstance(error, httpx.ConnectTimeout):
                way = f" through {self._proxy}" if self._proxy else ""
                return httpx.ConnectTimeout(f"no connection{way} within {self._timeout:g} s")
            return httpx.ReadTimeout(f"no whole answer within {self._timeout:g} s")
        kind = type(error) if isinstance(error, httpx.RequestError) else httpx.RequestError
        if isinstance(error, httpx.InvalidURL | UnicodeError):
            kind = httpx.UnsupportedProtocol
        elif self._connecting and kind is not httpx.ProxyError:
            kind = httpx.ConnectError
        return kind(why(error, urlsplit(url).hostname or "", self._proxy))

    def _follow(self, event: str, info: Mapping[str, Any]) -> None:
        # httpx documents this hook: https://www.python-httpx.org/advanced/extensions/#trace
        # Through a proxy the names begin otherwise, and TLS takes the socket over from the one that connected.
        if event.endswith(_BEGINNING):
            self._connecting = True
        elif "request" in info:
            self._connecting = info["request"].method == b"CONNECT"
            if self._monotonic() > self._end:
                self._cut()  # the process was frozen, and the timer with it
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._socket = info["return_value"].get_extra_info("socket")
            if self._overdue.is_set():
                self._cut()

    def _cut(self) -> None:
        self._overdue.set()
        if self._socket is not None:
            with contextlib.suppress(OSError):
                # Not SSLSocket.shutdown(): that takes the TLS layer away under a read in another thread.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _read(response: httpx.Response, most: int) -> bytes:
    """Return the body of *response*, which must be of *most* bytes at most. Some proxies compress it, unasked."""
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in {"", "identity", *_ZLIB}:
        raise httpx.DecodingError("the answer is compressed, which the bot did not ask for: is a proxy in between?")
    packed = zlib.decompressobj(_GZIP_OR_ZLIB) if coding in _ZLIB else None
    body = bytearray()
    for piece in response.iter_raw():
        # With a limit: a 64 KiB piece of a gzip bomb would become 67 MB.
        body += packed.decompress(piece, most + 1 - len(body)) if packed else piece
        if len(body) > most:
            raise TooLargeError(f"the answer is larger than {most // 1024**2} MiB")
        if packed and packed.unused_data:
            raise httpx.DecodingError("more follows the compressed answer: is a proxy in between?")
    if packed and not packed.eof:
        raise httpx.DecodingError("the compressed answer is not whole: is a proxy in between?")
    return bytes(body)
