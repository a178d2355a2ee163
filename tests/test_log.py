import errno
import io
import json
import os
import pty
import subprocess
import sys
import threading

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
def test_what_others_hid_in_a_text_is_harmless_wherever_it_stands(told, style):
    hostile = "9499\x1b[31m\x9b\nforged\u202e\u2028\U000e0041"
    logger = log.make("info", style)
    logger.info("notice_in_doubt", ids=(hostile,), error=hostile, odd={hostile: [hostile]})
    logger.error("cycle_failed", exc_info=RuntimeError(hostile))
    lines = told()
    assert {char for char in lines if char != "\n" and not char.isprintable()} == set()
    assert "forged" not in lines.splitlines()
    if style == "json":
        assert json.loads(lines.splitlines()[0])["ids"] == [hostile]


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


# A reader that is stuck


@pytest.fixture
def pipe():
    """Yield both ends of a pipe: the one that nobody reads yet, and a stderr."""
    ours, theirs = os.pipe()
    with os.fdopen(theirs, "w") as stderr, os.fdopen(ours, "rb") as reader:
        yield reader, stderr


@pytest.fixture
def piped(pipe, monkeypatch):
    """Return a function: level → a log whose stderr is the pipe."""

    def make(level):
        monkeypatch.setattr(sys, "stderr", pipe[1])  # here, as pytest puts its own in its place before each test
        return log.make(level, "json")

    return make


def without_hanging(work):
    """Do *work* in a thread, so that a test of what must not wait fails instead of waiting."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive(), "it waits for somebody to read the log"


def read_until(reader, event):
    """Return the lines that are read, up to the first of that event."""
    lines = []
    for line in reader:
        lines.append(json.loads(line))
        if lines[-1]["event"] == event:
            return lines
    raise AssertionError(f"there was no {event}")


@pytest.mark.parametrize(("lines", "length"), [(2_000, 200), (200, 5_000)])
def test_no_line_waits_for_a_reader_and_the_gap_is_said_where_it_is(pipe, piped, lines, length):
    logger = piped("info")
    without_hanging(lambda: [logger.info("line", number=number, text="x" * length) for number in range(lines)])
    *told, gap = read_until(pipe[0], "log_lines_dropped")
    assert [line["number"] for line in told] == list(range(len(told)))
    assert len(told) + gap["count"] == lines
    logger.info("read_again")
    assert read_until(pipe[0], "read_again")[-1]["level"] == "info"


def test_a_gap_is_said_whatever_the_level(pipe, piped):
    logger = piped("error")
    without_hanging(lambda: [logger.error("line", text="x" * 1_000) for _ in range(1_000)])
    assert read_until(pipe[0], "log_lines_dropped")[-1]["count"] > 0


def test_a_line_longer_than_all_that_may_wait_is_a_gap(pipe, piped):
    logger = piped("info")
    logger.info("long", text="x" * 1_000_000)
    assert [line["event"] for line in read_until(pipe[0], "log_lines_dropped")] == ["log_lines_dropped"]


def test_a_reader_that_keeps_up_misses_nothing(pipe, piped):
    logger = piped("info")
    read: list[dict[str, object]] = []
    reader = threading.Thread(target=lambda: read.extend(read_until(pipe[0], "last")), daemon=True)
    reader.start()
    for number in range(200):
        logger.info("line", number=number)
    logger.info("last")
    reader.join(60)
    assert [line.get("number") for line in read] == [*range(200), None]


def test_a_pipe_that_another_process_has_made_non_blocking_loses_nothing(pipe, piped):
    os.set_blocking(pipe[1].fileno(), False)
    logger = piped("info")
    for number in range(150):
        logger.info("line", number=number, text="x" * 1_000)  # more than a pipe holds
    logger.info("last")
    assert len(read_until(pipe[0], "last")) == 151


THREADLESS = """
import sys, threading
threading.stack_size(1 << 46)  # more than there is, so that none can be started
from bot import log
logger = log.make("info", "json")
for number in range({lines}):
    logger.info("line", number=number, text="x" * 1_000)
print("done")
"""


def test_where_no_thread_can_be_started_what_the_pipe_takes_is_written_and_nothing_waits():
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb") as reader:
        with os.fdopen(theirs) as stderr:
            script = THREADLESS.format(lines=1_000)
            ran = subprocess.run(
                [sys.executable, "-c", script], stderr=stderr, stdout=subprocess.PIPE, timeout=60, check=True
            )
        assert ran.stdout == b"done\n"
        whole = reader.read().splitlines()[:-1]
    assert [json.loads(line)["number"] for line in whole] == list(range(len(whole)))
    assert len(whole) > 30


def test_where_no_thread_can_be_started_a_reader_that_keeps_up_misses_nothing():
    script = THREADLESS.format(lines=50)
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=True)
    assert [json.loads(line)["number"] for line in ran.stderr.splitlines()] == list(range(50))


@pytest.mark.parametrize("lines", [1, 200])
def test_at_the_end_of_the_program_what_waits_is_written(lines):
    script = f"from bot import log\nlogger = log.make('info', 'json')\nfor _ in range({lines}): logger.info('x' * 900)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=True)
    assert len(ran.stderr.splitlines()) == lines


def test_a_terminal_that_was_stopped_keeps_nobody_waiting():
    ours, theirs = pty.openpty()
    script = "from bot import log\nlogger = log.make('info', None)\nfor _ in range(2_000): logger.info('x' * 100)"
    try:
        subprocess.run([sys.executable, "-c", script], stderr=theirs, timeout=60, check=True)  # nobody reads *ours*
    finally:
        os.close(theirs)
        os.close(ours)
