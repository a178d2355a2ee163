"""Whether the bot is well, as it judges itself and as `health` judges it by what it has left."""

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from bot.cli import health as healthcheck
from bot.cli.selection import Selection
from bot.config import sections as config
from bot.config.load import load_states
from bot.demo.server import Call
from bot.domain import health
from bot.domain.destination import Destination
from bot.domain.health import Condition
from bot.domain.notice import Notice, TaskEnded
from bot.domain.outbox import Outbox
from bot.domain.recent import ToArchive
from bot.domain.state import State
from bot.domain.task import Task
from bot.domain.trouble import Ongoing
from bot.errors import ConfigError
from bot.store.lock import Lock, left
from tests.fakes import NOON
from tests.faults.bot_in_thread import scene, wait_for

NOTICE = Notice(TaskEnded(Task("9499ed79", 20)), NOON - 60)


def condition(state: State, *, failing_since: float | None = None) -> Condition:
    return health.condition(state, Condition(30.0, 130.0), failing_since=failing_since, now=NOON)


def owing(*notices: Notice, **destinations: Destination) -> State:
    return State(outbox=Outbox(notices, destinations))


def reasons(state: State, *, failing_since: float | None = None, at: float = NOON) -> health.Reasons:
    """Return what /readyz and `health` say of a bot that was heard from just now: they must agree."""
    bot = condition(state, failing_since=failing_since)
    judged = health.judge((at, json.loads(json.dumps(health.to_leave(bot)))), at)
    assert judged == health.reasons(bot, silent_for=0.0, now=at)
    return judged


@pytest.mark.parametrize(
    ("silent_for", "interval", "max_silence", "codes"),
    [
        (0, 30, 0, []),
        (-3600, 30, 0, []),  # the clock was set back
        (119, 30, 0, []),
        (121, 30, 0, ["polls_failing"]),
        (121, 5, 0, ["polls_failing"]),
        (121, 5, 130, []),
        (131, 5, 130, ["polls_failing"]),
        (899, 300, 0, []),
        (901, 300, 0, ["polls_failing"]),
    ],
)
def test_a_bot_that_was_silent_for_three_of_its_own_intervals_is_unwell(silent_for, interval, max_silence, codes):
    content = health.to_leave(Condition(interval, max_silence))
    assert [code for code, _ in health.judge((NOON - silent_for, content), NOON)] == codes


def test_a_bot_that_never_ran_is_unwell():
    assert health.judge(None, NOON) == [("polls_failing", "no bot has ever run with this state")]


@pytest.mark.parametrize(
    "content", [{}, {"pid": 1}, {"health": None}, {"health": {"interval": "x"}}, {"health": {"x": 1}}]
)
def test_what_another_version_has_left_is_not_guessed_at(content):
    ((code, detail),) = health.judge((NOON, content), NOON)
    assert code == "polls_failing"
    assert "another version" in detail


def test_notices_owed_for_more_than_ten_minutes_are_counted_with_their_error():
    late = replace(NOTICE, since=NOON - 601, last_error="not_in_channel")
    assert reasons(owing(NOTICE)) == []
    assert reasons(owing(late, replace(NOTICE, content=TaskEnded(Task("other", 20))))) == [
        ("notices_overdue", "1 owed for more than 10 minutes, the oldest for 601 s: not_in_channel")
    ]


def test_a_notice_gets_overdue_although_the_bot_has_not_said_so():
    assert reasons(owing(NOTICE), at=NOON + 541) == [
        ("notices_overdue", "1 owed for more than 10 minutes, the oldest for 601 s")
    ]


def test_polls_fail_since_the_loop_says_so_or_a_trouble_that_outlived_it():
    assert reasons(State(), failing_since=NOON - 119) == []
    failing = [("polls_failing", "no poll has succeeded for 121 s")]
    assert reasons(State(), failing_since=NOON - 121) == failing
    for code in ("chanjing_unreachable", "foreign_state"):
        assert reasons(State(troubles={code: Ongoing(NOON - 121)}), failing_since=NOON) == failing
        assert reasons(State(troubles={code: Ongoing(NOON - 121, over=True)})) == []


def test_an_archive_that_takes_nothing_is_named():
    waiting = (ToArchive("a", NOON, last_error="no"), ToArchive("b", NOON, problem="unusable", last_error="full"))
    assert reasons(State(to_archive=waiting)) == [("archive_failing", "full")]
    assert reasons(State(to_archive=waiting[:1])) == []


def test_a_chanjing_and_a_slack_that_refuse_are_named():
    assert reasons(State(troubles={"chanjing_refused": Ongoing(NOON)})) == [
        ("chanjing_refused", "Chanjing does not accept the token")
    ]
    assert reasons(owing(C1=Destination(refused="invalid_auth", error="invalid_auth: renew it"))) == [
        ("slack_refused", "C1: invalid_auth: renew it")
    ]


def test_what_is_left_is_small_and_harmless_whatever_others_said():
    error = "\x1b[31m" + "视频\u202e🎬" * 5_000
    many = {f"C{number}": Destination(refused="x", error=error) for number in range(50)}
    content = health.to_leave(condition(owing(*[replace(NOTICE, last_error=error)] * 5_000, **many)))
    assert len(json.dumps(content)) < 16_000
    assert "\x1b" not in json.dumps(content, ensure_ascii=False)
    assert "\u202e" not in json.dumps(content, ensure_ascii=False)


# In the lock file


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state 状态.json"


@pytest.mark.parametrize("content", [b"", b"junk", b"junk" * 1000, b'{"health": 1}'])
def test_what_somebody_else_wrote_over_it_does_not_last(path, content):
    lock, file = Lock(path), path.with_name(f"{path.name}.lock")
    lock.take(NOON)
    lock.leave({"health": 1})
    whole = file.read_bytes()
    file.write_bytes(content)
    lock.leave({"health": 1})
    assert file.read_bytes() == whole


def test_what_is_left_is_written_only_when_it_changes_and_does_not_move_the_heartbeat(path):
    lock, file = Lock(path), path.with_name(f"{path.name}.lock")
    lock.take(NOON)
    lock.leave({"health": 1})
    os.utime(file, (NOON, NOON))
    lock.leave({"health": 1})
    before = file.stat()
    lock.leave({"health": "x" * 100})
    assert (file.stat().st_mtime, file.stat().st_ino) == (NOON, before.st_ino)
    assert file.stat().st_ctime_ns > before.st_ctime_ns
    assert left(path) == (NOON, {"host": os.uname().nodename, "pid": os.getpid(), "started": NOON, "health": "x" * 100})
    changed = file.stat().st_ctime_ns
    lock.leave({"health": "x" * 100})
    assert file.stat().st_ctime_ns == changed
    lock.leave({"health": 2})
    assert (left(path) or (0, {}))[1]["health"] == 2
    lock.release()
    lock.leave({"health": 3})
    assert (left(path) or (0, {}))[1]["health"] == 2


def test_a_lock_of_an_older_version_is_read_as_far_as_it_goes(path):
    path.with_name(f"{path.name}.lock").write_text('{"host":"h","pid":1,"started":1.0}')
    assert (left(path) or (0, {}))[1] == {"host": "h", "pid": 1, "started": 1.0}


# The command


def state_paths(file, environ, secrets):
    return {name: state.path for name, state in load_states(file, environ, secrets_dir=secrets).items()}


def test_it_finds_the_state_as_the_other_commands_do(path, tmp_path):
    file, secrets = tmp_path / "own.yaml", tmp_path / "secrets"
    file.write_text(f"chanjing: {{}}\nnonsense: 1\nstate:\n  retention: 7d\n  path: '{path}'\n", "utf-8")
    secrets.mkdir()
    assert state_paths(file, {}, secrets) == {"default": path}
    assert state_paths(None, {"STATE_PATH": f" {path} "}, secrets) == {"default": path}
    (secrets / "state_path").write_text(f"{path}\n", "utf-8")
    assert state_paths(None, {}, secrets) == {"default": path}


@pytest.mark.parametrize(
    ("yaml", "words"),
    [
        (None, "there is no such file"),
        ("state: [", "this is not YAML"),
        ("state:\n  path: [a, b]", "state.path (STATE_PATH; "),
        ("state:\n  path: !secret x", "must be a plain value"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_an_error_as_for_the_other_commands(tmp_path, yaml, words):
    file = tmp_path / "own.yaml"
    if yaml is not None:
        file.write_text(yaml)
    with pytest.raises(ConfigError, match=re.escape(words)):
        load_states(file, {}, secrets_dir=tmp_path / "none")


def test_it_looks_where_the_bot_keeps_its_state_when_nothing_is_set(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert state_paths(None, {}, tmp_path / "none") == {"default": config.State().path}
    assert healthcheck.main(Selection()) == 1
    assert capsys.readouterr().out == "polls_failing: no bot has ever run with this state\n"


def test_the_running_bot_leaves_how_it_is_doing(tmp_path):
    def refuse(call: Call) -> bool:
        call.send(200, {}, b'{"ok": false, "error": "invalid_auth"}')
        return True

    def asked() -> list[str]:
        return [code for code, _ in health.judge(left(here.path), time.time())]

    with scene(tmp_path) as here, here.running(POLL_INTERVAL="7s", CHANJING_TIMEOUT="2s", SLACK_TIMEOUT="3s"):
        wait_for(lambda: asked() == [], "it is well")
        _, content = left(here.path) or (0, {})
        assert (content["health"]["interval"], content["health"]["max_silence"]) == (7, 55)
        here.slack.intercept = refuse
        here.chanjing.add("a" * 32, 20)
        wait_for(lambda: asked() == ["slack_refused"], "it says that Slack refuses")


@pytest.mark.parametrize(("environ", "unless_needed"), [({}, set()), ({"STATE_PATH": "state.json"}, {"yaml"})])
def test_it_loads_none_of_the_large_libraries(path, tmp_path, environ, unless_needed):
    (tmp_path / "config.yaml").write_text(f"state:\n  path: '{path}'\n", "utf-8")
    ask = (
        "import sys\nfrom bot import __main__\ntry:\n __main__.main()\nfinally:\n print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", ask, "health"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUTF8": "1", **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    loaded = set(done.stderr.split())
    assert "bot.cli.health" in loaded
    assert not loaded & unless_needed
    assert not loaded & {
        "pydantic",
        "rich",
        "httpx",
        "typer",
        "prometheus_client",
        "bot.domain.state",
    }
