"""preview, explain and replay: the commands that answer questions about one task, or about the messages."""

import io
import json
import sys
from dataclasses import replace
from typing import get_args
from urllib.parse import unquote

import pytest

from bot.cli import main
from bot.cli.program import Kind
from bot.demo.block_kit import problems
from bot.demo.chanjing import LIST, ChanjingServer
from bot.demo.slack import CHANNEL, SlackServer
from bot.domain.destination import Destination, Intent
from bot.domain.news import EndedTask, TaskRecord
from bot.domain.notice import Key, Notice, Receipt, TaskEnded
from bot.domain.outbox import Outbox
from bot.domain.recent import Archived, RecentTask, ToArchive
from bot.domain.state import State
from bot.domain.task import Task
from bot.store.file import Store

T = 1_738_670_400.0  # 2025-02-04 12:00 UTC
URL = "https://res.example.com/v.mp4"


def owed(task_id, **fields):
    task = Task(task_id, 20, video_url=URL, create_time=int(T))
    return Notice(TaskEnded(task), T, **fields)


def receipt(task_id, ts="1738670500.000100", *, found=False):
    key = Key(task_id, 20, "success")
    return Receipt(key.id, CHANNEL, ts, T + 100, None if found else key)


STATE = State(
    baseline_at=T,
    tasks={
        "done0001": EndedTask(20, int(T)),
        "found002": EndedTask(20, int(T)),
        "owed0003": EndedTask(20, int(T)),
        "owed0004": EndedTask(20, int(T)),
        "slow0005": TaskRecord(10, 0, T + 10),
        "link0009": TaskRecord(10, int(T), T + 10, linkless_since=T + 90),
        "gone0006": TaskRecord(10, int(T), T + 10, vanished=True),
        "old00007": EndedTask(20, int(T), baselined=True),
        "long0008": EndedTask(20, int(T)),
    },
    outbox=Outbox(
        (owed("owed0003", attempts=2, last_error="ratelimited"), owed("owed0004")),
        {CHANNEL: Destination(intent=Intent((owed("owed0004").id,), T, "", in_doubt=True))},
    ),
    delivered=(receipt("done0001"), receipt("found002", found=True)),
    ended=(
        RecentTask(owed("done0001").content, T, Archived("2025/02/done0001.mp4", "2025/02/done0001.jpg")),
        RecentTask(owed("found002").content, T, given_up="the file is too large"),
        RecentTask(owed("owed0003").content, T),
    ),
    to_archive=(ToArchive("owed0003", T, 3, T + 480, "HTTP 500"),),
)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Return a function: arguments, environment → exit code and what was printed, with STATE in the state file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STATE_PATH", str(tmp_path / "state.json"))
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    Store(tmp_path / "state.json", State()).write(STATE)

    def run(*arguments, **environ):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["lipsync-bot", *arguments])
            for name, value in environ.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main()
        printed = capsys.readouterr()
        return ended.value.code or 0, printed.out + printed.err

    return run


@pytest.mark.parametrize(
    ("task_id", "said"),
    [
        ("done0001", ["archived:    2025/02/done0001.mp4 and 2025/02/done0001.jpg"]),
        ("found002", ["archived:    never: the file is too large"]),
        ("owed0003", ["archived:    not yet: owed since", "3 attempts, next 2025-02-04T12:08:00Z", "HTTP 500"]),
        ("done0001", ["delivered:", "as 20 (succeeded)", f"in {CHANNEL}", "ts 1738670500.000100", "permalink:"]),
        ("found002", ["delivered:", "ts 1738670500.000100"]),
        ("owed0003", ["owed:", "2 attempts", "last error:  ratelimited"]),
        ("owed0004", ["owed:", "in doubt: the bot looks for it in the channel"]),
        ("slow0005", ["not yet: it has not ended", "created:     Chanjing did not say"]),
        ("link0009", ["not yet: it has succeeded, and the bot waits up to a minute"]),
        ("gone0006", ["not yet: it vanished from the list"]),
        ("old00007", ["never: it had ended before the bot's first run"]),
        ("long0008", ["yes; its receipt is no longer kept"]),
    ],
)
def test_explain_says_why_a_task_was_or_was_not_announced(run, task_id, said):
    code, output = run("explain", task_id)
    assert code == 0
    for words in said:
        assert words in output


def test_explain_says_why_there_is_no_permalink_when_slack_cannot_be_asked(run):
    _, output = run("explain", "done0001")
    assert "permalink:   not known: asking for it needs slack.bot_token" in output


@pytest.mark.parametrize("command", ["explain", "preview"])
@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ("nothing", "no task whose id begins with 'nothing'"),
        ("owed", "2 ids begin with 'owed': owed0003, owed0004. Type more"),
        ("", "it is empty. Is a variable unset?"),
    ],
)
def test_an_id_that_stands_for_no_task_or_for_several_is_an_error_that_helps(run, command, prefix, words):
    code, output = run(command, prefix)
    assert code == 2
    assert len(output.splitlines()) == 1
    assert words in " ".join(output.replace("│", " ").split())


def test_of_many_ids_the_first_are_named(run, tmp_path):
    many = {f"many{number}": EndedTask(20, int(T)) for number in range(4)}
    Store(tmp_path / "state.json", State()).write(replace(STATE, tasks=many))
    _, output = run("explain", "many")
    assert "4 ids begin with 'many': many0, many1, many2 … Type more" in " ".join(output.replace("│", " ").split())


def test_explain_needs_nothing_of_chanjings_for_a_permalink(run):
    with SlackServer() as slack:
        environ = {"SLACK_BOT_TOKEN": slack.token, "SLACK_BASE_URL": slack.base_url, "SLACK_CHANNEL": CHANNEL}
        run("explain", "done0001", **environ)
        assert [call.path.rpartition("/")[2] for call in slack.calls] == ["chat.getPermalink"]


def test_a_unique_prefix_is_enough(run):
    assert "task:        done0001" in run("explain", "done")[1]
    assert "owed0003" in run("preview", "owed0003")[1]


def test_a_choice_may_be_written_in_capitals(run):
    assert "已生成" in run("preview", "--kind", "SUCCESS", "--language", "ZH")[1]


def test_a_kind_that_does_not_exist_is_reported_with_those_that_do(run):
    code, output = run("preview", "--kind", "nonsense")
    assert code == 2
    assert "Invalid value for '--kind': 'nonsense' is not one of success, failure, digest," in " ".join(output.split())


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_preview_of_each_kind_is_drawn(run, kind, language):
    code, output = run("preview", "--kind", kind, "--language", language)
    assert code == 0
    assert "lipsync-bot APP" in output


def test_a_preview_as_json_is_what_slack_takes(run):
    code, output = run("preview", "--json")
    assert code == 0
    messages = json.loads(output)
    assert len(messages) > len(get_args(Kind))
    assert [problem for message in messages for problem in problems(message)] == []
    assert problems(json.loads(run("preview", "owed0003", "--json")[1])) == []


def test_a_preview_link_holds_the_blocks(run):
    code, output = run("preview", "--kind", "success", "--link")
    assert code == 0
    address, _, blocks = output.strip().partition("#")
    assert address == "https://app.slack.com/block-kit-builder"
    assert json.loads(unquote(blocks))["blocks"][0]["type"] == "section"


@pytest.mark.parametrize("arguments", [["--json", "--link"], ["owed0003", "--kind", "success"]])
def test_options_that_exclude_each_other_are_an_error_of_one_line(run, arguments):
    code, output = run("preview", *arguments)
    assert (code, output.count("\n")) == (2, 1)
    assert "not both" in output


@pytest.fixture
def servers():
    with ChanjingServer() as chanjing, SlackServer() as slack:
        yield chanjing, slack


@pytest.fixture
def replay(run, servers, tmp_path):
    chanjing, slack = servers
    environ = {
        "CHANJING_BASE_URL": chanjing.url,
        "CHANJING_ACCESS_TOKEN": chanjing.token,
        "SLACK_BASE_URL": slack.base_url,
        "SLACK_BOT_TOKEN": slack.token,
        "SLACK_CHANNEL": CHANNEL,
        "NO_PROXY": "*",
    }
    for number in range(120):
        chanjing.add(f"task{number:03}", 20, create_time=int(T), video_url=URL)
    chanjing.add("running1", 10)
    return lambda *arguments: run("replay", *arguments, **environ)


def test_replay_posts_once_more_with_a_fresh_id_and_leaves_the_state_alone(replay, servers, tmp_path):
    before = (tmp_path / "state.json").read_bytes()
    for _ in range(2):
        code, output = replay("task003", "--yes")
        assert code == 0
    _, slack = servers
    first, second = slack.messages
    assert f"announced again in {CHANNEL}, ts {second.ts}" in output
    ids = [message.metadata["event_payload"]["ids"] for message in (first, second)]
    assert ids[0] != ids[1]
    assert Key("task003", 20, "success").id not in (*ids[0], *ids[1])
    assert (tmp_path / "state.json").read_bytes() == before
    assert not (tmp_path / "state.json.lock").exists()


@pytest.mark.parametrize(
    ("task", "has_detail", "lists"), [("task003", True, 0), ("task003", False, 3), ("task11", True, 4)]
)
def test_replay_asks_for_a_whole_id_and_reads_the_list_only_if_it_must(replay, servers, task, has_detail, lists):
    servers[0].has_detail = has_detail
    replay(task, "--yes")
    assert sum(call.path == LIST for call in servers[0].calls) == lists


def test_replay_reads_smaller_pages_where_chanjing_refuses_large_ones(replay, servers):
    servers[0].max_page_size, servers[0].oversize, servers[0].has_detail = 10, "refuse", False
    assert replay("task003", "--yes")[0] == 0
    assert len(servers[1].messages) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing", "--yes"], "no task whose id begins with 'nothing' is in Chanjing's list"),
        (["task00", "--yes"], "10 ids begin with 'task00'"),
        (["running1", "--yes"], "has not ended yet"),
        (["task003"], "add --yes"),
    ],
)
def test_replay_posts_nothing_where_it_is_not_clear_what(replay, servers, arguments, words):
    code, output = replay(*arguments)
    assert (code, output.count("\n")) == (2, 1)
    assert words in " ".join(output.split())
    assert servers[1].messages == []
