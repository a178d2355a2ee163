"""The container at work, seen from Chanjing and Slack: it starts, ends, is killed, and begins anew."""

import itertools
import re
import socket
import time

import httpx
import pytest

from bot import __version__
from bot.demo.chanjing import ChanjingServer
from bot.demo.slack import CHANNEL
from tests.image.engine import eventually

ROOT_IS_READ_ONLY = re.compile(r"^\S+ / \S+ (?:\S+,)?ro[, ]", re.MULTILINE)


def times_announced(slack, task_id):
    """Return in how many messages *task_id* was announced."""
    return sum(task_id in message.text for message in slack.messages)


def greeted(slack):
    eventually(lambda: bool(slack.messages), "a greeting")


def announced(slack, task_id):
    eventually(lambda: times_announced(slack, task_id) > 0, f"{task_id} is announced")


def test_five_variables_are_all_it_takes(run, five, chanjing, slack):
    task = chanjing.add()
    run(environment=five)
    greeted(slack)
    chanjing.finish(task)
    announced(slack, task)


def test_it_has_no_rights_and_cannot_write_outside_of_its_volume(run, quick, slack):
    container = run(environment=quick)
    greeted(slack)
    status = dict(re.findall(r"^(\w+):\s+(.*)$", container.execute("cat", "/proc/1/status").stdout, re.MULTILINE))
    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {"10001"}
    assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")} == {0}
    assert status["NoNewPrivs"] == "1"
    assert ROOT_IS_READ_ONLY.search(container.execute("cat", "/proc/mounts").stdout)


@pytest.mark.parametrize("signal", ["TERM", "INT"])
def test_a_signal_reaches_it_as_the_first_process_and_ends_it_at_once_with_0(run, quick, slack, signal):
    container = run(environment=quick)
    greeted(slack)
    began = time.monotonic()
    container.kill(signal)
    assert container.wait() == 0
    assert time.monotonic() - began < 5


def test_a_new_container_with_the_old_volume_announces_what_is_new_and_repeats_nothing(run, quick, chanjing, slack):
    before, meanwhile = chanjing.add(), chanjing.add()
    first = run(environment=quick)
    greeted(slack)
    chanjing.finish(before)
    announced(slack, before)
    first.kill("TERM")
    first.wait()
    first.remove()
    chanjing.finish(meanwhile)
    run(environment=quick)
    announced(slack, meanwhile)
    seen = len(chanjing.calls)
    eventually(lambda: len(chanjing.calls) > seen + 3, "a few more polls")
    assert [times_announced(slack, before), times_announced(slack, meanwhile), len(slack.messages)] == [1, 1, 3]


@pytest.mark.parametrize("arrives", [False, True], ids=["before Slack has it", "after Slack has it"])
def test_killed_while_it_posts_it_loses_nothing_and_repeats_nothing(run, quick, chanjing, slack, arrives):
    task = chanjing.add()
    container = run(environment=quick)
    greeted(slack)
    posts = itertools.count()

    def never_answer(call):
        if call.path != "/api/chat.postMessage":
            return False
        if arrives:
            call.process()
        next(posts)
        slack.closing.wait(60)
        return True

    slack.intercept = never_answer
    chanjing.finish(task)
    eventually(lambda: repr(posts) != "count(0)", "a post is in flight")
    container.kill()
    assert container.wait() == 137
    slack.intercept = None
    container.start_again()
    announced(slack, task)
    seen = len(chanjing.calls)
    eventually(lambda: len(chanjing.calls) > seen + 10, "a few more polls")
    assert times_announced(slack, task) == 1


def test_a_second_one_with_the_same_volume_is_refused_with_3_and_the_first_goes_on(run, quick, chanjing, slack):
    task = chanjing.add()
    run(environment=quick)
    greeted(slack)
    second = run("run", "--once", environment=quick)
    assert second.wait() == 3
    assert "held by" in second.logs
    chanjing.finish(task)
    announced(slack, task)


def test_once_polls_delivers_and_leaves_with_0(run, quick, slack):
    assert run("run", "--once", environment=quick).wait() == 0
    assert len(slack.messages) == 1


def test_where_data_cannot_be_written_it_says_so_and_ends_with_4(run, quick, tmp_path):
    tmp_path.chmod(0o555)
    container = run(environment=quick, data=str(tmp_path))
    assert container.wait() == 4
    assert "Give the bot's user" in container.logs


def test_what_it_prints_holds_no_secret(run, quick, chanjing, slack):
    container = run(environment=quick | {"LOG_LEVEL": "debug"})
    greeted(slack)
    container.kill("TERM")
    container.wait()
    assert '"event"' in container.logs
    assert [secret for secret in (chanjing.token, slack.token) if secret in container.logs] == []


def test_check_finds_everything_in_place(run, quick, slack):
    check = run("check", environment=quick)
    assert check.wait() == 0
    assert CHANNEL in check.logs


def test_it_answers_probes_and_prometheus_where_it_has_to_listen(run, quick, slack):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    run(environment=quick | {"MONITOR_LISTEN": f"127.0.0.1:{port}"})
    greeted(slack)
    answers = {path: httpx.get(f"http://127.0.0.1:{port}{path}") for path in ("/healthz", "/readyz", "/metrics")}
    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert 'lipsync_bot_build_info{python="3.13' in answers["/metrics"].text
    assert f'version="{__version__}"' in answers["/metrics"].text


def test_health_turns_red_when_chanjing_goes_away_and_green_when_it_is_back(run, quick, chanjing, slack):
    """Red comes after two minutes without an answer, whatever the interval: so long it takes."""
    container = run(environment=quick)
    greeted(slack)
    assert container.execute("lipsync-bot", "health").returncode == 0
    port = chanjing.port
    chanjing.close()
    eventually(lambda: container.execute("lipsync-bot", "health").returncode == 1, "red", within=150)
    assert "polls_failing" in container.execute("lipsync-bot", "health").stdout
    with ChanjingServer(port=port) as back:
        eventually(lambda: bool(back.calls), "a poll")
        eventually(lambda: container.execute("lipsync-bot", "health").returncode == 0, "green")
