import pytest

from bot.config.credentials import credential_problems
from bot.config.texts import Found, Problem, Raw

SLACK = ("slack.bot_token", "slack.channel")
CHANJING = ("chanjing.access_token",)


def problems(*keys: str, note: str = "") -> list[str]:
    return list(credential_problems(Found({key: [Raw(key, "x", "config.yaml line 1")] for key in keys}, note=note)))


@pytest.mark.parametrize(
    "keys",
    [
        (*CHANJING, *SLACK),
        ("chanjing.access_token_file", *SLACK),
        ("chanjing.app_id", "chanjing.secret_key", *SLACK),
        ("chanjing.app_id", "chanjing.secret_key_file", *SLACK),
        (*CHANJING, "slack.bot_token_file", "slack.channel", "slack.alerts_channel"),
        (*CHANJING, "slack.webhook_url"),
        (*CHANJING, "slack.webhook_url_file"),
        (*CHANJING, *SLACK, "monitor.wake_token_file"),
    ],
)
def test_one_way_to_each_credential_is_enough(keys):
    assert problems(*keys) == []


def test_a_missing_credential_is_reported_with_all_the_ways_to_it():
    chanjing, slack, _ = problems()
    assert chanjing == (
        "chanjing.access_token (CHANJING_ACCESS_TOKEN; not set): needed. Set one of: chanjing.access_token, "
        "chanjing.access_token_file, chanjing.app_id with chanjing.secret_key (or chanjing.secret_key_file)"
    )
    assert slack == (
        "slack.bot_token (SLACK_BOT_TOKEN; not set): needed. Set one of: slack.bot_token, slack.bot_token_file, "
        "slack.webhook_url, slack.webhook_url_file"
    )


def test_a_missing_channel_is_reported_with_where_to_find_it():
    [line] = problems(*CHANJING, "slack.bot_token")
    assert line.startswith("slack.channel (SLACK_CHANNEL; not set): needed: the id of a channel (C… or G…); in Slack: ")
    assert line.endswith("channel name → About → bottom")


def test_where_there_is_no_file_yet_how_to_begin_is_reported_once():
    *missing, advice = problems(note="config.yaml is empty")
    assert len(missing) == 3
    assert advice.startswith("config.yaml is empty: write one with `lipsync-bot config init`")
    assert "config.yaml" not in "".join(missing)


def test_where_nothing_is_missing_nobody_needs_a_file():
    assert list(problems(*CHANJING, *SLACK, note="config.yaml is empty")) == []


def test_nothing_is_called_missing_while_the_file_cannot_be_read():
    assert list(credential_problems(Found(problems=[Problem("", "config.yaml: this is not YAML")]))) == []


@pytest.mark.parametrize(
    ("keys", "first", "second"),
    [
        ((*CHANJING, "chanjing.access_token_file", *SLACK), "chanjing.access_token", "chanjing.access_token_file"),
        ((*CHANJING, "chanjing.app_id", *SLACK), "chanjing.access_token", "chanjing.app_id"),
        (("chanjing.app_id", "chanjing.secret_key", "chanjing.secret_key_file", *SLACK),
         "chanjing.secret_key", "chanjing.secret_key_file"),
        ((*CHANJING, *SLACK, "slack.bot_token_file"), "slack.bot_token", "slack.bot_token_file"),
        ((*CHANJING, *SLACK, "slack.webhook_url"), "slack.bot_token", "slack.webhook_url"),
        ((*CHANJING, "slack.webhook_url", "slack.webhook_url_file"), "slack.webhook_url", "slack.webhook_url_file"),
        ((*CHANJING, *SLACK, "monitor.wake_token", "monitor.wake_token_file"),
         "monitor.wake_token", "monitor.wake_token_file"),
    ],
)  # fmt: skip
def test_two_ways_to_one_credential_are_reported_with_their_places(keys, first, second):
    [line] = problems(*keys)
    places = [f"{key} ({key.upper().replace('.', '_')}; config.yaml line 1)" for key in (first, second)]
    assert line == f"{' and '.join(places)}: different ways to one credential; keep one of them"


@pytest.mark.parametrize(
    ("half", "missing"),
    [
        ("chanjing.app_id", "chanjing.secret_key (CHANJING_SECRET_KEY; not set): needed with chanjing.app_id"),
        ("chanjing.secret_key", "chanjing.app_id (CHANJING_APP_ID; not set): needed with chanjing.secret_key"),
        (
            "chanjing.secret_key_file",
            "chanjing.app_id (CHANJING_APP_ID; not set): needed with chanjing.secret_key_file",
        ),
    ],
)
def test_half_a_pair_asks_for_the_other_half(half, missing):
    [line] = problems(half, *SLACK)
    assert line.startswith(missing)


@pytest.mark.parametrize("channel", ["slack.channel", "slack.failure_channel", "slack.alerts_channel"])
def test_a_webhook_takes_no_channel(channel):
    [line] = problems(*CHANJING, "slack.webhook_url", channel)
    assert line.startswith(f"{channel} (")
    assert "cannot be used with slack.webhook_url" in line


def test_a_channel_for_failures_does_not_stand_in_for_the_channel():
    [line] = problems(*CHANJING, "slack.bot_token", "slack.failure_channel")
    assert line.startswith("slack.channel (SLACK_CHANNEL; not set)")
