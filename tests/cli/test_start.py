"""Which arguments need no typer, and which libraries each command loads."""

import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from bot.cli import _words
from bot.domain.state import State
from bot.store.file import Store

LARGE = {"httpx", "prometheus_client", "pydantic", "rich", "typer", "yaml"}
ASK = "import atexit, json, sys\natexit.register(lambda: print(json.dumps(list(sys.modules)), file=sys.__stderr__))\n"


@pytest.mark.parametrize(
    ("arguments", "words", "config"),
    [
        ("health", ["health"], None),
        ("health --config a", ["health"], "a"),
        ("--config a health", ["health"], "a"),
        ("--config=a health", ["health"], "a"),
        ("--config a health --config=b", ["health"], "b"),
        ("run --once --config a", ["run", "--once"], "a"),
        ("health --help", ["health", "--help"], None),
        ("health x", ["health", "x"], None),
        ("--config health", [], "health"),
        ("health --config", ["health", "--config"], None),
        ("health --config=", ["health", "--config="], None),
        ("", [], None),
    ],
)
def test_what_is_more_than_a_command_and_its_configuration_is_left_to_typer(arguments, words, config):
    assert _words(arguments.split()) == (words, config and Path(config))


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        ("run --once", {"httpx"}),
        ("status", {"typer", "pydantic"}),
        ("explain nothing", {"typer", "pydantic"}),
        ("preview --kind success", {"typer", "pydantic", "rich"}),
        ("check", {"typer", "pydantic", "httpx"}),
    ],
)
def test_a_command_loads_only_the_large_libraries_that_it_needs(tmp_path, command, needed):
    Store(tmp_path / "state.json", State()).save(State(baseline_at=time.time()))
    nowhere = "http://127.0.0.1:9"
    environ = {
        "CHANJING_BASE_URL": nowhere, "CHANJING_ACCESS_TOKEN": "tok", "SLACK_BASE_URL": nowhere, "SLACK_CHANNEL": "C1",
        "SLACK_BOT_TOKEN": "xoxb-1-a", "STATE_PATH": "state.json", "NO_PROXY": "*", "PYTHONPATH": ":".join(sys.path),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", f"{ASK}from bot.__main__ import main\nmain()", *command.split()],
        cwd=tmp_path,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        check=False,
    )
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    if find_spec("click") and "httpx" in needed:
        needed = needed | {"rich"}  # httpx has a command line of its own, where it finds click
    assert loaded & LARGE == needed
