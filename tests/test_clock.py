import threading
import time

import pytest

from bot.clock import Stop, SystemClock, zone_problem
from bot.errors import Stopped


def test_the_system_clock_has_the_machines_time():
    clock = SystemClock(Stop())
    assert abs(clock.now() - time.time()) < 10
    assert abs(clock.monotonic() - time.monotonic()) < 10


@pytest.mark.parametrize("seconds", [0.0, -5.0, 0.05])
def test_a_wait_takes_as_long_as_asked(seconds):
    began = time.monotonic()
    SystemClock(Stop()).wait(seconds)
    assert max(0.0, seconds) - 0.01 <= time.monotonic() - began < 10


def test_a_wait_ends_at_once_when_the_program_is_asked_to_end():
    stop = Stop()
    timer = threading.Timer(0.05, stop.set)
    timer.start()
    began = time.monotonic()
    with pytest.raises(Stopped):
        SystemClock(stop).wait(300)
    assert time.monotonic() - began < 60
    timer.join()


def test_a_wait_ends_as_soon_as_what_it_waits_for():
    stop, event = Stop(), threading.Event()
    timer = threading.Timer(0.05, event.set)
    timer.start()
    began = time.monotonic()
    SystemClock(stop).wait(300, event)
    assert time.monotonic() - began < 60
    timer.join()


def test_a_wait_for_something_ends_at_once_too_when_the_program_is_asked_to_end():
    stop, event = Stop(), threading.Event()
    timer = threading.Timer(0.05, stop.set)
    timer.start()
    with pytest.raises(Stopped):
        SystemClock(stop).wait(300, event)
    with pytest.raises(Stopped):
        SystemClock(stop).wait(300, threading.Event())
    timer.join()


@pytest.mark.parametrize("seconds", [0.0, 30.0])
def test_no_wait_begins_after_the_program_was_asked_to_end(seconds):
    stop = Stop()
    stop.set()
    with pytest.raises(Stopped):
        SystemClock(stop).wait(seconds)


@pytest.fixture
def zone_files(tmp_path):
    """Return a database of two time zones, and a file that is none."""
    (tmp_path / "Asia").mkdir()
    for name in ("UTC", "Asia/Shanghai"):
        (tmp_path / name).write_bytes(b"TZif2")
    (tmp_path / "tzdata.zi").write_bytes(b"# version")
    return tmp_path


@pytest.mark.parametrize("shown", ["{}", ":{}"])
@pytest.mark.parametrize(
    "zone", ["", "UTC", "Asia/Shanghai", "CST-8", "<+08>-8", "EST5EDT", "EST5EDT,M3.2.0,M11.1.0", "UTC0"]
)
def test_a_time_zone_that_the_machine_knows_is_no_problem(zone_files, zone, shown):
    assert zone_problem({"TZ": shown.format(zone), "TZDIR": str(zone_files)}) == ""


def test_a_time_zone_may_be_a_file(zone_files):
    assert zone_problem({"TZ": f":{zone_files}/Asia/Shanghai", "TZDIR": "/none"}) == ""


@pytest.mark.parametrize("zone", ["Asia/Shangai", "asia/shanghai", "Asia", "CST", "+8", '"Asia/Shanghai"', "tzdata.zi",
                                  "北京", "x" * 5000, "/none", "CST -8"])  # fmt: skip
def test_a_time_zone_that_would_pass_for_utc_is_a_problem(zone_files, zone):
    assert "knows no such time zone" in zone_problem({"TZ": zone, "TZDIR": str(zone_files)})


def test_on_a_machine_without_time_zones_each_name_is_a_problem():
    assert "Install tzdata" in zone_problem({"TZ": "Asia/Shanghai", "TZDIR": "/none"})


@pytest.mark.parametrize("zone", ["UTC+8", "GMT-08:00", "UTC8", "GMT+10", "CST+8", "BJT+08:00"])
def test_an_offset_whose_sign_is_reversed_is_a_problem(zone_files, zone):
    assert "reversed" in zone_problem({"TZ": zone, "TZDIR": str(zone_files)})
