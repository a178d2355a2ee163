import contextlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from bot.errors import DestinationRefused
from bot.http import transport as connection
from bot.http.client import Exchange
from bot.http.proxy import proxy_for
from bot.http.transport import Resolver
from bot.slack.blocks import Message
from bot.slack.client import SlackBot
from tests import fakes

HOST = "chanjing.test"
NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def exchange(resolver=None, proxy="", timeout=30.0, context=None, **names):
    """Return an Exchange for *HOST*, whose *names* are resolved without a network."""
    way = proxy_for(f"https://{HOST}", {"HTTPS_PROXY": proxy}) if proxy else None
    transport = connection.transport(context or ssl.create_default_context(), resolver or answers(**names), way)
    return fakes.exchange(transport, timeout, keep_alive=False, proxy=way)


def answers(*addresses: str) -> Resolver:
    return Resolver(lambda host, port, **_: [(0, 0, 0, "", (address, 0)) for address in addresses])


def error_of(sending: Callable[[], object]) -> httpx.RequestError:
    with pytest.raises(httpx.RequestError) as caught:
        sending()
    return caught.value


def post(one: Exchange, url: str) -> bytes:
    return one.send(url, headers={}, content=b"x").body


@contextlib.contextmanager
def serving(reply: Callable[[socket.socket], None], host: str = "127.0.0.1") -> Iterator[int]:
    """Let *reply* speak with each client in turn, and yield the port."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                client.settimeout(30)
                with client, contextlib.suppress(OSError):
                    reply(client)

    with socket.create_server((host, 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def drain(client: socket.socket) -> None:
    """Read what is still to come: a connection closed before that is reset, and the answer lost."""
    while client.recv(65536):
        pass


def says(answer: bytes) -> Callable[[socket.socket], None]:
    def reply(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(answer)
        client.shutdown(socket.SHUT_WR)
        drain(client)

    return reply


def waits(ended: threading.Event) -> Callable[[socket.socket], None]:
    def reply(client: socket.socket) -> None:
        del client
        ended.wait(60)

    return reply


@contextlib.contextmanager
def dead(port: int, host: str = "127.0.0.2") -> Iterator[str]:
    """Yield an address at which nobody ever answers: the queue of those who wait there is full."""
    with socket.create_server((host, port), backlog=0), contextlib.ExitStack() as stack:
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((host, port))
        yield host


# Addresses


@pytest.mark.parametrize("order", [("127.0.0.2", "127.0.0.1"), ("127.0.0.1", "127.0.0.2")])
def test_an_address_that_is_dead_does_not_hide_one_that_works(order):
    with serving(says(OK)) as port, dead(port):
        assert post(exchange(answers(*order)), f"http://{HOST}:{port}/") == b"ok"


def test_an_address_that_refuses_does_not_hide_one_that_works():
    with serving(says(OK)) as port:
        assert post(exchange(answers("127.0.0.3", "127.0.0.1")), f"http://{HOST}:{port}/") == b"ok"


def test_if_every_address_is_dead_nothing_was_sent():
    with serving(says(OK)) as port, dead(port, "127.0.0.2"), dead(port, "127.0.0.3"):
        began = time.monotonic()
        one = exchange(answers("127.0.0.2", "127.0.0.3"), timeout=0.5)
        error = error_of(lambda: post(one, f"http://{HOST}:{port}/"))
        assert time.monotonic() - began < 10
    assert type(error) is httpx.ConnectTimeout
    assert str(error) == "no connection within 0.5 s"


def test_a_message_for_a_slack_that_cannot_be_reached_was_certainly_not_posted():
    with serving(says(OK)) as port, dead(port):
        one = exchange(answers("127.0.0.2"), timeout=0.5)
        with pytest.raises(DestinationRefused, match=r"no connection within 0\.5 s") as caught:
            SlackBot("xoxb-1", f"http://{HOST}:{port}/", one).post("C0", Message("x", ()), ())
    assert not caught.value.mendable


# Names


def test_a_name_that_is_not_resolved_in_time_holds_nobody_up():
    answered = threading.Event()
    threads = threading.active_count()
    resolver = Resolver(lambda *_, **__: [answered.wait(60)][:0])
    try:
        for _ in range(5):
            error = error_of(lambda: post(exchange(resolver, timeout=0.1), f"http://{HOST}/"))
            assert type(error) is httpx.ConnectTimeout
            assert str(error) == "no connection within 0.1 s"
        assert threading.active_count() <= threads + 1
    finally:
        answered.set()


def test_an_answer_that_comes_late_serves_who_asks_next():
    slow = threading.Event()
    asked: list[str] = []

    def getaddrinfo(host, *_, **__):
        asked.append(host)
        slow.wait(60)
        return [(0, 0, 0, "", ("127.0.0.1", 0))]

    resolver = Resolver(getaddrinfo)
    with pytest.raises(TimeoutError):
        resolver.addresses(HOST, 0.05)
    slow.set()
    assert resolver.addresses(HOST, 30) == ["127.0.0.1"]
    assert asked == [HOST]
    assert resolver.addresses(HOST, 30) == ["127.0.0.1"]
    assert asked == [HOST, HOST]


def test_an_answer_that_came_long_ago_serves_nobody():
    slow, now, asked = threading.Event(), [0.0], list[str]()

    def getaddrinfo(host, *_, **__):
        asked.append(host)
        slow.wait(60)
        return [(0, 0, 0, "", (f"127.0.0.{len(asked)}", 0))]

    resolver = Resolver(getaddrinfo, lambda: now[0])
    with pytest.raises(TimeoutError):
        resolver.addresses(HOST, 0.05)
    resolving = [thread for thread in threading.enumerate() if thread.name == "resolver"]
    slow.set()
    for thread in resolving:
        thread.join(60)
    now[0] = 31.0
    assert resolver.addresses(HOST, 30) == ["127.0.0.2"]


def test_an_ip_address_needs_no_name_service():
    def getaddrinfo(*_, **__):
        raise AssertionError

    assert Resolver(getaddrinfo).addresses("::1", 1) == ["::1"]


def test_a_name_that_does_not_exist_is_reported_as_such():
    def getaddrinfo(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    error = error_of(lambda: post(exchange(Resolver(getaddrinfo)), f"http://{HOST}/"))
    assert type(error) is httpx.ConnectError
    assert str(error) == "the name cannot be resolved: Name or service not known"


@pytest.mark.parametrize(
    "host", ["999.1.1.1", "a..b", "a" * 64, "1-2-3-4", "xn--" + "a" * 70, "[fe80::1%25lo]", "[v1.x]", "h:99999", "h:0"]
)
def test_an_impossible_host_is_an_error_of_a_request_that_was_not_sent(host):
    error = error_of(lambda: post(exchange(Resolver(), timeout=2), f"http://{host}/"))
    assert isinstance(error, (*NOTHING_SENT, httpx.UnsupportedProtocol))
    assert str(error)


# Proxies


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 403 s3cret\r\n\r\n", "it refuses to connect to chanjing.test: HTTP 403. Ask who runs it, or add "),
        (b"HTTP/1.1 502 s3cret\r\n\r\n", "it refuses to connect to chanjing.test: HTTP 502. Ask who runs it, or add "),
        (b"HTTP/1.1 407 s3cret\r\n\r\n", "it does not accept the user name and password in HTTPS_PROXY"),
        (b"", "the connection was closed before the answer was whole"),
        (b"s3cret\r\n\r\n", "the answer is not HTTP"),
    ],
)
def test_a_proxy_that_refuses_is_named_without_its_password(answer, words):
    with serving(says(answer)) as port:
        one = exchange(proxy=f"http://me:s3cret@127.0.0.1:{port}")
        error = error_of(lambda: post(one, f"https://{HOST}/"))
    assert isinstance(error, NOTHING_SENT)
    assert str(error).startswith(f"the proxy 127.0.0.1:{port} (HTTPS_PROXY): {words}")
    assert "s3cret" not in str(error)


def test_a_proxy_that_wants_a_password_is_named_with_where_to_write_it():
    with serving(says(b"HTTP/1.1 407 no\r\n\r\n")) as port:
        error = error_of(lambda: post(exchange(proxy=f"127.0.0.1:{port}"), f"https://{HOST}/"))
    assert str(error).endswith("write HTTPS_PROXY as http://user:password@host:port")


@pytest.mark.parametrize("scheme", ["http", "https", "socks5", "socks5h", "socks"])
def test_a_proxy_at_which_nobody_listens_is_named(scheme):
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    error = error_of(lambda: post(exchange(proxy=f"{scheme}://me:s3cret@127.0.0.1:{port}"), f"https://{HOST}/"))
    assert type(error) is httpx.ConnectError
    assert str(error) == f"the proxy 127.0.0.1:{port} (HTTPS_PROXY): Connection refused"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"\x05\xff", "got NO ACCEPTABLE METHODS"),
        (b"\x05\x02", "Requested NO AUTHENTICATION REQUIRED from proxy server, but got USERNAME/PASSWORD"),
        (b"\x05\x00\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00", ""),
        (b"", ""),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", ""),
    ],
)
def test_a_socks_proxy_that_refuses_is_named_and_nothing_was_sent(answer, words):
    with serving(says(answer)) as port:
        error = error_of(lambda: post(exchange(proxy=f"socks5://127.0.0.1:{port}"), f"https://{HOST}/"))
    assert isinstance(error, NOTHING_SENT)
    assert str(error).startswith(f"the proxy 127.0.0.1:{port} (HTTPS_PROXY): ")
    assert words in str(error)


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_proxy_that_never_answers_is_named_and_nothing_was_sent(scheme):
    ended = threading.Event()
    with serving(waits(ended)) as port:
        one = exchange(proxy=f"{scheme}://me:s3cret@127.0.0.1:{port}", timeout=0.3)
        error = error_of(lambda: post(one, f"https://{HOST}/"))
        ended.set()
    assert type(error) is httpx.ConnectTimeout
    assert str(error) == f"no connection through the proxy 127.0.0.1:{port} (HTTPS_PROXY) within 0.3 s"


def test_a_proxy_that_wants_a_password_for_plain_http_passed_nothing_on():
    with serving(says(b"HTTP/1.1 407 no\r\nContent-Length: 6\r\n\r\ns3cret")) as port:
        way = proxy_for("http://slack.test", {"HTTP_PROXY": f"http://me:s3cret@127.0.0.1:{port}"})
        transport = connection.transport(ssl.create_default_context(), Resolver(), way)
        error = error_of(lambda: post(fakes.exchange(transport, 30, proxy=way), "http://slack.test/"))
    assert type(error) is httpx.ProxyError
    assert str(error).endswith("it does not accept the user name and password in HTTP_PROXY")


# What was sent, and what is in doubt


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"s3cret\r\n\r\n"])
def test_once_a_request_was_sent_no_error_says_that_it_was_not(answer):
    with serving(says(answer)) as port:
        error = error_of(lambda: post(exchange(Resolver()), f"http://127.0.0.1:{port}/"))
    assert not isinstance(error, NOTHING_SENT)
    assert "s3cret" not in str(error)


def test_a_handshake_that_never_ends_sends_nothing():
    ended = threading.Event()
    with serving(waits(ended)) as port:
        error = error_of(lambda: post(exchange(Resolver(), timeout=0.3), f"https://127.0.0.1:{port}/"))
        ended.set()
    assert type(error) is httpx.ConnectTimeout


def test_a_server_that_speaks_no_tls_is_reported_as_such():
    with serving(says(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        error = error_of(lambda: post(exchange(Resolver()), f"https://127.0.0.1:{port}/"))
    assert type(error) is httpx.ConnectError
    assert str(error).startswith("no TLS connection: ")


# Certificates


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """Return the folder of a CA's certificate, and of one that it issued without an Authority Key Identifier."""
    folder = tmp_path_factory.mktemp("pki")
    (folder / "leaf.ext").write_text("subjectAltName=DNS:localhost\nauthorityKeyIdentifier=none\n")
    key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    for command in (
        f"req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=ca -days 2 -addext keyUsage=critical,keyCertSign",
        f"req {key} -keyout leaf.key -out leaf.csr -subj /CN=localhost",
        "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -set_serial 1 -days 2 -extfile leaf.ext -out leaf.pem",
    ):
        try:
            subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)  # noqa: S607 - wherever it is
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("needs openssl to make certificates")
    return folder


@pytest.fixture
def tls_port(pki):
    """Return the port of a server that has the certificate without an Authority Key Identifier."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "leaf.pem", pki / "leaf.key")

    def reply(client: socket.socket) -> None:
        with context.wrap_socket(client, server_side=True) as wrapped:
            wrapped.recv(65536)
            wrapped.sendall(OK)
            drain(wrapped)

    with serving(reply) as port:
        yield port


def strictly(trusted: str) -> ssl.SSLContext:
    """Return the context that Python 3.13 and later make for a SSL_CERT_FILE."""
    context = ssl.create_default_context(cafile=trusted)
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def test_a_certificate_of_an_unknown_ca_is_reported_with_ssl_cert_file(tls_port):
    error = error_of(lambda: post(exchange(answers("127.0.0.1")), f"https://localhost:{tls_port}/"))
    assert type(error) is httpx.ConnectError
    assert str(error).startswith("the certificate of localhost is refused: unable to get local issuer certificate. If ")
    assert "SSL_CERT_FILE" in str(error)


def test_a_certificate_that_is_too_old_for_python_is_reported_with_what_is_wrong_and_what_helps(tls_port, pki):
    one = exchange(answers("127.0.0.1"), context=strictly(pki / "ca.pem"))
    error = error_of(lambda: post(one, f"https://localhost:{tls_port}/"))
    assert str(error).startswith(
        "the certificate of localhost is refused: Missing Authority Key Identifier. The server "
    )
    assert str(error).endswith("let SSL_CERT_FILE name a PEM file with the server's own certificate")
    # And that does help:
    one = exchange(answers("127.0.0.1"), context=strictly(pki / "leaf.pem"))
    assert post(one, f"https://localhost:{tls_port}/") == b"ok"


def test_a_certificate_of_another_host_is_reported_as_such(tls_port, pki):
    one = exchange(answers("127.0.0.1"), context=ssl.create_default_context(cafile=pki / "ca.pem"))
    error = error_of(lambda: post(one, f"https://{HOST}:{tls_port}/"))
    assert "Hostname mismatch" in str(error) or "Missing Authority Key" in str(error)
    one = exchange(answers("127.0.0.1"), context=strictly(pki / "leaf.pem"))
    error = error_of(lambda: post(one, f"https://{HOST}:{tls_port}/"))
    assert f"certificate is not valid for '{HOST}'. Check the address." in str(error)
