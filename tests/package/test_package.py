import os
import re
import shutil
import subprocess
from importlib.metadata import distribution
from urllib.request import urlopen

import pytest

from tests.builds import build

TOOLS = str(distribution("hatchling").locate_file(""))  # pip would look for them on the network
PATIENCE = 120  # seconds


def look(address, home):
    """Return the page at *address* as a browser has it, where there is one; else as it was sent."""
    if not (chromium := shutil.which("chromium")):
        return urlopen(address, timeout=PATIENCE).read().decode()  # noqa: S310 - on loopback
    command = [chromium, "--headless", "--no-sandbox", f"--user-data-dir={home}", "--dump-dom", address]
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8", timeout=PATIENCE).stdout


@pytest.mark.parametrize("target", ["wheel", "sdist"])
def test_what_is_published_can_be_installed_and_shows_the_demo(target, python, tmp_path):
    pip = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    published = build(target, tmp_path / "dist")
    tools = {"PYTHONPATH": TOOLS} if target == "sdist" else {}
    subprocess.run([*pip, "--force-reinstall", published], env=os.environ | tools, check=True)
    home, empty = tmp_path / "home", tmp_path / "empty"
    home.mkdir()
    empty.mkdir()
    with subprocess.Popen(
        [python.with_name("lipsync-bot"), "demo"],
        cwd=empty,
        env={"HOME": str(home), "PATH": "/nowhere", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    ) as demo:
        assert demo.stdout
        address = re.search(r"http://127\.0\.0\.1:\d+/\w*", demo.stdout.readline())
        assert address
        page, bots = (look(one, tmp_path / "profile") for one in (address[0], address[0].removesuffix("demo")))
        said = demo.communicate(timeout=PATIENCE)[0]
    assert (demo.returncode, "Each task was announced exactly once." in said) == (0, True), said
    assert "lipsync-bot" in page
    assert "<h1>Lip-sync videos</h1>" in bots
    assert [*home.iterdir(), *empty.iterdir()] == []
    share = python.parents[1] / "share"
    assert {path.name for path in share.rglob("*lipsync-bot*")} == {
        "lipsync-bot",
        "_lipsync-bot",
        "lipsync-bot.fish",
        "lipsync-bot.1",
    }
