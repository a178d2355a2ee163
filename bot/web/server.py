"""HTTP for those who watch the bot, on asyncio and h11. Whatever happens here stays here: the loop never feels it.

Its one thread, the connections, the size of a request and the time that it may take are bounded, so nobody can use up
what the rest of the process needs.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import unquote

import h11

from bot.events import NOBODY, Events

_CONNECTIONS = 32  # a process often has no more than 1,024 descriptors, and the loop needs some
_HEADERS = 16 * 1024  # bytes
_PIECE = 64 * 1024  # bytes
_A_MOMENT = 0.1  # seconds


@dataclass(frozen=True, slots=True)
class Response:
    """What goes back to the client; for HEAD, without the body."""

    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK


Respond = Callable[[str, str], Response]  # (method, path)


@contextlib.contextmanager
def listening(
    address: tuple[str, int], respond: Respond, events: Events = NOBODY, *, longest: float = 10.0
) -> Iterator[int]:
    """Answer on *address* while the block lasts, and yield the port. A connection lasts *longest* seconds at most.

    *respond* is called in the server's only thread, so it must not wait for anything. Raise OSError if *address* cannot
    be listened to, RuntimeError if no thread can be started.
    """
    with _listener(address) as listener, asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        loop = runner.get_loop()
        serving = loop.create_task(_Server(respond, events, longest).serve(listener))

        def run() -> None:
            with contextlib.suppress(asyncio.CancelledError):
                loop.run_until_complete(serving)

        thread = threading.Thread(target=run, name="server", daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            loop.call_soon_threadsafe(serving.cancel)
            thread.join()


def _listener(address: tuple[str, int]) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setblocking(False)
        listener.bind(address)
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


class _Server:
    """A task for each client, the one that has been there longest first. A connection is for one request."""

    def __init__(self, respond: Respond, events: Events, longest: float) -> None:
        self._respond = respond
        self._events = events
        self._longest = longest
        self._clients: dict[asyncio.Task[None], socket.socket] = {}

    async def serve(self, listener: socket.socket) -> None:
        """Let clients in, each for the one that has been there longest if there are too many."""
        loop = asyncio.get_running_loop()
        while True:
            if len(self._clients) >= _CONNECTIONS:
                await self._make_room()
            try:
                client, _ = await loop.sock_accept(listener)
            except OSError:  # no descriptor is left
                await self._make_room()
                continue
            task = loop.create_task(self._attend(client))
            self._clients[task] = client
            task.add_done_callback(lambda ended: self._clients.pop(ended).close())

    async def _make_room(self) -> None:
        oldest = next(iter(self._clients), None)
        if oldest is None:  # without a pause the loop would turn as fast as it can
            await asyncio.sleep(_A_MOMENT)
            return
        oldest.cancel()
        await asyncio.wait([oldest])

    async def _attend(self, client: socket.socket) -> None:
        """Answer one request of *client*, and wait for the client to close: else what was sent might not arrive."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            async with asyncio.timeout(self._longest):
                await loop.sock_sendall(client, await self._answer(client))
                client.shutdown(socket.SHUT_WR)
                while await loop.sock_recv(client, _PIECE):
                    pass

    async def _answer(self, client: socket.socket) -> bytes:
        """Return the bytes that answer what *client* asks; none if it asks nothing."""
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEADERS)
        method = ""
        try:
            while (asked := connection.next_event()) is h11.NEED_DATA:
                connection.receive_data(await asyncio.get_running_loop().sock_recv(client, _PIECE))
            if not isinstance(asked, h11.Request):
                return b""
            method = asked.method.decode()
            if isinstance(connection.next_event(), h11.EndOfMessage):
                response = self._response(method, unquote(asked.target.decode().partition("?")[0]))
            else:
                response = _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)  # none of it is read
        except h11.RemoteProtocolError as error:
            response = _refusal(HTTPStatus(error.error_status_hint))
        headers = {
            "Content-Type": response.content_type,
            "Content-Length": str(len(response.body)),
            "Date": formatdate(usegmt=True),
            "Server": "lipsync-bot",
            "Connection": "close",
        }
        head = h11.Response(status_code=response.status, reason=response.status.phrase, headers=[*headers.items()])
        body = h11.Data(data=b"" if method == "HEAD" else response.body)
        return b"".join(connection.send(event) or b"" for event in (head, body, h11.EndOfMessage()))

    def _response(self, method: str, path: str) -> Response:
        try:
            return self._respond(method, path)
        except Exception as error:  # noqa: BLE001 - the client and the log are to hear of it
            self._events.emit("answer_failed", path=path[:100], exception=error)
            return Response(b"an error in the bot itself; its log says more\n", status=HTTPStatus.INTERNAL_SERVER_ERROR)


def _refusal(status: HTTPStatus) -> Response:
    return Response(f"{status.phrase}\n".encode(), status=status)
