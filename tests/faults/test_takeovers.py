"""One copy after another takes the state over, from one that died, or from one that was frozen and comes back later.

TAKEOVERS sets how many: `make chaos` tries 1,000.
"""

import os
import random
import threading
from collections.abc import Callable
from functools import partial

import pytest

from bot.errors import StateLostError
from bot.watch.cycle import Poll
from tests.faults.world import Survival, World

COUNT = int(os.environ.get("TAKEOVERS", "40"))
LONG = 60.0  # seconds for which a copy works, or is frozen: longer than a request may take
_SURVIVALS: tuple[Survival, ...] = ("kill", "power_cut", "torn")


class Frozen:
    """Does *work*, until it is frozen before an effect after *many* others: not a post, of which the socket takes care.

    `thaw` lets it go on.
    """

    def __init__(self, world: World, work: Callable[[], object], many: int) -> None:
        self._world = world
        self._work = work
        self._left = many
        self._halted = threading.Event()
        self._thawed = threading.Event()
        self._ended: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        world.effects.before = self._before
        self._thread.start()
        self._halted.wait()
        world.effects.before = lambda: None

    def thaw(self) -> BaseException | None:
        """Let it go on to its end, and return what it ended with."""
        self._thawed.set()
        self._thread.join()
        return self._ended

    def _before(self) -> None:
        self._left -= 1
        if self._left < 0 and self._world.effects.next != "post":
            self._world.effects.before = lambda: None
            self._halted.set()
            self._thawed.wait()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - returned by `thaw`
            self._ended = error
        self._halted.set()


def polls(poll: Poll) -> None:
    for _ in range(12):
        poll.cycle()


@pytest.mark.parametrize("database", [False, True], ids=["file", "database"])
def test_whoever_takes_over_from_whom_each_end_is_announced_once(tmp_path, database):
    chance = random.Random(7)  # noqa: S311 - to be repeated
    world = World(tmp_path, database=database)
    world.start()
    world.run(31)
    unfinished: list[str] = []
    ends = lost = 0
    for number in range(COUNT):
        for task in range(chance.randrange(3)):
            unfinished.append(f"task{number}-{task}")
            world.chanjing.put(unfinished[-1], 10)
        for task_id in chance.sample(unfinished, k=chance.randint(0, min(3, len(unfinished)))):
            unfinished.remove(task_id)
            world.chanjing.put(task_id, chance.choice([20, 30]))
            ends += 1
        at = chance.randrange(12)
        if database and chance.random() < 0.5:
            frozen = Frozen(world, partial(polls, world.poll), at)
            world.start()
            world.run(LONG)
            said = len(world.slack.posts)
            lost += isinstance(frozen.thaw(), StateLostError)
            assert len(world.slack.posts) == said
        else:
            world.dies(lambda: world.run(LONG), at=at)
            world.start(chance.choice(_SURVIVALS))
    world.settle()
    world.check()
    assert len(world.announced()) == ends > COUNT / 2
    assert lost > COUNT / 10 or not database
