"""The Chanjing on loopback keeps to the documented pages, and the server under it can be made to misbehave."""

import socket
import ssl
import threading
import time
from queue import Queue
from typing import Any

import httpx
import pytest

from bot.demo.chanjing import DETAIL, LIST, ChanjingServer
from bot.demo.server import LoopbackServer
from tests.faults.bot_in_thread import wait_for

TOKEN = "chanjing-token"


@pytest.fixture
def server():
    with ChanjingServer(TOKEN) as server:
        yield server


@pytest.fixture(scope="session")
def tls():
    # Unused on loopback, but httpx would make one for each client, 40 ms each.
    return ssl.create_default_context()


@pytest.fixture
def client(server, tls):
    headers = {"access_token": TOKEN}
    with httpx.Client(base_url=server.url, headers=headers, verify=tls, timeout=30) as client:
        yield client


def listed(client: httpx.Client, **asked: Any) -> Any:
    return client.post(LIST, json=asked).json()


def ids(client: httpx.Client, **asked: Any) -> list[str]:
    return [task["id"] for task in listed(client, **asked)["data"]["list"]]


def test_the_envelope_carries_a_new_trace_id_each_time(client):
    first, second = listed(client), listed(client)
    assert (first["code"], first["msg"]) == (0, "success")
    assert len(bytes.fromhex(first["trace_id"])) == 16
    assert first["trace_id"] != second["trace_id"]


def test_a_task_shows_what_its_status_implies(server, client):
    task = server.add(create_time=1738636800)
    assert listed(client)["data"]["list"] == [
        {
            "id": task,
            "status": 0,
            "progress": 0,
            "msg": "",
            "video_url": "",
            "preview_url": "",
            "create_time": 1738636800,
        }
    ]
    server.finish(task, video_url="https://res.example/v.mp4")
    done = listed(client)["data"]["list"][0]
    assert (done["status"], done["progress"], done["video_url"]) == (20, 100, "https://res.example/v.mp4")
    assert done["preview_url"].endswith(f"{task}.jpg")
    assert done["duration"] > 1000
    server.fail(task, "不支持的音频格式")
    assert (listed(client)["data"]["list"][0]["status"], server.tasks[0]["msg"]) == (30, "不支持的音频格式")


def test_a_task_may_be_malformed(server, client):
    server.add("odd", 20, video_url=None, progress="lots", preview_url=..., id=7)
    odd = listed(client)["data"]["list"][0]
    assert (odd["id"], odd["video_url"], odd["progress"]) == (7, None, "lots")
    assert "preview_url" not in odd


def test_one_task_is_shown_as_in_the_list_or_there_is_no_such_path(server, client):
    task = server.add(status=10)
    assert client.get(DETAIL, params={"id": task}).json()["data"] == listed(client)["data"]["list"][0]
    assert client.get(DETAIL, params={"id": "b"}).json()["code"] == 40000
    assert client.get(DETAIL, params={"id": task}, headers={"access_token": "x"}).json()["code"] == 10400
    server.has_detail = False
    assert client.get(DETAIL, params={"id": task}).status_code == 404


def test_an_id_is_added_once(server):
    server.add("a")
    with pytest.raises(ValueError, match="a task a already"):
        server.add("a")


def test_a_removed_task_is_no_longer_listed(server, client):
    server.add("a")
    server.add("b")
    server.remove("a")
    assert ids(client) == ["b"]


@pytest.mark.parametrize(
    ("asked", "first", "count", "size"),
    [
        ({}, "24", 10, 10),
        ({"page": 3}, "04", 5, 10),
        ({"page": 2, "page_size": 20}, "04", 5, 20),
        ({"page": 4}, None, 0, 10),
    ],
)
def test_a_page_is_cut_by_the_documented_arithmetic(server, client, asked, first, count, size):
    for number in range(25):
        server.add(f"{number:02}")
    data = listed(client, **asked)["data"]
    assert [task["id"] for task in data["list"]][:1] == ([first] if first else [])
    assert len(data["list"]) == count
    assert data["page_info"] == {
        "page": asked.get("page", 1),
        "size": size,
        "total_count": 25,
        "total_page": -(-25 // size),
    }


@pytest.mark.parametrize(
    "body", ['{"page": 0}', '{"page_size": -1}', '{"page": "1"}', '{"page": true}', '{"page": 1.0}', "[]", "{"]
)
def test_parameters_that_are_not_positive_integers_are_refused(client, body):
    answer = client.post(LIST, content=body)
    assert (answer.status_code, answer.json()["code"], answer.json()["data"]) == (200, 40000, None)


def test_the_order_of_the_list_can_be_chosen(server, client):
    added = [server.add(create_time=9) for _ in range(30)]
    assert ids(client, page_size=30) == added[::-1]
    server.order = "oldest_first"
    assert ids(client, page_size=30) == added
    server.order = "shuffled"
    shuffled = ids(client, page=1, page_size=15) + ids(client, page=2, page_size=15)
    assert sorted(shuffled) == sorted(added)
    assert shuffled not in (added, added[::-1])


def test_a_page_beyond_the_largest_size_is_cut_or_refused(server, client):
    for _ in range(12):
        server.add()
    server.max_page_size = 5
    assert listed(client, page_size=50)["data"]["page_info"]["size"] == 5
    server.oversize = "refuse"
    assert listed(client, page_size=50)["code"] == 40000
    assert len(ids(client, page_size=5)) == 5


def test_a_server_may_ignore_the_page_number(server, client):
    for number in range(15):
        server.add(str(number))
    server.ignore_page = True
    assert ids(client, page=2) == ids(client, page=1)


def test_a_page_of_a_long_list_costs_no_more_than_the_page(server, client):
    for number in range(200_000):
        server.add(str(number), 20, number)
    started = time.process_time()
    # Looking at every task, 20 times over, would take several seconds.
    assert [ids(client, page=page, page_size=10)[-1] for page in range(19_981, 20_001)][-1] == "0"
    assert time.process_time() - started < 1


def test_a_page_past_the_end_is_empty_or_the_last_one(server, client):
    tasks = [server.add() for _ in range(3)]
    assert ids(client, page=3, page_size=2) == []
    server.clamp_page = True
    assert ids(client, page=3, page_size=2) == ids(client, page=2, page_size=2) == tasks[:1]


def test_the_count_may_be_a_lie(server, client):
    server.add()
    server.count = lambda true: true + 1
    assert listed(client)["data"]["page_info"]["total_count"] == 2


def test_an_answer_says_when_it_was_made(server, client):
    server.clock = lambda: 1738670400.0
    assert client.post(LIST).headers["date"] == "Tue, 04 Feb 2025 12:00:00 GMT"


@pytest.mark.parametrize("token", ["other", ""])
def test_a_wrong_token_gets_10400(client, token):
    assert client.post(LIST, headers={"access_token": token}).json()["code"] == 10400


def test_an_expired_token_gets_10400(server, client):
    server.token_expires = time.time() - 1
    assert listed(client)["code"] == 10400


def test_a_new_token_ends_the_old_one_and_expires_at_an_absolute_time(client):
    minted = client.post("/open/v1/access_token", json={"app_id": "demo-app", "secret_key": "demo-secret"}).json()
    assert minted["data"]["expire_in"] == pytest.approx(time.time() + 86_400, abs=5)
    assert listed(client)["code"] == 10400
    assert client.post(LIST, headers={"access_token": minted["data"]["access_token"]}).json()["code"] == 0


@pytest.mark.parametrize(("secret", "code"), [("wrong", 10400), (None, 40000)])
def test_no_token_for_a_wrong_secret(client, secret, code):
    asked = {"app_id": "demo-app", "secret_key": secret}
    assert client.post("/open/v1/access_token", json=asked).json()["code"] == code


def test_the_eleventh_request_in_a_second_gets_40001(server, client):
    server.limit_rate = True
    assert [listed(client)["code"] for _ in range(11)] == [0] * 10 + [40001]


@pytest.mark.parametrize(("method", "path"), [("GET", LIST), ("POST", "/open/v1/video_lip_sync"), ("PUT", LIST)])
def test_there_is_a_plain_text_404_elsewhere(client, method, path):
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (404, "text/plain")


def test_a_request_cut_short_is_not_processed(server):
    with socket.create_connection(("127.0.0.1", server.port)) as dying:
        dying.sendall(f"POST {LIST} HTTP/1.1\r\nContent-Length: 9\r\n\r\n{{".encode())
        dying.shutdown(socket.SHUT_WR)
        assert dying.recv(1) == b""
    assert server.calls == []


def test_an_error_in_an_interceptor_is_seen(server, client, monkeypatch):
    seen: Queue[type[BaseException]] = Queue()
    monkeypatch.setattr(threading, "excepthook", lambda unhandled: seen.put(unhandled.exc_type))
    server.intercept = lambda call: call.no_such_thing
    with pytest.raises(httpx.RemoteProtocolError):
        listed(client)
    assert seen.get(timeout=30) is AttributeError


def test_closing_is_quick_although_an_interceptor_hangs_and_a_client_is_idle(client):
    server = ChanjingServer(TOKEN)
    hanging = threading.Event()

    def hang(_call):
        hanging.set()
        return server.closing.wait(60)

    with (
        socket.create_connection(("127.0.0.1", server.port)) as idle,
        socket.create_connection(("127.0.0.1", server.port)) as asking,
    ):
        server.intercept = hang
        asking.sendall(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        assert hanging.wait(30)
        started = time.monotonic()
        server.close()
        assert time.monotonic() - started < 10
        assert (idle.recv(1), asking.recv(1)) == (b"", b"")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


def test_a_server_comes_back_on_the_same_port():
    with ChanjingServer() as before:
        httpx.post(before.url + LIST)
    with ChanjingServer(port=before.port) as after:
        assert httpx.post(after.url + LIST).json()["code"] == 10400


def test_the_callback_of_a_task_is_called_when_it_ends_and_once(server):
    with LoopbackServer() as listener:
        task_id = server.add(callback=f"{listener.url}/wake/t?account=shop")
        server.update(task_id, status=10)
        server.finish(task_id)
        server.update(task_id, msg="again")
        wait_for(lambda: listener.calls, "the call")
    (call,) = listener.calls
    assert (call.method, call.target) == ("POST", "/wake/t?account=shop")
    assert call.json()["data"]["id"] == task_id
