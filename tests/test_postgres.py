"""The program with its state in PostgreSQL: two copies, one of which stands by, and a database that goes away."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from bot.demo.chanjing import ChanjingServer
from bot.demo.slack import CHANNEL, SlackServer
from tests.forked import Ended, Program, Running
from tests.store.postgres_server import PASSWORD, Server
from tests.store.postgres_server import server as server  # noqa: PLC0414 - a fixture

PATIENCE = 90.0  # seconds


class World:
    """A Chanjing, a Slack and a database, and as many copies of the bot as are started."""

    def __init__(self, room: Path, program: Program, chanjing: ChanjingServer, slack: SlackServer, url: str) -> None:
        self.room, self.chanjing, self.slack = room, chanjing, slack
        self._program = program
        self.environ = {
            "CHANJING_BASE_URL": chanjing.url,
            "CHANJING_ACCESS_TOKEN": chanjing.token,
            "SLACK_BASE_URL": slack.base_url,
            "SLACK_BOT_TOKEN": slack.token,
            "SLACK_CHANNEL": CHANNEL,
            "SLACK_SETTLE": "1s",
            "SLACK_TIMEOUT": "900ms",
            "POLL_INTERVAL": "300ms",
            "POLL_ACTIVE_INTERVAL": "300ms",
            "LOG_FORMAT": "json",
            "STATE_URL": url,
        }

    @contextmanager
    def running(self, name: str, *options: str) -> Iterator[Running]:
        with (self.room / name).open("w") as log:
            running = self._program.start(
                "run", *options, directory=self.room, environ=self.environ, out=log.fileno(), err=log.fileno()
            )
        with running:
            yield running

    def call(self, *arguments: str, **environ: str) -> Ended:
        out, err = self.room / "out", self.room / "err"
        with out.open("w") as one, err.open("w") as other:
            given = {name: value for name, value in (self.environ | environ).items() if value}
            running = self._program.start(
                *arguments, directory=self.room, environ=given, out=one.fileno(), err=other.fileno()
            )
            code = running.wait(PATIENCE)
        return Ended(code, out.read_text(), err.read_text())

    def events(self, name: str) -> list[str]:
        return [json.loads(line)["event"] for line in (self.room / name).read_text().splitlines() if line[0] == "{"]

    def end_a_task(self) -> str:
        task_id = self.chanjing.add()
        self.chanjing.finish(task_id)
        return task_id

    def announced(self, task_id: str) -> int:
        return sum(task_id in message.text for message in self.slack.messages)


def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"after {PATIENCE} s not: {what}"
        time.sleep(0.05)


@pytest.fixture
def world(tmp_path: Path, program: Program, server: Server) -> Iterator[World]:
    schema = f"s{abs(hash(str(tmp_path))):x}"
    server.execute(f"create schema {schema}")
    with ChanjingServer() as chanjing, SlackServer() as slack:
        yield World(tmp_path, program, chanjing, slack, server.url(schema).value)


def end(server: Server) -> None:
    """End every session with the database, as a restart does."""
    server.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lipsync-bot'")


def test_the_second_copy_goes_on_where_the_first_was_killed(world):
    with world.running("one", "--standby") as one:
        until(lambda: "baseline_taken" in world.events("one"), "the first works")
        with world.running("two", "--standby"):
            until(lambda: "standing_by" in world.events("two"), "the second stands by")
            before = world.end_a_task()
            until(lambda: world.announced(before), "the first announces")
            one.kill()
            after = world.end_a_task()
            until(lambda: world.announced(after), "the second announces")
            assert "baseline_taken" not in world.events("two")
    assert (world.announced(before), world.announced(after)) == (1, 1)


def test_a_copy_without_standby_leaves_and_names_the_holder(world):
    with world.running("one"):
        until(lambda: "baseline_taken" in world.events("one"), "the first works")
        ended = world.call("run")
    assert ended.code == 3
    assert "held by another copy of the bot (host " in ended.err


def test_when_every_session_is_ended_the_bot_goes_on_by_itself_and_repeats_nothing(world, server):
    with world.running("one"):
        until(lambda: "baseline_taken" in world.events("one"), "it works")
        for _ in range(3):
            end(server)
            task = world.end_a_task()
            until(partial(world.announced, task), "it announces again")
            assert world.announced(task) == 1
        assert PASSWORD not in (world.room / "one").read_text()


def test_a_holder_that_was_frozen_while_another_took_over_says_nothing_more(world, server):
    with world.running("one", "--standby") as one:
        until(lambda: "baseline_taken" in world.events("one"), "the first works")
        with world.running("two", "--standby"):
            until(lambda: "standing_by" in world.events("two"), "the second stands by")
            one.send_signal(signal.SIGSTOP)
            end(server)  # as the server does with a session that has been silent for too long
            tasks = [world.end_a_task() for _ in range(3)]
            until(lambda: all(map(world.announced, tasks)), "the second announces")
            one.send_signal(signal.SIGCONT)
            until(lambda: "standing_by" in world.events("one"), "the first stands by")
            tasks.append(world.end_a_task())
            until(lambda: world.announced(tasks[-1]), "the second announces still")
    assert [world.announced(task) for task in tasks] == [1] * 4


def test_the_commands_find_the_state_there(world):
    with world.running("one"):
        until(lambda: "baseline_taken" in world.events("one"), "it works")
        task = world.end_a_task()
        until(lambda: world.announced(task), "it is announced")
        until(lambda: json.loads(world.call("status", "--json").out)["delivered"] == 2, "its receipt is saved")
        until(lambda: world.call("health").code == 0, "it has said how it is doing")
        assert "delivered:" in world.call("explain", task).out
        assert "state: PostgreSQL at " in world.call("check").out
    for command in (["status"], ["health"], ["check"], ["run", "--once"]):
        assert PASSWORD not in "".join(map(str, (world.call(*command).out, world.call(*command).err)))


def test_a_state_moves_from_a_file_into_the_database_and_back(world):
    file = {"STATE_URL": "", "STATE_PATH": "state.json"}
    task = world.end_a_task()
    assert world.call("run", "--once", **file).code == 0
    assert world.call("state", "export", "moved.json", **file).code == 0
    assert world.call("state", "import", "moved.json").code == 0
    again = world.call("state", "import", "moved.json")
    assert (again.code, "there is a state already" in again.err) == (4, True)
    assert world.call("run", "--once").code == 0
    assert not world.announced(task)  # it had ended before the first run, which the moved state knows
    new = world.end_a_task()
    assert world.call("run", "--once").code == 0
    assert world.announced(new) == 1
    assert world.call("state", "export", "back.json").code == 0
    back = {"STATE_URL": "", "STATE_PATH": "back/state.json"}
    (world.room / "back").mkdir()
    assert world.call("state", "import", "back.json", **back).code == 0
    assert world.call("run", "--once", **back).code == 0
    assert world.announced(new) == 1


def test_a_state_that_is_held_does_not_move(world):
    with world.running("one"):
        until(lambda: "baseline_taken" in world.events("one"), "it works")
        assert world.call("state", "export", "moved.json").code == 3
    assert not (world.room / "moved.json").exists()


def test_a_host_that_cannot_be_is_a_matter_of_the_configuration(world):
    for host in ("a..b", "a" * 64):
        ended = world.call("status", STATE_URL=f"postgresql://bot:s3cretpass@{host}/bot")
        assert (ended.code, ended.err.startswith("lipsync-bot: state.url: ")) == (2, True)


def test_a_database_that_is_not_there_is_a_matter_of_the_state_and_names_no_password(world):
    for command in (["run"], ["status"], ["health"], ["state", "export", "-"]):
        ended = world.call(*command, STATE_URL="postgresql://bot:s3cretpass@127.0.0.1:9/bot")
        assert (ended.code, "s3cretpass" in ended.out + ended.err) == (4, False)
        assert "Traceback" not in ended.err
