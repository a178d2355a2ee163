"""One HTTP exchange under one deadline and one limit of size."""

import contextlib
import socket
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from bot.harmless import clean

MAX_BODY = 16 * 1024 * 1024  # bytes, after decompression


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. Names in `headers` are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Exchange:
    """Sends requests over one httpx client, one at a time.

    httpx's timeouts bound each read, not the answer: a server that drips a byte a second could hold the bot for ever.
    So a timer shuts the socket at the deadline, and afterwards nothing of ours is left on the wire.
    """

    def __init__(self, client: httpx.Client, *, timeout: float, keep_alive: bool = True) -> None:
        self._client = client
        # We ask for no compression: a 64 KiB piece of a gzip bomb becomes 67 MB before a limit sees it.
        self._headers = {"Accept-Encoding": "identity", **({} if keep_alive else {"Connection": "close"})}
        self._timeout = timeout
        self._socket: socket.socket | None = None
        self._overdue = threading.Event()

    def send(self, url: str, *, headers: Mapping[str, str], content: bytes) -> Answer:
        """POST *content* and return the whole answer, redirects included, which are not followed.

        Raise an httpx.RequestError in every other case: no connection, no whole answer within the timeout (seconds), a
        body of more than MAX_BODY or one that cannot be decompressed.
        """
        self._overdue.clear()
        timer = threading.Timer(self._timeout, self._cut)
        timer.daemon = True
        timer.start()
        try:
            asked = {**headers, **self._headers}
            extensions = {"trace": self._note_socket}
            with self._client.stream("POST", url, headers=asked, content=content, extensions=extensions) as response:
                names = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, names, _read(response))
        except httpx.TransportError as error:
            # httpx's own timeout may strike first. Without a connection nothing was sent, which the error says.
            overdue = self._overdue.is_set() or isinstance(error, httpx.TimeoutException)
            if overdue and not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
                raise httpx.ReadTimeout(f"no whole answer within {self._timeout:g} s") from error
            raise
        finally:
            timer.cancel()
            # Else one that is just going off could cut the next exchange.
            timer.join()

    def _note_socket(self, event: str, info: Mapping[str, Any]) -> None:
        # httpx documents this hook: https://www.python-httpx.org/advanced/extensions/#trace
        # Through a proxy the names begin otherwise, and TLS takes the socket over from the one that connected.
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


def _read(response: httpx.Response) -> bytes:
    """Return the body of *response*, decompressed within the limit although we asked for it as it is."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"identity", ""}:
        decompressor = None
    elif encoding in {"gzip", "x-gzip", "deflate"}:
        decompressor = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # 32: gzip or zlib, by the header
    else:
        raise httpx.DecodingError("the answer is compressed in a way that is not known here and was not asked for")
    body = bytearray()
    for piece in response.iter_raw():
        try:
            body += decompressor.decompress(piece, MAX_BODY + 1 - len(body)) if decompressor else piece
        except zlib.error as error:
            raise httpx.DecodingError("the answer says that it is compressed, and is not") from error
        if len(body) > MAX_BODY:
            raise httpx.DecodingError(f"the answer is larger than {MAX_BODY // 1024**2} MiB")
    return bytes(body)


def plain(said: object, secrets: tuple[str, ...], most: int = 200) -> str:
    """Return what somebody else said, fit for one line of a log: printable, short, and without our secrets."""
    match said:
        case None:
            text = "null"
        case bytes():
            text = said.decode("utf-8", "replace")
        case dict() | list():
            text = f"a {type(said).__name__}"
        case _:
            text = str(said)
    # Before it is cut, which could leave half a secret; quoted as it stands in a URL.
    for secret in secrets:
        text = text.replace(secret, "***").replace(quote(secret, safe=""), "***")
    return clean(text[: 10 * most])[:most]
