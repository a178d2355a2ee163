"""`config`: the values in force, and where each stands."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import config
from bot.cli.program import app
from bot.cli.selection import Selection
from bot.config.sections import KEYS
from bot.errors import ConfigError

SECRETS = {"xoxb-1-s3cret", "t0ken", "s3cret-url", "s3cret-ping", "s3cret-hook"}
YAML = """\
chanjing: {access_token_file: token}
slack: {bot_token: xoxb-1-s3cret, channel: C0AB12CD3, mention_on_failure: [<!here>, <@U123>], board: yes}
state: {url: 'postgresql://bot:s3cret-url@db/bot'}
monitor: {listen: '127.0.0.1:8080', ping_url: 'https://hc.example/s3cret-ping'}
log: {level: WARN}
"""
ACCOUNTS = f"""\
{YAML}accounts:
  shop: {{slack: {{webhook_url: 'https://hooks.example/s3cret-hook'}}, poll: {{interval: 5m}}}}
  school: {{state: {{path: school.json}}}}
"""


@pytest.fixture
def shown(tmp_path, monkeypatch, capsys):
    """Return a function: YAML, accounts, environment → what `config` prints, and the ConfigError's lines after it."""
    monkeypatch.chdir(tmp_path)
    Path("token").write_text("t0ken\n")

    def shown(yaml=YAML, *accounts, as_json=False, **environ):
        Path("config.yaml").write_text(yaml)
        wrong = ""
        with monkeypatch.context() as patch:
            for name, value in environ.items():
                patch.setenv(name, value)
            try:
                config.show(Selection(accounts=accounts), as_json=as_json)
            except ConfigError as error:
                wrong = str(error)
        printed = capsys.readouterr().out
        assert not any(secret in printed + wrong for secret in SECRETS)
        return (json.loads(printed) if as_json else printed), wrong.splitlines()

    return shown


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("poll.interval", "2m", "environment variable POLL_INTERVAL"),
        ("poll.active_interval", "5s", "default"),
        ("slack.board", True, "config.yaml line 2"),
        ("slack.digest_after", 5, "default"),
        ("archive.max_size", "2GiB", "default"),
        ("slack.mention_on_failure", ["<!here>", "<@U123>"], "config.yaml line 2"),
        ("slack.bot_token", "********", "config.yaml line 2"),
        ("slack.failure_channel", None, None),
        ("chanjing.access_token", "********", "file named by chanjing.access_token_file, config.yaml line 1"),
        ("chanjing.access_token_file", "token", "config.yaml line 1"),
        ("state.url", "********", "config.yaml line 3"),
        ("state.path", "state.json", "default"),
        ("monitor.listen", "127.0.0.1:8080", "config.yaml line 4"),
        ("log.level", "warning", "config.yaml line 5"),
    ],
)
def test_each_value_is_shown_with_the_place_where_it_stands(shown, key, value, place):
    facts, wrong = shown(as_json=True, POLL_INTERVAL="2m")
    assert list(facts) == [one.name for one in KEYS]
    assert facts[key] == {"value": value, "place": place}
    assert wrong == []


def test_people_get_three_columns(shown):
    lines = [line.split(maxsplit=2) for line in shown()[0].splitlines()]
    assert [line[0] for line in lines] == [one.name for one in KEYS]
    assert ["slack.board", "true", "config.yaml line 2"] in lines
    assert ["slack.mention_on_failure", "<!here>,<@U123>", "config.yaml line 2"] in lines
    assert ["slack.failure_channel", "not", "set"] in lines


def test_an_account_is_shown_with_what_it_takes_over(shown):
    accounts = shown(ACCOUNTS, as_json=True)[0]["accounts"]
    assert accounts["shop"]["poll.interval"] == {"value": "5m", "place": "config.yaml line 7"}
    assert accounts["school"]["poll.interval"] == {"value": "30s", "place": "default"}
    assert accounts["shop"]["slack.bot_token"]["value"] is None
    assert accounts["shop"]["state.path"] == {"value": "state.shop.json", "place": "default, with the account's name"}
    assert accounts["school"]["state.path"] == {"value": "school.json", "place": "config.yaml line 8"}
    assert shown(ACCOUNTS)[0].startswith("account shop\n  chanjing.base_url  ")


def test_one_account_of_several_looks_like_the_only_one(shown):
    assert shown(ACCOUNTS, "school", as_json=True)[0]["state.path"]["value"] == "school.json"
    assert shown(ACCOUNTS, "school")[0].startswith("chanjing.base_url ")


def test_what_is_wrong_is_said_after_what_there_is_and_is_not_quoted(shown):
    facts, wrong = shown(as_json=True, SLACK_CHANNEL="xoxb-1-s3cret", CHANJING_ACCESS_TOKEN_FILE="s3cret-url")
    assert facts["slack.channel"] == {"value": None, "place": "environment variable SLACK_CHANNEL"}
    assert facts["chanjing.access_token_file"]["value"] is None
    assert [line.partition(" ")[0] for line in wrong] == ["chanjing.access_token_file", "slack.channel"]


def test_the_command_takes_its_options_before_and_behind_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.yaml").write_text(ACCOUNTS.replace("token}", "/dev/null}"))
    for arguments in (["--config", "other.yaml", "config"], ["config", "--config", "other.yaml"]):
        ended = CliRunner().invoke(app, [*arguments, "--account", "school", "--json"])
        assert json.loads(ended.stdout)["state.path"]["place"] == "other.yaml line 8"
