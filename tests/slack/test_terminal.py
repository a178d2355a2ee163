"""The drawn form looks like Slack, at any width and on any output."""

import io
from datetime import UTC
from typing import Literal

import pytest
from rich.cells import cell_len
from rich.console import Console

from bot.slack.blocks import Message, Style
from bot.slack.board import render_board
from bot.slack.message import render
from bot.slack.terminal import draw
from bot.wording.samples import BOARD, NOW, SAMPLES

Color = Literal["truecolor"] | None


def drawn(message: Message, *, width: int = 80, terminal: bool = True, color: Color = "truecolor") -> str:
    output = io.StringIO()
    console = Console(file=output, width=width, force_terminal=terminal, color_system=color if terminal else None)
    draw(message, console, zone=UTC)
    return output.getvalue()


def text(markup: str) -> str:
    return drawn(Message(markup, ()), color=None).split("\n", 1)[1].rstrip("\n")


@pytest.mark.parametrize(
    ("markup", "shown"),
    [
        ("*bold* and _italic_ and ~gone~ and `co*d*e`", "bold and italic and gone and co*d*e"),
        ("2*3*4 snake_case_name", "2*3*4 snake_case_name"),
        ("a &lt;b&gt; &amp;amp;", "a <b> &amp;"),
        (":white_check_mark: done :no_such_emoji:", "✅ done :no_such_emoji:"),
        ("<https://x.example/?a=1&amp;b=2|Watch>", "Watch (https://x.example/?a=1&b=2)"),
        ("<https://x.example/>", "https://x.example/"),
        ("<!here> <@U123> <!subteam^S1|@team> <#C123>", "@here @U123 @@team #C123"),
        ("<!date^1738636800^{date_short_pretty} {time}|then>", "2025-02-04 02:40"),
        ("<!date^1738636800^{time}|then>", "02:40"),
        ("<!date^99999999999999^{time}|then>", "then"),
        ("> quoted", "▌ quoted"),
    ],
)
def test_slacks_markup_is_shown_as_what_it_means(markup, shown):
    assert text(markup) == shown


def test_a_terminal_hides_the_address_behind_a_link():
    shown = drawn(Message("<https://x.example/v.mp4|Watch>", ()))
    assert "\x1b]8;" in shown
    assert "Watch (" not in shown


def test_no_color_keeps_links_and_drops_colours(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    shown = drawn(Message("<!here> <https://x.example/v.mp4|Watch>", ()))
    assert "\x1b]8;" in shown
    assert "34m" not in shown


def test_a_pipe_gets_no_escape_sequence_and_unbroken_links():
    url = "https://res.example/" + "x" * 200
    shown = drawn(Message(f"<{url}|Watch>", ()), terminal=False)
    assert f"Watch ({url})\n" in shown
    assert "\x1b" not in shown


def test_a_pipe_gets_no_spaces_at_the_end_of_a_line():
    lines = [line for one in SAMPLES.values() for line in drawn(render(one, Style()), terminal=False).splitlines()]
    assert [line for line in lines if line != line.rstrip()] == []


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_message_fits_the_terminal(language, width):
    for name, content in SAMPLES.items():
        shown = drawn(render(content, Style(language)), width=width, color=None)
        assert max(cell_len(line) for line in shown.splitlines()) <= width, name


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_board_fits_forty_columns(language):
    shown = drawn(render_board(BOARD, NOW, Style(language)), width=40, color=None)
    assert max(cell_len(line) for line in shown.splitlines()) <= 40


def test_chinese_lines_are_filled():
    sentence = "请到蝉镜控制台查看该任务，然后重新创建视频。"
    lines = drawn(Message(sentence, ()), width=15, color=None).splitlines()[1:]
    assert lines == ["请到蝉镜控制台", "查看该任务，然", "后重新创建视频", "。"]


def test_a_word_wider_than_the_terminal_is_folded():
    assert text("x" * 100).split("\n") == ["x" * 80, "x" * 20]


def test_a_picture_is_a_frame_with_its_alternative_text():
    shown = drawn(render(SAMPLES["success"], Style()), color=None)
    assert "│     Cover picture of the lip-sync video      │" in shown
    assert "╭──────────" in shown


def test_fields_stand_in_two_columns():
    shown = drawn(render(SAMPLES["success"], Style()), color=None)
    assert any(line.split() == ["Length", "Created"] for line in shown.splitlines())
