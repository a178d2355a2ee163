"""deploy/cron: `run --once` by systemd or cron."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from bot import cli
from bot.config import KEYS

FOLDER = Path(__file__).parents[2] / "deploy/cron"
ONCE = ["run", "--once"]


def unit(name):
    """Return sections → options → value of a unit."""
    sections: dict[str, dict[str, list[str]]] = {}
    for line in (FOLDER / name).read_text("utf-8").splitlines():
        if line.startswith("["):
            options = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            option, _, value = line.partition("=")
            options.setdefault(option, []).append(value)
    return sections


def test_the_service_polls_once():
    (command,) = unit("lipsync-bot.service")["Service"]["ExecStart"]
    assert shlex.split(command)[-2:] == ONCE


def test_a_run_that_meets_another_is_no_failure():
    assert unit("lipsync-bot.service")["Service"]["SuccessExitStatus"] == [str(cli.HELD)]


def test_the_service_sets_keys_of_the_bot_and_keeps_secrets_in_files():
    assigned = dict(line.split("=", 1) for line in unit("lipsync-bot.service")["Service"]["Environment"])
    assert set(assigned) <= {key.environment for key in KEYS if not key.secret}
    given = {line.partition(":")[0] for line in unit("lipsync-bot.service")["Service"]["LoadCredential"]}
    assert {value.removeprefix("%d/") for name, value in assigned.items() if name.endswith("_FILE")} == given


def test_the_timer_begins_to_count_when_a_run_has_ended():
    assert {"OnBootSec", "OnUnitInactiveSec"} <= set(unit("lipsync-bot.timer")["Timer"])


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
def test_systemd_understands_the_units(tmp_path):
    for path in FOLDER.glob("lipsync-bot.*"):
        text = path.read_text("utf-8").replace("ExecStart=/opt/lipsync-bot/bin/lipsync-bot", "ExecStart=/bin/true")
        (tmp_path / path.name).write_text(text, "utf-8")
    verify = ["systemd-analyze", "verify", *map(str, sorted(tmp_path.iterdir()))]
    done = subprocess.run(verify, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_crontab_polls_once_each_minute():
    lines = (FOLDER / "crontab").read_text("utf-8").splitlines()
    (job,) = [line for line in lines if line and not line.startswith("#") and "=" not in line.split()[0]]
    assert job.split()[:5] == ["*"] * 5
    assert job.split("|")[0].split()[-3:-1] == ONCE
