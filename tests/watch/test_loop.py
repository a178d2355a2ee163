"""The loop: whatever a cycle does, there is a next one."""

import threading

import pytest

from bot.clock import Stop, SystemClock
from bot.errors import ChanjingUnavailable, StateError, StateHeldError
from bot.watch.loop import Daemon
from bot.watch.wake import Wake
from tests.fakes import RecordedEvents


class Script:
    """Stands for Poll: raises what each cycle is to raise (None: nothing), and stops the program with the last.

    `intervals` are the answers to `interval`, in order; the last one stays.
    """

    def __init__(self, *raised: Exception | None, intervals: tuple[float, ...] = (0.01,)) -> None:
        self._raised = list(raised)
        self._intervals = list(intervals)
        self.stop = Stop()
        self.events = RecordedEvents()

    def cycle(self) -> None:
        error = self._raised.pop(0)
        if not self._raised:
            self.stop.set()
        if error:
            raise error

    def interval(self) -> float:
        return self._intervals.pop(0) if len(self._intervals) > 1 else self._intervals[0]

    def run(self) -> list[tuple[str, str]]:
        """Run until the last cycle; return what happened, as (event, why)."""
        # A cycle that never comes must not hold up the tests.
        late = threading.Timer(10, self.stop.set)
        late.daemon = True
        late.start()
        clock = SystemClock(self.stop)
        Daemon(self, clock, self.events, Wake(clock, self.events)).run()  # type: ignore[arg-type]
        return [(event, fields.get("reason", "")) for event, fields in self.events.all if event != "cycle_ended"]

    @property
    def ended(self) -> list[bool]:
        """Whether each cycle went well."""
        return [fields["well"] for fields in self.events.of("cycle_ended")]


def test_a_fault_of_ours_ends_one_cycle_and_not_the_watch():
    script = Script(RuntimeError("boom"), None, None)
    assert script.run() == [("cycle_failed", ""), ("poll_finished", ""), ("poll_finished", ""), ("stopped", "")]
    assert script.ended == [False, True, True]


def test_each_cycle_that_fails_says_of_what_kind_its_failure_is():
    unreachable = ChanjingUnavailable("list: no answer")
    script = Script(unreachable, unreachable, StateError("disk full"), None)
    assert script.run() == [
        ("poll_failed", "ChanjingUnavailable"),
        ("poll_failed", "ChanjingUnavailable"),
        ("poll_failed", "StateError"),
        ("poll_finished", ""),
        ("stopped", ""),
    ]
    assert script.ended == [False, False, False, True]


def test_a_next_cycle_further_ahead_than_the_interval_is_due_now():
    # As when the clock is set back: `schedule` reckons in local time, and would wait for it to catch up.
    script = Script(None, None, intervals=(3600.0, 0.01))
    script.run()
    assert script.ended == [True, True]


def test_a_copy_that_no_longer_holds_the_state_ends_at_once():
    script = Script(None, StateHeldError("lost"), None)
    with pytest.raises(StateHeldError):
        script.run()
    assert script.ended == [True]
