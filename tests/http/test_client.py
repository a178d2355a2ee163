import contextlib
import gzip
import socket
import ssl
import subprocess
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable
from http import HTTPStatus

import httpx
import pytest

from bot import clients
from bot.demo.server import Answer, Call, LoopbackServer, text_answer
from bot.http.client import MAX_BODY, Exchange
from bot.http.client import Answer as Received
from tests import fakes

TIMEOUT = 0.3  # seconds
PATIENCE = 10  # seconds; what drips would go on for longer


class Echo(LoopbackServer):
    def answer(self, call: Call) -> Answer:
        return text_answer(f"got {call.body.decode()}")


@pytest.fixture
def server():
    with Echo() as server:
        yield server


@pytest.fixture(scope="module")
def exchange():
    """Return a function: → an Exchange, as the bot makes one."""
    with clients.connections(trust_env=False) as exchange:
        yield lambda timeout=5.0, **options: exchange("http://127.0.0.1", timeout, **options)


def send(exchange: Exchange, server: LoopbackServer, content: bytes = b"x") -> Received:
    return exchange.send(f"{server.url}/path", headers={"X-Own": "1"}, content=content)


def drip(call: Call, first: bytes, again: bytes = b"") -> bool:
    """Send *first*, then *again* for as long as the client is there."""
    call.connection.sendall(first)
    with contextlib.suppress(OSError):
        while again:
            call.connection.sendall(again)
            time.sleep(0.02)
    return True


def hang(call: Call) -> bool:
    call.connection.recv(1)  # nothing comes but the end
    return True


DRIPS = {
    "a body": lambda call: drip(call, b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n", b"x"),
    "a body in chunks": lambda call: drip(
        call, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"
    ),
    "a header": lambda call: drip(call, b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
    "nothing at all": hang,
}


def seconds_until_it_gives_up(sending: Callable[[], object]) -> float:
    began = time.monotonic()
    with pytest.raises(httpx.ReadTimeout, match=r"no whole answer within 0\.3 s"):
        sending()
    return time.monotonic() - began


def test_the_answer_is_returned_whole(exchange, server):
    answer = send(exchange(), server, b"hello")
    assert (answer.status, answer.body) == (200, b"got hello")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    call = server.calls[0]
    assert (call.method, call.path, call.headers["X-Own"]) == ("POST", "/path", "1")
    assert call.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("kept_alive", [False, True], ids=["new connection", "kept-alive connection"])
@pytest.mark.parametrize("fault", DRIPS.values(), ids=DRIPS)
def test_an_answer_that_is_not_whole_at_the_deadline_is_given_up(exchange, server, fault, kept_alive):
    one = exchange(TIMEOUT)
    if kept_alive:
        send(one, server)
    server.intercept = fault
    assert TIMEOUT * 0.9 <= seconds_until_it_gives_up(lambda: send(one, server)) < PATIENCE
    assert len({id(call.connection) for call in server.calls}) == 1


def test_a_timeout_of_httpx_itself_which_may_strike_first_is_reported_in_the_same_words(server):
    def times_out(request):
        raise httpx.ReadTimeout("timed out")

    with pytest.raises(httpx.ReadTimeout, match="no whole answer within 30 s"):
        send(fakes.exchange(httpx.MockTransport(times_out), 30), server)


def test_after_an_answer_was_given_up_the_next_one_is_whole(exchange, server):
    one = exchange(2.0)  # enough for the second, on a busy machine as well
    server.intercept = hang
    with pytest.raises(httpx.ReadTimeout):
        send(one, server)
    server.intercept = None
    assert send(one, server, b"again").body == b"got again"


def test_nothing_is_left_running(server):
    before = set(threading.enumerate())
    with clients.connections(trust_env=False) as made:
        one = made(server.url, 5.0)
        send(one, server)
        with pytest.raises(httpx.ConnectError):
            one.send("http://127.0.0.1:1/", headers={}, content=b"")
    assert "deadlines" not in {thread.name for thread in set(threading.enumerate()) - before}


def test_without_keep_alive_each_exchange_has_a_connection_of_its_own(exchange, server):
    one = exchange(keep_alive=False)
    send(one, server)
    send(one, server)
    assert [call.headers["Connection"] for call in server.calls] == ["close", "close"]
    assert len({id(call.connection) for call in server.calls}) == 2


def test_with_keep_alive_the_connection_is_used_again(exchange, server):
    one = exchange()
    send(one, server)
    send(one, server)
    assert len({id(call.connection) for call in server.calls}) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(exchange, server, status):
    with Echo() as other:
        server.intercept = lambda call: call.send(status, {"Location": f"{other.url}/elsewhere"}, b"") or True
        answer = send(exchange(), server)
        assert (answer.status, answer.headers["location"]) == (status, f"{other.url}/elsewhere")
        assert other.calls == []


def answering(body: bytes, encoding: str = "identity") -> Callable[[Call], bool]:
    def answer(call: Call) -> bool:
        call.send(HTTPStatus.OK, {"Content-Encoding": encoding}, body)
        return True

    return answer


def test_a_body_may_be_as_large_as_the_limit_and_no_larger(exchange, server):
    server.intercept = answering(bytes(MAX_BODY))
    assert len(send(exchange(), server).body) == MAX_BODY
    server.intercept = answering(bytes(MAX_BODY + 1))
    with pytest.raises(httpx.DecodingError, match="larger than 16 MiB"):
        send(exchange(), server)


def test_the_limit_of_a_body_may_be_another(exchange, server):
    body = bytes(2 * 1024**2 + 1)
    server.intercept = answering(body)
    assert len(send(exchange(), server).body) == len(body)
    with pytest.raises(httpx.DecodingError, match="larger than 2 MiB"):
        exchange().send(server.url, headers={}, content=b"", max_body=2 * 1024**2)


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("x-gzip", gzip.compress), (" GZIP ", gzip.compress), ("deflate", zlib.compress)],
)
def test_a_body_that_a_proxy_compressed_unasked_is_unpacked_up_to_the_limit(exchange, server, encoding, compress):
    server.intercept = answering(compress(bytes(MAX_BODY)), encoding)
    assert len(send(exchange(), server).body) == MAX_BODY
    server.intercept = answering(compress(bytes(MAX_BODY + 1)), encoding)
    with pytest.raises(httpx.DecodingError, match="larger than 16 MiB"):
        send(exchange(), server)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (gzip.compress(b"hello" * 100)[:-9], "the compressed answer is not whole"),
        (b"hello", "the answer cannot be decompressed"),
        (gzip.compress(b"hello") + b"more", "more follows the compressed answer"),
    ],
    ids=["cut off", "not compressed", "more"],
)
def test_a_compressed_body_that_is_broken_is_an_error(exchange, server, body, words):
    server.intercept = answering(body, "gzip")
    with pytest.raises(httpx.RequestError, match=words):
        send(exchange(), server)


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "s3cret"])
def test_a_body_compressed_in_another_way_is_an_error_as_it_was_not_asked_for(exchange, server, encoding):
    server.intercept = answering(gzip.compress(b"hello"), encoding)
    with pytest.raises(
        httpx.DecodingError, match="is compressed, which the bot did not ask for: is a proxy in b"
    ) as one:
        send(exchange(), server)
    assert "s3cret" not in str(one.value)


def test_what_follows_a_compressed_body_is_not_kept(exchange, server):
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 999999999\r\n\r\n"
    server.intercept = lambda call: drip(call, head + gzip.compress(b"hello"), bytes(65_536))
    with pytest.raises(httpx.DecodingError, match="more follows"):
        send(exchange(60), server)


def test_a_gzip_bomb_is_unpacked_no_further_than_the_limit(exchange, server):
    bomb = gzip.compress(bytes(128 * 1024**2), compresslevel=1)
    server.intercept = answering(bomb, "gzip")
    tracemalloc.start()
    try:
        with pytest.raises(httpx.DecodingError):
            send(exchange(), server)
        assert tracemalloc.get_traced_memory()[1] < 3 * MAX_BODY
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"garbage\r\n\r\n"], ids=["", "half", "garbage"]
)
def test_a_connection_that_breaks_is_an_error_of_the_request(exchange, server, sent):
    server.intercept = lambda call: drip(call, sent)
    with pytest.raises(httpx.RemoteProtocolError):
        send(exchange(), server)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Return the TLS context of a server that nobody trusts."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -days 2"
    try:
        subprocess.run(["openssl", *made.split(), "-keyout", file, "-out", file], check=True, capture_output=True)  # noqa: S607 - wherever it is
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs openssl to make a certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.fixture
def proxy(certificate):
    """Return the URL of a proxy behind which there is TLS, and then an answer that drips."""

    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with contextlib.suppress(OSError), certificate.wrap_socket(connection, server_side=True) as wrapped:
                wrapped.recv(65536)
                wrapped.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n")
                while True:
                    wrapped.sendall(b"x")
                    time.sleep(0.02)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def test_the_deadline_holds_inside_tls_through_a_proxy(proxy):
    with httpx.HTTPTransport(verify=False, proxy=proxy) as transport:
        one = fakes.exchange(transport, TIMEOUT)
        assert seconds_until_it_gives_up(lambda: one.send("https://localhost/", headers={}, content=b"x")) < PATIENCE


def test_a_process_that_was_frozen_past_the_deadline_sends_nothing_more():
    passed = iter([0.0, 100.0])
    with LoopbackServer() as server, httpx.HTTPTransport() as transport:
        one = fakes.exchange(transport, 30, monotonic=lambda: next(passed))
        with pytest.raises(httpx.RequestError, match="no whole answer within 30 s"):
            one.send(server.url, headers={}, content=b"x")
        assert not server.calls
