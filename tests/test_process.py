"""The process around a command, as a shell or an init system meets it: signals, standard streams, exit codes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import bot
from bot.config import KEYS
from bot.demo.chanjing import ChanjingServer
from bot.demo.slack import CHANNEL, SlackServer

PROGRAM = [sys.executable, "-m", "bot"]
FULL = "/dev/full"
FOREIGN = {key.environment for key in KEYS}


@pytest.fixture
def environ(tmp_path, monkeypatch):
    """Return an environment without anything of ours, in an empty directory."""
    monkeypatch.chdir(tmp_path)
    ours = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return ours | {"PYTHONPATH": str(Path(bot.__file__).parents[1])}


@pytest.fixture
def world(environ, tmp_path):
    """Yield the environment of a bot that has all it needs."""
    with ChanjingServer() as chanjing, SlackServer() as slack:
        yield environ | {
            "CHANJING_BASE_URL": chanjing.url,
            "CHANJING_ACCESS_TOKEN": chanjing.token,
            "SLACK_BASE_URL": slack.base_url,
            "SLACK_BOT_TOKEN": slack.token,
            "SLACK_CHANNEL": CHANNEL,
            "SLACK_PACE": "50ms",
            "STATE_PATH": str(tmp_path / "state.json"),
        }


def shell(command: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run *command*, in which $BOT is the program, and which may redirect its streams."""
    line = command.replace("$BOT", " ".join(PROGRAM))
    return subprocess.run(
        ["bash", "-c", line],  # noqa: S607 - wherever it is
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# Signals


@pytest.mark.parametrize(
    ("command", "number", "code"),
    [("run", signal.SIGTERM, 0), ("run", signal.SIGINT, 0), ("status", signal.SIGINT, 130)],
)
def test_a_signal_during_the_imports_is_heeded(world, command, number, code):
    # Python tells of each import when it is done: after this one hundreds follow.
    program = [sys.executable, "-X", "importtime", "-m", "bot", command]
    with subprocess.Popen(program, env=world, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any(line.endswith("| typer\n") or "typer.models" in line for line in process.stderr)
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert "Traceback" not in err


# A log that cannot be written


@pytest.mark.parametrize("stderr", [f"2>{FULL}", "2>&-", "2> >(exec true)"])
def test_a_log_that_cannot_be_written_does_not_end_the_bot(world, stderr):
    ran = shell(f"$BOT run --once {stderr}", world)
    assert ran.returncode == 0
    assert json.loads(shell("$BOT status --json", world).stdout)["delivered"] == 1
