import json
import os
import pty
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bot import log

SCRIPT = """
from bot import log
log.make("info", {style!r}).emit("task_vanished", task_id="line\\nbreak")
"""


@pytest.fixture
def written(capsys):
    """Return a function: → what was written to stderr, which is not a terminal, since the last call."""
    return lambda: capsys.readouterr().err


@pytest.mark.parametrize("style", [None, "json"])
def test_without_a_terminal_a_line_is_json(written, style):
    log.make("info", style).emit("answer_odd", code="malformed_items", detail="成功", page=3, role="hidden")
    line = json.loads(written())
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "answer_odd", "level": "warning", "code": "malformed_items", "detail": "成功", "page": 3}


def test_text_that_was_asked_for_is_text_without_escape_sequences(written):
    log.make("info", "text").emit("task_ended", task_id="9499", status=20)
    text = written()
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
def test_what_is_below_the_level_is_not_logged(written, level, levels):
    logger = log.make(level, "json")
    logger.emit("full_read_started")
    logger.emit("stopped")
    logger.emit("task_vanished", task_id="a")
    logger.emit("log_lines_dropped", count=1)
    assert [json.loads(line)["level"] for line in written().splitlines()] == levels


@pytest.mark.parametrize("style", ["json", "text"])
def test_what_others_hid_in_a_text_is_harmless_wherever_it_stands(written, style):
    hostile = "9499\x1b[31m\x9b\nforged\u202e\u2028\U000e0041"
    logger = log.make("info", style)
    logger.emit("notice_in_doubt", channel="C1", ids=(hostile,), error=hostile)
    logger.emit("answer_odd", code="a", detail={hostile: [hostile]}, page=1)
    logger.emit("cycle_failed", exception=RuntimeError(hostile))
    lines = written()
    assert {char for char in lines if char != "\n" and not char.isprintable()} == set()
    assert "forged" not in lines.splitlines()
    if style == "json":
        assert json.loads(lines.splitlines()[0])["ids"] == [hostile]


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_traceback_is_logged_without_local_variables(written, style):
    def fail(token: str) -> None:
        raise RuntimeError(f"a fault of ours in {len(token)}")

    logger = log.make("info", style)
    try:
        fail("terc3s"[::-1])  # the line itself is shown
    except RuntimeError as error:
        logger.emit("cycle_failed", exception=error)
    text = written()
    assert "a fault of ours in 6" in text
    assert "s3cret" not in text


def test_an_event_is_one_line_of_json_whatever_it_holds(written):
    log.make("info", "json").emit("answer_odd", code="odd", detail="a\nb\x1b[0m\u2028", page=b"\xff")
    assert written().count("\n") == 1


def on_a_terminal(style: str | None, **environ: str) -> str:
    """Return what a log writes when stderr is a terminal."""
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
def test_a_terminal_gets_text_in_colours_unless_asked_otherwise(style, environ, colours, json_lines):
    written = on_a_terminal(style, **environ)
    assert ("\x1b[" in written) is colours
    assert written.startswith("{") is json_lines


@pytest.mark.parametrize("colors", [False, True])
def test_a_line_of_text_is_the_time_the_level_the_event_and_its_keys_in_order(colors):
    line = {"task_id": "9499", "detail": "two words", "ids": ("a",)}
    line |= {"event": "task_ended", "level": "info", "timestamp": "2025-11-22T08:00:00.000000Z"}
    said = re.sub(r"\x1b\[[0-9;]+m", "", log.as_text(line, colors=colors))
    assert said == (
        "2025-11-22T08:00:00.000000Z [info     ] task_ended             detail='two words' ids=('a',) task_id=9499"
    )


# What lasts


def lines(*events):
    """Return (level, event) of what is logged of *events*, each (event, fields)."""
    logged: list[str] = []
    listener = log.Log(logged.append, "debug", log.as_json)
    for event, fields in events:
        listener.emit(event, **fields)
    return [(line["level"], line["event"]) for line in map(json.loads, logged)]


def failed(reason):
    return "poll_failed", {"error": f"list: no answer, trace_id {reason}", "reason": reason}


FINISHED = ("poll_finished", {"seconds": 0.1})
GOOD = [("debug", "poll_finished")]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([FINISHED, FINISHED], GOOD * 2),
        ([failed("a"), failed("a"), failed("a")], [("error", "poll_failed"), *[("debug", "poll_failed")] * 2]),
        ([failed("a"), failed("b")], [("error", "poll_failed")] * 2),
        ([failed("a"), FINISHED, FINISHED], [("error", "poll_failed"), ("info", "poll_recovered"), *GOOD * 2]),
        (
            [failed("a"), FINISHED, failed("a")],
            [("error", "poll_failed"), ("info", "poll_recovered"), *GOOD, ("error", "poll_failed")],
        ),
    ],
    ids=["nothing", "goes on", "another reason", "over", "again"],
)
def test_a_failure_that_goes_on_is_logged_loudly_once_and_so_is_its_end(events, expected):
    assert lines(*events) == expected


def postponed(channel, error="not_in_channel"):
    return "notice_postponed", {"channel": channel, "error": error}


def delivered(channel):
    fields = {"subject": "9499", "status": 20, "role": "success", "channel": channel, "ts": "1.0", "delay": 1.0}
    return "notice_delivered", fields


def test_what_lasts_in_one_channel_says_nothing_of_another():
    said = lines(postponed("C1"), postponed("C2"), postponed("C1"), delivered("C2"), postponed("C1"), postponed("C2"))
    assert [level for level, event in said if event == "notice_postponed"] == [
        "warning",
        "warning",
        "debug",
        "debug",
        "warning",
    ]


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_line_that_cannot_be_written_is_lost_and_disturbs_nobody(style):
    with Path("/dev/full").open("w") as full:
        script = f"{SCRIPT.format(style=style)}print('done')"
        ran = subprocess.run(
            [sys.executable, "-c", script], stderr=full, stdout=subprocess.PIPE, timeout=60, check=True
        )
    assert ran.stdout == b"done\n"


@pytest.mark.parametrize("style", ["json", "text"])
def test_what_came_from_outside_can_do_nothing_to_a_terminal(written, style):
    log.make("info", style).emit("task_vanished", task_id="9499\x1b[31m\u202e\U000e0041\nfake line")
    text = written()
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
    without_hanging(lambda: [logger.emit("list_being_read", tasks=number, of="x" * length) for number in range(lines)])
    *written, gap = read_until(pipe[0], "log_lines_dropped")
    assert [line["tasks"] for line in written] == list(range(len(written)))
    assert len(written) + gap["count"] == lines
    logger.emit("stopped")
    assert read_until(pipe[0], "stopped")[-1]["level"] == "info"


def test_a_gap_is_said_whatever_the_level(pipe, piped):
    logger = piped("error")
    without_hanging(lambda: [logger.emit("cycle_failed", exception="x" * 1_000) for _ in range(1_000)])
    assert read_until(pipe[0], "log_lines_dropped")[-1]["count"] > 0


def test_a_line_longer_than_all_that_may_wait_is_a_gap(pipe, piped):
    logger = piped("info")
    logger.emit("state_recovered", detail="x" * 1_000_000)
    assert [line["event"] for line in read_until(pipe[0], "log_lines_dropped")] == ["log_lines_dropped"]


def test_a_reader_that_keeps_up_misses_nothing(pipe, piped):
    logger = piped("info")
    read: list[dict[str, object]] = []
    reader = threading.Thread(target=lambda: read.extend(read_until(pipe[0], "stopped")), daemon=True)
    reader.start()
    for number in range(200):
        logger.emit("list_being_read", tasks=number, of=None)
    logger.emit("stopped")
    reader.join(60)
    assert [line.get("tasks") for line in read] == [*range(200), None]


def test_a_pipe_that_another_process_has_made_non_blocking_loses_nothing(pipe, piped):
    os.set_blocking(pipe[1].fileno(), False)
    logger = piped("info")
    for number in range(150):
        logger.emit("list_being_read", tasks=number, of="x" * 1_000)  # more than a pipe holds
    logger.emit("stopped")
    assert len(read_until(pipe[0], "stopped")) == 151


THREADLESS = """
import sys, threading
threading.stack_size(1 << 46)  # more than there is, so that none can be started
from bot import log
logger = log.make("info", "json")
for number in range({lines}):
    logger.emit("list_being_read", tasks=number, of="x" * 1_000)
print("done")
"""


def test_when_no_thread_can_be_started_what_the_pipe_takes_is_written_and_nothing_waits():
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb") as reader:
        with os.fdopen(theirs) as stderr:
            script = THREADLESS.format(lines=1_000)
            ran = subprocess.run(
                [sys.executable, "-c", script], stderr=stderr, stdout=subprocess.PIPE, timeout=60, check=True
            )
        assert ran.stdout == b"done\n"
        whole = reader.read().splitlines()[:-1]
    assert [json.loads(line)["tasks"] for line in whole] == list(range(len(whole)))
    assert len(whole) > 30


def test_when_no_thread_can_be_started_a_reader_that_keeps_up_misses_nothing():
    script = THREADLESS.format(lines=50)
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=True)
    assert [json.loads(line)["tasks"] for line in ran.stderr.splitlines()] == list(range(50))


@pytest.mark.parametrize("lines", [1, 200])
def test_at_the_end_of_the_program_what_waits_is_written(lines):
    script = f"from bot import log\nfor _ in range({lines}): log.make('info', 'json').emit('started', state='x' * 900)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=True)
    assert len(ran.stderr.splitlines()) == lines


def test_a_terminal_that_was_stopped_keeps_nobody_waiting():
    ours, theirs = pty.openpty()
    script = (
        "from bot import log\nl = log.make('info', None)\nfor _ in range(2_000): l.emit('started', state='x' * 100)"
    )
    try:
        subprocess.run([sys.executable, "-c", script], stderr=theirs, timeout=60, check=True)  # nobody reads *ours*
    finally:
        os.close(theirs)
        os.close(ours)
