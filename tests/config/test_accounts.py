"""Several accounts in one configuration."""

from collections import Counter
from pathlib import Path

import pytest

from bot.config.accounts import in_shard
from bot.config.load import load, load_local, load_states
from bot.errors import ConfigError
from bot.secret import Secret
from tests.config.editor import complaints

SHARED = """
chanjing: {access_token: shared, page_size: 20}
slack: {bot_token: xoxb-shared, channel: C0SHARED1, language: zh}
"""
TWO = f"{SHARED}accounts:\n  shop:\n    slack: {{channel: C0SHOP111}}\n  school:\n    poll: {{interval: 5m}}\n"


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    """Return a function: YAML, environment → the configuration of each account."""
    monkeypatch.chdir(tmp_path)

    def loaded(yaml, environ=None, *, how=load, **more):
        Path("config.yaml").write_text(yaml, "utf-8")
        configs = how(None, environ or {}, secrets_dir=tmp_path / "secrets", **more)
        assert complaints(yaml) == []
        return configs

    return loaded


@pytest.fixture
def problems(loaded):
    """Return a function: YAML, environment → the lines of the ConfigError."""

    def problems(yaml, environ=None):
        with pytest.raises(ConfigError) as caught:
            loaded(yaml, environ)
        return str(caught.value).splitlines()

    return problems


def test_an_account_has_what_it_does_not_say_from_the_top_level(loaded):
    configs = loaded(TWO)
    assert list(configs) == ["shop", "school"]
    assert [config.slack.channel for config in configs.values()] == ["C0SHOP111", "C0SHARED1"]
    assert [config.poll.interval for config in configs.values()] == [30.0, 300.0]
    assert {config.chanjing.page_size for config in configs.values()} == {20}
    assert {config.slack.language for config in configs.values()} == {"zh"}


def test_without_accounts_there_is_one_called_default(loaded):
    assert list(loaded(SHARED)) == ["default"]


def test_an_account_may_say_nothing_itself(loaded):
    assert loaded(f"{SHARED}accounts:\n  shop:\n")["shop"].slack.channel == "C0SHARED1"


def test_each_account_has_a_state_of_its_own(loaded):
    yaml = f"{TWO}  club: {{state: {{path: /data/club}}}}\nstate: {{path: /data/bot.json}}\n"
    paths = {name: str(config.state.path) for name, config in loaded(yaml).items()}
    assert paths == {"shop": "/data/bot.shop.json", "school": "/data/bot.school.json", "club": "/data/club"}
    assert {name: str(state.path) for name, state in loaded(yaml, how=load_states).items()} == paths
    assert {name: str(one.state.path) for name, one in loaded(yaml, how=load_local).items()} == paths


def test_the_state_path_of_an_image_is_that_of_all_accounts(loaded):
    environ = {"STATE_PATH": "/data/state.json"}
    states = loaded(TWO, environ, how=load_states)
    assert {name: state.path for name, state in states.items()} == {
        "shop": Path("/data/state.shop.json"),
        "school": Path("/data/state.school.json"),
    }


def test_two_accounts_cannot_keep_one_state(problems):
    yaml = f"{SHARED}accounts:\n  a: {{state: {{path: x.json}}}}\n  b: {{state: {{path: ./x.json}}}}\n"
    assert problems(yaml) == [
        "accounts.a.state.path and accounts.b.state.path: both are x.json. Each account needs a state of its own"
    ]


@pytest.mark.parametrize("way", ["access_token: own", "access_token_file: own.txt"])
def test_a_credential_of_an_account_takes_the_place_of_the_shared_way_to_it(loaded, tmp_path, way):
    (tmp_path / "own.txt").write_text("own")
    chanjing = loaded(f"{SHARED}accounts:\n  shop:\n    chanjing: {{{way}}}\n")["shop"].chanjing
    assert chanjing.access_token
    assert chanjing.access_token.value == "own"


def test_a_webhook_of_an_account_takes_the_place_of_the_shared_token_and_channels(loaded):
    yaml = f"{SHARED}accounts:\n  shop:\n    slack: {{webhook_url: 'https://hooks.example/T/B/X1'}}\n"
    slack = loaded(yaml)["shop"].slack
    assert (slack.bot_token, slack.channel, slack.routes["failure"]) == (None, None, "webhook")


def test_the_states_of_all_accounts_may_be_in_one_database_but_for_one_that_names_a_file(loaded):
    yaml = f"{TWO}  club: {{state: {{path: club.json}}}}\nstate: {{url: 'postgresql://bot:s3cret@db/bot'}}\n"
    for how in (load, load_local, load_states):
        found = {name: getattr(one, "state", one) for name, one in loaded(yaml, how=how).items()}
        assert {name: bool(state.url) for name, state in found.items()} == {"shop": True, "school": True, "club": False}


@pytest.mark.parametrize("environ", [{}, {"STATE_PATH": "/data/state.json"}])
def test_the_address_of_the_database_may_stand_in_a_file(loaded, tmp_path, environ):
    (tmp_path / "url").write_text("postgresql://bot:s3cret@db/bot\n")
    for how in (load, load_local, load_states):
        (one,) = loaded(f"{SHARED}state: {{url_file: url}}\n", environ, how=how).values()
        assert getattr(one, "state", one).url.value == "postgresql://bot:s3cret@db/bot"


@pytest.mark.parametrize("url", ["mysql://db/bot", "db", "postgresql://", "postgresql://user:your-password@db/bot"])
def test_an_address_that_is_no_databases_is_refused_without_being_quoted(problems, url):
    (line,) = problems(f"{SHARED}state: {{url: '{url}'}}\n")
    assert line.startswith("state.url (STATE_URL; config.yaml line 4): ")
    assert "'" not in line
    assert url.partition("//")[2] == "" or url not in line


def test_two_ways_to_one_database_are_refused(problems):
    (line,) = problems(f"{SHARED}state: {{url: 'postgresql://db/bot', url_file: url}}\n", {})
    assert "different ways to one credential" in line


def test_the_environment_and_secret_files_know_accounts(loaded, tmp_path):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "accounts_my_shop_slack_bot_token").write_text("xoxb-file")
    yaml = f"{SHARED}accounts:\n  my-shop: {{slack: {{channel: C0YAML111}}}}\n  other:\n"
    configs = loaded(yaml, {"ACCOUNTS_MY_SHOP_SLACK_CHANNEL": "C0ENV1111", "SLACK_CHANNEL": "C0ENVTOP1"})
    assert configs["my-shop"].slack.channel == "C0ENV1111"
    assert configs["my-shop"].slack.bot_token == Secret("xoxb-file")
    assert configs["other"].slack.channel == "C0ENVTOP1"
    assert configs["other"].slack.bot_token == Secret("xoxb-shared")


def test_what_an_account_says_stands_above_the_environment_of_all(loaded):
    assert loaded(TWO, {"SLACK_CHANNEL": "C0ENVTOP1"})["shop"].slack.channel == "C0SHOP111"


def test_every_mistake_of_all_accounts_is_reported_at_once_and_by_account(problems):
    yaml = """
slack: {bot_token: xoxb-1}
accounts:
  shop:
    chanjing: {access_token: t, page_size: none}
    slack: {channel: '#videos'}
  school:
    chanjing: {app_id: a1}
    slack: {chanel: C0SCHOOL1}
    monitor: {listen: '127.0.0.1:1'}
"""
    found = problems(yaml)
    starts = [line.partition(": ")[0] for line in found]
    assert starts == [
        "config.yaml line 9",
        "config.yaml line 10",
        "accounts.shop.chanjing.page_size (ACCOUNTS_SHOP_CHANJING_PAGE_SIZE; config.yaml line 5)",
        "accounts.shop.slack.channel (ACCOUNTS_SHOP_SLACK_CHANNEL; config.yaml line 6)",
        "accounts.school.chanjing.secret_key (ACCOUNTS_SCHOOL_CHANJING_SECRET_KEY; not set)",
        "accounts.school.slack.channel (ACCOUNTS_SCHOOL_SLACK_CHANNEL; not set)",
    ]
    assert "monitor is not a section of an account" in found[1]


def test_a_mistake_of_the_top_level_is_reported_once(problems):
    yaml = f"{TWO}poll: {{interval: often}}\n"
    assert [line.partition(": ")[0] for line in problems(yaml)] == ["poll.interval (POLL_INTERVAL; config.yaml line 9)"]


@pytest.mark.parametrize(
    ("accounts", "words"),
    [
        ("[a, b]", "accounts must have a name for each account"),
        ("{}", "accounts must have a name for each account"),
        ("{Shop: {}}", "the name of an account must begin with a small letter"),
        ("{a_b: {}}", "the name of an account must begin with a small letter"),
        ("{9a: {}}", "the name of an account must begin with a small letter"),
        (f"{{{'a' * 41}: {{}}}}", "the name of an account must begin with a small letter"),
        ("{a: 1}", "account a must have sections"),
        ("{a: {}, a: {}}", "a already appears on line 4"),
    ],
)
def test_a_name_or_shape_that_cannot_be_is_reported(problems, accounts, words):
    assert words in problems(f"{SHARED}accounts: {accounts}\n")[0]


def test_an_account_may_begin_with_what_marks_other_names_as_the_users_own(loaded):
    assert list(loaded(f"{SHARED}accounts:\n  x-ray:\n")) == ["x-ray"]


def test_accounts_may_share_a_section_by_an_alias(loaded):
    yaml = f"{SHARED}x-own: &own {{poll: {{interval: 1m}}}}\naccounts:\n  a: *own\n  b:\n    <<: *own\n"
    assert [config.poll.interval for config in loaded(yaml).values()] == [60.0, 60.0]


def test_two_accounts_that_mint_tokens_with_one_app_are_a_warning(loaded):
    said = []
    yaml = (
        "slack: {bot_token: xoxb-1, channel: C0SHARED1}\nchanjing: {app_id: a1, secret_key: k1}\naccounts: {a: , b: }\n"
    )
    loaded(yaml, warn=lambda subject, _: said.append(subject))
    assert said[-1] == "accounts.b.chanjing.app_id"


def test_each_account_is_in_one_shard_and_the_shards_are_of_like_size():
    names = [f"account-{number}" for number in range(1_000)]
    sizes = Counter(index for name in names for index in range(4) if in_shard(name, index, 4))
    assert sum(sizes.values()) == len(names)
    assert min(sizes.values()) > 200


def test_a_state_from_before_there_were_accounts_is_a_warning_until_one_of_them_names_it(loaded):
    said: list[str] = []
    Path("state.json").write_text("{}")
    loaded(TWO, warn=lambda subject, _: said.append(subject))
    assert "state.path" in said
    said.clear()
    loaded(f"{TWO}  club: {{state: {{path: state.json}}}}\n", warn=lambda subject, _: said.append(subject))
    assert "state.path" not in said


def test_a_state_file_beside_a_database_in_its_place_is_a_warning(loaded):
    said: dict[str, str] = {}
    database = f"{SHARED}state: {{url: 'postgresql://db/bot'}}\n"
    loaded(database, warn=said.__setitem__)
    assert "state.path" not in said
    Path("state.json").write_text("{}")
    loaded(database, warn=said.__setitem__)
    assert "state export" in said["state.path"]


@pytest.mark.parametrize("environ", [{"STATE_RETENTION": "3d"}, {}])
def test_health_finds_the_state_of_the_yaml_whatever_else_the_environment_says(loaded, environ):
    (state,) = loaded(f"{SHARED}state: {{path: elsewhere.json}}\n", environ, how=load_states).values()
    assert state.path == Path("elsewhere.json")
