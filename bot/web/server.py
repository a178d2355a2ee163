"""HTTP for those who watch the bot, on waitress. Whatever happens here stays here: the loop never feels it.

Threads, connections, the size of a request and the time that it may take are bounded, so nobody can use up what the
rest of the process needs.
"""

import contextlib
import logging
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from bot.events import NOBODY, Events

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_THREADS = 2
_CONNECTIONS = 64  # at most, and no more than half of the descriptors that the process may have: the loop needs some
_HEADERS = 16 * 1024  # bytes
_BODY = 64 * 1024  # bytes
_A_MOMENT = 0.1  # seconds


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks for. `headers` are by their names in small letters, such as `user-agent`."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Response:
    """What goes back to the client; for HEAD, without the body."""

    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK
    headers: Sequence[tuple[str, str]] = ()


Respond = Callable[[Request], Response]


@contextlib.contextmanager
def listening(
    address: tuple[str, int], respond: Respond, events: Events = NOBODY, *, longest: float = 10.0
) -> Iterator[int]:
    """Answer on *address* while the block lasts, and yield the port. A connection lasts *longest* seconds at most.

    Raise OSError if it cannot be listened to, RuntimeError if no thread can be started.
    """
    # A library's warnings about strangers are not for a log that people read.
    logger = logging.getLogger("waitress")
    logger.handlers, logger.propagate = [logging.NullHandler()], False
    with socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
        port = listener.getsockname()[1]
        server = _Server(_application(respond, events), listener, longest)
        server.start()
        try:
            yield port
        finally:
            server.end()


def _most() -> int:
    """Return how many connections there may be."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _CONNECTIONS if descriptors == resource.RLIM_INFINITY else min(_CONNECTIONS, descriptors // 2)


def _application(respond: Respond, events: Events) -> "WSGIApplication":
    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        request = _request(environ)
        try:
            response = respond(request)
        except Exception as error:  # noqa: BLE001 - the client and the log are to hear of it
            path = request.path.split("/")[1:2]  # what follows may be a secret
            events.emit("answer_failed", path=f"/{''.join(path)[:100]}", exception=error)
            response = Response(
                b"an error in the bot itself; its log says more\n", status=HTTPStatus.INTERNAL_SERVER_ERROR
            )
        headers = [("Content-Type", response.content_type), ("Content-Length", str(len(response.body)))]
        start_response(f"{response.status.value} {response.status.phrase}", [*headers, *response.headers])
        return [] if request.method == "HEAD" else [response.body]

    return application


def _request(environ: "WSGIEnvironment") -> Request:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    return Request(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"], headers)


class _Server(TcpWSGIServer):
    """waitress, which by itself lets a request drip in for ever, and lets nobody in while others hold connections."""

    active_channels: dict[int, HTTPChannel]  # type: ignore[assignment]
    trigger: Any

    def __init__(self, application: "WSGIApplication", listener: socket.socket, longest: float) -> None:
        self._longest = longest
        self._connections: dict[int, Any] = {}
        self._opened: dict[HTTPChannel, float] = {}  # when, in monotonic seconds
        self._ending = False
        self._thread = threading.Thread(target=self._serve, name="server", daemon=True)
        adjustments = Adjustments(
            sockets=[listener],
            max_request_header_size=_HEADERS,
            max_request_body_size=_BODY + 1,  # refused from there on; what is taken, nobody reads
            ident="lipsync-bot",
            log_socket_errors=False,
            clear_untrusted_proxy_headers=False,  # none of them is read
        )
        super().__init__(
            application,
            map=self._connections,
            _sock=listener,
            dispatcher=ThreadedTaskDispatcher(),
            adj=adjustments,
            sockinfo=(listener.family, listener.type, listener.proto, listener.getsockname()),
            bind_socket=False,
        )

    def start(self) -> None:
        """Begin to answer. Raise RuntimeError if no thread can be started."""
        try:
            self.task_dispatcher.set_thread_count(_THREADS)
            self._thread.start()
        except RuntimeError:
            self._close(timeout=0)
            raise

    def end(self) -> None:
        """Answer no more."""
        self._ending = True
        self.trigger.pull_trigger()
        self._thread.join()
        # Not in the thread: if it saw the end before it was woken, it would close what is about to wake it.
        self._close(timeout=5)

    def _serve(self) -> None:
        while not self._ending:
            try:
                wasyncore.loop(1, use_poll=True, map=self._connections, count=1)
            except Exception:  # noqa: BLE001 - whatever a stranger's connection brought about
                time.sleep(_A_MOMENT)

    def _close(self, *, timeout: int) -> None:
        # The threads first: they write to what wakes the loop, whose number may be another file's once it is closed.
        self.task_dispatcher.shutdown(timeout=timeout)
        for channel in list(self.active_channels.values()):
            channel.handle_close()
        self.close()

    def readable(self) -> bool:
        """Close what has been open for too long. waitress asks at least once a second whether to listen: always."""
        now = time.monotonic()
        self._opened = {channel: self._opened.get(channel, now) for channel in self.active_channels.values()}
        for channel, opened in self._opened.items():
            if now - opened > self._longest:
                channel.handle_close()
        return True

    def accept(self) -> Any:
        """Let a new client in, for the one that has been there longest if there are too many."""
        if len(self.active_channels) >= _most():
            self._make_room()
        try:
            return super().accept()
        except OSError:  # no descriptor is left: without a pause the loop would turn as fast as it can
            if not self._make_room():
                time.sleep(_A_MOMENT)
            return None

    def _make_room(self) -> bool:
        channels = list(self.active_channels.values())
        oldest = [one for one in channels if not one.requests][:1] or channels[:1]
        for channel in oldest:
            channel.handle_close()
        return bool(oldest)

    def handle_error(self) -> None:
        """Go on listening. waitress would not."""
