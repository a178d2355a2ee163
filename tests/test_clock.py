import threading
import time

import pytest

from bot.clock import SystemClock
from bot.errors import Stopped
from tests.simulated import NOON, SimulatedClock


def test_the_system_clock_tells_the_machines_time():
    clock = SystemClock(threading.Event())
    assert abs(clock.now() - time.time()) < 1
    assert abs(clock.monotonic() - time.monotonic()) < 1


@pytest.mark.parametrize("seconds", [0.0, -5.0, 0.05])
def test_a_wait_takes_as_long_as_asked(seconds):
    began = time.monotonic()
    SystemClock(threading.Event()).wait(seconds)
    assert max(0.0, seconds) - 0.01 <= time.monotonic() - began < 1


def test_a_wait_ends_at_once_when_the_program_is_asked_to_end():
    stop = threading.Event()
    timer = threading.Timer(0.05, stop.set)
    timer.start()
    began = time.monotonic()
    with pytest.raises(Stopped):
        SystemClock(stop).wait(30)
    assert time.monotonic() - began < 5
    timer.join()


@pytest.mark.parametrize("seconds", [0.0, 30.0])
def test_no_wait_begins_after_the_program_was_asked_to_end(seconds):
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        SystemClock(stop).wait(seconds)


def test_a_simulated_wait_moves_both_times_on():
    clock = SimulatedClock()
    clock.wait(30)
    assert (clock.now(), clock.monotonic(), clock.waits) == (NOON + 30, 30, [30])


def test_a_simulated_clock_that_is_set_lets_no_time_pass():
    clock = SimulatedClock()
    clock.set(NOON - 3600)
    assert (clock.now(), clock.monotonic()) == (NOON - 3600, 0)


def test_a_simulated_wait_is_cut_short_when_the_program_is_asked_to_end():
    clock = SimulatedClock()
    clock.stops_at = 10
    clock.wait(9)
    with pytest.raises(Stopped):
        clock.wait(9)
    assert clock.monotonic() == 10
    with pytest.raises(Stopped):
        clock.wait(0)
