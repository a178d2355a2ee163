"""The JSON Schema of the YAML file: what editors complete and check."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bot.config.sections import KEYS
from tests.config.editor import INSTALLED, SCHEMA, complaints

EXAMPLE = (SCHEMA.parent / "config.example.yaml").read_text("utf-8")


def test_the_schema_describes_each_key_with_its_default():
    sections = json.loads(SCHEMA.read_text("utf-8"))["definitions"]
    described = {f"{section}.{name}" for section, keys in sections.items() for name in keys["properties"]}
    assert {key.name for key in KEYS} == {name for name in described if not name.endswith(".<<")}
    assert sections["slack"]["properties"]["language"] == {
        "description": "en or zh.",
        "anyOf": [{"enum": ["en", "zh"]}, {"type": ["string", "null"], "pattern": r"^\s*(?:[Ee][Nn]|[Zz][Hh])?\s*$"}],
        "default": "en",
    }
    assert sections["slack"]["properties"]["digest_after"]["default"] == 5
    assert sections["slack"]["properties"]["board"]["default"] is False
    assert sections["poll"]["properties"]["interval"]["default"] == "30s"


def test_the_example_names_the_schema_and_is_accepted_by_it():
    assert EXAMPLE.splitlines()[0].endswith(f"/{SCHEMA.name}")
    assert complaints(EXAMPLE) == []
    everything = "\n".join(
        line.replace("# ", "", 1) if any(f"# {key.name.partition('.')[2]}: " in line for key in KEYS) else line
        for line in EXAMPLE.splitlines()
    )
    assert complaints(everything) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "slack:",
        "slack: {channel: , language: ''}",
        "poll: {interval: 30, active_interval: 0.5, stuck_after: '2 h', full_scan_interval: 90m}",
        "slack: {language: ZH, board: Yes, daily_summary: 09:00, mention_on_failure: '<!here>, <@U123>'}",
        "slack: {mention_on_failure: [<!channel>, <!subteam^S1>], board: 0, digest_after: '7'}",
        "log: {level: WARN}",
        "archive: {path: /archive, max_size: 500 mib}",
        "chanjing: {secret_key: 12345, max_requests_per_second: .5}",
        "monitor: {listen: '[::1]:8080', ping_url: 'https://hc.example/a?b=c'}",
        "x-common: &c {timeout: 20s}\nchanjing: {<<: *c, x-note: mine}",
        "accounts: {shop: , school: {slack: {language: zh}, x-note: 1}}",
    ],
)
def test_what_the_bot_takes_is_accepted(text):
    assert complaints(text) == []


@pytest.mark.skipif(not INSTALLED, reason="make gate installs jsonschema")
@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("slak: {}", ""),
        ("slack: {chanel: C0AB12CD3}", "slack"),
        ("slack: {channel: '#videos'}", "slack.channel"),
        ("slack: {bot_token: xoxp-1}", "slack.bot_token"),
        ("slack: {language: fr}", "slack.language"),
        ("slack: {board: perhaps}", "slack.board"),
        ("slack: {daily_summary: 25:00}", "slack.daily_summary"),
        ("slack: {mention_on_failure: [everyone]}", "slack.mention_on_failure.0"),
        ("poll: {interval: soon}", "poll.interval"),
        ("poll: {interval: 0.01}", "poll.interval"),
        ("poll: {stuck_after: 0}", "poll.stuck_after"),
        ("poll: {first_run: maybe}", "poll.first_run"),
        ("chanjing: {page_size: 5000}", "chanjing.page_size"),
        ("chanjing: {page_size: many}", "chanjing.page_size"),
        ("chanjing: {base_url: ftp://host}", "chanjing.base_url"),
        ("chanjing: {access_token: [a, b]}", "chanjing.access_token"),
        ("state: {url: mysql://db/bot}", "state.url"),
        ("monitor: {listen: 8080}", "monitor.listen"),
        ("archive: {max_size: large}", "archive.max_size"),
        ("accounts:", "accounts"),
        ("accounts: {Shop: }", "accounts"),
        ("accounts: {shop: {log: {level: info}}}", "accounts.shop"),
        ("accounts: {shop: {poll: {interval: soon}}}", "accounts.shop.poll.interval"),
    ],
)
def test_what_the_bot_would_refuse_is_marked_where_it_stands(text, where):
    assert complaints(text) == [where]


def test_the_command_needs_no_configuration(tmp_path):
    (tmp_path / "config.yaml").write_text("nonsense")
    command = [sys.executable, "-m", "bot", "config", "schema"]
    root = str(Path(SCHEMA).parent)
    printed = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": root}, capture_output=True, check=True).stdout
    assert printed == SCHEMA.read_bytes()
