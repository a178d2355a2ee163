import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.config.texts import Found, Raw, environment_name, gather, place
from bot.config.yaml import _compose
from bot.errors import ConfigError
from bot.secret import decoded

KEYS = ("chanjing.access_token", "chanjing.page_size", "slack.channel", "slack.bot_token", "slack.mention_on_failure")
NO_YAML = Path(os.devnull)


@pytest.fixture
def read(tmp_path):
    """Return a function: YAML → what is found in it, with the file called `y`."""

    def read(content: str | bytes) -> Found:
        file = tmp_path / "config.yaml"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        found = gather(KEYS, file, {}, tmp_path / "none")
        for problem in found.problems:
            assert problem.text.startswith(str(file))
        return found

    return read


def texts(found: Found) -> list[str]:
    return [problem.text.partition("config.yaml")[2].lstrip(": ") for problem in found.problems]


@pytest.mark.parametrize("written", ["0123", "1:30", "yes", "1e3", "2024-01-01", "0x1F", "1_000", "9:00", ".inf", "=x"])
def test_a_plain_value_stays_as_it_was_written(read, written):
    assert read(f"slack:\n  channel: {written}").values["slack.channel"].value == written


@pytest.mark.parametrize("written", ["", "~", "null", '""', "''", '"  "', "[]", "# a comment"])
def test_a_key_with_nothing_behind_it_is_not_set(read, written):
    assert read(f"slack:\n  channel: {written}\n").values == {}


def test_a_list_stays_a_list(read):
    found = read("slack:\n  mention_on_failure:\n  - <!here>\n  - 0123\n")
    assert found.values["slack.mention_on_failure"].value == ["<!here>", "0123"]


@pytest.mark.parametrize("written", ["{a: b}", "[[a]]", "[{a: b}]", "!secret x", "!!binary eA==", "!!python/none x"])
def test_a_value_that_is_not_plain_is_a_problem_of_its_key(read, written):
    assert "plain value" in read(f"slack: {{channel: {written}}}").values["slack.channel"].problem


def test_an_anchor_may_be_used_again(read):
    found = read("slack:\n  channel: &main C1\n  bot_token: *main\n")
    assert found.values["slack.bot_token"].value == "C1"


def test_an_anchor_that_holds_itself_is_no_plain_value_and_merges_nothing(read):
    found = read("slack: &s3cret\n  <<: [*s3cret]\n  channel: *s3cret\n  bot_token: a\n").values
    assert found["slack.channel"].problem == "must be one plain value"
    assert found["slack.bot_token"].value == "a"


def test_a_value_knows_its_line(read):
    assert (
        read("\n\nslack:\n  # a comment\n  channel: C1\n").values["slack.channel"].where.endswith("config.yaml line 5")
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("slack:\n  chanel: s3cret", "line 2: chanel is not a key of slack; the nearest is slack.channel"),
        ("slack:\n  Channel: s3cret", "line 2: Channel is not a key of slack; the nearest is slack.channel"),
        ("slack:\n  page-size: 5",
         "line 2: page-size is not a key of slack; the nearest is chanjing.page_size (inside its section)"),
        ("slack:\n  qqq: 5", "line 2: qqq is not a key of slack; there are channel, bot_token, mention_on_failure"),
        ("slak:\n  channel: C1", "line 1: slak is not a section; the nearest is slack"),
        ("access_token: s3cret",
         "line 1: access_token is not a section; the nearest is chanjing.access_token (inside its section)"),
        ("slack.channel: C1",
         "line 1: slack.channel is not a section; the nearest is slack.channel (inside its section)"),
        ("qqq: 1", "line 1: qqq is not a section; there are chanjing, slack"),
        ("slack: s3cret", "line 1: slack must be a section, with indented lines `key: value` below it"),
        ("slack: [s3cret]", "line 1: slack must be a section, with indented lines `key: value` below it"),
        ("slack:\n  channel: C1\n  channel: C2", "line 3: channel already appears on line 2; keep one of them"),
        ("slack:\nchanjing:\nslack:", "line 3: slack already appears on line 1; keep one of them"),
        ("slack:\n  - s3cret", "line 1: slack must be a section, with indented lines `key: value` below it"),
        ("- s3cret", "must have sections (chanjing, slack), each with indented lines `key: value`"),
        ("s3cret", "must have sections (chanjing, slack), each with indented lines `key: value`"),
        ("slack: {bot_token: [s3cret",
         "line 1, column 27: this is not YAML: expected ',' or ']', but got '<stream end>'"),
        ("slack:\n  bot_token: *s3cret", "line 2, column 14: this is not YAML: found undefined alias …"),
        ("slack:\n\tchannel: s3cret",
         "line 2, column 1: this is not YAML: it has a tab here; use spaces"),
        ("slack:\n  channel:\ts3cret",
         "line 2, column 11: this is not YAML: it has a tab here; use spaces"),
        ("slack:\n  mention_on_failure: @s3cret",
         "line 2, column 23: this is not YAML: found character '@' that cannot start any token"),
        ("a: 1\n---\ns3cret: 2",
         "line 2, column 1: this is not YAML: expected a single document in the stream, but found another document"),
        ("%YAML s3cret\n---\n", "line 1, column 7: this is not YAML: expected a digit, but found 's'"),
        (b"\x00\x01s3cret", "this is not YAML: it contains characters that YAML does not allow"),
        (b"slack: \xff\xfe s3cret", "it is not text; save it as UTF-8"),
        (r'slack: "\UFFFFFFFF s3cret"', "this is not YAML: it contains characters that YAML does not allow"),
        ("[" * 5_000, "this is not YAML that the bot can read: it is nested too deeply"),
        (b"#" * (1024 * 1024 + 1), "it has more than 1024 KiB"),
        ("slack:\n  <<: s3cret", "line 2: << must name a section to merge, as in <<: *name, or a list of them"),
        ("slack:\n  <<: [{channel: C1}, s3cret]",
         "line 2: << must name a section to merge, as in <<: *name, or a list of them"),
        ("x-s: &s {channel: C1}\nslack:\n  <<: *s\n  <<: *s",
         "line 4: << already appears on line 3; keep one of them"),
        ("x-s: &s\n  channel: s3cret\n  channel: s3cret\nslack: {<<: *s}",
         "line 3: channel already appears on line 2; keep one of them"),
        ("x-s: &s\n  chanel: s3cret\nslack: {<<: *s}",
         "line 2: chanel is not a key of slack; the nearest is slack.channel"),
        ("x-s: 1\nx-s: 2", "line 2: x-s already appears on line 1; keep one of them"),
    ],
)  # fmt: skip
def test_each_mistake_in_the_yaml_is_one_line_that_says_where(read, content, expected):
    assert texts(read(content)) == [expected]


@pytest.mark.parametrize("content", ["slack: {bot_token:xoxb-1}", "{xoxb-1}", "? [xoxb-1]\n: 1", "? {a: xoxb-1}\n: 1"])
def test_a_secret_that_became_a_key_is_not_shown(read, content):
    found = read(content)
    assert found.problems
    assert "xoxb" not in str([problem.text for problem in found.problems])


def test_every_mistake_is_reported_at_once(read):
    assert len(read("slak: 1\nslack:\n  a: 1\n  channel: C1\n  channel: C2\nchanjing: 5\n").problems) == 4


@pytest.mark.parametrize("content", ["", "# only this\n", "---\n", "~", "\ufeff"])
def test_a_file_with_nothing_in_it_sets_nothing_and_is_noted(read, content):
    found = read(content)
    assert (found.values, found.problems) == ({}, [])
    assert found.note.endswith("config.yaml is empty")


MERGING = """
x-quiet: &quiet
  channel: C1
  mention_on_failure: [<!here>]
x-loud: &loud {<<: *quiet, channel: C2, bot_token: loud}
chanjing: {<<: {page_size: 7}}
slack:
  <<: [*quiet, *loud]
  mention_on_failure: [<!channel>]
"""


def test_merged_keys_count_after_the_own_ones_and_the_first_merged_first(read):
    found = read(MERGING).values
    assert {key: raw.value for key, raw in found.items()} == {
        "chanjing.page_size": "7",
        "slack.mention_on_failure": ["<!channel>"],
        "slack.channel": "C1",
        "slack.bot_token": "loud",
    }


def test_a_merged_value_knows_the_line_it_stands_on(read):
    found = read(MERGING).values
    lines = [found[key].where.rpartition(" ")[2] for key in ("slack.channel", "slack.bot_token", "chanjing.page_size")]
    assert lines == ["3", "5", "6"]


def test_whole_sections_may_be_merged(read):
    found = read("x-all: &all\n  slack: {channel: C1}\n  chanjing: {page_size: 7}\nslack: {bot_token: a}\n<<: *all")
    assert {key: raw.value for key, raw in found.values.items()} == {"slack.bot_token": "a", "chanjing.page_size": "7"}


def test_a_key_that_begins_with_x_is_the_users_own(read):
    found = read("x-: 1\nx-note: [a, {b: c}]\nslack:\n  x-why: because\n  channel: C1")
    assert list(found.values) == ["slack.channel"]


def test_a_quoted_merge_key_is_a_key_like_any_other(read):
    assert texts(read('slack: {"<<": {channel: C1}}'))[0].startswith("line 1: << is not a key of slack")


BOMB = "\n".join(f"x-{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 1000))


def test_a_merge_bomb_is_not_unfolded(read):
    found = read(f"x-0: &a0 {{channel: C1}}\n{BOMB}\nslack: *a999")
    assert found.values == {"slack.channel": Raw("slack.channel", "C1", found.values["slack.channel"].where)}


def test_an_alias_bomb_is_not_unfolded(read):
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10))]
    assert len(read("\n".join(lines)).problems) == 10


@pytest.mark.parametrize("line", ["a{}:", "slack{}:", "a:", "<<: {}"])
def test_of_many_mistakes_the_first_are_reported(read, line):
    said = texts(read("\n".join(line.format(n) for n in range(1_000))))
    assert len(said) == 21
    assert said[-1] == "the rest of the file was not checked"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_in_the_encodings_of_windows_is_read(read, encoding):
    assert read("slack: {channel: 频道}\r\n".encode(encoding)).values["slack.channel"].value == "频道"


def refusal(document: bytes) -> str:
    try:
        _compose(decoded(document))
    except ConfigError as problem:
        return str(problem)
    return ""


@settings(deadline=None)  # a busy machine is not a defect
@given(content=st.text(st.sampled_from("abs:-[]{}&*!|>'\"%@#,?\\U0 \n\t~<é\0")) | st.binary())
def test_whatever_is_in_the_file_only_a_config_error_comes_out(content):
    canary = b"xoxb-1234567890"
    data = content if isinstance(content, bytes) else content.replace("U", "U" + canary.decode()).encode()
    for document in (data + canary, canary + data, data + b"\n" + canary + data):
        said = refusal(document)
        assert canary.decode() not in said
        assert "\n" not in said


def test_the_environment_comes_before_the_secret_file_and_that_before_the_yaml(tmp_path):
    (tmp_path / "config.yaml").write_text(
        "slack:\n  channel: yaml\n  bot_token: yaml\nchanjing:\n  access_token: yaml\n"
    )
    (tmp_path / "slack_channel").write_text("file\n")
    (tmp_path / "slack_bot_token").write_text("file\n")
    found = gather(KEYS, tmp_path / "config.yaml", {"SLACK_CHANNEL": " environment "}, tmp_path)
    assert found.values == {
        "slack.channel": Raw("slack.channel", "environment", "environment variable SLACK_CHANNEL"),
        "slack.bot_token": Raw("slack.bot_token", "file", f"file {tmp_path}/slack_bot_token"),
        "chanjing.access_token": Raw("chanjing.access_token", "yaml", f"{tmp_path}/config.yaml line 5"),
    }


def test_a_variable_that_is_empty_is_not_set(tmp_path):
    (tmp_path / "slack_channel").write_text("file")
    found = gather(KEYS, NO_YAML, {"SLACK_CHANNEL": "", "SLACK_BOT_TOKEN": "  "}, tmp_path)
    assert {key: raw.value for key, raw in found.values.items()} == {"slack.channel": "file"}


def test_variables_and_files_of_others_are_not_looked_at(tmp_path):
    (tmp_path / "slack_signing_secret").write_bytes(b"\xff")
    (tmp_path / "database").mkdir()
    found = gather(KEYS, NO_YAML, {"SLACK_SIGNING_SECRET": "x", "PATH": "/bin"}, tmp_path)
    assert (found.values, found.problems) == ({}, [])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_not_part_of_a_value(tmp_path, encoding):
    (tmp_path / "slack_channel").write_bytes("C1\r\n".encode(encoding))
    found = gather(KEYS, NO_YAML, {"SLACK_BOT_TOKEN": "\ufeffxoxb-1"}, tmp_path)
    assert {key: raw.value for key, raw in found.values.items()} == {"slack.channel": "C1", "slack.bot_token": "xoxb-1"}


def test_quotes_around_a_variable_are_pointed_out(tmp_path):
    found = gather(KEYS, NO_YAML, {"SLACK_CHANNEL": '"C1"'}, tmp_path)
    assert "the quotes are part of the value" in found.values["slack.channel"].problem


@pytest.mark.parametrize(("content", "words"), [(b" \n", "empty"), (b"\xff", "not text"), (b"x" * 70_000, "more than")])
def test_a_secret_file_that_cannot_be_used_is_a_problem_of_its_key(tmp_path, content, words):
    (tmp_path / "slack_channel").write_bytes(content)
    assert words in gather(KEYS, NO_YAML, {}, tmp_path).values["slack.channel"].problem


def test_a_directory_in_place_of_a_secret_file_is_a_problem_of_its_key(tmp_path):
    (tmp_path / "slack_channel").mkdir()
    assert "it is a directory" in gather(KEYS, NO_YAML, {}, tmp_path).values["slack.channel"].problem


@pytest.mark.parametrize("name", ["none.yaml", "."])
def test_a_given_file_that_cannot_be_read_is_a_problem(tmp_path, name):
    [problem] = gather(KEYS, tmp_path / name, {}, tmp_path / "none").problems
    assert problem.section == ""
    assert problem.text.startswith(f"{tmp_path / name}: ")


def test_without_a_path_the_file_of_the_current_directory_is_read_where_there_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert gather(KEYS, None, {}, tmp_path).note == "there is no config.yaml in this directory"
    (tmp_path / "config.yaml").write_text("slack: {channel: C1}")
    assert gather(KEYS, None, {}, tmp_path).values == {
        "slack.channel": Raw("slack.channel", "C1", "config.yaml line 1")
    }


def test_a_place_names_the_key_and_its_environment_name_once():
    assert environment_name("slack.channel") == "SLACK_CHANNEL"
    assert place(Raw("slack.channel", "", "x.yaml line 3")) == "slack.channel (SLACK_CHANNEL; x.yaml line 3)"
    by_environment = Raw("slack.channel", "", "environment variable SLACK_CHANNEL")
    assert place(by_environment) == "slack.channel (environment variable SLACK_CHANNEL)"
