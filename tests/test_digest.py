"""Many tasks in one message: the counts first, every id, and room for it all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.blocks import Style
from bot.digest import render_board
from bot.message import render
from bot.outbox import TaskEnded
from bot.samples import NOW
from bot.task import Task
from tests.limits import check
from tests.test_message import EN, PATIENTLY, ZH, everything, tasks

_HOUR = 3_600


def ready(count: int, *, url: str = "https://res.example/v.mp4", width: int = 32) -> list[TaskEnded]:
    return [
        TaskEnded(Task(id=f"{n:0{width}}", status=20, video_url=url, preview_url=url, duration=1_000))
        for n in range(count)
    ]


def failed(*messages: str) -> list[TaskEnded]:
    return [TaskEnded(Task(id=f"id-{n}", status=30, msg=message)) for n, message in enumerate(messages)]


@pytest.mark.parametrize(
    ("contents", "style", "first"),
    [
        (ready(12), EN, ":white_check_mark: *12 lip-sync videos are ready*"),
        (ready(12), ZH, ":white_check_mark: *12 个数字人对口型视频已生成*"),
        (failed("a", "b"), EN, ":x: *2 lip-sync videos failed* <!here> <@U123>"),
        (failed("a", "b"), Style("zh"), ":x: *2 个数字人对口型视频生成失败*"),
    ],
)
def test_a_digest_counts_first(contents, style, first):
    message = render(contents, style)
    assert message.text.split("\n")[0] == first
    assert message.blocks[0]["text"]["text"].split("\n")[0] == first


def test_a_digest_has_a_line_with_the_link_and_the_id_for_each_task():
    assert render(ready(2), EN).text.split("\n")[1:] == [
        "• <https://res.example/v.mp4|Watch the video> · <https://res.example/v.mp4|Cover> · 1 s · "
        f"`{n:032}`" for n in range(2)
    ]  # fmt: skip


def test_a_digest_of_failures_gives_each_task_its_reason_and_each_remedy_once():
    lines = render(failed("蝉豆不足", "蝉豆不足扣费失败", "Face not found"), EN).text.split("\n")
    assert lines[1:4] == [
        "• `id-0` · The Chanjing account has run out of credit (蝉豆).",
        "• `id-1` · The Chanjing account has run out of credit (蝉豆).",
        "• `id-2` · “Face not found”",
    ]
    assert [line[:16] for line in lines[4:]] == ["*What to do:*", "• Top up the acc", "• Look at the ta"]


def test_a_digest_calls_once():
    message = render(failed("a", "b", "c"), EN)
    assert message.text.count("<!here>") == 1
    assert sum(block["text"]["text"].count("<!here>") for block in message.blocks) == 1


def test_a_digest_says_when_the_bot_was_away():
    one, two = ready(2)
    spans = ((NOW - 5 * _HOUR, NOW - 2 * _HOUR), (NOW - 4 * _HOUR, NOW - _HOUR))
    contents = [TaskEnded(one.task, away=spans[0]), TaskEnded(two.task, away=spans[1])]
    line = render(contents, EN).text.split("\n")[1]
    assert "2025-02-03 22:40 UTC" in line
    assert "2025-02-04 02:40 UTC" in line


@pytest.mark.parametrize(
    ("length", "covers", "links", "note"),
    [(40, True, True, False), (300, False, True, False), (900, False, False, True), (3_000, False, False, True)],
)
def test_covers_give_way_first_and_links_next(length, covers, links, note):
    contents = ready(20, url="https://res.example/".ljust(length, "x"))
    message = render(contents, EN)
    check(message)
    blocks = "\n".join(block["text"]["text"] for block in message.blocks)
    assert ("Cover" in blocks, "Watch the video" in blocks, "Not every link fits" in blocks) == (covers, links, note)
    assert all(content.task.id in blocks for content in contents)


@pytest.mark.parametrize("style", [EN, ZH])
@pytest.mark.parametrize("rung", range(4))
def test_twenty_long_ids_with_long_links_are_all_told(style, rung):
    contents = ready(20, url="https://res.example/".ljust(3_000, "x"), width=200)
    message = render(contents, style, rung=rung)
    check(message, text_limit=4_000 if rung < 3 else 40_000)
    assert all(content.task.id in everything(message) for content in contents)


def test_the_board_shows_the_oldest_first_with_progress_and_age():
    rows = [
        Task("young", 10, 30, create_time=int(NOW) - 20),
        Task("unknown", 10, 50),
        Task("old", 10, 75, create_time=int(NOW) - 200),
        Task("queued", 0, 0, create_time=int(NOW) - 5),
    ]
    assert render_board(rows, NOW, EN).text.split("\n") == [
        ":hourglass_flowing_sand: *4 lip-sync videos rendering*",
        "▰▰▰▰▰▰▰▱▱▱ 75% · 3 min · `old`",
        "▰▰▰▱▱▱▱▱▱▱ 30% · 20 s · `young`",
        "▱▱▱▱▱▱▱▱▱▱ queued · 5 s · `queued`",
        "▰▰▰▰▰▱▱▱▱▱ 50% · `unknown`",
    ]


def test_a_long_board_says_how_many_more_there_are():
    message = render_board([Task(f"{n:032}", 10, create_time=1 + n) for n in range(34)], NOW, EN)
    assert message.text.endswith("\n… and 14 more")
    assert message.blocks[-2]["text"]["text"].endswith("\n… and 14 more")


@pytest.mark.parametrize(("style", "words"), [(EN, "Nothing is rendering"), (ZH, "当前没有正在生成的视频")])
def test_an_empty_board_says_so(style, words):
    message = render_board([], NOW, style)
    assert words in message.text
    assert words in message.blocks[0]["text"]["text"]


@PATIENTLY
@given(st.lists(tasks(10) | tasks(0), max_size=30), st.sampled_from([EN, ZH]))
def test_slack_takes_every_board(rows, style):
    check(render_board(rows, NOW, style))


def test_a_text_too_long_for_its_ids_is_cut_where_the_blocks_have_them():
    message = render(ready(20, url="", width=200), EN)
    assert len(message.text) <= 4_000
    assert message.text.endswith("\n…")
