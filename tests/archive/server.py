"""A file server on loopback that answers as it is told to: too little, too much, something else, or for ever."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Answer = Callable[[str], Iterator[bytes]]  # a request's head → what is sent before the connection is closed


def box(kind: bytes, size: int) -> bytes:
    return size.to_bytes(4) + kind + bytes(size - 8)


def video(size: int = 100_000, seed: int = 1) -> bytes:
    """Return an MP4 file, as far as its boxes go, of *size* bytes."""
    body = bytes((seed * n) % 251 for n in range(250)) * (size // 250 + 1)
    return box(b"ftyp", 24) + (size - 24).to_bytes(4) + b"mdat" + body[: size - 32]


JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 20


def head(status: str, **headers: object) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join((*lines, "", "")).encode()


def whole(body: bytes, kind: str = "video/mp4", **headers: object) -> Answer:
    """Answer as an honest server does that knows no ranges."""
    return lambda _: iter([head("200 OK", Content_Type=kind, Content_Length=len(body), **headers), body])


def ranged(body: bytes, etag: str = '"1"', *, breaks_at: int | None = None) -> Answer:
    """Answer as an honest server does; the connection breaks at a byte of the body."""

    def answer(request: str) -> Iterator[bytes]:
        asked = header(request, "range")
        first = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        headers: dict[str, object] = {"Content_Type": "video/mp4", "ETag": etag, "Content_Length": len(body)}
        status = "200 OK"
        if first and header(request, "if-range") == etag:
            status = "206 Partial Content"
            headers |= {
                "Content_Length": len(body) - first,
                "Content_Range": f"bytes {first}-{len(body) - 1}/{len(body)}",
            }
        else:
            first = 0
        yield head(status, **headers)
        yield body[first:breaks_at]

    return answer


def status(line: str, **headers: object) -> Answer:
    return lambda _: iter([head(line, Content_Length=0, **headers)])


def header(request: str, name: str) -> str:
    found = (line.partition(":") for line in request.split("\r\n")[1:])
    return next((value.strip() for key, _, value in found if key.lower() == name), "")


@dataclass
class Server:
    """Gives the next of *answers* to each request; the last one goes on. `requests` are their heads."""

    address: str
    answers: list[Answer] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def serve(self, connection: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            if not (piece := connection.recv(65536)):
                return
            request += piece
        self.requests.append(request.decode())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        with contextlib.suppress(OSError):
            for piece in answer(self.requests[-1]):
                connection.sendall(piece)


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """Yield a server on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(f"http://127.0.0.1:{listener.getsockname()[1]}")

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    server.serve(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
