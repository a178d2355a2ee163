"""deploy/systemd and deploy/cron: the bot as a service, and `run --once` by a timer or by cron."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from bot.config.sections import KEYS
from bot.config.texts import environment_name
from bot.errors import ConfigError, StateHeldError

DEPLOY = Path(__file__).parents[2] / "deploy"
FOLDER = DEPLOY / "systemd"
SERVICE, ONCE, TIMER = "lipsync-bot.service", "lipsync-bot.service.d/once.conf", "lipsync-bot.timer"
CRONTAB = (DEPLOY / "cron/crontab").read_text("utf-8").splitlines()
PLAIN_KEYS = {environment_name(key.name) for key in KEYS if not key.secret}


def unit(name):
    """Return sections → options → values of a unit, where an empty value takes back those before it."""
    sections: dict[str, dict[str, list[str]]] = {}
    for line in (FOLDER / name).read_text("utf-8").splitlines():
        if line.startswith("["):
            options = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            option, _, value = line.partition("=")
            options[option] = [*options.get(option, []), value] if value else []
    return sections


def assigned(name):
    return dict(line.split("=", 1) for line in unit(name)["Service"]["Environment"])


@pytest.mark.parametrize(("name", "arguments"), [(SERVICE, ["run"]), (ONCE, ["run", "--once"])])
def test_a_unit_runs_the_bot(name, arguments):
    (command,) = unit(name)["Service"]["ExecStart"]
    assert shlex.split(command)[3:] == arguments


def test_the_service_comes_back_unless_its_configuration_is_wrong():
    service = unit(SERVICE)["Service"]
    assert (service["Restart"], service["RestartPreventExitStatus"]) == (["always"], [str(ConfigError.exit_code)])
    assert unit(SERVICE)["Install"]


def test_the_service_leaves_no_core_dump():
    assert unit(SERVICE)["Service"]["LimitCORE"] == ["0"]


def test_a_run_that_meets_another_is_no_failure():
    assert unit(ONCE)["Service"]["SuccessExitStatus"] == [str(StateHeldError.exit_code)]


def test_the_service_sets_keys_of_the_bot_and_keeps_secrets_in_files():
    environment = assigned(SERVICE)
    assert set(environment) <= PLAIN_KEYS
    given = {line.partition(":")[0] for line in unit(SERVICE)["Service"]["LoadCredential"]}
    assert {value.removeprefix("%d/") for name, value in environment.items() if name.endswith("_FILE")} == given


def test_the_timer_begins_to_count_when_a_run_has_ended():
    assert {"OnBootSec", "OnUnitInactiveSec"} <= set(unit(TIMER)["Timer"])


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
@pytest.mark.parametrize("once", [False, True], ids=["service", "timer"])
def test_systemd_understands_the_units(tmp_path, once):
    units = [SERVICE, TIMER] if once else [SERVICE]
    for name in [*units, ONCE] if once else units:
        text = (FOLDER / name).read_text("utf-8").replace("/opt/lipsync-bot/bin/lipsync-bot", "/bin/true")
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    verify = ["systemd-analyze", "verify", *(str(tmp_path / name) for name in units)]
    done = subprocess.run(verify, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_crontab_polls_once_each_minute():
    (job,) = [line for line in CRONTAB if line and not line.startswith("#") and "=" not in line.split()[0]]
    assert job.split()[:5] == ["*"] * 5
    assert job.split("|")[0].split()[-3:-1] == ["run", "--once"]


def test_the_crontab_names_files_for_the_secrets_and_a_place_for_the_state():
    environment = dict(line.split("=", 1) for line in CRONTAB if "=" in line.partition(" ")[0])
    del environment["SHELL"]
    assert set(environment) <= PLAIN_KEYS
    assert {"CHANJING_SECRET_KEY_FILE", "SLACK_BOT_TOKEN_FILE", "STATE_PATH"} <= set(environment)
