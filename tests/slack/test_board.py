"""What the board shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.task import Task
from bot.slack.board import render_board
from bot.wording.samples import NOW
from tests.limits import check
from tests.slack.test_message import EN, PATIENTLY, ZH, tasks


def test_the_board_shows_the_oldest_first_with_progress_and_age():
    rows = [
        Task("young", 10, 30, create_time=int(NOW) - 20),
        Task("unknown", 10, 50),
        Task("old", 10, 75, create_time=int(NOW) - 200),
        Task("queued", 0, 0, create_time=int(NOW) - 5),
    ]
    assert render_board(rows, NOW, EN).text.split("\n") == [
        ":hourglass_flowing_sand: *4 lip-sync videos rendering*",
        "▰▰▰▰▰▰▰▱▱▱ 75% · 3 min elapsed · `old`",
        "▰▰▰▱▱▱▱▱▱▱ 30% · 20 s elapsed · `young`",
        "▱▱▱▱▱▱▱▱▱▱ queued · 5 s elapsed · `queued`",
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
