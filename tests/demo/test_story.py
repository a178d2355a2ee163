"""The demo as a program: one run, in the worst of surroundings."""

import os
import re
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOREIGN = {
    "SLACK_BOT_TOKEN": "xoxb-s3cret",
    "SLACK_CHANNEL": "C0FOREIGN01",
    "SLACK_LANGUAGE": "nonsense",
    "CHANJING_ACCESS_TOKEN": "s3cret",
    "STATE_PATH": "/nowhere/state.json",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "COLUMNS": "40",
}


@dataclass(frozen=True)
class DemoRun:
    """How the demo ended, what it printed, and what it left behind."""

    code: int
    out: str
    err: str
    left: list[str]

    def count(self, words: str) -> int:
        return len(re.findall(rf"^. {words}$", self.out, re.MULTILINE))


def start(room: Path, scratch: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bot", "demo", *arguments],
        cwd=room,
        env={**os.environ, **FOREIGN, "PYTHONPATH": str(ROOT), "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


@pytest.fixture(scope="module")
def demos(tmp_path_factory):
    """Return how the demo went in each language. Both run at the same time: they wait more than they work."""
    room, scratch = tmp_path_factory.mktemp("room"), tmp_path_factory.mktemp("scratch")
    (room / "config.yaml").write_text("slack: [nonsense")
    with start(room, scratch) as english, start(room, scratch, "--language", "zh") as chinese:
        printed = {"en": english.communicate(timeout=90), "zh": chinese.communicate(timeout=90)}
    left = [file.name for folder in (room, scratch) for file in folder.iterdir()]
    return {
        "en": DemoRun(english.returncode, *printed["en"], left),
        "zh": DemoRun(chinese.returncode, *printed["zh"], left),
    }


@pytest.fixture
def demo(demos):
    return demos["en"]


def test_the_demo_speaks_chinese(demos):
    demo = demos["zh"]
    assert (demo.code, demo.err) == (0, "")
    out = "".join(demo.out.split())
    for words in (
        "每个任务都恰好通知了一次",
        "14个任务结束：成功12个",
        "数字人对口型视频已生成",
        "请看README的“部署”一节",
    ):
        assert words in out
    assert not re.search(r"[Aa]nnounced|ready|Slack of our own|requests to", demo.out)


def test_the_demo_ends_well_whatever_is_configured_around_it(demo):
    assert (demo.code, demo.err) == (0, "")
    assert "Each task was announced exactly once." in " ".join(demo.out.split())


def test_the_demo_is_over_within_half_a_minute(demo):
    seconds = re.search(r"14 tasks ended in (\d+) s", " ".join(demo.out.split()))
    assert seconds
    assert int(seconds[1]) <= 28


@pytest.mark.parametrize(
    ("words", "times"),
    [
        ("lipsync-bot is watching", 1),
        ("Lip-sync video ready", 4),
        ("Lip-sync video failed", 2),
        ("8 lip-sync videos are ready", 1),
        (r"\d lip-sync videos? rendering", 1),
        ("Nothing is rendering", 1),
    ],
)
def test_the_demo_shows_each_kind_of_message(demo, words, times):
    assert demo.count(words) == times


def test_a_pipe_gets_no_escape_sequences(demo):
    assert "\x1b" not in demo.out


def test_in_a_pipe_no_sentence_is_broken(demo):
    assert re.search(r"^14 tasks ended .* announced exactly once\.$", demo.out, re.MULTILINE)


def test_the_demo_shows_no_secret_and_leaves_nothing_behind(demo):
    assert "s3cret" not in demo.out + demo.err
    assert demo.left == ["config.yaml"]


@pytest.mark.parametrize(
    ("output", "code", "err"),
    [
        ("| head -1", 1, ""),
        (">/dev/full", 1, "lipsync-bot: the output cannot be written: No space left on device.\n"),
    ],
)
def test_the_demo_leaves_when_nobody_can_see_it(tmp_path, output, code, err):
    python = shlex.quote(sys.executable)
    began = time.monotonic()
    done = subprocess.run(
        ["bash", "-c", f"{python} -m bot demo {output}; exit ${{PIPESTATUS[0]}}"],  # noqa: S607 - wherever it is
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (code, err)
    assert time.monotonic() - began < 15  # the demo takes about 20
