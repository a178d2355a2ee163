import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import bot
from bot import __version__, cli
from bot.cli.program import app
from bot.demo.chanjing import ChanjingServer
from bot.demo.slack import CHANNEL, SlackServer
from bot.domain import health
from bot.domain.destination import Destination
from bot.domain.news import EndedTask, TaskRecord
from bot.domain.notice import Key, Notice, Receipt, TaskEnded
from bot.domain.outbox import Outbox
from bot.domain.state import State
from bot.domain.task import Task
from bot.store import file as state
from bot.store.file import Store
from bot.store.lock import Lock
from tests.forked import Ended, Program, Running

GROUPS = {"": app} | {group.name or "": group.typer_instance for group in app.registered_groups}
PATIENCE = 60  # seconds
COMMANDS = [
    [*group.split(), command.name or ""] for group, app in GROUPS.items() if app for command in app.registered_commands
]
PROGRAM = [sys.executable, "-m", "bot"]
EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"
SECRET = "xoxb-1-T0ps3cret"
ENOUGH = {
    "CHANJING_ACCESS_TOKEN": "chanjing-s3cret",
    "SLACK_BOT_TOKEN": SECRET,
    "SLACK_CHANNEL": "C0AB12CD3",
    "SLACK_BASE_URL": "http://127.0.0.1:9",  # nobody listens
}


@pytest.fixture
def room(tmp_path, monkeypatch):
    """Return an empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(room, monkeypatch, capsys):
    """Return a function: arguments, environment → how the program ended, run in this process."""

    def call(*arguments: str, **environ: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["lipsync-bot", *arguments])
        with monkeypatch.context() as patch:
            for name, value in environ.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as caught:
                cli.main()
        printed = capsys.readouterr()
        code = caught.value.code
        return Ended(code if isinstance(code, int) else 0, printed.out, printed.err)

    return call


# Usage and configuration


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_shows_an_example_that_can_be_copied(call, command):
    ended = call(*command, "--help")
    assert ended.code == 0
    assert re.search(rf"Example:\s+lipsync-bot {' '.join(command)}\b", ended.out)


def test_in_eighty_columns_no_summary_of_a_command_is_cut(call):
    shown = call("--help", COLUMNS="80").out
    assert all(command[0] in shown for command in COMMANDS)
    assert "..." not in shown.partition("Commands:")[2]


def test_the_version_is_shown(call):
    assert call("--version").out == f"lipsync-bot {__version__}\n"


@pytest.mark.parametrize("arguments", [["nonsense"], ["run", "--nonsense"], ["status", "extra"]])
def test_what_is_not_understood_is_a_matter_of_usage(call, arguments):
    ended = call(*arguments)
    assert ended.code == 2
    assert "Traceback" not in ended.err


def test_a_wrong_option_of_a_command_shows_how_it_is_used(call):
    assert "Usage: lipsync-bot run" in call("run", "--nonsense").err


@pytest.mark.parametrize("arguments", [["--config", "", "status"], ["health", "--config="], ["config", "init", " "]])
def test_an_empty_path_is_not_the_current_directory(call, arguments):
    ended = call(*arguments)
    assert (ended.code, ended.err) == (2, "lipsync-bot: PATH: it is empty. Is a variable unset?\n")


# Completion


@pytest.fixture
def named(room):
    """Return a function: how the program is called, its arguments, environment → how it ended."""
    for name in ("lipsync-bot", "another"):
        (room / name).write_text(f"#!{sys.executable}\nfrom bot.__main__ import main\n\nmain()\n")

    def named(called: list[str], *arguments: str, **environ: str) -> Ended:
        done = subprocess.run(
            [sys.executable, *called, *arguments],
            env=os.environ | {"PYTHONPATH": str(Path(bot.__file__).parents[1]), "HOME": str(room)} | environ,
            cwd=room,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    return named


# Where the shell that runs the tests is not looked for, it must be named.
UNDETECTED = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}


@pytest.mark.parametrize("called", [["-m", "bot"], ["another"]], ids=" ".join)
def test_completion_is_not_offered_for_another_name_than_the_programs(named, called):
    assert "completion" not in named(called, "--help").out
    for option in ("--install-completion", "--show-completion"):
        ended = named(called, option, "bash", **UNDETECTED)
        assert (ended.code, ended.out) == (2, "")
        assert "No such option" in ended.err


@pytest.mark.parametrize(
    ("shell", "asked"),
    [
        ("bash", {"COMP_WORDS": "lipsync-bot st", "COMP_CWORD": "1"}),
        ("zsh", {"_TYPER_COMPLETE_ARGS": "lipsync-bot st"}),
        ("fish", {"_TYPER_COMPLETE_ARGS": "lipsync-bot st", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}),
    ],
)
def test_a_shell_completes_the_installed_program(named, shell, asked):
    script = named(["lipsync-bot"], "--show-completion", shell, **UNDETECTED).out
    assert f"_LIPSYNC_BOT_COMPLETE=complete_{shell}" in script
    assert "status" in named(["lipsync-bot"], **asked, _LIPSYNC_BOT_COMPLETE=f"complete_{shell}").out


def test_a_completion_that_cannot_be_installed_is_an_error_of_one_line(named):
    ended = named(["lipsync-bot"], "--install-completion", "bash", **UNDETECTED, HOME="/dev/null/home")
    assert (ended.code, ended.err) == (1, "lipsync-bot: /dev/null/home cannot be written: Not a directory.\n")


def test_a_start_up_file_of_the_shell_in_another_encoding_is_left_alone(named, room):
    (room / ".bashrc").write_bytes("alias 你=true".encode("gbk"))
    ended = named(["lipsync-bot"], "--install-completion", "bash", **UNDETECTED)
    assert (ended.code, len(ended.err.splitlines())) == (1, 1)
    assert "--show-completion" in ended.err
    assert (room / ".bashrc").read_bytes() == "alias 你=true".encode("gbk")


# config init


def test_config_init_writes_the_example_for_the_user_alone_and_says_what_comes_next(call, room):
    ended = call("config", "init")
    written = room / "config.yaml"
    assert (ended.code, ended.err) == (0, "")
    assert "lipsync-bot check\n" in ended.out
    assert written.read_text("utf-8") == EXAMPLE.read_text("utf-8")
    assert written.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "arguments",
    [
        ["config", "init", "my own.yaml"],
        ["config", "init", "--config", "my own.yaml"],
        ["--config", "my own.yaml", "config", "init"],
    ],
    ids=" ".join,
)
def test_config_init_writes_where_it_is_told(call, room, arguments):
    assert "lipsync-bot check --config 'my own.yaml'\n" in call(*arguments).out
    assert [file.name for file in room.iterdir()] == ["my own.yaml"]


def test_config_init_can_print(call, room):
    assert call("config", "init", "-").out == EXAMPLE.read_text("utf-8")
    assert list(room.iterdir()) == []


def test_config_init_overwrites_nothing(call, room):
    (room / "config.yaml").write_text("slack:")
    (room / "link.yaml").symlink_to("elsewhere")
    (room / "folder").mkdir()
    for path, words in (("config.yaml", "already exists"), ("link.yaml", "already exists"), ("folder", "a directory")):
        ended = call("config", "init", path)
        assert (ended.code, len(ended.err.splitlines())) == (2, 1)
        assert words in ended.err
    assert (room / "config.yaml").read_text() == "slack:"
    assert not (room / "elsewhere").exists()


def test_config_init_where_nothing_can_be_written_is_an_error_of_one_line(call):
    ended = call("config", "init", "missing/config.yaml")
    assert (ended.code, ended.err) == (
        2,
        "lipsync-bot: missing/config.yaml: cannot be written: No such file or directory.\n",
    )


def test_without_a_configuration_the_error_says_how_to_write_one(call):
    assert "lipsync-bot config init" in call("check").err


MISTAKES = {
    "nothing": ({}, None, "chanjing.access_token"),
    "two ways to Chanjing": (
        ENOUGH | {"CHANJING_APP_ID": "a", "CHANJING_SECRET_KEY": "s3cret"},
        None,
        "different ways",
    ),
    "half a pair": ({"CHANJING_APP_ID": "a"}, None, "chanjing.secret_key"),
    "missing secret file": (
        ENOUGH | {"CHANJING_ACCESS_TOKEN": "", "CHANJING_ACCESS_TOKEN_FILE": "none/s3cret"},
        None,
        "no such file",
    ),
    "a channel's name": (ENOUGH | {"SLACK_CHANNEL": "#s3cret"}, None, "channel name → About → bottom"),
    "a webhook and a channel": (
        ENOUGH | {"SLACK_BOT_TOKEN": "", "SLACK_WEBHOOK_URL": "https://hooks.slack.com/s3cret"},
        None,
        "slack.channel",
    ),
    "unknown key": (ENOUGH, "slack:\n  chanel: s3cret", "the nearest is slack.channel"),
    "unknown section": (ENOUGH, "slak:\n  channel: s3cret", "the nearest is slack"),
    "doubled key": (ENOUGH, "slack:\n  language: en\n  language: s3cret", "already appears"),
    "no YAML": (ENOUGH, "slack: [s3cret", "this is not YAML"),
    "a list": (ENOUGH, "- s3cret", "must have sections"),
    "placeholder": (ENOUGH | {"CHANJING_ACCESS_TOKEN": "your-access-token"}, None, "placeholder"),
}


@pytest.mark.parametrize(("environ", "yaml", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_the_configuration_is_reported_in_few_lines_without_a_secret(call, room, environ, yaml, words):
    if yaml:
        (room / "config.yaml").write_text(yaml)
    ended = call("check", **environ)
    assert ended.code == 2
    assert ended.out == ""
    assert words in ended.err
    assert "s3cret" not in ended.err
    assert len(ended.err.splitlines()) <= 4
    assert all(line.startswith("lipsync-bot: ") for line in ended.err.splitlines())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTPS_PROXY", "foo://s3cret"),
        ("https_proxy", "http://s3cret:port"),
        ("SSL_CERT_FILE", "/none/s3cret"),
        ("SSL_CERT_FILE", "config.yaml"),
    ],
)
def test_a_proxy_or_certificates_that_cannot_be_used_are_named_without_the_value(call, room, name, value):
    (room / "config.yaml").write_text("state:\n  path: s3cret.json")
    ended = call("check", **ENOUGH | {name: value})
    assert ended.code == 2
    assert f"lipsync-bot: {name}: " in ended.err
    assert "s3cret" not in ended.err.partition(name)[2]


@pytest.mark.parametrize("command", ["run", "check", "status", "health"])
def test_a_configuration_that_was_given_and_is_absent_is_reported(call, command):
    ended = call(command, "--config", "none.yaml", **ENOUGH)
    assert (ended.code, ended.err) == (2, "lipsync-bot: none.yaml: there is no such file\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--config", "own.yaml", "status"],
        ["status", "--config", "own.yaml"],
        ["--config", "none.yaml", "status", "--config", "own.yaml"],
    ],
)
def test_the_configuration_may_be_named_before_or_after_the_command(call, room, arguments):
    (room / "own.yaml").write_text("state:\n  path: elsewhere.json")
    Store(room / "elsewhere.json", State()).save(State(delivered_count=7))
    ended = call(*arguments, "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["delivered"] == 7


# status and health


@pytest.fixture
def saved(room):
    """Return a function: what a bot that was alive just now has left."""

    def saved(*, since: float, alive: float | None = None) -> None:
        path = room / "state.json"
        notice = Notice(TaskEnded(Task("9499ed79", 20)), since)
        known = State(baseline_at=since, tasks={"a": TaskRecord(0, 1, since)}, outbox=Outbox((notice,)))
        Store(path, State()).save(known)
        lock = Lock(path)
        lock.take(time.time())
        lock.leave(health.to_leave(health.condition(known, health.Condition(30, 130), now=time.time())))
        lock.release()
        if alive is not None:
            os.utime(room / "state.json.lock", (alive, alive))

    return saved


def test_without_a_state_status_says_how_to_begin(call):
    ended = call("status")
    assert ended.code == 4
    assert ended.err.endswith("as no bot has run with it. Start one with `lipsync-bot run`.\n")


def test_status_needs_nothing_but_the_state(call, saved):
    saved(since=time.time())
    ended = call("status", SLACK_CHANNEL="#nonsense")
    assert ended.code == 0
    assert "9499ed79" in ended.out
    assert "\x1b" not in ended.out


def test_status_for_programs_has_the_promised_keys_and_types(call, saved):
    saved(since=time.time())
    said = json.loads(call("status", "--json").out)
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    assert list(said) == [
        "version",
        "baseline_at",
        "last_alive",
        "guarantee",
        "watched",
        "owed",
        "delivered",
        "to_archive",
    ]
    assert re.fullmatch(moment, said["baseline_at"])
    assert re.fullmatch(moment, said["last_alive"])
    assert said["guarantee"] in {"once", "at least once"}
    assert [type(said[name]) for name in ("version", "watched", "delivered")] == [int, int, int]
    (owed,) = said["owed"]
    assert list(owed) == [
        "task_id",
        "status",
        "role",
        "since",
        "attempts",
        "next_attempt",
        "in_doubt",
        "last_error",
    ]
    assert re.fullmatch(moment, owed["since"])
    assert (owed["in_doubt"], owed["next_attempt"], owed["last_error"]) == (False, None, None)


@pytest.mark.parametrize(
    ("ago", "alive_ago", "code", "words"),
    [
        (5, 5, 0, "ok\n"),
        (5, 600, 1, "polls_failing: the bot has not been heard from for 60"),
        (700, 5, 1, "notices_overdue: 1 owed for more than 10 minutes"),
    ],
    ids=["well", "silent", "overdue"],
)
def test_health_is_reported_by_the_exit_code(call, saved, ago, alive_ago, code, words):
    saved(since=time.time() - ago, alive=time.time() - alive_ago)
    ended = call("health")
    assert ended.code == code
    assert ended.out.startswith(words)


def test_without_a_state_health_is_bad(call):
    ended = call("health")
    assert (ended.code, ended.out) == (1, "polls_failing: no bot has ever run with this state\n")


def test_a_state_that_cannot_be_read_is_reported_and_left_alone(call, room):
    (room / "state.json").write_bytes(b"{")
    ended = call("status")
    assert ended.code == 4
    assert "Put a good copy of either back" in ended.err
    assert [file.name for file in room.iterdir()] == ["state.json"]


HOSTILE = "9499\x1b[31m\x9b\nready: all\u202e\u200f\u2028\U000e0041\x7f"


def test_no_command_prints_what_others_hid_in_an_id_or_an_error(call, room):
    task = Task(HOSTILE, 20, msg=HOSTILE, video_url=f"https://example.com/{HOSTILE}")
    notice = Notice(TaskEnded(task), 1.0, attempts=1, last_error=HOSTILE)
    key = Key(HOSTILE, 30, "failure")
    receipt = Receipt(key.id, HOSTILE, HOSTILE, 1.0, key)
    destinations = {HOSTILE: Destination(refused=HOSTILE, error=HOSTILE)}
    known = State(
        baseline_at=1.0,
        tasks={HOSTILE: EndedTask(20, 1), f"{HOSTILE}2": TaskRecord(0, 1, 1.0)},
        outbox=Outbox((notice,), destinations),
        delivered=(receipt,),
    )
    Store(room / "state.json", State()).save(known)
    lock = Lock(room / "state.json")
    lock.take(1.0)
    lock.leave(
        {"health": {"interval": 1, "max_silence": 1, "slack_refused": HOSTILE, "owed_since": 1, "owed_error": HOSTILE}}
    )
    lock.release()
    for command in (
        ["status"], ["status", "--json"], ["health"], ["explain", "9499"], ["explain", HOSTILE],
        ["preview", HOSTILE], ["preview", HOSTILE, "--json"], ["preview", HOSTILE, "--link"], ["explain", HOSTILE * 2],
    ):  # fmt: skip
        ended = call(*command)
        printed = ended.out + ended.err
        assert printed
        assert {char for char in printed if char != "\n" and not char.isprintable()} == set(), command
        assert "ready" not in [line.partition(":")[0] for line in printed.splitlines()], command
    assert json.loads(call("status", "--json").out)["owed"][0]["task_id"] == HOSTILE


@pytest.mark.parametrize(
    "path",
    ["x" * 300, "file/state.json", "circle", "/dev/zero", "closed/state.json", "."],
)
@pytest.mark.parametrize("arguments", ["check", "status", "explain a", "health", "preview a"])
def test_a_path_where_no_state_can_be_is_reported_by_every_command_in_one_line(call, room, arguments, path):
    (room / "file").touch()
    (room / "circle").symlink_to("circle")
    (room / "closed").mkdir(0o000)
    if path.startswith("closed") and os.geteuid() == 0:
        pytest.skip("root may enter every directory")
    before = sorted(room.iterdir())
    nowhere = "http://127.0.0.1:9"  # nobody listens
    ended = call(*arguments.split(), **ENOUGH, CHANJING_BASE_URL=nowhere, STATE_PATH=path)
    said = re.findall(
        rf"{re.escape(path)}: (?:cannot be used: [^.]*|it is a .*, not a file)\. (.*)", ended.out + ended.err
    )
    assert len(said) == 1
    assert re.search("[Ss]et state.path|shorter name|Give the bot's user", said[0])
    assert ended.code == (1 if arguments == "check" else 4)
    assert sorted(room.iterdir()) == before


# With the two servers


@dataclass(frozen=True)
class World:
    """A Chanjing, a Slack, and the environment of a bot between them."""

    chanjing: ChanjingServer
    slack: SlackServer
    environ: dict[str, str]


@pytest.fixture
def world(room):
    with ChanjingServer() as chanjing, SlackServer() as slack:
        environ = {
            "CHANJING_BASE_URL": chanjing.url,
            "CHANJING_ACCESS_TOKEN": chanjing.token,
            "CHANJING_MAX_REQUESTS_PER_SECOND": "100",
            "SLACK_BASE_URL": slack.base_url,
            "SLACK_BOT_TOKEN": slack.token,
            "SLACK_CHANNEL": CHANNEL,
            "SLACK_PACE": "50ms",
            "POLL_INTERVAL": "100ms",
            "POLL_ACTIVE_INTERVAL": "100ms",
            "STATE_PATH": str(room / "state.json"),
            "PYTHONPATH": str(Path(bot.__file__).parents[1]),
        }
        yield World(chanjing, slack, environ)


@pytest.fixture
def once(world, room, program):
    """Return a function: changes to the environment → how `run --once` ended, in a process of its own."""

    def once(**changes: str) -> Ended:
        ended: Ended = program("run", "--once", directory=room, environ=world.environ | changes)
        assert "Traceback" not in ended.err
        assert "\x1b" not in ended.out + ended.err
        return ended

    return once


def owed(room: Path) -> int:
    found = state.peek(room / "state.json")
    return len(found.outbox.notices) if found else 0


def test_run_once_takes_note_greets_and_then_announces_what_ended(once, world, room):
    world.chanjing.add(status=20)
    task = world.chanjing.add()
    assert once().code == 0
    assert len(world.slack.messages) == 1
    world.chanjing.finish(task)
    ended = once()
    assert (ended.code, ended.out) == (0, "")
    assert [task in message.text for message in world.slack.messages] == [False, True]
    assert owed(room) == 0


def test_run_once_says_that_it_was_away_though_it_was_started_in_vain_meanwhile(once, world, room):
    task = world.chanjing.add()
    assert once().code == 0
    lock = room / "state.json.lock"
    left = json.loads(lock.read_bytes())
    left["health"]["last_read"] -= 3 * 3600
    lock.write_text(json.dumps(left))
    token, world.chanjing.token = world.chanjing.token, "another"
    assert [once().code, once().code] == [1, 1]
    world.chanjing.token = token
    world.chanjing.finish(task)
    assert once().code == 0
    assert "The bot was away" in world.slack.messages[-1].text + repr(world.slack.messages[-1].blocks)


def test_two_bots_that_share_a_channel_do_not_take_each_others_greeting_for_their_own(once, world, room):
    for _ in range(2):
        assert [once(STATE_PATH=str(room / f"{name}.json")).code for name in "ab"] == [0, 0]
    assert len(world.slack.messages) == 2


def test_run_once_that_could_not_read_the_list_has_left_something_undone(once, world):
    world.chanjing.token = "another"
    ended = once()
    assert ended.code == 1
    assert ended.err.startswith("lipsync-bot: list: HTTP 200, code 10400")
    assert len(ended.err.splitlines()) == 1


def test_run_once_that_still_owes_a_notice_has_left_something_undone(once, world, room):
    world.slack.channels[CHANNEL].is_member = False
    ended = once()
    assert ended.code == 1
    owed_still = "1 message is still owed (lipsync-bot status says why); the next run tries again."
    assert ended.err.endswith(f"lipsync-bot: {owed_still}\n")
    assert "/invite @lipsync-bot" in ended.err
    assert owed(room) == 1


def test_run_once_with_the_state_of_another_account_is_a_matter_of_configuration(once, world):
    for _ in range(12):
        world.chanjing.add(status=20)
    assert once().code == 0
    with ChanjingServer(world.chanjing.token) as other:
        for _ in range(12):
            other.add(status=20)
        ended = once(CHANJING_BASE_URL=other.url)
    assert ended.code == 2
    assert "belongs to another account" in ended.err
    assert len(world.slack.messages) == 1


def test_run_once_announces_the_new_tasks_of_a_list_that_was_cleared(once, world):
    old = [world.chanjing.add(status=20) for _ in range(12)]
    assert once().code == 0
    for task in old:
        world.chanjing.remove(task)
    task = world.chanjing.add(status=20)
    assert once().code == 0
    assert task in world.slack.messages[-1].text


@pytest.mark.parametrize("order", ["newest_first", "oldest_first", "shuffled"])
@pytest.mark.parametrize("count", [lambda true: true + 1, lambda true: None])
def test_run_once_ends_although_the_list_is_answered_past_its_end(once, world, order, count):
    world.chanjing.order, world.chanjing.clamp_page, world.chanjing.count = order, True, count
    for _ in range(95):
        world.chanjing.add(status=20)
    assert once(CHANJING_PAGE_SIZE="10").code == 0
    task = world.chanjing.add(status=20)
    assert once(CHANJING_PAGE_SIZE="10").code == 0
    assert task in world.slack.messages[-1].text
    assert len(world.chanjing.calls) <= 2 * 11


def test_the_state_holds_no_token(once, room, world):
    assert once().code == 0
    assert '"account": "' in (room / "state.json").read_text()
    assert world.chanjing.token not in (room / "state.json").read_text()


def test_run_once_while_another_copy_runs_is_refused_and_told_which(once, room):
    lock = Lock(room / "state.json")
    lock.take(time.time())
    ended = once()
    lock.release()
    assert ended.code == 3
    assert f"pid {os.getpid()}" in ended.err


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("state.json", "Put a good copy of either back"),
        ("missing/state.json", "Create the directory"),
        (".", "directory"),
        ("x" * 300, "shorter name"),
        ("/dev/zero", "it is a device, not a file"),
    ],
)
def test_run_once_with_a_state_that_cannot_be_used_says_what_to_do(once, world, room, path, words):
    (room / "state.json").write_bytes(b"{")
    ended = once(STATE_PATH=str(room / path))
    assert ended.code == 4
    assert words in ended.err
    assert world.chanjing.calls == []


def test_a_mistake_in_the_configuration_ends_the_real_program_too(once):
    ended = once(SLACK_CHANNEL="#lip-sync", SLACK_BOT_TOKEN=SECRET)
    assert ended.code == 2
    assert ended.err.startswith("lipsync-bot: slack.channel (environment variable SLACK_CHANNEL): ")
    assert SECRET not in ended.err


def test_no_secret_is_logged_even_at_debug(once, world):
    world.slack.intercept = lambda call: call.send(403, {}, call.target.encode()) or True
    hook = {"SLACK_BOT_TOKEN": "", "SLACK_CHANNEL": "", "SLACK_WEBHOOK_URL": world.slack.webhook_url}
    ended = once(**hook, SLACK_SETTLE="1s", LOG_LEVEL="debug")
    assert ended.code == 1
    assert "notice_dispatched" in ended.err
    for secret in (world.slack.webhook_url, "/services/", world.chanjing.token):
        assert secret not in ended.err


# The end of run


@contextlib.contextmanager
def running(program: Program, world: World, room: Path) -> Iterator[Running]:
    """Yield `run`. The file `log` is what it prints."""
    with (room / "log").open("w") as log:
        file = log.fileno()
        process = program.start("run", directory=room, environ=world.environ, out=file, err=file)
    with process:
        yield process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_run_at_once_and_well(program, world, room, number):
    greeted = threading.Event()
    world.slack.on_message = lambda message: greeted.set()
    world.environ["POLL_INTERVAL"] = world.environ["POLL_ACTIVE_INTERVAL"] = "5m"
    with running(program, world, room) as process:
        assert greeted.wait(PATIENCE)
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0
    events = [json.loads(line)["event"] for line in (room / "log").read_text("utf-8").splitlines()]
    assert (events[0], events[-1]) == ("started", "stopped")


def test_the_post_in_flight_is_finished_and_recorded(program, world, room):
    posting, signalled = threading.Event(), threading.Event()

    def intercept(call: Any) -> bool:
        if call.path.endswith("chat.postMessage"):
            posting.set()
            signalled.wait(10)
            time.sleep(0.3)
        return False

    world.slack.intercept = intercept
    with running(program, world, room) as process:
        assert posting.wait(PATIENCE)
        process.send_signal(signal.SIGTERM)
        signalled.set()
        assert process.wait(PATIENCE) == 0
    assert len(world.slack.messages) == 1
    assert owed(room) == 0


def test_a_second_signal_does_not_wait_for_the_post_in_flight(program, world, room):
    posting = threading.Event()

    def intercept(call: Any) -> bool:
        if call.path.endswith("chat.postMessage"):
            posting.set()
            world.slack.closing.wait(20)
        return False

    world.slack.intercept = intercept
    with running(program, world, room) as process:
        assert posting.wait(PATIENCE)
        began = time.monotonic()
        while process.poll() is None:  # two that come at once count as one
            process.send_signal(signal.SIGINT)
            time.sleep(0.1)
        assert time.monotonic() - began < 7  # after 8 it would end by itself
    assert process.returncode == 0
    assert owed(room) == 1


# check


def test_check_has_a_line_for_each_question(call, world):
    ended = call("check", **world.environ)
    assert (ended.code, ended.err) == (0, "")
    assert [line.split(":")[0] for line in ended.out.splitlines()] == [
        "✓ configuration",
        "✓ state",
        "✓ chanjing",
        "! chanjing.access_token",
        "✓ slack",
        "✓ slack.channel",
    ]
    assert world.slack.messages == []


DOUBTFUL = {"TZ": "Asia/Shangai", "SLACK_DAILY_SUMMARY": "9:00"}


def test_check_warns_of_what_is_hardly_meant(call, world, room):
    (room / "config.yaml").write_text("state:\n  path: elsewhere.json\n")
    ended = call("check", **world.environ, **DOUBTFUL)
    assert ended.code == 0
    assert [line.split(":")[0] for line in ended.out.splitlines()[1:4]] == [
        "! state.path",
        "! TZ",
        "✓ slack.daily_summary",
    ]
    assert "config.yaml line 2" in ended.out


def test_run_warns_of_what_is_hardly_meant(once, room):
    (room / "config.yaml").write_text("state:\n  path: elsewhere.json\n")
    ended = once(**DOUBTFUL)
    assert ended.code == 0
    warned = [json.loads(line) for line in ended.err.splitlines()]
    subjects = [line["subject"] for line in warned if line["event"] == "configuration_doubtful"]
    assert subjects == ["state.path", "TZ"]


def test_check_says_what_is_wrong_and_goes_on(call, world):
    environ = world.environ | {"CHANJING_ACCESS_TOKEN": "s3cret", "SLACK_BOT_TOKEN": SECRET}
    ended = call("check", **environ)
    assert ended.code == 1
    assert [line[0] for line in ended.out.splitlines()] == ["✓", "✓", "✗", "!", "✗"]
    assert "s3cret" not in ended.out + ended.err


def test_check_and_status_tell_of_a_history_that_the_running_bot_could_not_read(call, world, room):
    unread = Outbox((), {CHANNEL: Destination(unreadable="no_answer", checked=True)})
    path = Path(world.environ["STATE_PATH"])
    Store(path, State()).save(State(baseline_at=1.0, outbox=unread))
    ended = call("check", **world.environ)
    assert ended.code == 0
    assert "! slack.channel: #lip-sync" in ended.out
    assert "until it can, a message may be repeated after a lost reply" in ended.out
    assert json.loads(call("status", "--json", **world.environ).out)["guarantee"] == "at least once"


def test_check_does_not_warn_of_a_token_that_somebody_renews(call, world, room):
    (room / "token").write_text(world.chanjing.token)
    ended = call("check", **world.environ | {"CHANJING_ACCESS_TOKEN": "", "CHANJING_ACCESS_TOKEN_FILE": "token"})
    assert ended.code == 0
    assert "! " not in ended.out


def test_check_says_the_id_of_a_channel_that_is_configured_by_its_name(call, world):
    ended = call("check", **world.environ | {"SLACK_CHANNEL": "#lip-sync"})
    assert ended.code == 2
    mistake, hint = ended.err.splitlines()
    assert "must be a channel's id" in mistake
    assert hint == f"lipsync-bot: slack.channel: the id of #lip-sync is {CHANNEL}"


def test_check_reports_a_wrong_proxy_together_with_the_other_mistakes(call, world):
    ended = call("check", **world.environ | {"SLACK_CHANNEL": "#lip-sync", "HTTP_PROXY": "foo://s3cret"})
    assert ended.code == 2
    name, proxy = ended.err.splitlines()
    assert "must be a channel's id" in name
    assert "HTTP_PROXY: cannot be used" in proxy


def test_check_of_a_state_that_cannot_be_written_has_an_exit_code_of_its_own(call, world, room):
    ended = call("check", **world.environ | {"STATE_PATH": str(room / "missing" / "state.json")})
    assert ended.code == 4
    assert "✗ state: " in ended.out


def test_check_with_two_faults_is_about_the_network(call, world, room):
    world.slack.revoked = True
    ended = call("check", **world.environ | {"STATE_PATH": str(room / "missing" / "state.json")})
    assert ended.code == 1


def test_check_asks_chanjing_once_and_posts_nothing_where_slack_does_not_accept_the_token(call, world):
    world.chanjing.intercept = lambda call: call.send(503, {}, b"") or True
    world.slack.revoked = True
    ended = call("check", "--send", **world.environ)
    assert ended.code == 1
    assert len(world.chanjing.calls) == 1
    assert "send" not in ended.out


def test_check_with_a_webhook_says_that_there_is_no_board(call, world):
    environ = {name: value for name, value in world.environ.items() if name not in {"SLACK_BOT_TOKEN", "SLACK_CHANNEL"}}
    ended = call("check", **environ, SLACK_WEBHOOK_URL=world.slack.webhook_url, SLACK_BOARD="true")
    assert ended.code == 0
    assert ended.out.splitlines()[-1].startswith("! slack.board: a webhook cannot update a message")


def test_check_can_post_a_test_message(call, world):
    ended = call("check", "--send", **world.environ)
    assert ended.code == 0
    assert ended.out.splitlines()[-1].startswith(f"✓ send: a test message was posted to {CHANNEL}, ts ")
    assert len(world.slack.messages) == 1


def test_check_touches_no_state_and_takes_no_lock(call, world, room):
    lock = Lock(room / "state.json")
    lock.take(time.time())
    assert call("check", **world.environ).code == 0
    lock.release()
    assert [file.name for file in room.iterdir()] == ["state.json.lock"]


def test_check_with_a_webhook_says_what_it_cannot_know(call, world):
    environ = {name: value for name, value in world.environ.items() if name not in {"SLACK_BOT_TOKEN", "SLACK_CHANNEL"}}
    ended = call("check", "--send", **environ, SLACK_WEBHOOK_URL=world.slack.webhook_url)
    assert ended.code == 0
    assert [line.partition(":")[0] for line in ended.out.splitlines()[-2:]] == ["! slack", "✓ send"]
    assert len(world.slack.messages) == 1
