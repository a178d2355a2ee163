"""A wake-up: who knows the token makes the bot poll, and can bring about nothing else."""

import contextlib
import json
import socket
from functools import partial

import httpx
import pytest

from bot.cli import check_wake
from bot.demo.server import LoopbackServer
from bot.metrics import Metrics
from bot.secret import Secret
from bot.web.probes import serving
from bot.web.server import Request, Response, listening
from bot.web.standings import Standings
from bot.web.wake import Wakes
from tests.fakes import RecordedEvents, exchange

TOKEN = "s3cret/of+wake%1"
SPELLED = "s3cret%2Fof+wake%251"


class Door:
    """The monitor's port; `woken` are the accounts that were asked to poll."""

    def __init__(self, port: int, woken: list[str]) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.woken = woken

    def post(self, path: str, body: bytes = b"") -> int:
        return httpx.post(f"{self.url}{path}", content=body, timeout=30).status_code


@contextlib.contextmanager
def door(*accounts, token=TOKEN):
    woken: list[str] = []
    asks = {name: partial(woken.append, name) for name in accounts}
    wake = Wakes(Secret(token) if token else None, asks).respond
    with serving(("127.0.0.1", 0), Standings((), named=False), Metrics().registry, wake=wake) as port:
        yield Door(port, woken)


ENVELOPE = json.dumps({"trace_id": "t", "code": 0, "msg": "", "data": {"id": "9499", "status": 20}}).encode()


def test_who_knows_the_token_wakes_every_account_or_the_one_named():
    with door("shop", "school") as here:
        answer = httpx.post(f"{here.url}/wake/{SPELLED}", content=ENVELOPE, timeout=30)
        assert (answer.status_code, answer.content, answer.headers.get("content-length")) == (204, b"", None)
        assert here.woken == ["shop", "school"]
        assert here.post(f"/wake/{SPELLED}?account=school&x=1", b'{"id": "9499"}') == 204
        assert here.woken[2:] == ["school"]


@pytest.mark.parametrize(
    "path",
    [
        "/wake/",
        "/wake",
        "/wake/s3cret",
        f"/wake/{SPELLED}/",
        f"/wake/{SPELLED}x",
        "/wake/%C3%A9",
        "/wake/%FF",
        f"/wake/{SPELLED}?account=",
        f"/wake/{SPELLED}?account=other",
        f"/wake/{SPELLED}?account=shop&account=other",
    ],
)
def test_who_does_not_finds_nothing_there(path):
    with door("shop") as here:
        # Beside /wake/ only GET is known.
        assert here.post(path) == (404 if path.startswith("/wake/") else 501)
        assert httpx.get(f"{here.url}{path}", timeout=30).status_code in {404, 405}
        assert here.woken == []


def test_without_a_token_nothing_is_there():
    with door("shop", token="") as here:
        assert [here.post(path) for path in ("/wake/", "/wake/None")] == [404, 404]
        assert here.woken == []


def test_an_account_that_stands_by_leaves_the_answer_to_the_other_copy():
    woken: list[str] = []
    asks = {name: partial(woken.append, name) for name in ("shop", "school")}
    wakes = Wakes(Secret("tok"), asks, {"shop"}.copy)
    queries = ("", "account=shop", "account=school")
    assert [wakes.respond(Request("POST", "/wake/tok", query)).status for query in queries] == [503, 503, 204]
    assert woken == ["shop", "school", "shop", "school"]


def test_who_knows_the_token_but_does_not_post_hears_how():
    with door("shop") as here:
        got = httpx.get(f"{here.url}/wake/{SPELLED}", timeout=30)
        assert (got.status_code, got.headers["allow"]) == (405, "POST")
        assert httpx.get(f"{here.url}/wake/other", timeout=30).status_code == 404
        assert here.woken == []


def test_a_body_of_64_kib_is_taken_and_a_larger_one_refused():
    with door("shop") as here:
        path = f"/wake/{SPELLED}"
        assert here.post(path, b"x" * 65_536) == 204
        with socket.create_connection(("127.0.0.1", here.port), timeout=30) as client:
            client.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n".encode())
            assert client.recv(1_000).startswith(b"HTTP/1.1 413 Request Entity Too Large\r\n")
        assert here.woken == ["shop"]


def test_slow_bodies_hold_up_nobody():
    head = f"POST /wake/{SPELLED} HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n{{".encode()
    with door("shop") as here, contextlib.ExitStack() as stack:
        for _ in range(20):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", here.port), timeout=30))
            slow.sendall(head)
        assert here.post(f"/wake/{SPELLED}") == 204
        assert httpx.get(f"{here.url}/healthz", timeout=30).status_code == 200
        assert here.woken == ["shop"]  # none of the others: their bodies never ended


def test_a_fault_of_ours_does_not_put_the_token_into_the_log():
    def fail(request: Request) -> Response:
        raise RuntimeError("a fault of ours")

    events = RecordedEvents()
    with listening(("127.0.0.1", 0), fail, events) as port:
        assert httpx.post(f"http://127.0.0.1:{port}/wake/s3cret", timeout=30).status_code == 500
    assert [fields["path"] for fields in events.of("answer_failed")] == ["/wake"]


# What `check` says of it


def found(url):
    with httpx.HTTPTransport() as transport:
        finding = check_wake.wake(exchange(transport), url, TOKEN)
    assert "s3cret" not in finding.text
    return finding.severity, finding.text


def test_check_sends_a_wake_up_on_the_public_way():
    with door("shop") as here:
        assert found(here.url) == ("good", "a wake-up reaches the bot")
        assert here.woken == ["shop"]


@pytest.mark.parametrize(
    ("status", "severity", "words"),
    [
        (404, "warning", "another token, or it is not running"),
        (502, "warning", "does not reach the bot"),
        (401, "bad", "asks for a login"),
        (302, "bad", "a redirect"),
        (200, "bad", "not the bot's answer"),
    ],
)
def test_check_says_what_came_back_and_what_helps(status, severity, words):
    def intercept(call):
        call.send(status, {"Location": "/elsewhere"}, b"s3cret")
        return True

    with LoopbackServer() as server:
        server.intercept = intercept
        found_severity, text = found(f"{server.url}/below")
        assert [call.target for call in server.calls] == [f"/below/wake/{SPELLED.replace('+', '%2B')}"]
    assert found_severity == severity
    assert text.startswith(f"HTTP {status}: ")
    assert words in text


def test_check_says_that_nobody_answers():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    severity, text = found(f"http://127.0.0.1:{port}")
    assert severity == "warning"
    assert text.startswith("Connection refused. Is the bot running")
