"""An account, a clock and a delivery in memory: the real Poll, with days that pass in seconds and requests counted."""

import contextlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from bot.chanjing.transport import SlidingWindow
from bot.config.sections import Config
from bot.domain.state import State
from bot.domain.task import Page, Status, Task, is_final
from bot.store.file import Store
from tests.fakes import polling

Order = Literal["newest_first", "oldest_first", "shuffled"]

START = 1_763_769_600.0  # Unix seconds at which a simulation begins: 2025-11-22
LATENCY = 0.2  # seconds from a request to its answer
PACE = 5.0  # requests a second at most
A_DAY = 500  # tasks that the account makes a day
DEFAULTS = Config()
NEVER = 1e9  # seconds: a full_scan_interval that does not come round


class SimulatedClock:
    """Time passes only where somebody waits."""

    def __init__(self, start: float = START) -> None:
        self._now = start

    def now(self) -> float:
        """Return Unix seconds."""
        return self._now

    def monotonic(self) -> float:
        """Return the same: this clock is never set back."""
        return self._now

    def wait(self, seconds: float) -> None:
        """Let that many seconds pass."""
        self._now += max(0.0, seconds)


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


class MemoryStore(Store):
    """A state that is kept nowhere."""

    def __init__(self, state: State) -> None:
        super().__init__(Path("nowhere"), state)

    def write(self, state: State) -> None:
        """Keep *state* until the next."""
        self.state = state


class TakesAll:
    """Stands for Delivery: takes everything that is owed at once, and gives *took* the subjects."""

    def __init__(self, store: Store, took: Callable[[list[str]], None]) -> None:
        self._store = store
        self._took = took

    def run(self, until: float) -> None:  # noqa: ARG002 - the signature of the real one
        """Deliver everything."""
        self.run_once()

    def run_once(self) -> None:
        """Deliver everything."""
        state = self._store.state
        self._took([notice.key.subject for notice in state.outbox.notices])
        self._store.save(replace(state, outbox=replace(state.outbox, notices=())))

    def idle(self) -> bool:
        """Tell that nothing waits."""
        return True

    def owing(self) -> bool:
        """Tell that nothing is owed for long."""
        return False


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
        self.clock = clock or SimulatedClock()
        self._settings = settings
        self._store = MemoryStore(state or State())
        self._before_answer = before_answer
        self._pace = SlidingWindow(PACE, self.clock)
        self._requests = self._lookups = 0
        self._read = (0, 0.0)  # requests and seconds so far, at the end of the last poll
        self._told: list[str] = []
        self._poll = polling(
            self, self._store, self.clock, TakesAll(self._store, self._announced), settings, events=self
        )

    @property
    def state(self) -> State:
        """What the bot remembers."""
        return self._store.state

    def cycle(self) -> Cost:
        """Run one cycle, wait until the next is due, and return what it took."""
        requests, lookups, began = self._requests, self._lookups, self.clock.monotonic()
        self._told = []
        self._poll.cycle()
        at_end, ended = self._read
        self.clock.wait(began + self._poll.interval() - self.clock.monotonic())
        return Cost(
            at_end - requests + self._lookups - lookups, ended - began, self._requests - at_end, tuple(self._told)
        )

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

    def _announced(self, subjects: list[str]) -> None:
        self._told += subjects
