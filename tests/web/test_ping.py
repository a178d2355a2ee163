"""The dead-man's switch hears that the bot does its work; whatever becomes of that, the loop goes on."""

import contextlib
import json
import socket
import threading

import httpx
import pytest

from bot.cli import check
from bot.demo.server import LoopbackServer
from bot.events import Listeners
from bot.log import Log, as_json
from bot.metrics import Metrics
from bot.web.ping import Ping
from bot.web.standings import Reason
from tests.fakes import SimulatedClock, exchange

SECRET = "/ping/s3cret"


class Switch:
    """A dead-man's switch on loopback, and a bot that pings it."""

    def __init__(self, server, exchange):
        self.server = server
        self.exchange = exchange
        self.url = server.url + SECRET
        self.clock = SimulatedClock()
        self.problems: list[tuple[str, str]] = []
        self.metrics = Metrics()
        self.lines: list[str] = []
        self.answers(200)

    def answers(self, status, headers=None):
        def intercept(call):
            call.send(status, headers or {}, b"text")
            return True

        self.server.intercept = intercept

    def targets(self):
        return [call.target for call in self.server.calls]

    def ping(self, url=None):
        events = Listeners(self.metrics, Log(self.lines.append, "debug", as_json))
        return Ping(url or self.url, self.exchange, self.clock, lambda: [Reason(*one) for one in self.problems], events)

    def counted(self, result):
        return self.metrics.registry.get_sample_value("lipsync_bot_pings_total", {"result": result}) or 0


@pytest.fixture
def switch():
    with LoopbackServer() as server, httpx.HTTPTransport() as transport:
        yield Switch(server, exchange(transport))


def after_cycles(switch, ping, count=1, *, well=True):
    """Let so many cycles end, each with time for a ping; return the log as (level, event, error)."""
    switch.lines.clear()
    for _ in range(count):
        ping._clock.wait(60)
        ping.emit("cycle_ended", well=well)
        ping.close()
    return [(line["level"], line["event"], line.get("error", "")) for line in map(json.loads, switch.lines)]


def test_a_good_cycle_pings_at_most_once_a_minute_and_a_bad_state_pings_fail_with_the_reason(switch):
    ping = switch.ping()
    for _ in range(10):
        ping.emit("cycle_ended", well=True)
        ping.close()
        switch.clock.wait(30)
    assert switch.targets() == [SECRET] * 5
    switch.clock.wait(60)
    switch.problems.append(("slack_refused", "why"))
    ping.emit("cycle_ended", well=False)
    ping.close()
    assert switch.targets()[-1] == f"{SECRET}/fail?reason=slack_refused"
    assert switch.counted("ok") == 6


def test_a_switch_that_hangs_does_not_hold_up_the_loop(switch):
    switch.server.intercept = lambda call: bool(switch.server.closing.wait()) or True
    ping = switch.ping()
    ping.emit("cycle_ended", well=True)
    switch.clock.wait(3600)
    ping.emit("cycle_ended", well=True)  # the first is still under way: it is not waited for
    switch.server.closing.set()
    ping.close()
    assert len(switch.targets()) == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "HTTP 404."), (500, "HTTP 500."), (301, "HTTP 301: a redirect, which the bot does not follow.")],
)
def test_a_failure_is_logged_once_and_so_is_its_end(switch, status, words):
    switch.answers(status, {"Location": f"{switch.server.url}/elsewhere/s3cret"})
    ping = switch.ping()
    first, *more = after_cycles(switch, ping, 3)
    assert first[:2] == ("warning", "ping_failed")
    assert first[2].startswith(f"monitor.ping_url: {words}")
    assert [level for level, _, _ in more] == ["debug", "debug"]
    assert "s3cret" not in first[2]
    assert switch.targets() == [SECRET] * 3
    switch.answers(200)
    assert after_cycles(switch, ping, 2) == [("info", "ping_recovered", "")]
    assert (switch.counted("failed"), switch.counted("ok")) == (3, 2)


def test_another_failure_is_logged_too(switch):
    ping = switch.ping()
    switch.answers(404)
    after_cycles(switch, ping)
    switch.answers(503)
    assert [line[:2] for line in after_cycles(switch, ping)] == [("warning", "ping_failed")]


def test_a_switch_that_nobody_can_reach_is_logged(switch):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (line,) = after_cycles(switch, switch.ping(f"http://127.0.0.1:{port}{SECRET}"))
    assert line == ("warning", "ping_failed", "monitor.ping_url: Connection refused.")


def test_a_body_is_not_read(switch):
    def endless(call):
        call.connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with contextlib.suppress(OSError):
            while not switch.server.closing.is_set():
                call.connection.sendall(b"x" * 1_000_000)
        return True

    switch.server.intercept = endless
    assert after_cycles(switch, switch.ping()) == []
    assert switch.counted("ok") == 1


def test_an_answer_that_drips_in_is_given_up(switch):
    def drip(call):
        with contextlib.suppress(OSError):
            while not switch.server.closing.wait(0.02):
                call.connection.sendall(b"H")
        return True

    switch.server.intercept = drip
    with httpx.HTTPTransport() as transport:
        switch.exchange = exchange(transport, 0.3)
        (line,) = after_cycles(switch, switch.ping())
    assert line == ("warning", "ping_failed", "monitor.ping_url: no whole answer within 0.3 s.")


@contextlib.contextmanager
def no_thread():
    before = threading.stack_size(1 << 46)  # more than there is, so that none can be started
    try:
        yield
    finally:
        threading.stack_size(before)


def test_where_no_thread_can_be_started_the_loop_goes_on(switch):
    ping = switch.ping()
    with no_thread():
        (line,) = after_cycles(switch, ping)
    assert line[:2] == ("warning", "ping_failed")
    assert "no thread can be started" in line[2]
    assert after_cycles(switch, ping) == [("info", "ping_recovered", "")]


# What `check` says of it


def finding(switch, url=None):
    found = check.ping(lambda _url, _timeout: switch.exchange, url or switch.url)
    return (found.severity, found.text)


def test_check_asks_without_feeding_the_switch(switch):
    severity, _ = finding(switch)
    assert severity == "good"
    assert switch.targets() == [f"{SECRET}/log"]


@pytest.mark.parametrize(
    ("status", "severity", "words"),
    [
        (404, "warning", "HTTP 404: its address is wrong, or"),
        (500, "bad", "HTTP 500. "),
        (302, "bad", "HTTP 302: a redirect"),
    ],
)
def test_check_says_what_is_wrong_with_the_switch(switch, status, severity, words):
    switch.answers(status, {"Location": "/elsewhere"})
    found, text = finding(switch)
    assert found == severity
    assert text.startswith(words)
    assert "s3cret" not in text


def test_check_says_that_nobody_answers(switch):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    refused = ("bad", "Connection refused. Check the address and the network.")
    assert finding(switch, f"http://127.0.0.1:{port}{SECRET}") == refused
