"""Health that means work: each state is seen to turn red and green again."""

import json
import os
import socket
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot import app as wiring
from bot.config.load import load
from bot.demo.chanjing import ChanjingServer
from bot.demo.slack import CHANNEL, SlackServer
from bot.domain.destination import Destination
from bot.domain.health import Condition
from bot.domain.news import TaskRecord
from bot.domain.notice import Notice, TaskEnded
from bot.domain.outbox import Outbox
from bot.domain.state import State
from bot.domain.task import Status, Task
from bot.domain.trouble import Ongoing
from bot.errors import ChanjingUnavailable
from bot.events import NOBODY
from bot.metrics import PREFIX, Metrics
from bot.web.health import Health
from bot.web.probes import StateCollector, serving
from bot.web.standings import Standings
from bot.web.wake import Wakes
from tests.fakes import MemoryStore, SimulatedClock


class Patient:
    """A bot whose health, state and clock a test can change, and what its monitor says."""

    def __init__(self):
        self.clock = SimulatedClock()
        self.store = MemoryStore()
        self.metrics = Metrics()
        self.health = Health(self.store, self.clock, Condition(30.0, 0.0))
        self.standings = Standings(["default"], named=False)
        self.standings.runs("default", self.health)
        self.metrics.registry.register(StateCollector(self.standings, self.clock))
        self.url = ""

    def get(self, path, method="GET"):
        return httpx.request(method, self.url + path)

    def codes(self):
        answer = self.get("/readyz")
        body = answer.json()
        assert answer.status_code == (503 if body["reasons"] else 200)
        assert body["status"] == ("failing" if body["reasons"] else "ok")
        return [reason["code"] for reason in body["reasons"]]

    def has(self, **changes):
        self.store.state = replace(self.store.state, **changes)

    def metric(self, name, **labels):
        families = text_string_to_metric_families(self.get("/metrics").text)
        samples = [s for family in families for s in family.samples if s.name == f"{PREFIX}_{name}"]
        return next(s.value for s in samples if labels.items() <= s.labels.items())


@pytest.fixture
def patient():
    patient = Patient()
    with serving(("127.0.0.1", 0), patient.standings, patient.metrics.registry, wake=Wakes(None, {}).respond) as port:
        patient.url = f"http://127.0.0.1:{port}"
        yield patient


def owed(since):
    return Notice(TaskEnded(Task("a", Status.SUCCEEDED)), since, last_error="why")


def test_a_loop_that_does_not_turn_is_neither_alive_nor_ready(patient):
    patient.clock.wait(121)
    assert patient.get("/healthz").status_code == 503
    assert patient.codes() == ["polls_failing"]
    patient.health.emit("page_read")
    assert patient.get("/healthz").status_code == 200
    assert patient.codes() == []


def test_polls_that_fail_for_three_intervals_and_two_minutes_make_it_unready_but_not_dead(patient):
    for _ in range(4):
        patient.health.emit("cycle_ended", well=False)
        assert patient.codes() == []
        patient.clock.wait(30)
    patient.health.emit("cycle_ended", well=False)
    patient.clock.wait(1)
    assert patient.codes() == ["polls_failing"]
    assert patient.get("/healthz").status_code == 200
    patient.health.emit("cycle_ended", well=True)
    assert patient.codes() == []


def test_a_notice_owed_for_more_than_ten_minutes_makes_it_unready_until_it_is_delivered(patient):
    patient.has(outbox=Outbox((owed(patient.clock.now() - 599),)))
    assert patient.codes() == []
    patient.has(outbox=Outbox((owed(patient.clock.now() - 601),)))
    assert patient.codes() == ["notices_overdue"]
    patient.has(outbox=Outbox())
    assert patient.codes() == []


def test_a_slack_that_refuses_makes_it_unready_until_it_does_not(patient):
    patient.has(outbox=Outbox((), {"C1": Destination(refused="invalid_auth", error="chat.postMessage: invalid_auth")}))
    assert patient.codes() == ["slack_refused"]
    patient.has(outbox=Outbox((), {"C1": Destination()}))
    assert patient.codes() == []


def test_a_chanjing_that_refuses_the_token_makes_it_unready_until_it_does_not(patient):
    patient.has(troubles={"chanjing_refused": Ongoing(patient.clock.now())})
    assert patient.codes() == ["chanjing_refused"]
    patient.has(troubles={"chanjing_refused": Ongoing(patient.clock.now(), over=True)})
    assert patient.codes() == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/healthz?x=1", 200),
        ("HEAD", "/healthz", 200),
        ("HEAD", "/metrics", 200),
        ("POST", "/healthz", 501),
        ("DELETE", "/metrics", 501),
    ],
)
def test_it_answers_get_and_head_of_three_paths_and_nothing_else(patient, method, path, status):
    answer = patient.get(path, method)
    assert answer.status_code == status
    assert method != "HEAD" or answer.content == b""


def test_a_request_line_without_end_is_refused(patient):
    with socket.create_connection(("127.0.0.1", int(patient.url.rpartition(":")[2]))) as connection:
        connection.sendall(b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n")
        assert b" 431 " in connection.recv(100)


def test_what_the_state_holds_is_shown_when_it_is_asked_for(patient):
    patient.has(outbox=Outbox((owed(patient.clock.now() - 42),)))
    assert patient.metric("notices_owed") == 1
    assert patient.metric("notice_oldest_age_seconds") == 42
    patient.has(outbox=Outbox())
    assert patient.metric("notices_owed") == 0


def test_statuses_that_chanjing_makes_up_share_one_series(patient):
    patient.has(tasks={f"t{number}": TaskRecord(number, 1, 1.0) for number in (20, 30, *range(1_000, 1_300))})
    assert patient.metric("tasks", status="other") == 300
    assert patient.get("/metrics").text.count(f"{PREFIX}_tasks{{") == 3


def test_the_names_follow_prometheus_conventions(patient):
    patient.metrics.emit("list_not_read", result="failed", seconds=1.0)
    families = list(text_string_to_metric_families(patient.get("/metrics").text))
    for family in families:
        assert family.documentation.endswith(".")
        assert family.name.startswith(f"{PREFIX}_")
        for sample in family.samples:
            if family.type == "counter" and not sample.name.endswith("_created"):
                assert sample.name.endswith("_total")
        if family.type == "histogram":
            assert family.name.endswith("_seconds")
    assert not any(word in family.name for family in families for word in ("_ms", "_millis", "_kb", "_percent"))


def test_the_version_is_shown(patient):
    assert patient.metric("build_info") == 1


def test_the_reasons_are_json_that_names_code_and_detail(patient):
    patient.has(outbox=Outbox((owed(patient.clock.now() - 700),)))
    (reason,) = json.loads(patient.get("/readyz").text)["reasons"]
    assert reason == {
        "code": "notices_overdue",
        "detail": "1 owed for more than 10 minutes, the oldest for 700 s: why",
    }


def test_the_state_may_be_empty(patient):
    assert patient.store.state == State()
    assert patient.get("/metrics").status_code == 200


def test_a_network_in_which_each_request_takes_its_time_to_fail_makes_nobody_restart_the_bot(tmp_path):
    # As with a resolver that hangs: many requests follow one another, and not one is answered.
    clock, healthy = SimulatedClock(), []
    with ChanjingServer() as chanjing, SlackServer() as slack, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        environ = {
            "CHANJING_BASE_URL": chanjing.url,
            "CHANJING_APP_ID": chanjing.app_id,
            "CHANJING_SECRET_KEY": chanjing.secret_key,
            "SLACK_BASE_URL": slack.base_url,
            "SLACK_BOT_TOKEN": slack.token,
            "SLACK_CHANNEL": CHANNEL,
            "STATE_PATH": str(tmp_path / "state.json"),
            "MONITOR_LISTEN": f"127.0.0.1:{port}",
        }

        def take_time(call):
            clock.pass_by(100)
            healthy.append(httpx.get(f"http://127.0.0.1:{port}/healthz").status_code)
            return call.path.endswith("/list")

        chanjing.intercept = take_time
        config = load(Path(os.devnull), environ, secrets_dir=tmp_path / "none")["default"]
        running = wiring.assembled(config, clock, NOBODY, trust_env=False)
        with running as bot, pytest.raises(ChanjingUnavailable):
            bot.poll.cycle()
    assert healthy == [200] * 5
