"""The process around a command, as a shell or an init system meets it: signals, standard streams, exit codes.

Where the start of the process itself matters it is started anew, else forked (see tests.forked): that saves a second.
"""

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import bot
from bot.demo.chanjing import ChanjingServer
from bot.demo.slack import CHANNEL, SlackServer
from bot.domain.news import EndedTask
from bot.domain.state import State
from bot.store.file import Store
from tests.faults.bot_in_thread import wait_for
from tests.forked import Ended, Program

PROGRAM = [sys.executable, "-m", "bot"]


@pytest.fixture
def environ(tmp_path, monkeypatch):
    """Return an environment in which the program can be started, in an empty directory."""
    monkeypatch.chdir(tmp_path)
    return os.environ | {"PYTHONPATH": str(Path(bot.__file__).parents[1])}


@pytest.fixture
def chanjing():
    with ChanjingServer() as chanjing:
        yield chanjing


@pytest.fixture
def slack():
    with SlackServer() as slack:
        yield slack


@pytest.fixture
def world(environ, chanjing, slack, tmp_path):
    """Return the environment of a bot that has all it needs."""
    return environ | {
        "CHANJING_BASE_URL": chanjing.url,
        "CHANJING_ACCESS_TOKEN": chanjing.token,
        "SLACK_BASE_URL": slack.base_url,
        "SLACK_BOT_TOKEN": slack.token,
        "SLACK_CHANNEL": CHANNEL,
        "SLACK_PACE": "50ms",
        "STATE_PATH": str(tmp_path / "state.json"),
    }


@pytest.fixture
def called(world, program, tmp_path):
    """Return a function: a command, where it prints, changes to the environment → how the program ended, forked."""

    def called(
        command: str,
        *,
        under: Program = program,
        before: str = "",
        out: int | None = None,
        err: int | None = None,
        **changes: str,
    ) -> Ended:
        own = {"directory": tmp_path, "environ": world | changes}
        return under(*command.split(), before=before, out=out, err=err, **own)

    return called


def shell(command: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run *command*, in which $BOT is the program, and which may redirect its streams."""
    line = command.replace("$BOT", shlex.join(PROGRAM))
    return subprocess.run(
        ["bash", "-c", line],  # noqa: S607 - wherever it is
        env=environ,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=60,
        check=False,
    )


# Signals

WAITS_IN_AN_IMPORT = """
import runpy, sys

class Waits:
    def find_spec(self, name, path=None, target=None):
        if name == "bot.cli":
            sys.meta_path.remove(self)
            print("importing", flush=True)
            sys.stdin.readline()

sys.meta_path.insert(0, Waits())
runpy.run_module("bot", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    ("command", "number", "code"),
    [("run", signal.SIGTERM, 0), ("run", signal.SIGINT, 0), ("status", signal.SIGINT, 130)],
)
def test_a_signal_during_the_imports_is_heeded(world, command, number, code):
    program = [sys.executable, "-c", WAITS_IN_AN_IMPORT, command]
    pipe = subprocess.PIPE
    with subprocess.Popen(program, env=world, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "importing\n"
        process.send_signal(number)
        _, err = process.communicate("go on\n", timeout=60)
    assert process.returncode == code
    assert "Traceback" not in err


# A log that cannot be written


@pytest.fixture
def full():
    """Yield a file on a disk that is full."""
    file = os.open("/dev/full", os.O_WRONLY)
    yield file
    os.close(file)


@pytest.fixture
def unread():
    """Yield the end to write to of a pipe whose reader is gone."""
    ours, theirs = os.pipe()
    os.close(ours)
    yield theirs
    os.close(theirs)


@pytest.mark.parametrize("kind", ["full", "unread"])
def test_a_log_that_cannot_be_written_does_not_end_the_bot(called, request, kind):
    assert called("run --once", err=request.getfixturevalue(kind)).code == 0
    assert json.loads(called("status --json").out)["delivered"] == 1


def test_a_log_that_is_closed_does_not_end_the_bot(world, called):
    assert shell("$BOT run --once 2>&-", world).returncode == 0
    assert json.loads(called("status --json").out)["delivered"] == 1


# Other streams


# Python takes the C locale for UTF-8 unless it is told not to. Then pydantic cannot be imported from such a path.
ASCII = pytest.param(
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    marks=pytest.mark.skipif(not sys.prefix.isascii(), reason="pydantic needs a path that the locale can name"),
)


@pytest.mark.parametrize("encoding", [ASCII, {"LC_ALL": "C"}, {"PYTHONIOENCODING": "latin-1"}])
def test_an_encoding_without_chinese_stops_no_command(called, encoding):
    with Program(**encoding) as program:

        def chinese(command: str) -> Ended:
            ended: Ended = called(command, under=program, SLACK_LANGUAGE="zh", **encoding)
            return ended

        assert chinese("preview").code == 0
        assert chinese("check").out[1:].startswith(" configuration: complete\n")
        assert "数字人" in json.loads(chinese("preview --kind failure --json").out)["text"]
        chinese("run --once")
        assert chinese("status").code == 0


@pytest.mark.parametrize(
    "command",
    ["status --json", "status", "check", "preview", "preview --json", "explain a", "health", "--help", "--version"],
)
def test_an_output_that_cannot_be_written_is_reported_in_one_line(called, full, tmp_path, command):
    Store(tmp_path / "state.json", State()).save(State(tasks={"a": EndedTask(20, 1)}))
    ended = called(command, out=full)
    assert ended.code == 1
    assert ended.err == "lipsync-bot: the output cannot be written: No space left on device.\n"


@pytest.mark.parametrize("command", ["preview", "check", "health", "--help"])
def test_a_reader_that_goes_away_is_no_fault(called, unread, command):
    assert called(command, out=unread).err == ""


def test_without_stdin_replay_says_that_it_cannot_ask(world):
    with ChanjingServer() as chanjing:
        task = chanjing.add(status=20)
        own = world | {"CHANJING_BASE_URL": chanjing.url, "CHANJING_ACCESS_TOKEN": chanjing.token}
        ran = shell(f"$BOT replay {task} <&-", own)
    assert ran.returncode == 2
    assert "add --yes" in ran.stderr


def test_ctrl_c_at_the_question_ends_replay_as_it_ends_every_command(world):
    ours, theirs = os.openpty()
    with ChanjingServer() as chanjing, os.fdopen(ours), os.fdopen(theirs) as terminal:
        task = chanjing.add(status=20)
        own = world | {"CHANJING_BASE_URL": chanjing.url, "CHANJING_ACCESS_TOKEN": chanjing.token}
        pipe = subprocess.PIPE
        with subprocess.Popen([*PROGRAM, "replay", task], env=own, stdin=terminal, stdout=pipe, stderr=pipe) as process:
            assert process.stdout is not None
            assert process.stdout.read(8) == b"Announce"
            while process.poll() is None:  # a signal that comes before it reads is heeded after that only
                process.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(10)  # a second one could come when Python itself is on its way out
            assert process.stderr is not None
            assert (process.returncode, process.stderr.read()) == (130, b"")


# What ends `run` before it begins


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("HTTP_PROXY", "foo://s3cret", "HTTP_PROXY: cannot be used. A proxy is written like http://"),
        ("SSL_CERT_FILE", "/none/s3cret", "SSL_CERT_FILE: must name certificates that can be read"),
        ("MONITOR_LISTEN", "192.0.2.1:8080", "Set an address of this machine, such as 0.0.0.0:8080."),
    ],
)
def test_what_the_machine_does_not_have_is_a_matter_of_configuration(called, name, value, words):
    ended = called("run", **{name: value})
    assert ended.code == 2
    assert words in ended.err
    assert "s3cret" not in ended.err


# A closed terminal


@contextlib.contextmanager
def greeted(environ: dict[str, str], *before: str) -> Iterator[subprocess.Popen[bytes]]:
    """Yield `run`, started by *before*, when it has greeted."""
    with SlackServer() as slack:
        there = threading.Event()
        slack.on_message = lambda message: there.set()
        own = environ | {"SLACK_BASE_URL": slack.base_url, "SLACK_BOT_TOKEN": slack.token}
        with subprocess.Popen(
            [*before, *PROGRAM, "run"],
            env=own,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            try:
                assert there.wait(60)
                yield process
            finally:
                process.kill()


def test_a_closed_terminal_ends_run_as_sigterm_does(world):
    with greeted(world) as process:
        process.send_signal(signal.SIGHUP)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert json.loads(err.splitlines()[-1])["event"] == "stopped"


def test_under_nohup_a_closed_terminal_ends_nothing(world):
    with greeted(world, "nohup") as process:
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


# A core dump would hold the tokens


def test_the_program_leaves_no_core_dump(world):
    with greeted(world) as process:
        limits = Path(f"/proc/{process.pid}/limits").read_text("utf-8")
        assert re.search(r"Max core file size +0 +0 ", limits)


# A log that nobody reads


@pytest.fixture
def stuck():
    """Yield the end to write to of a pipe that is full, and that nobody reads."""
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(theirs, b"x")
    os.set_blocking(theirs, True)
    yield theirs
    os.close(ours)
    os.close(theirs)


def test_a_log_that_nobody_reads_holds_up_nothing(called, stuck, chanjing, slack):
    for _ in range(30):
        chanjing.add(status=20)
    own = {"SLACK_PACE": "10ms", "SLACK_DIGEST_AFTER": "0", "POLL_FIRST_RUN": "announce", "LOG_LEVEL": "debug"}
    assert called("run --once", err=stuck, **own).code == 0
    assert len(slack.messages) == 31


@pytest.mark.parametrize(("command", "code"), [("run", 2), ("check", 2), ("status", 4)])
def test_an_error_that_nobody_reads_ends_the_program_all_the_same(program, tmp_path, stuck, command, code):
    assert program(command, directory=tmp_path, environ={}, err=stuck).code == code


# A machine that lets nobody start a thread


def threads(allowed: int) -> str:
    """Return code after which only so many threads can be started: the stack of the next is larger than the memory.

    A limit on processes does the same, but not for root.
    """
    return (
        "import threading\n"
        "left, start = [" + str(allowed) + "], threading.Thread.start\n"
        "def counted(thread):\n"
        "    threading.stack_size(0 if left[0] > 0 else 1 << 46)\n"
        "    left[0] -= 1\n"
        "    start(thread)\n"
        "threading.Thread.start = counted\n"
    )


@pytest.mark.parametrize("command", ["run", "run --once", "check", "check --send", "replay a --yes", "demo"])
def test_where_no_thread_can_be_started_each_command_says_so(called, command):
    ended = called(command, before=threads(0))
    assert ended.code == 1
    assert "no thread can be started. Raise the limit on processes (ulimit -u, " in ended.out + ended.err
    assert "Traceback" not in ended.out + ended.err


@pytest.mark.parametrize("allowed", [1, 2, 3])
def test_where_there_is_no_thread_for_the_monitor_run_says_so(called, allowed):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ended = called("run", before=threads(allowed), MONITOR_LISTEN=f"127.0.0.1:{port}")
    assert (ended.code, "Traceback" in ended.err) == (1, False)
    assert "no thread can be started" in ended.err


@pytest.mark.parametrize("allowed", [1, 5, 11])
def test_a_demo_with_too_few_threads_says_so_at_once(program, tmp_path, allowed):
    ended = program("demo", directory=tmp_path, environ={}, before=threads(allowed))
    assert (ended.code, "Traceback" in ended.err) == (1, False)
    assert "no thread can be started" in ended.err


def test_where_threads_get_short_run_goes_on(world, chanjing, slack, tmp_path):
    ours = tmp_path / "short"
    script = (
        "import pathlib, threading\n"
        f"short, start = pathlib.Path({str(ours)!r}), threading.Thread.start\n"
        "def started(thread):\n"
        "    threading.stack_size(1 << 46 if short.exists() else 0)\n"
        "    start(thread)\n"
        "threading.Thread.start = started\n"
        "from bot.__main__ import main\n"
        "main()\n"
    )
    own = world | {"POLL_INTERVAL": "200ms", "LOG_FORMAT": "json"}
    with subprocess.Popen([sys.executable, "-c", script, "run"], env=own, stderr=subprocess.DEVNULL) as run:
        try:
            wait_for(lambda: slack.messages, "the greeting")
            ours.touch()
            task = chanjing.add(status=20)
            wait_for(lambda: any(task in message.text for message in slack.messages), "the task to be announced")
            run.send_signal(signal.SIGTERM)
            assert run.wait(60) == 0
        finally:
            run.kill()


# A port that anybody can reach


@contextlib.contextmanager
def dripping(port: int, count: int) -> Iterator[None]:
    """Keep so many clients connected, each of which sends a request without end, a letter at a time."""
    ended = threading.Event()
    clients: dict[int, socket.socket] = {}
    opened: list[int] = []

    def drip() -> None:
        while not ended.wait(0.05):
            for number in range(count):
                try:
                    if number not in clients:
                        clients[number] = socket.create_connection(("127.0.0.1", port), timeout=0.2)
                        opened.append(number)
                    clients[number].send(b"G")
                except OSError:
                    if client := clients.pop(number, None):
                        client.close()

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        wait_for(lambda: len(opened) >= count - 15, "about that many clients")
        yield
    finally:
        ended.set()
        thread.join()
        for client in clients.values():
            client.close()


def answers(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(url, timeout=10).status_code == 200
    return False


def test_more_clients_than_there_are_descriptors_keep_the_bot_from_nothing(world, chanjing, slack):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    script = (
        "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (80, 80))\nfrom bot.__main__ import main\nmain()\n"
    )
    own = world | {
        "POLL_INTERVAL": "200ms",
        "MONITOR_LISTEN": f"127.0.0.1:{port}",
        "MONITOR_PING_URL": f"http://127.0.0.1:{port}/metrics",
    }
    program = [sys.executable, "-c", script, "run"]
    with (
        contextlib.ExitStack() as stack,
        subprocess.Popen(program, env=own, stderr=subprocess.PIPE, text=True) as run,
    ):
        try:
            wait_for(lambda: slack.messages, "the greeting")
            stack.enter_context(dripping(port, 75))
            task = chanjing.add(status=20)
            wait_for(lambda: any(task in message.text for message in slack.messages), "the task to be announced")
            wait_for(lambda: answers(f"http://127.0.0.1:{port}/healthz"), "an answer to a probe")
            run.send_signal(signal.SIGTERM)
            _, err = run.communicate(timeout=20)
        finally:
            run.kill()
    assert run.returncode == 0
    assert "Traceback" not in err
