import os
import re
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from bot.config.load import load, load_local, read
from bot.config.sections import KEYS
from bot.config.texts import environment_name
from bot.errors import ConfigError
from bot.secret import Secret
from tests.config.editor import complaints

EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"
ENOUGH = {"CHANJING_ACCESS_TOKEN": "tok", "SLACK_BOT_TOKEN": "xoxb-1-a", "SLACK_CHANNEL": "C0AB12CD3"}


@pytest.fixture
def room(tmp_path, monkeypatch):
    """Return an empty current directory; secret files may be laid in its `secrets`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secrets").mkdir()
    return tmp_path


@pytest.fixture
def loaded(room):
    """Return a function: environment, YAML → Config."""

    def loaded(environ=ENOUGH, yaml=None, *, how=load):
        if yaml is not None:
            (room / "config.yaml").write_text(yaml)
        config = how(None, environ, secrets_dir=room / "secrets")["default"]
        assert how is not load or yaml is None or complaints(yaml) == []
        return config

    return loaded


@pytest.fixture
def problems(loaded):
    """Return a function: environment, YAML → the lines of the ConfigError, which has nothing else to show."""

    def problems(environ=ENOUGH, yaml=None, *, how=load):
        with pytest.raises(ConfigError) as caught:
            loaded(environ, yaml, how=how)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        return str(caught.value).splitlines()

    return problems


def shown(section):
    return {field.name: getattr(section, field.name) for field in fields(section)}


def test_the_defaults_are_those_of_the_manual(loaded):
    config = loaded()
    assert shown(config.chanjing) == {
        "base_url": "https://open-api.chanjing.cc",
        "access_token": Secret("tok"),
        "access_token_file": None,
        "app_id": None,
        "secret_key": None,
        "secret_key_file": None,
        "page_size": 50,
        "timeout": 10.0,
        "max_requests_per_second": 5.0,
    }
    assert shown(config.poll) == {
        "interval": 30.0,
        "active_interval": 5.0,
        "first_run": "baseline",
        "full_scan_interval": 3600.0,
        "stuck_after": 3600.0,
    }
    assert shown(config.slack) == {
        "bot_token": Secret("xoxb-1-a"),
        "bot_token_file": None,
        "webhook_url": None,
        "webhook_url_file": None,
        "channel": "C0AB12CD3",
        "failure_channel": None,
        "alerts_channel": None,
        "mention_on_failure": (),
        "language": "en",
        "digest_after": 5,
        "board": False,
        "daily_summary": None,
        "pace": 1.0,
        "settle": 45.0,
        "base_url": "https://slack.com/api/",
        "timeout": 10.0,
    }
    assert shown(config.state) == {
        "path": Path("state.json"),
        "url": None,
        "url_file": None,
        "retention": 604800.0,
    }
    assert shown(config.monitor) == dict.fromkeys(field.name for field in fields(config.monitor))
    assert shown(config.log) == {"level": "info", "format": None}


def test_yaml_sets_every_kind_of_value(loaded):
    config = loaded(
        {},
        """
        chanjing: {app_id: 0123, secret_key: 456, base_url: "http://127.0.0.1:1/x/", page_size: 10}
        poll: {interval: 1m, active_interval: 100ms, first_run: ANNOUNCE}
        slack:
          bot_token: xoxb-1-a
          channel: C1
          failure_channel: C2
          mention_on_failure: [<!here>, <@U123>]
          board: yes
          daily_summary: 9:00
          pace: 0
          base_url: http://localhost:2/api
        state: {path: /var/lib/b ot/状态.json}
        monitor: {listen: "[::1]:8080", ping_url: https://hc.example/a, wake_token: t, public_url: https://b.example/x/}
        log: {level: Debug, format: JSON}
        """,
    )
    assert (config.chanjing.app_id, config.chanjing.secret_key) == ("0123", Secret("456"))
    assert (config.chanjing.base_url, config.chanjing.page_size) == ("http://127.0.0.1:1/x", 10)
    assert (config.poll.interval, config.poll.active_interval, config.poll.first_run) == (60, 0.1, "announce")
    assert (config.slack.channel, config.slack.failure_channel, config.slack.alerts_channel) == ("C1", "C2", None)
    assert (config.slack.mention_on_failure, config.slack.board) == (("<!here>", "<@U123>"), True)
    assert (config.slack.daily_summary, config.slack.pace) == ("09:00", 0)
    assert config.slack.base_url == "http://localhost:2/api/"
    assert config.state.path == Path("/var/lib/b ot/状态.json")
    assert (config.monitor.listen, config.monitor.ping_url) == (("::1", 8080), Secret("https://hc.example/a"))
    assert (config.monitor.wake_token, config.monitor.public_url) == (Secret("t"), "https://b.example/x")
    assert (config.log.level, config.log.format) == ("debug", "json")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True),
        ("YES", True),
        ("on", True),
        ("1", True),
        ("False", False),
        ("no", False),
        ("off", False),
        ("0", False),
    ],
)
def test_the_environment_says_yes_and_no_in_many_words(loaded, text, expected):
    assert loaded({**ENOUGH, "SLACK_BOARD": text}).slack.board is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("WARN", "warning"),
        ("Warning", "warning"),
        ("err", "error"),
        ("ERROR", "error"),
        ("CRITICAL", "error"),
        ("fatal", "error"),
        ("TRACE", "debug"),
        ("Debug", "debug"),
        ("INFO", "info"),
    ],
)
def test_a_level_of_the_log_may_have_its_usual_other_names(loaded, text, expected):
    assert loaded({**ENOUGH, "LOG_LEVEL": text}).log.level == expected


@pytest.mark.parametrize("text", ["30", "loud", "warnings"])
def test_an_unknown_level_of_the_log_is_reported_with_those_that_exist(problems, text):
    [line] = problems({**ENOUGH, "LOG_LEVEL": text})
    assert line.endswith("must be 'debug', 'info', 'warning' or 'error'")


def test_nothing_in_a_config_can_be_changed(loaded):
    with pytest.raises(FrozenInstanceError):
        loaded().poll.interval = 1.0


def test_no_secret_is_in_the_repr_of_a_config(loaded):
    secrets = {
        "CHANJING_ACCESS_TOKEN": "kanarie",
        "SLACK_BOT_TOKEN": "xoxb-kanarie",
        "MONITOR_PING_URL": "https://kanarie",
    }
    assert "kanarie" not in repr(loaded({**ENOUGH, **secrets}))


def test_a_webhook_needs_no_channel(loaded):
    slack = loaded(
        {"CHANJING_ACCESS_TOKEN": "tok", "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/k"}
    ).slack
    assert slack.webhook_url == Secret("https://hooks.slack.com/services/T/B/k")
    assert (slack.bot_token, slack.channel, slack.failure_channel) == (None, None, None)


def test_the_secret_files_are_read(loaded, room):
    (room / "token").write_text("tok\n")
    chanjing = loaded({**ENOUGH, "CHANJING_ACCESS_TOKEN": "", "CHANJING_ACCESS_TOKEN_FILE": "token"}).chanjing
    assert chanjing.access_token == Secret("tok")
    (room / "key").write_text("s3cret\n")
    (room / "hook").write_text("https://hooks.slack.com/services/T/B/k\n")
    files = {"CHANJING_APP_ID": "app", "CHANJING_SECRET_KEY_FILE": "key", "SLACK_WEBHOOK_URL_FILE": "hook"}
    config = loaded(files)
    assert config.chanjing.secret_key == Secret("s3cret")
    assert config.slack.webhook_url == Secret("https://hooks.slack.com/services/T/B/k")


def test_a_file_in_the_secrets_directory_sets_a_key(loaded, room):
    (room / "secrets" / "slack_bot_token").write_text("xoxb-file\n")
    assert loaded({**ENOUGH, "SLACK_BOT_TOKEN": ""}).slack.bot_token == Secret("xoxb-file")


def test_the_same_way_from_two_sources_is_no_conflict(loaded):
    config = loaded(ENOUGH, "chanjing: {access_token: other}")
    assert config.chanjing.access_token == Secret("tok")


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("CHANJING_ACCESS_TOKEN", "kanarie 1", "visible ASCII"),
        ("CHANJING_ACCESS_TOKEN", "your-kanarie", "still a placeholder"),
        ("CHANJING_BASE_URL", "kanarie", "must be a whole http:// or https:// address"),
        ("CHANJING_BASE_URL", "https://kanarie:kanarie@h", "without user name and password"),
        *(("CHANJING_PAGE_SIZE", odd, "whole number from 1 to 1000") for odd in ("0", "1001", "kanarie", "1.5")),
        ("CHANJING_TIMEOUT", "0", "must be more than 0"),
        ("CHANJING_TIMEOUT", "kanarie", "must be a duration"),
        ("CHANJING_MAX_REQUESTS_PER_SECOND", "0", "must be a number from 0.01 to 1000"),
        ("CHANJING_MAX_REQUESTS_PER_SECOND", "nan", "must be a number from 0.01 to 1000"),
        ("POLL_INTERVAL", "99ms", "must be at least 100ms"),
        ("POLL_ACTIVE_INTERVAL", "0", "must be at least 100ms"),
        ("POLL_INTERVAL", "-5s", "must be a duration"),
        ("POLL_STUCK_AFTER", "0", "must be more than 0"),
        ("POLL_FIRST_RUN", "kanarie", "must be 'baseline' or 'announce'"),
        ("SLACK_BOT_TOKEN", "xoxp-kanarie", "user token"),
        ("SLACK_CHANNEL", "#kanarie", "channel name → About → bottom"),
        ("SLACK_ALERTS_CHANNEL", "kanarie", "channel name → About → bottom"),
        ("SLACK_MENTION_ON_FAILURE", "@kanarie", "<!here>"),
        ("SLACK_LANGUAGE", "kanarie", "must be 'en' or 'zh'"),
        ("SLACK_DIGEST_AFTER", "-1", "must be a whole number from 0 to 1000"),
        ("SLACK_BOARD", "kanarie", "must be true or false"),
        ("SLACK_DAILY_SUMMARY", "25:00", "must be a time of day"),
        ("SLACK_SETTLE", "0", "must be more than 0"),
        ("SLACK_BASE_URL", "ftp://kanarie", "must be a whole http:// or https:// address"),
        ("STATE_RETENTION", "0d", "must be more than 0"),
        ("MONITOR_LISTEN", "kanarie", "must be host:port"),
        ("MONITOR_PING_URL", "kanarie", "must be a whole http:// or https:// address"),
        ("LOG_LEVEL", "kanarie", "must be 'debug', 'info', 'warning' or 'error'"),
        ("LOG_FORMAT", "kanarie", "must be 'text' or 'json'"),
    ],
)
def test_a_value_that_cannot_be_used_is_one_line_with_its_key_and_without_itself(problems, variable, value, words):
    [line] = problems({**ENOUGH, variable: value})
    key = next(key.name for key in KEYS if environment_name(key.name) == variable)
    assert line.startswith(f"{key} (environment variable {variable}): ")
    assert words in line
    assert "kanarie" not in line


@pytest.mark.parametrize("written", ["[kanarie, kanarie]", "{kanarie: 1}", "!kanarie x"])
def test_a_value_of_the_wrong_shape_is_reported_with_its_key_and_line(problems, written):
    keys = [key.name for key in KEYS if key.name != "slack.mention_on_failure"]
    yaml = [f"{section}:" for section in dict.fromkeys(key.partition(".")[0] for key in keys)]
    for key in keys:
        section, _, name = key.partition(".")
        yaml.insert(yaml.index(f"{section}:") + 1, f"  {name}: {written} # {key}")
    lines = problems({}, "\n".join(yaml))
    for number, line in enumerate(yaml, 1):
        if key := line.partition(" # ")[2]:
            place = f"{key} ({key.upper().replace('.', '_')}; config.yaml line {number}): "
            assert len([line for line in lines if line.startswith(place)]) == 1, place
    assert "kanarie" not in str(lines)


@pytest.mark.parametrize("content", ["", "tok tok", "kanarié", "your-access-token"])
@pytest.mark.parametrize("key", ["chanjing.access_token_file", "slack.bot_token_file"])
def test_a_secret_file_without_a_usable_secret_is_reported(problems, room, key, content):
    (room / "file").write_text(content)
    variable = key.upper().replace(".", "_")
    used = {**ENOUGH, variable.removesuffix("_FILE"): "", variable: "file"}
    [line] = problems(used)
    assert f"environment variable {variable}" in line
    assert content == "" or content not in line


def test_a_secret_is_read_again_from_its_file(room):
    (room / "file").write_text("xoxb-old\n")
    secret = load(None, {**ENOUGH, "SLACK_BOT_TOKEN": "", "SLACK_BOT_TOKEN_FILE": "file"})["default"].slack.bot_token
    (room / "file").write_text("xoxb-new\n")
    assert secret
    assert secret.read_again
    assert secret.read_again() == "xoxb-new"


def test_a_secret_that_stands_in_no_file_cannot_be_read_again(loaded):
    assert loaded().slack.bot_token.read_again is None


@pytest.mark.parametrize("content", ["", "tok tok", "kanarié", "ftp://kanarie.example", "kanarie", None])
def test_a_file_without_a_usable_secret_is_reported_when_it_is_read_again(room, content):
    file = room / "file-kanarie"
    file.write_text("https://hooks.example/services/T1/B1/x")
    environ = {**ENOUGH, "SLACK_BOT_TOKEN": "", "SLACK_CHANNEL": "", "SLACK_WEBHOOK_URL_FILE": str(file)}
    secret = load(None, environ)["default"].slack.webhook_url
    assert secret
    assert secret.read_again
    file.unlink() if content is None else file.write_text(content)
    with pytest.raises(ConfigError) as caught:
        secret.read_again()
    assert "kanari" not in str(caught.value)


def test_a_secret_in_place_of_the_path_of_its_file_is_not_shown(problems):
    [line] = problems({**ENOUGH, "CHANJING_ACCESS_TOKEN": "", "CHANJING_ACCESS_TOKEN_FILE": "kanarie"})
    assert line.startswith("chanjing.access_token_file (environment variable CHANJING_ACCESS_TOKEN_FILE): ")
    assert line.endswith("must be the path of a file with the secret: there is no such file")


def test_all_problems_are_reported_at_once(problems):
    lines = problems({"POLL_INTERVAL": "0"}, "slak: 1\nslack: {chanel: 1, language: fr}\n")
    assert [line.split()[0] for line in lines] == [
        "config.yaml",
        "config.yaml",
        "chanjing.access_token",
        "slack.bot_token",
        "slack.channel",
        "poll.interval",
        "slack.language",
    ]


@pytest.mark.parametrize("yaml", ["a: [", "- 1", "\0"])
def test_a_file_that_is_no_yaml_is_the_only_problem(problems, yaml):
    [line] = problems({}, yaml)
    assert line.startswith("config.yaml: ")


def test_a_given_file_that_is_absent_is_an_error(room):
    with pytest.raises(ConfigError, match=r"^other\.yaml: there is no such file$"):
        load(Path("other.yaml"), ENOUGH, secrets_dir=room)


def test_a_given_file_is_read_in_place_of_the_one_of_the_directory(room):
    (room / "config.yaml").write_text("slack: {digest_after: 1}")
    (room / "other.yaml").write_text("slack: {digest_after: 2}")
    assert load(Path("other.yaml"), ENOUGH, secrets_dir=room)["default"].slack.digest_after == 2


@pytest.mark.parametrize("how", [load, load_local])
def test_an_empty_file_sets_nothing(loaded, how):
    assert loaded(ENOUGH, "# nothing\n", how=how).poll.interval == 30


def test_a_local_command_needs_no_credentials(loaded):
    assert loaded({"STATE_PATH": "/x/state.json"}, how=load_local).state.path == Path("/x/state.json")


def test_a_local_command_takes_the_default_for_what_it_cannot_use(loaded):
    yaml = "slak: 1\nlog: 5\nslack: {a: 1, language: fr, digest_after: 7, bot_token: xoxp-1, channel: videos}\n"
    config = loaded({"CHANJING_ACCESS_TOKEN_FILE": "/none"}, yaml, how=load_local)
    assert (config.slack.language, config.slack.digest_after, config.slack.bot_token) == ("en", 7, None)


@pytest.mark.parametrize(
    "yaml",
    [
        "state: 5",
        "state: {pth: x}",
        "state: {retention: 0}",
        "state: {path: x, path: y}",
        "state: {path: [x]}",
        "a: [",
        "5",
    ],
)
def test_a_local_command_wants_a_state_that_can_be_used(problems, yaml):
    assert len(problems({}, yaml, how=load_local)) == 1


def test_a_local_command_wants_the_file_it_was_given(room):
    with pytest.raises(ConfigError, match="there is no such file"):
        load_local(Path("other.yaml"), {}, secrets_dir=room)


def test_every_default_in_the_table_is_what_stands_there_when_nobody_sets_it(loaded):
    explicit = {environment_name(key.name): key.default for key in KEYS if key.default}
    assert loaded({**explicit, **ENOUGH}) == loaded()


def test_the_table_knows_the_secrets():
    assert [key.name for key in KEYS if key.secret] == [
        "chanjing.access_token",
        "chanjing.secret_key",
        "slack.bot_token",
        "slack.webhook_url",
        "state.url",
        "monitor.ping_url",
        "monitor.wake_token",
        "monitor.password",
    ]


def test_the_example_loads_once_its_placeholders_are_replaced(room):
    replaced = EXAMPLE.read_text("utf-8")
    for placeholder, value in {
        "your-app-id": "app", "your-secret-key": "key", "xoxb-your-token": "xoxb-1-a", "C0XXXXXXXXX": "C0AB12CD3",
    }.items():  # fmt: skip
        replaced = replaced.replace(placeholder, value)
    (room / "config.yaml").write_text(replaced, "utf-8")
    values = {"CHANJING_APP_ID": "app", "CHANJING_SECRET_KEY": "key", "SLACK_BOT_TOKEN": "xoxb-1-a"}
    given = load(Path(os.devnull), values | {"SLACK_CHANNEL": "C0AB12CD3"}, secrets_dir=room)
    assert load(None, {}, secrets_dir=room) == given


def test_the_example_as_it_is_names_the_four_placeholders(problems):
    lines = problems({}, EXAMPLE.read_text("utf-8"))
    keys = ["chanjing.app_id", "chanjing.secret_key", "slack.bot_token", "slack.channel"]
    assert [line.split()[0] for line in lines] == keys
    assert all("is still" in line for line in lines)


def in_the_example() -> dict[str, str]:
    """Return each key of the example, set or commented out, with the text behind it."""
    found, section = {}, ""
    for line in EXAMPLE.read_text().splitlines():
        if match := re.fullmatch(r"(\w+):", line):
            section = match[1]
        elif match := re.fullmatch(r"  (?:# )?([a-z_]+): (\S+)", line):
            found[f"{section}.{match[1]}"] = match[2]
    return found


def test_the_example_names_every_key_and_no_other():
    assert sorted(in_the_example()) == sorted(key.name for key in KEYS)


def test_the_example_shows_the_defaults():
    shown = in_the_example()
    assert {key.name: shown[key.name] for key in KEYS if key.default} == {
        key.name: key.default for key in KEYS if key.default
    }


@pytest.mark.parametrize("key", ["slack.mention_on_failure", "slack.daily_summary", "monitor.listen", "log.format"])
def test_what_the_example_suggests_can_be_used(loaded, key):
    section, _, name = key.partition(".")
    assert getattr(getattr(loaded(ENOUGH, f"{section}: {{{name}: {in_the_example()[key]}}}"), section), name)


# What can be used but is hardly meant


@pytest.fixture
def warnings(room):
    """Return a function: environment, YAML → what the configuration is warned of."""

    def warnings(environ, yaml):
        (room / "config.yaml").write_text(yaml)
        warned = []
        load(None, {**ENOUGH, **environ}, secrets_dir=room / "secrets", warn=lambda *warning: warned.append(warning))
        return warned

    return warnings


def test_two_places_that_name_different_state_files_are_both_named(warnings):
    [(subject, text)] = warnings({"STATE_PATH": "/data/state.json"}, "state:\n  path: /var/lib/bot.json\n")
    assert subject == "state.path"
    assert text.startswith("/data/state.json (environment variable STATE_PATH) is used, not /var/lib/bot.json (config.")


def test_each_of_three_places_for_the_state_is_named(warnings, room):
    (room / "secrets" / "state_path").write_text("/run/state.json")
    texts = [text for _, text in warnings({"STATE_PATH": "/data/state.json"}, "state: {path: bot.json}")]
    assert len(texts) == 2
    assert "secrets/state_path" in texts[0]
    assert "config.yaml line 1" in texts[1]


@pytest.mark.parametrize("path", ["/data/state.json", "/data/../data//state.json"])
def test_two_places_that_name_the_same_state_file_agree(warnings, path):
    assert warnings({"STATE_PATH": "/data/state.json"}, f"state: {{path: {path}}}") == []


def test_a_relative_path_may_name_the_same_state_file(warnings, room):
    assert warnings({"STATE_PATH": str(room / "bot.json")}, "state: {path: ./bot.json}") == []


def test_an_environment_that_overrides_another_key_is_meant(warnings):
    assert warnings({"SLACK_CHANNEL": "C1", "LOG_LEVEL": "debug"}, "slack: {channel: C2}\nlog: {level: info}") == []


def test_a_wrong_time_zone_matters_for_a_daily_summary_only(warnings):
    summary = "slack: {daily_summary: 9:00}"
    assert warnings({"TZ": "Asia/Shangai"}, "") == warnings({"TZ": "UTC"}, summary) == []
    [(subject, text)] = warnings({"TZ": "Asia/Shangai"}, summary)
    assert subject == "TZ"
    assert "slack.daily_summary depends on it" in text


# A file that nobody named


ELSEWHERE = "https://chanjing.evil.example"
OWN = "https://open-api.chanjing.cc"


@pytest.mark.parametrize(
    ("environ", "yaml", "key", "credential"),
    [
        (ENOUGH, f"chanjing: {{base_url: {ELSEWHERE}}}", "chanjing.base_url", "chanjing.access_token"),
        (ENOUGH, "slack: {base_url: https://slack.evil.example/api}", "slack.base_url", "slack.bot_token"),
        (
            {"CHANJING_APP_ID": "id", "CHANJING_SECRET_KEY": "key", "SLACK_WEBHOOK_URL": "https://hooks.slack.com/x"},
            f"chanjing: {{base_url: {ELSEWHERE}}}",
            "chanjing.base_url",
            "chanjing.app_id",
        ),
        (
            {"SLACK_BOT_TOKEN": "xoxb-1-a", "SLACK_CHANNEL": "C0AB12CD3"},
            f"chanjing: {{base_url: {ELSEWHERE}, access_token_file: tokens}}",
            "chanjing.base_url",
            "chanjing.access_token_file",
        ),
        (
            {**ENOUGH, "MONITOR_WAKE_TOKEN": "t", "MONITOR_LISTEN": "127.0.0.1:1"},
            "monitor: {public_url: https://evil.example}",
            "monitor.public_url",
            "monitor.wake_token",
        ),
    ],
)
def test_a_file_that_nobody_named_does_not_choose_where_a_credential_from_elsewhere_goes(
    problems, room, environ, yaml, key, credential
):
    (room / "tokens").write_text("tok")
    (line,) = problems(environ, yaml)
    assert line.startswith(f"{key} (")
    assert f"cannot choose where {credential} (" in line
    assert "add --config config.yaml; or set " in line


def test_a_secret_file_of_the_machine_is_not_sent_where_such_a_file_says(problems, room):
    (room / "secrets" / "slack_bot_token").write_text("xoxb-1-a")
    environ = {name: value for name, value in ENOUGH.items() if name != "SLACK_BOT_TOKEN"}
    (line,) = problems(environ, "slack: {base_url: https://slack.evil.example}")
    assert "cannot choose where slack.bot_token (" in line


def test_a_command_that_uses_what_it_can_uses_no_such_address(room):
    (room / "config.yaml").write_text("slack: {base_url: https://slack.evil.example}")
    config = read(None, ENOUGH, secrets_dir=room / "secrets").accounts["default"].config
    assert config.slack.base_url == "https://slack.com/api/"


@pytest.mark.parametrize(
    ("environ", "yaml", "address"),
    [
        ({**ENOUGH, "CHANJING_BASE_URL": ELSEWHERE}, "chanjing: {base_url: https://b.example}", ELSEWHERE),
        ({**ENOUGH, "CHANJING_BASE_URL": ELSEWHERE}, None, ELSEWHERE),
        (ENOUGH, "chanjing: {base_url: https://Open-API.chanjing.cc/}\nslack: {base_url: https://slack.com/api}", OWN),
        (
            {},
            f"chanjing: {{base_url: {ELSEWHERE}, access_token: a}}\nslack: {{bot_token: xoxb-1, channel: C0AB12CD3}}",
            ELSEWHERE,
        ),
        (
            {"CHANJING_ACCESS_TOKEN": "tok", "SLACK_WEBHOOK_URL": "https://hooks.slack.com/x"},
            "slack: {base_url: https://b.example}",
            OWN,
        ),
    ],
    ids=["from the environment", "without a file", "the default", "a file with both", "a webhook has no base URL"],
)
def test_where_the_address_is_as_trusted_as_the_credential_nothing_is_said(loaded, environ, yaml, address):
    assert loaded(environ, yaml).chanjing.base_url.lower().rstrip("/") == address


def test_a_file_that_was_named_is_trusted(room):
    (room / "config.yaml").write_text(f"chanjing: {{base_url: {ELSEWHERE}}}")
    assert load(Path("config.yaml"), ENOUGH, secrets_dir=room / "secrets")["default"].chanjing.base_url == ELSEWHERE


# What is said aloud


@pytest.fixture
def warned(room):
    """Return a function: environment, YAML → the subjects of the warnings, and what they say."""

    def warned(environ, yaml="", mode=0o600):
        (room / "config.yaml").write_text(yaml)
        (room / "config.yaml").chmod(mode)
        said: dict[str, str] = {}
        load(None, environ, secrets_dir=room / "secrets", warn=said.__setitem__)
        return said

    return warned


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("chanjing.base_url", "http://chanjing.example"),
        ("slack.base_url", "http://192.168.0.1"),
        ("monitor.ping_url", "http://hc.example/s3cret"),
        ("monitor.ping_url", "http://localhost.example/s3cret"),
        ("monitor.ping_url", "HTTP://hc.example/s3cret"),
    ],
)
def test_an_unencrypted_address_is_said_aloud(warned, key, url):
    said = warned({**ENOUGH, environment_name(key): url})
    assert list(said) == [key]
    assert "Use https://" in said[key]
    assert "s3cret" not in said[key]


def test_an_unencrypted_way_for_wake_ups_is_said_aloud(warned):
    wake = {"MONITOR_WAKE_TOKEN": "t", "MONITOR_LISTEN": "127.0.0.1:1", "MONITOR_PUBLIC_URL": "http://bot.example"}
    assert list(warned({**ENOUGH, **wake})) == ["monitor.public_url"]
    assert warned({**ENOUGH, **wake, "MONITOR_WAKE_TOKEN": ""}) == {}


def test_a_wake_token_that_nobody_can_use_is_said_aloud(warned):
    said = warned({**ENOUGH, "MONITOR_WAKE_TOKEN": "t"})
    assert said == {"monitor.wake_token": "without monitor.listen no wake-up can arrive."}


def test_an_unencrypted_webhook_is_said_aloud(warned):
    environ = {"CHANJING_ACCESS_TOKEN": "tok", "SLACK_WEBHOOK_URL": "http://hooks.example/s3cret"}
    assert list(warned(environ)) == ["slack.webhook_url"]


@pytest.mark.parametrize("url", ["https://c.example", "http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1"])
def test_what_stays_on_the_machine_or_is_encrypted_is_not(warned, url):
    assert warned({**ENOUGH, "CHANJING_BASE_URL": url}) == {}


SECRETS = "chanjing: {access_token: tok}\nslack: {bot_token: xoxb-1-a, channel: C0AB12CD3}"


def test_a_file_with_secrets_that_everybody_can_read_is_said_aloud(warned):
    said = warned({}, SECRETS, 0o644)
    assert list(said) == ["config.yaml"]
    assert "every user of this machine can read it, and chanjing.access_token is in it" in said["config.yaml"]
    assert "tok" not in said["config.yaml"].replace("token", "")


def test_a_secret_that_is_overridden_can_be_read_all_the_same(warned):
    assert list(warned(ENOUGH, "slack: {bot_token: xoxb-1-a}", 0o604)) == ["config.yaml"]


def test_without_secrets_in_it_or_readers_of_it_nothing_is_said(warned):
    assert warned({}, SECRETS, 0o640) == {}
    assert warned(ENOUGH, "poll: {interval: 5s}", 0o644) == {}
