"""The page of accounts that are made up, on loopback: for the pictures, and for the tests in a browser."""

import hashlib
import random
import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from bot.demo import channel
from bot.demo.server import Answer, Call, LoopbackServer
from bot.domain.chart import DayCount
from bot.domain.destination import Destination
from bot.domain.news import EndedTask, TaskRecord
from bot.domain.notice import Notice, TaskEnded
from bot.domain.outbox import Outbox
from bot.domain.recent import RecentTask
from bot.domain.standing import Standing
from bot.domain.state import State
from bot.domain.task import Status, Task
from bot.domain.trouble import Ongoing
from bot.language import Language
from bot.web.access import Access
from bot.web.page import Page
from bot.web.server import Request
from bot.wording import samples

NOW = samples.NOW + 11 * 3_600  # 14:40
_MESSAGES = ("蝉豆不足扣费失败", "音频中没有人声，请检查是否为单声道", "Face not found")
EVIL = "\"><script>alert(1)</script>' onload=x"

Sample = Callable[[str], Sequence[Standing]]  # of where the covers are


class SampleServer(LoopbackServer):
    """Shows at / the page of *sample* as it looks at NOW."""

    def __init__(self, sample: Sample, language: Language = "en") -> None:
        super().__init__()
        standings = sample(self.url)
        self._page = Page(lambda: standings, _Stopped(), language, Access("127.0.0.1", None), zone=UTC)

    def answer(self, call: Call) -> Answer:
        if call.path.endswith(".jpg"):
            picture = channel.cover(zlib.crc32(call.path.encode()))
            return Answer(200, {"Content-Type": "image/svg+xml"}, picture.encode())
        headers = {name.lower(): value for name, value in call.headers.items()}
        response = self._page.respond(Request("GET", call.path, call.query, headers))
        return Answer(response.status, {"Content-Type": response.content_type, **dict(response.headers)}, response.body)


class _Stopped:
    """A clock that shows NOW."""

    def now(self) -> float:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def wait(self, seconds: float, sooner: threading.Event | None = None) -> None:
        raise NotImplementedError


def task_id(number: int) -> str:
    return hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()


def ended(number: int, shelf: str) -> RecentTask:
    """Return a task that ended, one in seven of them badly; the higher the number, the longer ago."""
    at, name = NOW - 400 - 1_370 * number, task_id(number)
    if not (number + 5) % 7:
        task = Task(name, Status.FAILED, 0, _MESSAGES[number // 7 % 3], create_time=int(at) - 90)
    else:
        links = f"{shelf}/{name}.mp4", f"{shelf}/{name}.jpg"
        task = Task(name, Status.SUCCEEDED, 100, "success", *links, 12_000 + 7_300 * number % 95_000, int(at) - 140)
    return RecentTask(TaskEnded(task, ready_after=60.0 + 13 * number % 150), at)


def _state(shelf: str, *, tasks: int = 200, seed: int = 3) -> State:
    chance, today = random.Random(seed), date(2025, 2, 4)  # noqa: S311 - a picture
    listed = [ended(number, shelf) for number in reversed(range(tasks))]
    chart: dict[str, DayCount] = {}
    for ago in range(13, -1, -1):
        day = today - timedelta(days=ago)
        succeeded = chance.randint(30, 62) if day.isoweekday() <= 5 else chance.randint(2, 9)  # noqa: PLR2004 - Friday
        chart[str(day)] = DayCount(succeeded, chance.choice((0, 0, 1, 2, 4)), 70.0 + chance.randint(0, 60))
    for ago in range(2):
        day = today - timedelta(days=ago)
        ends = [one.content.task.status for one in listed if datetime.fromtimestamp(one.seen_at, UTC).date() == day]
        good = ends.count(Status.SUCCEEDED)
        chart[str(day)] = replace(chart[str(day)], succeeded=good, failed=len(ends) - good)
    rendering = {
        task_id(1_000 + number): TaskRecord(status, int(NOW) - age, NOW - age)
        for number, (status, age) in enumerate(((10, 152), (10, 95), (0, 8)))
    }
    return State(
        baseline_at=NOW - 1e6,
        delivered_count=1_481,
        chart=chart,
        ended=tuple(listed),
        tasks={**rendering, task_id(5_000): EndedTask(Status.FAILED, 1)},
    )


def _standing(state: State, name: str = "") -> Standing:
    progress = {
        task: Task(task, record.status, 88 - 47 * number, create_time=record.create_time)
        for number, (task, record) in enumerate(state.tasks.items())
        if isinstance(record, TaskRecord) and record.status
    }
    return Standing(name, state, progress=progress, last_read=NOW - 3)


def well(shelf: str) -> Sequence[Standing]:
    return [_standing(_state(shelf))]


def new(_shelf: str) -> Sequence[Standing]:
    return [Standing("", State(baseline_at=NOW), last_read=NOW - 3)]


def trouble(shelf: str) -> Sequence[Standing]:
    refused = "chat.postMessage: not_in_channel"
    waiting = Notice(ended(0, shelf).content, NOW - 700, last_error=refused)
    outbox = Outbox((waiting,), {"C0LIPSYNC01": Destination(refused="not_in_channel", error=refused)})
    school = _state(shelf, tasks=20, seed=5)
    ongoing = {"chanjing_refused": Ongoing(NOW - 900, NOW - 600, detail="list: HTTP 200, code 10400")}
    return [
        _standing(_state(shelf, tasks=60), "shop"),
        Standing(
            "school",
            State(chart=school.chart, ended=school.ended, troubles=ongoing, outbox=outbox, delivered_count=203),
            [("slack_refused", f"C0LIPSYNC01: {refused}"), ("notices_overdue", "1 owed")],
            last_read=NOW - 900,
        ),
        Standing("lab", reasons=[("state_unavailable", "/data/state.lab.json: cannot be read: Input/output error.")]),
        Standing("night", standing_by=True),
    ]


def hostile(_shelf: str) -> Sequence[Standing]:
    good, bad = Status.SUCCEEDED, Status.FAILED
    tasks = (
        Task(EVIL, good, 100, "success", "javascript:alert(1)", "data:text/html,<script>alert(1)</script>", 5_000),
        Task("x" * 300, bad, 0, f"</style><img src=x onerror=alert(1)>{EVIL}{'长' * 900}"),
        Task("no-link", good),
    )
    state = State(
        ended=tuple(RecentTask(TaskEnded(task), NOW) for task in tasks),
        tasks={EVIL: TaskRecord(10, 1, NOW)},
        outbox=Outbox((Notice(TaskEnded(tasks[0]), NOW - 1, last_error=EVIL),)),
    )
    return [Standing("", state, last_read=NOW)]
