import os
import subprocess
from importlib.metadata import distribution

import pytest

from tests.builds import build

TOOLS = str(distribution("hatchling").locate_file(""))  # pip would look for them on the network


@pytest.mark.parametrize("target", ["wheel", "sdist"])
def test_what_is_published_can_be_installed_and_shows_the_demo(target, python, tmp_path):
    pip = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    published = build(target, tmp_path / "dist")
    tools = {"PYTHONPATH": TOOLS} if target == "sdist" else {}
    subprocess.run([*pip, "--force-reinstall", published], env=os.environ | tools, check=True)
    home, empty = tmp_path / "home", tmp_path / "empty"
    home.mkdir()
    empty.mkdir()
    ran = subprocess.run(
        [python.with_name("lipsync-bot"), "demo"],
        cwd=empty,
        env={"HOME": str(home), "PATH": "/nowhere", "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "Each task was announced exactly once." in ran.stdout
    assert [*home.iterdir(), *empty.iterdir()] == []
    share = python.parents[1] / "share"
    assert {path.name for path in share.rglob("*lipsync-bot*")} == {
        "lipsync-bot",
        "_lipsync-bot",
        "lipsync-bot.fish",
        "lipsync-bot.1",
    }
