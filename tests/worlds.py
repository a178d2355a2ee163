"""A list as a server would page it, and a bot that watches it with everything else in memory."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any, Literal

from bot.config import sections as config
from bot.domain.task import Page, Status, Task
from bot.errors import ChanjingError, ChanjingRejected, ChanjingUnavailable, ForeignStateError
from tests.fakes import MemoryStore, Postbox, RecordedEvents, SimulatedClock, polling

START = 1_763_800_000.0
DAY = 86_400
LATENCY = 0.2  # seconds a request takes
URL = "https://res.example.com/v.mp4"
SORTED = ["newest_first", "oldest_first"]
ORDERS = [*SORTED, "shuffled"]


class World:
    """An account. `order` is how its list is sorted; `requests` are the pages that were asked for."""

    def __init__(
        self, order: Literal["newest_first", "oldest_first", "shuffled"] = "newest_first", seed: int = 0
    ) -> None:
        self.order = order
        self.ages: list[str] = []  # oldest first
        self.tasks: dict[str, Task] = {}
        self.shuffled: list[str] = []
        self.requests: list[int] = []
        self.lookups: list[str] = []  # the ids that were asked for
        self.answer_lookup: Callable[[str], Task | None] = self.tasks.get
        self.cap: int | None = None  # the most items a page really holds, whatever the answer says
        self.refuse_over: int | None = None
        self.ignore_page = False
        self.clamp = False  # a page past the end is answered with the last one
        self.account = ""
        self.date: float | None = None  # the time of the answers, by the server's clock
        self.count: Callable[[int], int | None] = lambda true: true
        self.fail_at: set[int] = set()  # numbers of requests, from 0, that get no answer
        self.before_answer: Callable[[int], None] = lambda number: None
        self.answer: Callable[[Page], Page] = lambda page: page  # what becomes of a page on its way
        self.now: Callable[[], float] = lambda: START - DAY + len(self.ages)
        self.random = Random(seed)  # noqa: S311 - to shuffle with

    def add(self, task_id: str, status: int = Status.SUCCEEDED, create_time: int | None = None) -> str:
        when = int(self.now()) if create_time is None else create_time
        self.tasks[task_id] = Task(task_id, status, create_time=when, video_url=URL)
        self.ages.append(task_id)
        self.shuffled.insert(self.random.randint(0, len(self.shuffled)), task_id)
        return task_id

    def fill(self, count: int, *, status: int = Status.SUCCEEDED, prefix: str = "old") -> list[str]:
        return [self.add(f"{prefix}{number}", status) for number in range(count)]

    def set(self, task_id: str, status: int, **fields: Any) -> None:
        self.tasks[task_id] = replace(self.tasks[task_id], status=status, **fields)

    def remove(self, task_id: str) -> None:
        del self.tasks[task_id]
        self.ages.remove(task_id)
        self.shuffled.remove(task_id)

    def listed(self) -> list[str]:
        if self.order == "newest_first":
            return self.ages[::-1]
        return self.ages if self.order == "oldest_first" else self.shuffled

    def fetch(self, number: int, size: int) -> Page:
        index = len(self.requests)
        self.requests.append(number)
        self.before_answer(index)
        if index in self.fail_at:
            raise ChanjingUnavailable("list: no answer")
        if self.refuse_over is not None and size > self.refuse_over:
            raise ChanjingRejected("list: code 40000", code=40000)
        asked, size = size, min(size, self.cap or size)
        last = max(1, -(-len(self.ages) // size))
        at = 0 if self.ignore_page else (min(number, last) if self.clamp else number) - 1
        at *= size
        if self.order == "newest_first":  # without a copy of a long list
            end = len(self.ages) - at
            ids = self.ages[max(0, end - size) : max(0, end)][::-1]
        else:
            ids = self.listed()[at : at + size]
        tasks = tuple(self.tasks[task_id] for task_id in ids)
        count = self.count(len(self.ages))
        return self.answer(Page(number, tasks, len(tasks), asked, count, (), self.account, self.date))

    def lookup(self, task_id: str) -> Task | None:
        self.lookups.append(task_id)
        return self.answer_lookup(task_id)


class Bot:
    """A poll over a world, with everything else in memory. `boards` are the tasks that each update showed."""

    def __init__(
        self, world: World, clock: SimulatedClock | None = None, store: MemoryStore | None = None, **settings: Any
    ) -> None:
        self.world = world
        self.clock = clock or SimulatedClock(START)
        self.store = store or MemoryStore()
        self.postbox = Postbox(self.store)
        self.boards: list[list[str]] = []
        self.events = RecordedEvents()
        world.now = self.clock.now
        self.settings: dict[str, Any] = {
            "page_size": 10, "interval": 30.0, "full_scan_interval": 3600.0, "retention": 7.0 * DAY, **settings
        }  # fmt: skip
        self.restart()

    def restart(self) -> None:
        """Begin again from the state, as after a crash."""
        given = dict(self.settings)
        settings = config.Config(
            chanjing=config.Chanjing(page_size=given.pop("page_size")),
            state=config.State(retention=given.pop("retention")),
            slack=config.Slack(daily_summary=given.pop("daily_summary", None)),
            archive=given.pop("archive", config.Archive()),
            poll=config.Poll(**given),
        )
        self.poll = polling(
            self, self.store, self.clock, self.postbox, settings,
            events=self.events,
            show_board=lambda tasks: self.boards.append([task.id for task in tasks]),
        )  # fmt: skip

    def page(self, number: int, size: int) -> Page:
        self.clock.pass_by(LATENCY)
        return self.world.fetch(number, size)

    def task(self, task_id: str) -> Task | None:
        self.clock.pass_by(LATENCY)
        return self.world.lookup(task_id)

    def cycle(self) -> int:
        """Run one cycle, survive a listing that fails, let the interval pass, and return how many requests it took."""
        before = len(self.world.requests) + len(self.world.lookups)
        with contextlib.suppress(ChanjingError, ForeignStateError):
            self.poll.cycle()
        self.clock.wait(self.poll.interval())
        return len(self.world.requests) + len(self.world.lookups) - before

    def full_cycle(self) -> None:
        """Run cycles until a whole full scan has been made."""
        self.clock.wait(self.settings["full_scan_interval"])
        before = self.store.state.profile.full_scan_at
        for _ in range(1000):
            self.cycle()
            if self.store.state.profile.full_scan_at != before:
                return
        raise AssertionError("no full scan within 1000 cycles")

    @property
    def announced(self) -> list[tuple[str, int]]:
        return self.postbox.announced


def started(order="newest_first", finished=100, **settings):
    world = World(order)
    world.fill(finished)
    bot = Bot(world, **settings)
    bot.cycle()
    return world, bot


def null(page: Page) -> Page:
    return page if page.listed else replace(page, oddities=("page: the list is null",))


def refused(page: Page) -> Page:
    if page.listed:
        return page
    raise ChanjingRejected("list: code 40000.", code=40000)
