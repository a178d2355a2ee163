"""compose.yaml: the container locked down, its secrets in files."""

import json
import re
from pathlib import Path

import pytest
import yaml

from bot import __version__
from bot.config.load import load

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICE = COMPOSE["services"]["lipsync-bot"]
IGNORED = (ROOT / ".gitignore").read_text("utf-8").split()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("read_only", True),
        ("cap_drop", ["ALL"]),
        ("security_opt", ["no-new-privileges:true"]),
        ("restart", "unless-stopped"),
        ("volumes", ["state:/data"]),
        ("ulimits", {"core": 0}),
    ],
)
def test_the_container_is_locked_down_and_comes_back(option, value):
    assert SERVICE[option] == value


def test_the_volume_has_a_name():
    assert list(COMPOSE["volumes"]) == ["state"]


def test_the_log_cannot_fill_the_disk():
    assert set(SERVICE["logging"]["options"]) == {"max-size", "max-file"}


def test_the_health_check_is_the_one_of_the_image():
    check = re.search(r"^HEALTHCHECK .* CMD (.*)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert check
    assert SERVICE["healthcheck"]["test"] == ["CMD", *json.loads(check[1])]


def test_no_secret_stands_in_it():
    assert "environment" not in SERVICE
    assert all(set(source) == {"file"} for source in COMPOSE["secrets"].values())


def test_its_files_of_secrets_are_kept_out_of_git():
    assert {Path(source["file"]).parts[0] for source in COMPOSE["secrets"].values()} == {"secrets"}
    assert {"/secrets/", "/.env"} <= set(IGNORED)


def test_the_bot_finds_its_secrets_by_their_names_and_needs_nothing_else(tmp_path):
    assert SERVICE["secrets"] == list(COMPOSE["secrets"])
    for name in SERVICE["secrets"]:
        (tmp_path / name).write_text("xoxb-1-made-up", "ascii")
    environment = {"SLACK_CHANNEL": "C0AB12CD3"}
    assert load(Path("/dev/null"), environment, secrets_dir=tmp_path)["default"].slack.channel == "C0AB12CD3"


def test_it_passes_on_any_key_from_a_file_that_git_ignores():
    assert SERVICE["env_file"] in {entry.removeprefix("/") for entry in IGNORED}


def test_its_image_has_the_tag_of_this_version():
    assert SERVICE["image"] == f"lipsync-bot:{__version__}"


# Two copies

HA = yaml.safe_load((ROOT / "deploy/compose-ha.yaml").read_text("utf-8"))


def test_two_copies_stand_by_for_each_other_and_are_locked_down_like_the_one():
    one, two = (HA["services"][name] for name in ("one", "two"))
    assert one == two
    assert one["command"] == ["run", "--standby"]
    for option in ("read_only", "cap_drop", "security_opt", "mem_limit", "pids_limit", "ulimits", "restart", "image"):
        assert one[option] == SERVICE[option]


def test_two_copies_find_their_secrets_and_the_database_by_their_names(tmp_path):
    for name in HA["services"]["one"]["secrets"]:
        value = "postgresql://lipsync_bot:made-up@postgres/lipsync_bot" if name == "state_url" else "xoxb-1-made-up"
        (tmp_path / name).write_text(value, "ascii")
    config = load(Path("/dev/null"), {"SLACK_CHANNEL": "C0AB12CD3"}, secrets_dir=tmp_path)["default"]
    assert config.state.url
    assert {*HA["services"]["one"]["secrets"], "postgres_password"} == set(HA["secrets"])
    assert all(Path(source["file"]).parts[:2] == ("..", "secrets") for source in HA["secrets"].values())
