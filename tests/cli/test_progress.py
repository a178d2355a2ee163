"""How far the first reading has come, on a terminal and elsewhere."""

import io
import os
import pty
import threading

import pytest

from bot.cli.progress import shown
from bot.events import NOBODY
from bot.stderr import without_waiting
from tests.fakes import RecordedEvents, SimulatedClock


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    return Terminal()


def read(progress, seen, total, *, done):
    progress.emit("list_scanned", seen=seen, total=total, done=done)


def bar(terminal):
    return shown(NOBODY, SimulatedClock(), terminal, many=False)


def test_a_long_list_has_a_bar_on_a_terminal(terminal):
    progress = bar(terminal)
    read(progress, 50, 1_000, done=False)
    read(progress, 1_000, 1_000, done=True)
    assert "Reading the list" in terminal.getvalue()


def test_a_short_list_has_none(terminal):
    progress = bar(terminal)
    read(progress, 50, 200, done=False)
    read(progress, 200, 200, done=True)
    assert terminal.getvalue() == ""


def test_a_reading_after_one_that_failed_has_a_bar_again(terminal):
    progress = bar(terminal)
    read(progress, 50, 1_000, done=False)
    read(progress, 50, 1_000, done=True)
    before = terminal.tell()
    read(progress, 900, 1_000, done=False)
    read(progress, 1_000, 1_000, done=True)
    assert "Reading the list" in terminal.getvalue()[before:]


def test_elsewhere_a_line_is_logged_every_five_seconds():
    clock = SimulatedClock()
    events = RecordedEvents()
    progress = shown(events, clock, io.StringIO(), many=False)
    for seen in range(100, 1_100, 100):
        clock.pass_by(1)
        read(progress, seen, 1_000, done=seen == 1_000)
    assert events.all == [("list_being_read", {"tasks": 500, "of": 1_000})]


def test_a_terminal_that_was_stopped_does_not_hold_up_the_reading(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    ours, theirs = pty.openpty()
    with os.fdopen(ours), os.fdopen(theirs, "w") as stderr:  # nobody reads *ours*
        stream = without_waiting(stderr)
        stream.write("." * 250_000)  # more than the terminal takes, and little less than may wait
        progress = bar(stream)
        reading = threading.Thread(target=lambda: [read(progress, n, 500, done=False) for n in range(300)], daemon=True)
        reading.start()
        reading.join(60)
        assert not reading.is_alive()
