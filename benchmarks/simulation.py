"""An account in memory: the real Poll, with days that pass in seconds and requests counted."""

import contextlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from bot.chanjing.transport import SlidingWindow
from bot.config.sections import Config
from bot.domain.state import State
from bot.domain.task import Page, Status, Task, is_final
from bot.events import NOBODY
from bot.watch.wake import Wake
from tests.fakes import MemoryStore, Postbox, SimulatedClock, polling

Order = Literal["newest_first", "oldest_first", "shuffled"]

START = 1_763_769_600.0  # Unix seconds at which a simulation begins: 2025-11-22
LATENCY = 0.2  # seconds from a request to its answer
PACE = 5.0  # requests a second at most
A_DAY = 500  # tasks that the account makes a day
DEFAULTS = Config()
NEVER = 1e9  # seconds: a full_scan_interval that does not come round


class Account:
    """A list of *finished* tasks, made evenly at A_DAY a day until START, and of those added since.

    They are made up when asked for, so that a million of them need no memory.
    """

    def __init__(self, finished: int, order: Order = "newest_first") -> None:
        self.order: Order = order
        self._finished = finished
        self._added: list[Task] = []
        self._random = random.Random(finished)  # noqa: S311 - a reproducible shuffle
        self._shuffled: list[int] = []
        if order == "shuffled":
            self._shuffled = list(range(finished))
            self._random.shuffle(self._shuffled)

    def __len__(self) -> int:
        return self._finished + len(self._added)

    def copy(self) -> "Account":
        """Return an account that goes its own way from here."""
        twin = Account(0, self.order)
        twin._finished, twin._added, twin._shuffled = self._finished, [*self._added], [*self._shuffled]
        return twin

    def add(self, now: float, status: Status = Status.GENERATING) -> int:
        """Add a task, and return what to call it in `end`."""
        number = len(self)
        self._added.append(_task(number, int(now), status))
        if self.order == "shuffled":
            self._shuffled.insert(self._random.randrange(number + 1), number)
        return number

    def end(self, number: int) -> str:
        """Let an added task succeed, and return its id."""
        task = self._added[number - self._finished]
        self._added[number - self._finished] = _task(number, task.create_time, Status.SUCCEEDED)
        return task.id

    def end_all(self) -> None:
        """Let every task that is not ended yet succeed."""
        for number, task in enumerate(self._added, self._finished):
            if not is_final(task.status):
                self.end(number)

    def page(self, number: int, size: int) -> Page:
        """Return a page as Chanjing would list it."""
        total = len(self)
        places = range(min((number - 1) * size, total), min(number * size, total))
        tasks = tuple(self._at(place, total) for place in places)
        return Page(number, tasks, listed=len(tasks), size=size, total_count=total)

    def task(self, task_id: str) -> Task | None:
        """Return an added task."""
        return next((task for task in self._added if task.id == task_id), None)

    def _at(self, place: int, total: int) -> Task:
        if self.order == "shuffled":
            number = self._shuffled[place]
        else:
            number = place if self.order == "oldest_first" else total - 1 - place
        if number >= self._finished:
            return self._added[number - self._finished]
        age = (self._finished - number) * 86_400 // A_DAY
        return _task(number, int(START) - age, Status.SUCCEEDED)


def _task(number: int, create_time: int, status: Status) -> Task:
    link = "https://res.example.com/v.mp4" if status == Status.SUCCEEDED else ""
    return Task(f"{number:032x}", status.value, create_time=create_time, video_url=link)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one cycle took: the poll's requests and seconds, and the requests of a full scan after it.

    A request for a single task is the poll's.
    """

    requests: int
    seconds: float
    full_scan: int
    announced: tuple[str, ...]


class Simulation:
    """The real Poll against an account in memory, at LATENCY and PACE."""

    def __init__(
        self,
        account: Account,
        settings: Config = DEFAULTS,
        *,
        clock: SimulatedClock | None = None,
        state: State | None = None,
        before_answer: Callable[[float], None] | None = None,
    ) -> None:
        self.account = account
        self.clock = clock or SimulatedClock(START)
        self._settings = settings
        self._store = MemoryStore(state)
        self._postbox = Postbox(self._store)
        self._before_answer = before_answer
        self._pace = SlidingWindow(PACE, self.clock)
        self._requests = self._lookups = 0
        self._read = (0, 0.0)  # requests and seconds so far, at the end of the last poll
        self.wake = Wake(self.clock, NOBODY)
        self._poll = polling(self, self._store, self.clock, self._postbox, settings, events=self, wake=self.wake)

    @property
    def state(self) -> State:
        """What the bot remembers."""
        return self._store.state

    def cycle(self) -> Cost:
        """Run one cycle, wait until the next is due or asked for, and return what it took."""
        requests, lookups, began = self._requests, self._lookups, self.clock.monotonic()
        before = len(self._postbox.announced)
        self._poll.cycle()
        at_end, ended = self._read
        self.wake.wait(began + self._poll.interval() - self.clock.monotonic())
        announced = tuple(task_id for task_id, _ in self._postbox.announced[before:])
        return Cost(at_end - requests + self._lookups - lookups, ended - began, self._requests - at_end, announced)

    def branch(self) -> "Simulation":
        """Return a simulation that goes on from here apart, as after a restart."""
        return Simulation(self.account.copy(), self._settings, clock=SimulatedClock(self.clock.now()), state=self.state)

    def task(self, task_id: str) -> Task | None:
        """Answer the bot's request for one task."""
        self._lookups += 1
        with self._request():
            return self.account.task(task_id)

    def page(self, number: int, size: int) -> Page:
        """Answer the bot's request for a page of the list."""
        self._requests += 1
        with self._request():
            return self.account.page(number, size)

    @contextlib.contextmanager
    def _request(self) -> Iterator[None]:
        self._pace.wait()
        self.clock.wait(LATENCY / 2)
        if self._before_answer:
            self._before_answer(self.clock.now())
        yield
        self.clock.wait(LATENCY / 2)

    def emit(self, event: str, /, **fields: object) -> None:  # noqa: ARG002 - the signature of Events
        """Keep what the poll has cost when it has read the list."""
        if event == "list_read":
            self._read = (self._requests, self.clock.monotonic())
