"""The program with several accounts: each does its work, whatever the others suffer."""

import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from bot.demo.chanjing import ChanjingServer
from bot.demo.slack import CHANNEL, SlackServer
from bot.store.lock import Lock
from tests.forked import Ended, Program, Running

PATIENCE = 60.0  # seconds


class World:
    """Accounts, each with a Chanjing of its own, and one Slack."""

    def __init__(self, room: Path, program: Program, chanjings: dict[str, ChanjingServer], slack: SlackServer) -> None:
        self.room, self.chanjings, self.slack = room, chanjings, slack
        self._program = program
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.accounts = {
            name: {"chanjing": {"base_url": server.url, "access_token": server.token}}
            for name, server in chanjings.items()
        }
        self.configure()

    def configure(self) -> None:
        quick = {"interval": "300ms", "active_interval": "300ms"}
        slack = {"bot_token": self.slack.token, "base_url": self.slack.base_url, "channel": CHANNEL, "pace": "10ms"}
        file = self.room / "config.yaml"
        file.write_text(json.dumps({"slack": slack, "poll": quick, "accounts": self.accounts}))
        file.chmod(0o600)

    def call(self, *arguments: str) -> Ended:
        """Run a command to its end."""
        with (self.room / "out").open("w+") as out, (self.room / "err").open("w+") as err:
            running = self._program.start(
                *arguments, directory=self.room, environ={"LOG_FORMAT": "json"}, out=out.fileno(), err=err.fileno()
            )
            code = running.wait(PATIENCE)
        return Ended(code, (self.room / "out").read_text(), (self.room / "err").read_text())

    @contextmanager
    def running(self, *arguments: str, log: str = "log") -> Iterator[Running]:
        environ = {"MONITOR_LISTEN": f"127.0.0.1:{self.port}", "LOG_FORMAT": "json"}
        with (self.room / log).open("w") as file:
            running = self._program.start(
                "run", *arguments, directory=self.room, environ=environ, out=file.fileno(), err=file.fileno()
            )
        with running:
            yield running

    def events(self, name: str, log: str = "log") -> list[dict[str, str]]:
        lines = (self.room / log).read_text().splitlines()
        return [line for line in map(json.loads, filter(None, lines)) if line["event"] == name]

    def started(self) -> set[str]:
        return {line["account"] for line in self.events("baseline_taken")}

    def ready(self) -> dict[str, object]:
        answer: dict[str, object] = httpx.get(f"http://127.0.0.1:{self.port}/readyz").json()
        return answer

    def announced(self, task_id: str) -> list[str]:
        return [message.text for message in self.slack.messages if task_id in message.text]


def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            if condition():
                return
        except httpx.TransportError:
            pass  # not listening yet
        assert time.monotonic() < end, f"after {PATIENCE} s not: {what}"
        time.sleep(0.05)


@pytest.fixture
def world(tmp_path: Path, program: Program) -> Iterator[World]:
    with ExitStack() as stack:
        chanjings = {name: stack.enter_context(ChanjingServer()) for name in ("school", "shop")}
        yield World(tmp_path, program, chanjings, stack.enter_context(SlackServer()))


def test_each_account_announces_its_own_tasks_once_and_says_whose_they_are(world):
    with world.running() as running:
        until(lambda: world.started() == {"school", "shop"}, "both have begun")
        ids = {name: server.add() for name, server in world.chanjings.items()}
        for name, server in world.chanjings.items():
            server.finish(ids[name])
        until(lambda: all(world.announced(task_id) for task_id in ids.values()), "both are announced")
        # A message is counted when its receipt is saved: after it can be seen.
        counted = [f'lipsync_bot_notices_delivered_total{{account="{name}",role="success"}} 1.0' for name in ids]
        counted += [f'lipsync_bot_tasks{{account="{name}",status="succeeded"}} 1.0' for name in ids]
        address = f"http://127.0.0.1:{world.port}/metrics"
        until(lambda: set(counted) <= {*httpx.get(address).text.splitlines()}, "both are counted")
        running.send_signal(signal.SIGTERM)
        assert running.wait() == 0
    for name, task_id in ids.items():
        (text,) = world.announced(task_id)
        assert f"Account: `{name}`" in text
    shown = json.loads(world.call("status", "--json").out)["accounts"]
    assert {name: one["delivered"] for name, one in shown.items()} == {"school": 2, "shop": 2}
    assert json.loads(world.call("status", "--json", "--account", "shop").out) == shown["shop"]
    assert next(line.split() for line in world.call("explain", ids["shop"]).out.splitlines()) == ["account:", "shop"]
    assert world.call("health").code == 0


def test_a_state_that_another_copy_holds_stops_only_its_own_account(world):
    lock = Lock(world.room / "state.shop.json")
    lock.take(time.time())
    try:
        with world.running():
            until(lambda: world.started() == {"school"}, "the other has begun")
            until(lambda: world.ready()["reasons"], "it says what is wrong")
            (reason,) = world.ready()["reasons"]
            assert (reason["code"], reason["account"]) == ("state_unavailable", "shop")
            task = world.chanjings["school"].add()
            world.chanjings["school"].finish(task)
            until(lambda: world.announced(task), "the other account works")
        assert {line["account"] for line in world.events("account_failed")} == {"shop"}
    finally:
        lock.release()


def test_run_ends_when_no_account_is_left_that_runs(world):
    locks = [Lock(world.room / f"state.{name}.json") for name in world.accounts]
    try:
        for lock in locks:
            lock.take(time.time())
        ended = world.call("run")
    finally:
        for lock in locks:
            lock.release()
    assert ended.code == 3
    assert all(f"lipsync-bot: account {name}: " in ended.err for name in world.accounts)


def test_a_chanjing_that_hangs_holds_up_no_other_account(world):
    with world.running():
        until(lambda: world.started() == {"school", "shop"}, "both have begun")
        hang = threading.Event()
        world.chanjings["shop"].intercept = lambda _: not hang.wait(PATIENCE)
        task = world.chanjings["school"].add()
        world.chanjings["school"].finish(task)
        until(lambda: world.announced(task), "the other account works")
        hang.set()


def test_only_the_accounts_that_are_named_run(world):
    assert world.call("run", "--once", "--account", "shop").code == 0
    assert not world.chanjings["school"].calls
    assert world.call("run", "--once", "--account=nobody").code == 2


def test_each_account_runs_in_one_shard(world):
    for shard in ("0/2", "1/2"):
        assert world.call("run", "--once", "--shard", shard).code in {0, 2}  # 2: no account is in it
    assert all(server.calls for server in world.chanjings.values())
    shown = [world.call("status", "--json", "--shard", shard) for shard in ("0/2", "1/2")]
    assert {one.code for one in shown} <= {0, 2}
    assert sum(one.out.count('"watched"') for one in shown) == 2
    assert [world.call("run", "--shard", shard).code for shard in ("2/2", "1", f"0/{'9' * 5000}")] == [2, 2, 2]


def test_once_does_what_it_can_and_says_which_account_failed(world):
    world.chanjings["shop"].token = "another"
    ended = world.call("run", "--once")
    assert ended.code == 1
    assert next(line for line in ended.err.splitlines() if line.startswith("lipsync-bot: ")).startswith(
        "lipsync-bot: account shop: "
    )
    assert world.call("health").out == "account shop: chanjing_refused: Chanjing does not accept the token\n"
    assert world.chanjings["school"].calls


def test_explain_says_which_state_it_could_not_read(world):
    assert world.call("run", "--once").code == 0
    for name in ("state.shop.json", "state.shop.json.bak"):
        (world.room / name).write_text("not a state")
    ended = world.call("explain", "abc")
    assert ended.code == 2
    assert "lipsync-bot: account shop: " in ended.err


def test_check_asks_about_each_account(world):
    ended = world.call("check")
    assert {"+ account shop chanjing", "+ account school chanjing"} <= {
        line.partition(":")[0].replace("✓", "+") for line in ended.out.splitlines()
    }


def test_a_standby_waits_for_a_held_state_and_goes_on_when_the_holder_is_killed(world):
    with world.running("--account", "shop") as holder:
        until(lambda: world.started() == {"shop"}, "the first has begun")
        world.port += 1
        with world.running("--standby", "--account=shop", log="second") as second:
            until(lambda: world.events("standing_by", "second"), "the second waits")
            assert second.poll() is None
            holder.kill()
            task = world.chanjings["shop"].add()
            world.chanjings["shop"].finish(task)
            until(lambda: world.announced(task), "the second has taken over")
            second.send_signal(signal.SIGTERM)
            assert second.wait() == 0
    assert len(world.announced(task)) == 1
