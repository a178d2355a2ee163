"""One example of everything the bot says, for `preview` and for the tests."""

from collections.abc import Mapping
from types import MappingProxyType

from bot.domain.notice import Content, Greeting, Summary, TaskEnded, Test, Trouble
from bot.domain.task import Status, Task

NOW = 1_738_640_400.0  # 2025-02-04 03:40 UTC
_ID = "9499ed79995c4bdb95f0d66ca84419fd"
_SHELF = "https://res.chanjing.cc/sample/lip-sync"


def _ended(number: int, *, msg: str = "success", away: tuple[float, float] | None = None) -> TaskEnded:
    name = f"{_ID[:-2]}{number:02x}"
    good = msg == "success"
    return TaskEnded(
        Task(
            id=name,
            status=Status.SUCCEEDED if good else Status.FAILED,
            progress=100 if good else 0,
            msg=msg,
            video_url=f"{_SHELF}/{name}.mp4" if good else "",
            preview_url=f"{_SHELF}/{name}.jpg" if good else "",
            duration=12_000 + 7_300 * number if good else 0,
            create_time=int(NOW) - 3_600 + 60 * number,
        ),
        away=away,
    )


_SUCCESS = Task(
    id=_ID,
    status=Status.SUCCEEDED,
    progress=100,
    msg="success",
    video_url=f"{_SHELF}/{_ID}.mp4",
    preview_url=f"{_SHELF}/{_ID}.jpg",
    duration=65_000,
    create_time=1_738_636_800,
)
_REFUSED = "list: HTTP 200, code 10400, 'AccessToken验证失败', trace_id 8d10659438827bd4d59eaa2696f9d391."
_AWAY = (NOW - 9_000, NOW - 600)

SAMPLES: Mapping[str, tuple[Content, ...]] = MappingProxyType(
    {
        "success": (TaskEnded(_SUCCESS, ready_after=142),),
        "success-without-link": (TaskEnded(Task(_ID, Status.SUCCEEDED, 100, "success", create_time=1_738_636_800)),),
        "failure": (_ended(1, msg="蝉豆不足扣费失败"),),
        "failure-unknown-reason": (_ended(2, msg="Face <left> not found in `frame_1`: *retry* & see :eyes:"),),
        "failure-without-reason": (_ended(3, msg=""),),
        "digest-success": tuple(_ended(number, away=_AWAY) for number in range(4, 10)),
        "digest-failure": tuple(
            _ended(number, msg=msg)
            for number, msg in enumerate(
                (
                    "蝉豆不足扣费失败",
                    "蝉豆不足，扣费失败。",
                    "音频中没有人声，请检查是否为单声道",
                    "Face not found",
                    "",
                ),
                start=10,
            )
        ),
        "greeting": (Greeting(watching=2, baselined=148),),
        "greeting-announcing": (Greeting(watching=0, baselined=0, announcing=3),),
        "trouble": (Trouble("chanjing_refused", _REFUSED, NOW - 300),),
        "trouble-with-slack": (Trouble("slack_refused", "C0123ABCD: not_in_channel", NOW - 300),),
        "trouble-with-a-task": (Trouble("task_stuck", _ID, NOW - 4_000),),
        "trouble-over": (Trouble("chanjing_refused", "", NOW - 1_500, until=NOW),),
        "summary": (
            Summary(
                "2025-02-03",
                succeeded=41,
                failed=(("蝉豆不足扣费失败", 3), ("任务失败，请重试", 1), ("Face not found", 1)),
                rendering=2,
                median=96,
                slowest=1_312,
            ),
        ),
        "summary-of-a-quiet-day": (Summary("2025-02-03", succeeded=0, failed=(), rendering=0),),
        "test": (Test(),),
    }
)

BOARD: tuple[Task, ...] = (
    Task(f"{_ID[:-1]}a", Status.GENERATING, 75, create_time=int(NOW) - 200),
    Task(f"{_ID[:-1]}b", Status.GENERATING, 30, create_time=int(NOW) - 95),
    Task(f"{_ID[:-1]}c", Status.QUEUED, 0, create_time=int(NOW) - 8),
)
