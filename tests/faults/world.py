"""A world in memory around the real poll and delivery: clock, disk, Chanjing and Slack, each of which can fail.

`World.dies` ends the program at one of its effects, as SIGKILL or a power cut do; `World.before_each_effect` looks at
what would be left if one did. `World.start` starts it again from what the disk kept.
"""

import contextlib
import copy
import itertools
import pickle
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from bot.config import sections as config
from bot.disk import Disk
from bot.domain.history import HistoryPage
from bot.domain.notice import EVENT_TYPE, Key, Role, TaskEnded
from bot.domain.state import State
from bot.domain.task import Page, Task
from bot.errors import (
    ChanjingError,
    ChanjingUnavailable,
    DestinationRefused,
    OutcomeUnknown,
    PayloadRefused,
    RateLimited,
    StateError,
    StateLostError,
)
from bot.events import NOBODY
from bot.slack.blocks import Message, Style
from bot.slack.client import Posted
from bot.store import document
from bot.store import file as state
from bot.store.file import Store
from bot.watch.archive import Archive
from bot.watch.cycle import Poll
from bot.watch.deliver import Delivery
from bot.watch.lasting import LastingLinks
from bot.watch.pace import Pace
from bot.watch.wake import Wake
from tests.fakes import MemoryStore, SimulatedClock, polling
from tests.faults.archive import CopiesAtOnce, FileServer, SimulatedFiles

Survival = Literal["kill", "power_cut", "torn"]
"""What a death leaves on the disk: all that was done; only what was synced; or every name, but only synced content."""

Fault = Literal["lost_before", "lost_after", "limited", "refused", "unsayable", "no_metadata"]

SETTLE = 45.0


class Death(BaseException):
    """The program ends here. No handler of its own may catch this."""


class TickingClock(SimulatedClock):
    """A clock of which no two readings are the same, as on every machine."""

    def monotonic(self) -> float:
        self.pass_by(1e-6)
        return super().monotonic()


class Effects:
    """Stands around all that the program does to the world, which is `next`.

    `before` is called first; after `die_on` it dies.
    """

    def __init__(self) -> None:
        self.before: Callable[[], None] = lambda: None
        self.next = ""
        self.die_on: str | None = None

    def __reduce__(self) -> tuple[type["Effects"], tuple[()]]:
        """Copy it as one after which nothing dies."""
        return Effects, ()

    @contextlib.contextmanager
    def around(self, name: str) -> Iterator[None]:
        self.next = name
        self.before()
        yield
        self.done(name)

    def done(self, name: str) -> None:
        if name == self.die_on:
            raise Death(name)


@dataclass(slots=True)
class File:
    """What is in it, and what of that a power cut leaves. It may have several names."""

    content: bytes
    synced: bytes = b""


class SimulatedDisk(Disk):
    """One directory whose names and contents are lost in a power cut unless they were synced."""

    def __init__(self, effects: Effects) -> None:
        super().__init__()
        self._effects = effects
        self._names: dict[str, File] = {}
        self._synced_names: dict[str, File] = {}
        self.full = False

    def write(self, path: Path, *content: bytes) -> None:
        with self._effects.around("write"):
            if self.full:
                raise OSError(28, "No space left on device")
            self._names[path.name] = File(b"".join(content))

    def sync(self, path: Path) -> None:
        with self._effects.around("sync"):
            if path.name in self._names:
                file = self._names[path.name]
                file.synced = file.content
            else:
                self._synced_names = dict(self._names)

    def link(self, path: Path, other: Path) -> None:
        with self._effects.around("link"):
            if path.name not in self._names:
                raise FileNotFoundError(2, "No such file or directory")
            self._names[other.name] = self._names[path.name]

    def replace(self, path: Path, other: Path) -> None:
        with self._effects.around("rename"):
            self._names[other.name] = self._names.pop(path.name)

    def unlink(self, path: Path) -> None:
        self._names.pop(path.name, None)

    def come_back(self, survival: Survival) -> dict[str, bytes]:
        """Return the files that are there after a death."""
        if survival == "power_cut":
            self._names = dict(self._synced_names)
        for file in self._names.values():
            if survival != "kill":
                file.content = file.synced
            file.synced = file.content
        self._synced_names = dict(self._names)
        return {name: file.content for name, file in self._names.items()}


class SimulatedDatabase:
    """What PostgreSQL keeps of a state: a save is one statement, which was done or was not, whatever dies."""

    def __init__(self, effects: Effects) -> None:
        self.effects = effects
        self.full = False
        self.holder = 0  # the number of the copy that took it last
        self.rest = ""
        self.tasks: dict[str, bytes] = {}  # by the name of the id

    def come_back(self, survival: Survival) -> dict[str, bytes]:
        """Return the rows that are there after a death."""
        del survival  # a server of its own
        return {"": self.rest.encode(), **self.tasks}


class DatabaseStore(MemoryStore):
    """The state in a simulated *database*, written as store.postgres writes it."""

    def __init__(self, database: SimulatedDatabase) -> None:
        tasks = ",".join(f'"{name}":{record.decode()}' for name, record in database.tasks.items())
        super().__init__(document.decode(document.join(database.rest, tasks)) if database.rest else State())
        self._database = database
        self._number = database.holder = database.holder + 1

    def write(self, state: State) -> None:
        changed, gone = document.difference(self.state.tasks, state.tasks)
        with self._database.effects.around("statement"):
            if self._database.holder != self._number:
                raise StateLostError("another copy has taken the state over")
            if self._database.full:
                raise StateError("the disk is full")
            self._database.rest = document.encode_rest(state).decode()
            self._database.tasks |= {
                document.name(task_id): document.encode_by_name({task_id: record}).partition(b'":')[2][:-1]
                for task_id, record in changed.items()
            }
            for task_id in gone:
                del self._database.tasks[document.name(task_id)]
        super().write(state)


class SimulatedChanjing:
    """The list, newest first."""

    def __init__(self, clock: SimulatedClock, effects: Effects) -> None:
        self._clock = clock
        self._effects = effects
        self.covers = False
        self._tasks: dict[str, Task] = {}
        self.stale: dict[str, Task] = {}  # older answers, served instead
        self.down = False
        self.null_pages: set[int] = set()  # served once each as `list: null`
        self.requests: list[float] = []

    def put(self, task_id: str, status: int) -> None:
        """Add the task, or give it another status."""
        old = self._tasks.get(task_id)
        created = old.create_time if old else int(self._clock.real)
        link = f"https://example.com/{task_id}.mp4" if status == 20 else ""
        cover = f"{link}.jpg" if link and self.covers else ""
        self._tasks[task_id] = Task(task_id, status, video_url=link, preview_url=cover, create_time=created)

    def serve_older(self, task_id: str) -> None:
        """Serve the task as it was when it was being generated, until `stale` is cleared."""
        if task_id in self._tasks:
            self.stale[task_id] = replace(self._tasks[task_id], status=10, video_url="")

    @property
    def ended(self) -> set[tuple[str, int]]:
        return {(task.id, task.status) for task in self._tasks.values() if task.status in {20, 30}}

    def page(self, number: int, size: int) -> Page:
        with self._effects.around("listing"):
            self.requests.append(self._clock.real)
            self._clock.wait(0.01)
            if self.down:
                raise ChanjingError("list: no answer")
            if number in self.null_pages:
                self.null_pages.remove(number)
                return Page(number, (), listed=0, size=size, oddities=(f"page {number}: the list is null",))
            shown = [self.stale.get(task.id, task) for task in reversed(self._tasks.values())]
            here = tuple(shown[(number - 1) * size : number * size])
            return Page(number, here, listed=len(here), size=size, total_count=len(shown))

    def task(self, task_id: str) -> Task | None:
        with self._effects.around("listing"):
            self.requests.append(self._clock.real)
            self._clock.wait(0.01)
            if self.down:
                raise ChanjingUnavailable("detail: no answer")
            return self.stale.get(task_id, self._tasks.get(task_id))


@dataclass(frozen=True, slots=True)
class Kept:
    channel: str
    ts: str
    at: float
    ids: tuple[str, ...]
    text: str


class SimulatedSlack:
    """Implements bot.slack.Slack. `faults` meet the posts in turn; `lag` is how late a message shows in the history.

    A page of the history holds `page_size` messages, and one may be asked for every `page_every` seconds. A cursor
    expires after `cursors_live` seconds. `others` are messages that somebody else has posted, as (channel, ts).
    `names` are other ids of channels: each leads to the same one, unless it is unreadable, and posts name the new one.
    """

    def __init__(self, clock: SimulatedClock, effects: Effects) -> None:
        self._clock = clock
        self._effects = effects
        self._last = 0.0
        self.posts: list[Kept] = []
        self.attempts: list[tuple[str, tuple[str, ...]]] = []
        self.looks: list[tuple[str, str]] = []
        self.faults: deque[Fault | None] = deque()
        self.failing_looks = 0
        self.page_size = 200
        self.page_every = 0.0
        self.cursors_live = float("inf")
        self.others: list[tuple[str, str]] = []
        self.names: dict[str, str] = {}
        self._next_page = 0.0
        self._paged = 0.0
        self.limited_until = 0.0
        self.dead: dict[str, str] = {}  # channel → reason
        self.unreadable: dict[str, str] = {}
        self.hanging = False
        self.lag = 0.0

    def post(self, channel: str, message: Message, ids: tuple[str, ...], event_type: str = EVENT_TYPE) -> Posted:
        del event_type
        self.attempts.append((channel, ids))
        with self._effects.around("post"):
            self._clock.wait(0.0)
            fault = self.faults.popleft() if self.faults else None
            self._refuse(channel)
            match fault:
                case "lost_before":
                    raise OutcomeUnknown("the connection broke", reason="lost")
                case "limited":
                    raise RateLimited("ratelimited", reason="ratelimited", retry_after=3.0)
                case "refused":
                    raise DestinationRefused("is_archived", reason="is_archived")
                case "no_metadata" if ids:
                    raise PayloadRefused("metadata_too_large", reason="metadata_too_large")
                case "unsayable":
                    raise PayloadRefused("invalid_blocks", reason="invalid_blocks")
            self._last = max(self._clock.real, self._last + 0.000001)
            ts = f"{self._last:.6f}"
            self.posts.append(Kept(channel, ts, self._clock.real, ids, message.text))
            if fault == "lost_after":
                raise OutcomeUnknown("the reply was lost", reason="lost")
            return Posted(ts, self.names.get(channel, ""))

    def update(self, channel: str, ts: str, message: Message, ids: tuple[str, ...]) -> None:
        with self._effects.around("update"):
            (place,) = [
                n for n, post in enumerate(self.posts) if (post.channel, post.ts, post.ids) == (channel, ts, ids)
            ]
            self.posts[place] = replace(self.posts[place], text=message.text)

    def page(self, channel: str, oldest: str, cursor: str) -> HistoryPage:
        self.looks.append((channel, oldest))
        with self._effects.around("look"):
            self._refuse(channel)
            if self._clock.real < self._next_page:
                wait = self._next_page - self._clock.real
                raise RateLimited("conversations.history: ratelimited", reason="ratelimited", retry_after=wait)
            self._next_page = self._clock.real + self.page_every
            if self.failing_looks:
                self.failing_looks -= 1
                raise OutcomeUnknown("history: half an answer", reason="half")
            if reason := self.unreadable.get(channel):
                raise DestinationRefused(reason, reason=reason)
            if cursor and self._clock.real > self._paged + self.cursors_live:
                raise DestinationRefused("invalid_cursor", reason="invalid_cursor")
            self._paged = self._clock.real
            seen = self._clock.real - self.lag
            channel = next((old for old, new in self.names.items() if new == channel), channel)
            shown = {post.ts: post.ids for post in self.posts if post.channel == channel and post.at <= seen}
            shown |= {ts: () for other, ts in self.others if other == channel}
            listed = sorted(ts for ts in shown if float(ts) > float(oldest or 0) and (not cursor or ts < cursor))
            here = listed[-self.page_size :]
            return HistoryPage(
                {id_: ts for ts in here for id_ in shown[ts]},
                newest=here[-1] if here else "",
                oldest=here[0] if here else "",
                cursor=here[0] if len(here) < len(listed) else "",
            )

    def _refuse(self, channel: str) -> None:
        if self.hanging:
            self._clock.wait(10.0)
            raise OutcomeUnknown("no whole answer within 10 s", reason="ReadTimeout")
        if self._clock.real < self.limited_until:
            raise RateLimited("ratelimited", reason="ratelimited", retry_after=300.0)
        if reason := self.dead.get(channel):
            raise DestinationRefused(reason, reason=reason)


@dataclass(slots=True)
class World:
    """Everything that outlives the program, and the program while it runs."""

    directory: Path
    route: dict[Role, str] = field(default_factory=lambda: {"success": "C1", "failure": "C1", "alerts": "C1"})
    digest_after: int = 5
    interval: float = 30.0
    page_size: int = 50
    database: bool = False
    archive: bool = False
    effects: Effects = field(default_factory=Effects)
    clock: SimulatedClock = field(init=False)
    disk: SimulatedDisk | SimulatedDatabase = field(init=False)
    chanjing: SimulatedChanjing = field(init=False)
    slack: SimulatedSlack = field(init=False)
    files: SimulatedFiles = field(init=False)
    server: FileServer = field(init=False)
    poll: Poll = field(init=False)
    delivery: Delivery = field(init=False)
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.clock = TickingClock(1_750_000_000.0)
        self.disk = (SimulatedDatabase if self.database else SimulatedDisk)(self.effects)
        self.chanjing = SimulatedChanjing(self.clock, self.effects)
        self.slack = SimulatedSlack(self.clock, self.effects)
        self.files, self.server = SimulatedFiles(self.effects), FileServer()
        self.chanjing.covers = self.archive

    def start(self, survival: Survival = "kill") -> None:
        """Start the program from what the disk holds after a death."""
        kept = self.disk.come_back(survival)
        self.files.come_back(survival)
        if isinstance(self.disk, SimulatedDatabase):
            self.store = DatabaseStore(self.disk)
        else:
            path = self.directory / "state.json"
            for old in self.directory.iterdir():
                old.unlink()
            for name, content in kept.items():
                (self.directory / name).write_bytes(content)
            self.store = Store(path, state.load(path, lambda _: None), self.disk)
        self.store.write(self.store.state)
        settings = config.Slack(
            channel=self.route["success"], failure_channel=self.route["failure"], alerts_channel=self.route["alerts"],
            digest_after=self.digest_after,
        )  # fmt: skip
        pace, wake = Pace(settings.pace, self.clock), Wake(self.clock, NOBODY)
        self.delivery = Delivery(self.slack, self.store, self.clock, NOBODY, settings, pace=pace, wake=wake)
        how = config.Config(
            chanjing=config.Chanjing(page_size=self.page_size), poll=config.Poll(interval=self.interval),
            slack=settings, archive=config.Archive(path=Path("archive") if self.archive else None),
        )  # fmt: skip
        self.poll = polling(self.chanjing, self.store, self.clock, self.delivery, how, wake=wake)
        if self.archive:
            copies = CopiesAtOnce(self.files, self.server)
            lasting = LastingLinks(
                self.slack,  # type: ignore[arg-type]
                self.store,
                self.clock,
                NOBODY,
                style=Style(),
                public_url="https://lasting",
            )
            archive = Archive(self.store, self.clock, NOBODY, copies, ask=self.chanjing.task, lasting=lasting)
            self.poll = replace(self.poll, archive=archive)

    def run(self, seconds: float) -> None:
        """Let the program poll and deliver for *seconds*, as bot.daemon does."""
        end = self.clock.real + seconds
        while self.clock.real < end:
            began = self.clock.real
            with contextlib.suppress(ChanjingError, StateError):  # the next cycle is the retry
                self.poll.cycle()
            self.clock.wait(max(0.0, began + self.poll.interval() - self.clock.real))

    def start_and_run(self) -> None:
        self.start()
        self.run(31)

    def settle(self, seconds: float = 3_600.0) -> None:
        """Run until nothing is owed and a poll has passed, or for *seconds*."""
        end = self.clock.real + seconds
        self.run(self.interval + 1)
        while (self.owed or self.state.to_archive) and self.clock.real < end:
            self.run(1)

    def dies(self, work: Callable[[], object], *, at: int) -> bool:
        """Do *work* and tell whether the program died of it, at the effect *at*, counted from 0."""
        effects = itertools.count()

        def die() -> None:
            if next(effects) >= at:
                raise Death

        self.effects.before = die
        try:
            work()
        except Death:
            return True
        finally:
            self.effects.before = lambda: None
        return False

    def before_each_effect(self, work: Callable[[], object]) -> Iterator["World"]:
        """Do *work*; yield what a death before each effect, or after the last, would leave; and the world itself."""
        # To die after one effect is to die before the next.
        left: list[World] = []
        self.effects.before = lambda: left.append(self.without_program())
        work()
        self.effects.before()
        self.effects.before = lambda: None
        yield from left
        yield self

    def without_program(self) -> "World":
        """Return a copy of everything that outlives the program."""
        copied = copy.copy(self)
        outside = (self.effects, self.clock, self.disk, self.chanjing, self.slack, self.files, self.server)
        # As copy.deepcopy() does, in a fifth of its time.
        outside = pickle.loads(pickle.dumps(outside))  # noqa: S301 - our own
        copied.effects, copied.clock, copied.disk, copied.chanjing, copied.slack = outside[:5]
        copied.files, copied.server = outside[5:]
        return copied

    def run_until_death(self, on: str) -> None:
        """Run until the effect *on*, at which the program dies."""
        self.effects.die_on = on
        try:
            self.run(3_600)
        except Death:
            self.effects.die_on = None
            return
        raise AssertionError(f"there was no {on!r} to die of")

    @property
    def state(self) -> State:
        return self.store.state

    @property
    def owed(self) -> list[str]:
        """The tasks that are owed. What the bot says of its own trouble comes and goes."""
        return [one.key.subject for one in self.state.outbox.notices if isinstance(one.content, TaskEnded)]

    def announced(self) -> Counter[tuple[str, int]]:
        """Return in how many messages each (task, status) was announced."""
        roles: dict[int, Role] = {20: "success", 30: "failure"}
        ids = Counter(id_ for post in self.slack.posts for id_ in post.ids)
        subjects = {(task, status) for task in self.chanjing._tasks for status in (20, 30)}
        announced = {one: ids[Key(one[0], one[1], roles[one[1]]).id] for one in subjects}
        return Counter({one: count for one, count in announced.items() if count})

    def check(self, expected: set[tuple[str, int]] | None = None) -> None:
        """Assert that every end was announced in exactly one message, and that nothing is owed."""
        wanted = self.chanjing.ended if expected is None else expected
        assert self.announced() == dict.fromkeys(wanted, 1)
        assert self.owed == []
