import errno
import io
import json
import os
import pty
import subprocess
import sys

import pytest

from bot import log

SCRIPT = """
from bot import log
log.make("info", {style!r}).warning("task_ended", task_id="a", text="line\\nbreak")
"""


@pytest.fixture
def told(capsys):
    """Return a function: → what stderr, which is not a terminal, was told since the last call."""
    return lambda: capsys.readouterr().err


@pytest.mark.parametrize("style", [None, "json"])
def test_where_there_is_no_terminal_a_line_is_json(told, style):
    log.make("info", style).info("task_ended", task_id="9499", msg="成功")
    line = json.loads(told())
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "task_ended", "level": "info", "task_id": "9499", "msg": "成功"}


def test_text_that_was_asked_for_is_text_without_escape_sequences(told):
    log.make("info", "text").info("task_ended", task_id="9499")
    text = told()
    assert "task_ended" in text
    assert "task_id=9499" in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("level", "levels"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_what_is_below_the_level_is_not_told(told, level, levels):
    logger = log.make(level, "json")
    for name in ("debug", "info", "warning", "error"):
        getattr(logger, name)("event")
    assert [json.loads(line)["level"] for line in told().splitlines()] == levels


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_traceback_is_told_without_local_variables(told, style):
    def fail(token: str) -> None:
        raise RuntimeError(f"a fault of ours in {len(token)}")

    logger = log.make("info", style)
    try:
        fail("terc3s"[::-1])  # the line itself is told
    except RuntimeError:
        logger.exception("cycle_failed")
    text = told()
    assert "a fault of ours in 6" in text
    assert "s3cret" not in text


def test_an_event_is_one_line_of_json_whatever_it_holds(told):
    log.make("info", "json").info("odd", text="a\nb\x1b[0m\u2028", raw=b"\xff")
    assert told().count("\n") == 1


def on_a_terminal(style: str | None, **environ: str) -> str:
    """Return what a log writes where stderr is a terminal."""
    ours, theirs = pty.openpty()
    script = SCRIPT.format(style=style)
    try:
        subprocess.run([sys.executable, "-c", script], stderr=theirs, env=os.environ | environ, check=True)
        return os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize(
    ("style", "environ", "colours", "json_lines"),
    [
        (None, {}, True, False),
        (None, {"NO_COLOR": "1"}, False, False),
        (None, {"NO_COLOR": ""}, True, False),
        ("json", {}, False, True),
    ],
    ids=["terminal", "NO_COLOR", "NO_COLOR empty", "json"],
)
def test_a_terminal_gets_text_in_colours_unless_told_otherwise(style, environ, colours, json_lines):
    told = on_a_terminal(style, **environ)
    assert ("\x1b[" in told) is colours
    assert told.startswith("{") is json_lines


class Full(io.StringIO):
    def flush(self) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_line_that_cannot_be_written_is_lost_and_disturbs_nobody(monkeypatch, style):
    monkeypatch.setattr(sys, "stderr", Full())
    log.make("info", style).warning("task_ended", task_id="9499")


def test_without_stderr_there_is_no_log(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", None)
    log.make("info", None).warning("task_ended", task_id="9499")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("style", ["json", "text"])
def test_what_came_from_outside_can_do_nothing_to_a_terminal(told, style):
    log.make("info", style).info("task_ended", task_id="9499\x1b[31m\u202e\U000e0041\nfake line")
    text = told()
    assert "9499[31m fake line" in text
    assert not set(text) & {"\x1b", "\u202e", "\U000e0041"}
