"""Any interleaving of ends, faults, polls, deaths and clock steps: at the end one message for each end, none owed."""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.faults.world import SETTLE, Fault, Survival, World

_IDS = st.sampled_from([f"task{number}" for number in range(12)])
_FAULTS = st.sampled_from(["lost_before", "lost_after", "limited", "refused", "unsayable"])


class Machine(RuleBasedStateMachine):
    @initialize(
        digest_after=st.sampled_from([0, 1, 5]),
        page_size=st.sampled_from([1, 3, 50]),
        two=st.booleans(),
        database=st.booleans(),
    )
    def begin(self, *, digest_after: int, page_size: int, two: bool, database: bool) -> None:
        self.directory = tempfile.TemporaryDirectory()
        failures = "C2" if two else "C1"
        self.world = World(
            Path(self.directory.name),
            route={"success": "C1", "failure": failures, "alerts": "C1"},
            digest_after=digest_after,
            page_size=page_size,
            database=database,
        )
        self.status: dict[str, int] = {}
        self.expected: set[tuple[str, int]] = set()
        self.world.start()
        self.world.run(31)

    @rule(task_id=_IDS, status=st.sampled_from([0, 10, 20, 30, 99]))
    def task_changes(self, task_id: str, status: int) -> None:
        if self.status.get(task_id) in {20, 30}:
            return
        self.status[task_id] = status
        self.world.chanjing.put(task_id, status)
        if status in {20, 30}:
            self.expected.add((task_id, status))

    @rule(task_id=_IDS)
    def an_older_answer_is_served(self, task_id: str) -> None:
        self.world.chanjing.serve_older(task_id)

    @rule()
    def newer_answers_are_served(self) -> None:
        self.world.chanjing.stale.clear()

    @rule(fault=_FAULTS)
    def a_post_will_fail(self, fault: Fault) -> None:
        self.world.slack.faults.append(fault)

    @rule(count=st.integers(1, 4))
    def looks_will_fail(self, count: int) -> None:
        self.world.slack.failing_looks = count

    @rule(lag=st.floats(0, SETTLE * 0.8))
    def the_history_lags(self, lag: float) -> None:
        self.world.slack.lag = lag

    @rule(
        every=st.sampled_from([0.0, 10.0, 60.0]), size=st.sampled_from([1, 3, 200]), live=st.sampled_from([30.0, 1e9])
    )
    def the_history_is_slow(self, every: float, size: int, live: float) -> None:
        slack = self.world.slack
        slack.page_every, slack.page_size, slack.cursors_live = every, size, live

    @rule(lost=st.booleans())
    def the_channel_gets_another_id(self, lost: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        self.world.slack.names["C1"] = "C2000000"
        self.world.slack.unreadable = {"C2000000": "channel_not_found"} if lost else {}

    @rule(down=st.booleans())
    def chanjing_goes_or_comes(self, down: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        self.world.chanjing.down = down

    @rule(full=st.booleans())
    def the_disk_fills_or_empties(self, full: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        self.world.disk.full = full

    @rule(seconds=st.sampled_from([1, 20, 120]))
    def time_passes(self, seconds: float) -> None:
        self.world.run(seconds)

    @rule(step=st.sampled_from([-3_600.0, 0.0, 3_600.0, 7 * 86_400.0]))
    def the_clock_steps(self, step: float) -> None:
        self.world.clock.skew = step

    @precondition(lambda self: not self.world.disk.full)
    @rule(at=st.integers(0, 60), survival=st.sampled_from(["kill", "power_cut", "torn"]))
    def the_program_dies(self, at: int, survival: Survival) -> None:
        self.world.dies(lambda: self.world.run(60), at=at)
        self.world.start(survival)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        world.chanjing.down = world.disk.full = False
        world.chanjing.stale.clear()
        world.slack.failing_looks = 0
        world.slack.page_every, world.slack.cursors_live = 0.0, 1e9
        try:
            world.settle(6 * 3_600)
            if set(world.announced()) != self.expected:
                # To a clock that was set forward a task may seem an hour old: its end may wait for a full scan.
                world.run(3_700)
                world.settle(6 * 3_600)
            world.check(self.expected)
        finally:
            self.directory.cleanup()


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)
