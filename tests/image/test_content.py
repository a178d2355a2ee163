"""What the image is made of, and as whom it runs."""

import re
import tomllib

import pytest

from bot import __version__
from tests.image.engine import BARE, IMAGE, LOCKED_DOWN, PINNED, ROOT

MEGABYTE = 1_000_000
TOOLS = ("pip", "pip3", "gcc", "cc", "g++", "make", "ld", "git", "curl", "wget")


@pytest.fixture
def config(engine):
    return engine.inspect("image", IMAGE)["Config"]


def inside(engine, code):
    """Return what the Python program *code* prints in a container, as root so that nothing is hidden from it."""
    return engine.run("--network=none", "--user=0", "--entrypoint=python", IMAGE, "-c", code).stdout.strip()


def test_it_runs_as_a_fixed_user_that_is_not_root(config):
    assert config["User"] == "10001:10001"


def test_its_base_is_pinned_by_a_digest_that_make_base_renews():
    assert re.fullmatch(r"docker\.io/library/python:3\.\d+-slim@sha256:[0-9a-f]{64}", PINNED)


def test_it_contains_the_licence(engine):
    assert inside(engine, "print(open('/opt/lipsync-bot/LICENSE').read())") == (ROOT / "LICENSE").read_text().strip()


def test_its_layers_beyond_the_base_are_small(engine):
    image, base = (engine.inspect("image", name)["Size"] for name in (IMAGE, BARE))
    assert image - base <= 60 * MEGABYTE


def test_it_says_what_it_is(config):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    labels = {
        name: config["Labels"].get(f"org.opencontainers.image.{name}") for name in ("title", "version", "licenses")
    }
    assert labels == {"title": project["name"], "version": __version__, "licenses": project["license"]}
    assert config["Labels"]["org.opencontainers.image.description"] == project["description"]


def test_it_has_a_health_check_a_volume_and_a_stop_signal(engine, config):
    image = engine.inspect("image", IMAGE)
    check = image.get("Healthcheck") or config["Healthcheck"]  # podman keeps it elsewhere than docker
    assert check["Test"] == ["CMD", "lipsync-bot", "health"]
    assert list(config["Volumes"]) == ["/data"]
    assert config["StopSignal"] == "SIGTERM"


@pytest.mark.parametrize("tool", TOOLS)
def test_it_holds_no_tool_to_install_or_build_with(engine, tool):
    assert inside(engine, f"import shutil; print(shutil.which({tool!r}))") == "None"


@pytest.mark.parametrize("module", ["pip", "ensurepip"])
def test_python_in_it_cannot_install(engine, module):
    assert inside(engine, f"from importlib import util; print(util.find_spec({module!r}))") == "None"


@pytest.mark.parametrize("place", ["/root/.cache", "/build"])
def test_the_build_left_nothing_behind(engine, place):
    code = f"import os; print(os.listdir({place!r}) if os.path.exists({place!r}) else [])"
    assert inside(engine, code) == "[]"


def test_what_it_runs_with_is_what_is_locked(engine):
    code = "from importlib.metadata import distributions as d; print(*(f'{x.name}=={x.version}' for x in d()))"
    installed = {name.lower().replace("_", "-") for name in inside(engine, code).split()}
    locked = {
        line.split()[0].lower().replace("[binary]", "")
        for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines()
        if "==" in line
    }
    assert installed
    assert installed <= locked


def test_the_demo_runs_in_it_locked_down_and_without_a_network(engine):
    output = engine.run("--network=none", *LOCKED_DOWN, IMAGE, "demo")
    assert "Each task was announced exactly once." in output.stdout


def test_a_wrong_command_line_ends_with_2(engine):
    assert engine.run("--network=none", IMAGE, "no-such-command", check=False).returncode == 2


def test_without_a_configuration_it_says_what_is_needed_and_ends_with_2(engine):
    output = engine.run("--network=none", *LOCKED_DOWN, IMAGE, check=False)
    assert output.returncode == 2
    assert "SLACK_BOT_TOKEN" in output.stderr
