"""Nobody who can reach the port may take from the rest of the process what it needs."""

import contextlib
import logging
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from bot.web.server import Response, listening
from tests.fakes import RecordedEvents
from tests.faults.bot_in_thread import wait_for


def respond(request):
    if request.path == "/fault":
        raise RuntimeError("a fault of ours")
    return Response(request.path.encode())


@contextlib.contextmanager
def clients(port, count, host="127.0.0.1"):
    """Yield so many connections on which nothing is sent."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection((host, port), timeout=30)) for _ in range(count)]


def get(port, path="/", host="127.0.0.1", **request):
    return httpx.request(request.pop("method", "GET"), f"http://{host}:{port}{path}", timeout=30, **request)


def closed(connection):
    """Tell whether the other side has closed *connection*. What it sent is read."""
    connection.setblocking(False)
    try:
        while connection.recv(65_536):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_more_clients_than_there_is_room_for_keep_nobody_out(sent):
    before = threading.active_count()
    with listening(("127.0.0.1", 0), respond) as port, clients(port, 150) as idle:
        for client in idle:
            with contextlib.suppress(ConnectionError):
                client.sendall(sent)
        assert get(port, "/probe").text == "/probe"
        assert threading.active_count() <= before + 3
        wait_for(lambda: sum(not closed(client) for client in idle) <= 64, "room for others")


def test_a_request_that_drips_in_is_given_up():
    with listening(("127.0.0.1", 0), respond, longest=0.5) as port, clients(port, 1) as (client,):
        ended = time.monotonic() + 60
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < ended and not closed(client):
                client.setblocking(True)
                client.sendall(b"G")
                time.sleep(0.02)
        assert closed(client)


def test_a_client_that_does_not_read_is_given_up():
    large = Response(b"x" * 10_000_000)
    with listening(("127.0.0.1", 0), lambda *_: large, longest=0.5) as port, clients(port, 1) as (client,):
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        client.recv(1)
        during = len(list(Path("/dev/fd").iterdir()))
        wait_for(lambda: len(list(Path("/dev/fd").iterdir())) < during, "the connection to be closed")
        got = 0
        with contextlib.suppress(ConnectionError):
            while piece := client.recv(1_000_000):
                got += len(piece)
        assert got < 10_000_000


@pytest.mark.parametrize(
    "head",
    ["Content-Length: 1000000", "Transfer-Encoding: chunked", "Content-Length: 1000000\r\nExpect: 100-continue"],
)
def test_of_a_body_64_kib_are_read(head):
    with listening(("127.0.0.1", 0), respond) as port, clients(port, 1) as (client,):
        client.sendall(f"POST / HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
        with contextlib.suppress(ConnectionError):
            client.sendall(b"fffff\r\n" + b"x" * 70_000)
            assert b"413 Request Entity Too Large" in client.recv(1_000) + client.recv(1_000)


@pytest.mark.parametrize("nonsense", [b"\x16\x03\x01\x00\xee\x01\x00", b"GET\r\n\r\n", b"\r\n\r\n\r\n", b"x" * 100_000])
def test_nonsense_disturbs_nobody(nonsense, capfd):
    with listening(("127.0.0.1", 0), respond) as port, clients(port, 20) as strangers:
        for client in strangers:
            with contextlib.suppress(ConnectionError):
                client.sendall(nonsense)
        assert get(port).status_code == 200
    assert capfd.readouterr().err == ""


def test_a_fault_of_ours_is_logged_and_answered_with_500():
    events = RecordedEvents()
    with listening(("127.0.0.1", 0), respond, events) as port:
        assert get(port, "/fault").status_code == 500
        assert get(port).status_code == 200
    (fault,) = events.of("answer_failed")
    assert fault["path"] == "/fault"


def test_head_is_get_without_a_body():
    with listening(("127.0.0.1", 0), respond) as port:
        answer = get(port, "/path", method="HEAD")
    assert (answer.content, answer.headers["content-length"]) == (b"", "5")
    assert answer.headers["server"] == "lipsync-bot"


def test_it_listens_on_ipv6_too():
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    with listening(("::1", 0), respond) as port:
        assert get(port, host="[::1]").status_code == 200


def test_it_ends_at_once_and_leaves_neither_thread_nor_port():
    before = set(threading.enumerate())
    with listening(("127.0.0.1", 0), respond) as port, clients(port, 5):
        get(port)
        began = time.monotonic()
    assert time.monotonic() - began < 20
    assert not [thread for thread in set(threading.enumerate()) - before if thread.is_alive()]
    with listening(("127.0.0.1", port), respond):
        assert get(port).status_code == 200


def test_several_of_them_live_in_one_process():
    with listening(("127.0.0.1", 0), respond) as one:
        with listening(("127.0.0.1", 0), respond) as another:
            assert (get(one, "/1").text, get(another, "/2").text) == ("/1", "/2")
        assert get(one, "/1").text == "/1"


def test_a_port_in_use_is_an_error_of_the_operating_system():
    with listening(("127.0.0.1", 0), respond) as port, pytest.raises(OSError, match="in use"):
        listening(("127.0.0.1", port), respond).__enter__()


def test_the_library_says_nothing_of_its_own():
    with listening(("127.0.0.1", 0), respond):
        assert not logging.getLogger("waitress").propagate


FEW_DESCRIPTORS = """
import resource, sys
from bot.web.server import Response, listening
resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))
with listening(("127.0.0.1", 0), lambda request: Response(b"well")) as port:
    print(port, flush=True)
    sys.stdin.readline()
    if len([open("/dev/null") for _ in range({opens})]) == {opens}:
        print("opened", flush=True)
    sys.stdin.readline()
"""


def started(script):
    return subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_the_rest_of_the_process_keeps_descriptors_for_itself():
    with started(FEW_DESCRIPTORS.format(limit=64, opens=16)) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with clients(port, 200):
            assert get(port).text == "well"
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "opened\n"
        process.kill()


def test_where_no_descriptor_is_left_it_goes_on():
    with started(FEW_DESCRIPTORS.format(limit=20, opens=1)) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with clients(port, 100):
            assert get(port).text == "well"
        assert get(port).text == "well"
        process.kill()


def test_where_no_thread_can_be_started_it_says_so_and_leaves_the_port():
    script = """
import threading
from bot.web.server import listening
threading.stack_size(1 << 46)  # more than there is, so that none can be started
for _ in range(2):
    try:
        listening(("127.0.0.1", {port}), print).__enter__()
    except RuntimeError as error:
        print(error)
"""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", script.format(port=port)], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "can't start new thread\n" * 2
    assert ran.stderr == ""
