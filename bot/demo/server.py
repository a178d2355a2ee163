"""An HTTP/1.1 server on loopback, in threads, with one seam (`intercept`) through which a test makes it misbehave."""

import contextlib
import json
import socket
import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from email.message import Message as Headers
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit


class Answer(NamedTuple):
    """What goes back to the client. Content-Length and Connection are added where it is sent."""

    status: int
    headers: dict[str, str]
    body: bytes


def json_answer(document: object, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Answer:
    """Return *document* as a JSON answer."""
    content = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
    return Answer(status, content, json.dumps(document, ensure_ascii=False).encode())


def text_answer(text: str, status: int = HTTPStatus.OK) -> Answer:
    """Return *text* as a plain-text answer."""
    return Answer(status, {"Content-Type": "text/plain; charset=utf-8"}, text.encode())


class Call:
    """One request, read whole, and what can be done about it.

    `headers` compare without case; `at` is time.monotonic() of its arrival. `connection` is the client's socket: what
    is written there goes out as it is, and unless `send` was used the connection is closed after the interceptor.
    """

    def __init__(self, handler: "_Handler", body: bytes) -> None:
        self.at = time.monotonic()
        self.method = handler.command
        self.target = handler.path
        self.path = urlsplit(handler.path).path
        self.query = urlsplit(handler.path).query
        self.headers: Headers = handler.headers
        self.body = body
        self.connection: socket.socket = handler.connection
        self.sent = False
        self._handler = handler

    def __repr__(self) -> str:
        return f"<{self.method} {self.target} {self.body[:200]!r}>"

    def json(self) -> Any:
        """Return the body as JSON. Raise ValueError where it is none."""
        return json.loads(self.body)

    def process(self) -> Answer:
        """Do what the request asks for and return the answer without sending it. Twice is done twice."""
        return self._handler.server.owner.answer(self)

    def send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Send one whole answer; the connection stays open for the next request."""
        self.sent = True
        lines = [f"HTTP/1.1 {status} {_REASONS.get(status, '')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(body)}", "", ""]
        self._handler.wfile.write("\r\n".join(lines).encode() + body)


_REASONS: Mapping[int, str] = {status.value: status.phrase for status in HTTPStatus}


class LoopbackServer:
    """Serves on 127.0.0.1 from its construction until `close`; a context manager.

    `calls` holds every request so far in order of arrival, faulty ones included. `intercept`, where set, is called with
    each and returns True when it has answered, or deliberately not; it may block, best on `closing`. `port` 0
    means a free one.
    """

    def __init__(self, *, port: int = 0) -> None:
        self.intercept: Callable[[Call], bool | None] | None = None
        self.calls: list[Call] = []
        self.closing = threading.Event()
        self.lock = threading.RLock()
        self._http = _Listener(self, port)
        self.port: int = self._http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    def answer(self, call: Call) -> Answer:
        """Do what *call* asks for: here there is nothing at any address. Called from many threads."""
        del call
        return text_answer("", HTTPStatus.NOT_FOUND)

    def handle(self, call: Call) -> None:
        """Record, intercept, answer."""
        self.calls.append(call)
        intercept = self.intercept
        if intercept is not None and intercept(call):
            return
        call.send(*call.process())

    def close(self) -> None:
        """Stop listening and drop every connection. A thread that hangs in an interceptor is not waited for."""
        if self.closing.is_set():
            return
        self.closing.set()
        with contextlib.suppress(OSError):  # elsewhere than on Linux it ends within half a second
            self._http.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        self._http.drop_connections()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class RateLimit:
    """Lets at most so many through in any one second, for each key apart. Not thread-safe by itself."""

    def __init__(self) -> None:
        self._allowed: defaultdict[str, deque[float]] = defaultdict(deque)

    def allows(self, key: str, per_second: int) -> bool:
        """Tell whether one more may pass now, and count it if so."""
        now = time.monotonic()
        recent = self._allowed[key]
        while recent and recent[0] <= now - 1:
            recent.popleft()
        if len(recent) >= per_second:
            return False
        recent.append(now)
        return True


class _Listener(ThreadingHTTPServer):
    # A fleet of test clients may connect at once; the default of five makes the sixth wait for a retransmission.
    request_queue_size = 128

    def __init__(self, owner: LoopbackServer, port: int) -> None:
        self.owner = owner
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own looks the host name up, which can take seconds where there is no DNS.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        # Without the usual shutdown(SHUT_WR), so that a fault with SO_LINGER 0 sends a reset and nothing before it.
        self._connections.discard(request)
        self.close_request(request)

    def drop_connections(self) -> None:
        for connection in self._connections.copy():
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it was gone already

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base class's signature
        """Swallow a client that went away; anything else is a defect of ours or of a test, and must be seen."""
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            raise error


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # the client died while sending: nothing was asked
            self.close_connection = True
            return
        call = Call(self, body)
        self.server.owner.handle(call)
        if not call.sent or self.server.owner.closing.is_set():
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 - http.server looks for these names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's signature
        """Say nothing: stderr belongs to the bot."""
