"""Which arguments need no typer, and which libraries each command loads."""

import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest

from bot.cli import _split
from bot.domain.state import State
from bot.store.file import Store

LARGE = {"httpx", "prometheus_client", "pydantic", "rich", "typer", "waitress", "yaml"}
ASK = "import atexit, json, sys\natexit.register(lambda: print(json.dumps(list(sys.modules)), file=sys.__stderr__))\n"


@pytest.mark.parametrize(
    ("arguments", "words", "options"),
    [
        ("health", ["health"], {}),
        ("health --config a", ["health"], {"--config": ["a"]}),
        ("--config a health", ["health"], {"--config": ["a"]}),
        ("--config=a health", ["health"], {"--config": ["a"]}),
        ("--config a health --config=b", ["health"], {"--config": ["a", "b"]}),
        ("run --account a --account=b --shard 0/2", ["run"], {"--account": ["a", "b"], "--shard": ["0/2"]}),
        ("run --once --config a", ["run", "--once"], {"--config": ["a"]}),
        ("health --help", ["health", "--help"], {}),
        ("health x", ["health", "x"], {}),
        ("--config health", [], {"--config": ["health"]}),
        ("health --config", ["health", "--config"], {}),
        ("health --config=", ["health", "--config="], {}),
        ("", [], {}),
    ],
)
def test_options_with_a_value_may_stand_anywhere_and_one_without_is_left_to_typer(arguments, words, options):
    assert _split(arguments.split()) == (words, options)


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
