"""Many tasks in one message: the counts first, every id, and room for it all."""

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config.sections import Config, Slack
from bot.domain.history import HistoryPage
from bot.domain.notice import EVENT_TYPE, Notice, TaskEnded
from bot.domain.outbox import Outbox
from bot.domain.state import State
from bot.domain.task import Task
from bot.events import NOBODY
from bot.slack.blocks import Message, Style
from bot.slack.client import Posted
from bot.slack.digest import fitting
from bot.slack.message import render
from bot.slack.mrkdwn import link
from bot.watch.deliver import Delivery
from bot.watch.pace import Pace
from bot.watch.wake import Wake
from bot.wording.samples import NOW
from tests.fakes import MemoryStore, SimulatedClock
from tests.limits import check, strings
from tests.slack.test_message import EN, PATIENTLY, ZH, endings, everything

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
        f"• `{n:032}` · <https://res.example/v.mp4|Watch the video> · <https://res.example/v.mp4|Cover> · 1 s"
        for n in range(2)
    ]  # fmt: skip


def test_a_digest_of_failures_gives_each_reason_its_tasks_and_each_remedy_once():
    message = render(failed("蝉豆不足", "Face not found", "蝉豆不足，扣费失败。", "", "Face not found"), EN)
    _, credit, other = message.text.split("\n\n")
    assert [line[:40] for line in credit.split("\n")] == [
        "*The Chanjing account has run out of cre",
        "• `id-0`",
        "• `id-2`",
        "*What to do:* Top up the account, then c",
    ]
    assert [line[:40] for line in other.split("\n")] == [
        "*“Face not found”*",
        "• `id-1`",
        "• `id-4`",
        "*Chanjing gave no reason.*",
        "• `id-3`",
        "*What to do:* Look at the task in the Ch",
    ]
    assert [block["text"]["text"] for block in message.blocks] == message.text.split("\n\n")


def test_the_id_stands_in_the_same_place_in_both_digests():
    for contents in (ready(3), failed("a", "b", "蝉豆不足")):
        lines = [line for line in render(contents, EN).text.split("\n") if "`" in line]
        assert [line.split("`")[:2] for line in lines] == [["• ", content.task.id] for content in contents]


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
    assert "|02:40 UTC" in line  # the date once


@pytest.mark.parametrize(("hours", "dates"), [(1, 1), (9, 1), (23, 1), (25, 2), (300, 2)])
def test_a_span_within_a_day_has_its_date_once(hours, dates):
    (one,) = ready(1)
    away = TaskEnded(one.task, away=(NOW - hours * _HOUR, NOW))
    for message in (render([away], EN), render([away, away], EN)):
        line = next(line for line in "\n".join(strings(message.blocks)).split("\n") if ":zzz:" in line)
        assert (line.count("{date_short_pretty}"), line.count("{time}")) == (dates, 2)


@pytest.mark.parametrize("style", [EN, ZH])
@pytest.mark.parametrize("length", [40, 300, 600, 900, 1_400, 2_900])
def test_as_many_tasks_as_fit_with_all_their_links_make_a_message(style, length):
    url = "https://res.example/?sign=1&x=".ljust(length, "x")
    left = ready(20, url=url)
    while left:
        n = fitting(left, style)
        message = render(left[:n], style)
        check(message)
        shown = everything(Message("", message.blocks))
        assert shown.count(f"<{url}|") == 2 * n
        assert all(content.task.id in shown for content in left[:n])
        left = left[n:]


class Channel:
    """A Slack that takes everything."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def post(self, channel: str, message: Message, ids: tuple[str, ...], event_type: str = EVENT_TYPE) -> Posted:
        self.messages.append(message)
        return Posted(f"{1_738_640_400 + len(self.messages)}.000000")

    def page(self, channel: str, oldest: str, cursor: str) -> HistoryPage:
        return HistoryPage({})


def test_twenty_signed_links_that_are_due_at_once_all_arrive():
    urls = {f"{n:032}": f"https://res.example/{n:02}.mp4?sign=".ljust(1_200, "x") for n in range(20)}
    due = tuple(Notice(TaskEnded(Task(name, 20, video_url=url)), NOW) for name, url in urls.items())
    clock = SimulatedClock(NOW)
    channel, config = Channel(), Config(slack=Slack(channel="C1"))
    store, pace = MemoryStore(State(outbox=Outbox(due))), Pace(1.0, clock)
    Delivery(channel, store, clock, NOBODY, config.slack, pace=pace, wake=Wake(clock, NOBODY)).run_once()
    assert 2 <= len(channel.messages) < 20
    shown = "".join(everything(message) for message in channel.messages)
    assert [name for name, url in urls.items() if f"<{url}|" not in shown or name not in shown] == []


@pytest.mark.parametrize(("length", "n"), [(40, 20), (600, 9), (3_500, 20)])
def test_a_message_is_filled_before_the_next_begins(length, n):
    assert fitting(ready(20, url="https://res.example/".ljust(length, "x")), EN) == n


def test_a_link_too_long_for_slack_is_left_out_and_the_id_leads_to_the_video():
    text = render([*ready(2), *ready(1, url="https://res.example/".ljust(3_500, "x"))], EN).text
    assert f"• `{0:032}` · no link · 1 s" in text


@given(st.lists(endings(20), min_size=1, max_size=20) | st.lists(endings(30), min_size=1, max_size=20))
@PATIENTLY
def test_what_fits_loses_nothing(contents):
    n = fitting(contents, EN)
    assert 1 <= n <= len(contents)
    shown = everything(render(contents[:n], EN))
    for content in contents[:n]:
        watch = link(content.task.video_url, "Watch the video")
        assert content.task.status == 30 or not watch or len(watch) > 3_000 or html.unescape(watch) in shown


@pytest.mark.parametrize(("length", "links"), [(300, 20), (900, 20), (3_000, 0)])
def test_what_was_to_be_posted_as_one_message_before_stays_one_as_text_if_blocks_cannot_hold_it(length, links):
    url = "https://res.example/".ljust(length, "x")
    contents = ready(20, url=url)
    message = render(contents, EN)
    check(message, text_limit=4_000 if message.blocks else 40_000)
    assert all(content.task.id in message.text for content in contents)
    assert message.text.count(f"<{url}|Watch") == links


@pytest.mark.parametrize("style", [EN, ZH])
@pytest.mark.parametrize("fallback", range(4))
def test_twenty_long_ids_with_long_links_are_all_in_the_message(style, fallback):
    contents = ready(20, url="https://res.example/".ljust(3_000, "x"), width=200)
    message = render(contents, style, fallback=fallback)
    check(message, text_limit=4_000 if message.blocks else 40_000)
    assert all(content.task.id in everything(message) for content in contents)


def test_a_text_too_long_for_its_ids_is_cut_if_the_blocks_have_them():
    message = render(ready(20, url="", width=200), EN)
    assert len(message.text) <= 4_000
    assert message.text.endswith("\n…")
