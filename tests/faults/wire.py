"""How an answer can go wrong on the wire, whoever gives it. Each is an interceptor for bot.demo.server."""

import functools
import gzip
import json
import socket
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any

from bot.demo.server import Call

Fault = Callable[[Call], bool | None]

HANG = 1.5  # seconds; longer than the timeouts that the tests set
SECRETS = ("xoxb-secret-slack", "secret-chanjing", "secret-wake", "secret-key", "T000/B000/XXXX")
"""What the tests use as tokens, and what must never be printed."""


def first(times: int, fault: Fault, *, at: str = "") -> Fault:
    """Let only the first *times* requests to paths that end in *at* meet *fault*."""
    left = [times]

    def intercept(call: Call) -> bool | None:
        if not call.path.endswith(at) or left[0] == 0:
            return False
        left[0] -= 1
        return fault(call)

    return intercept


def closed(call: Call) -> bool:
    del call
    return True


def reply_lost(call: Call) -> bool:
    call.process()
    return True


def reset(call: Call) -> bool:
    call.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return True


def hang(call: Call) -> bool:
    del call
    time.sleep(HANG)
    return True


def hang_after_processing(call: Call) -> bool:
    call.process()
    time.sleep(HANG)
    return True


def drip(call: Call) -> bool:
    answer = call.process()
    call.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    for byte in answer.body[: int(HANG / 0.05)]:
        call.connection.sendall(bytes([byte]))
        time.sleep(0.05)
    return True


def half_a_json(call: Call) -> bool:
    answer = call.process()
    call.send(200, answer.headers, answer.body[: len(answer.body) // 2])
    return True


def says(body: bytes | str, status: int = 200, *, processed: bool = False, **headers: str) -> Fault:
    """Answer with *body* and *status*, having done what was asked or not. In *headers* `_` stands for `-`."""
    content = body.encode() if isinstance(body, str) else body
    names = {name.replace("_", "-"): value for name, value in headers.items()}

    def intercept(call: Call) -> bool:
        if processed:
            call.process()
        call.send(status, {"Content-Type": "text/html", **names}, content)
        return True

    return intercept


def says_json(document: Any, status: int = 200, *, processed: bool = False, **headers: str) -> Fault:
    return says(json.dumps(document), status, processed=processed, Content_Type="application/json", **headers)


def changed(change: Callable[[dict[str, Any]], Any]) -> Fault:
    """Do what was asked, and answer with what *change* makes of the answer."""

    def intercept(call: Call) -> bool:
        answer = call.process()
        call.send(answer.status, answer.headers, json.dumps(change(json.loads(answer.body))).encode())
        return True

    return intercept


def compressed(call: Call) -> bool:
    """Do what was asked, and answer as a proxy may that compresses what it passes on."""
    answer = call.process()
    call.send(answer.status, {**answer.headers, "Content-Encoding": "gzip"}, gzip.compress(answer.body))
    return True


def redirect(to: str) -> Fault:
    return says("", 307, Location=to)


def endless_body(call: Call) -> bool:
    call.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n")
    for _ in range(200):
        call.connection.sendall(b" " * 1_000_000)
    return True


@functools.cache
def _bomb() -> bytes:
    return gzip.compress(b" " * 200_000_000, compresslevel=1)


def gzip_bomb(call: Call) -> bool | None:
    return says(_bomb(), Content_Encoding="gzip")(call)


HTML = "<!doctype html><title>502</title><h1>Bad Gateway</h1>"
NOTHING: Mapping[str, str] = {}
