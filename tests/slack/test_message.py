"""What each message says, and that Slack takes it whatever it is made of."""

import html
import string
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain import notice
from bot.domain.notice import Greeting, Summary, TaskEnded, Trouble
from bot.domain.task import Task
from bot.slack.blocks import Message, Style
from bot.slack.message import render
from bot.wording.samples import NOW, SAMPLES
from bot.wording.troubles import TROUBLES
from tests.limits import check, strings

EN = Style("en", ("<!here>", "<@U123>"))
ZH = Style("zh", ("<!here>", "<@U123>"))
GOOD = Task(
    id="9499ed79995c4bdb95f0d66ca84419fd",
    status=20,
    progress=100,
    msg="success",
    video_url="https://res.example/v.mp4?a=1&b=2",
    preview_url="https://res.example/c.jpg",
    duration=65_000,
    create_time=1_738_636_800,
)
BAD = Task(id="7a3e", status=30, msg="音频中没有人声，请检查是否为单声道", create_time=1_738_636_800)
_TRAPS = st.sampled_from([
    "<!channel>", "<!here>", "<!everyone>", "<@U1>", "<!subteam^S1>", "<https://evil.example|Watch the video>",
    "https://res.example/" + "x" * 2_960, "https://res.example/|<>", "javascript:alert(1)", "ftp://x/y.png", "|",
    "\n> quote", "&lt;", "`", "*", "\u202e", "\u200d", "&" * 300, "字" * 10_000, "https://res.example/a.png",
])  # fmt: skip
_ANYTHING = st.text(st.characters(exclude_categories=()), max_size=80)
OUTSIDE = st.lists(_TRAPS | _ANYTHING, max_size=4).map("".join) | _ANYTHING.map("https://res.example/{}.png".format)
IDS = st.text(string.ascii_letters + string.digits + "-_.:&<>*~", min_size=1, max_size=200)
TIMES = st.floats(0, 4e9)
# Building the hostile messages takes a while on a busy machine, which says nothing about the bot.
PATIENTLY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
COUNTS = st.integers(0, 10**9)


def tasks(status: int) -> st.SearchStrategy[Task]:
    return st.builds(
        Task,
        id=IDS,
        status=st.just(status),
        progress=st.integers(),
        msg=OUTSIDE,
        video_url=OUTSIDE,
        preview_url=OUTSIDE,
        duration=st.integers(),
        create_time=st.integers(),
    )


def endings(status: int) -> st.SearchStrategy[TaskEnded]:
    away = st.none() | st.tuples(TIMES, TIMES)
    return st.builds(TaskEnded, task=tasks(status), ready_after=st.none() | TIMES, away=away)


CONTENTS = (
    st.lists(endings(20), min_size=1, max_size=20)
    | st.lists(endings(30), min_size=1, max_size=20)
    | st.builds(Greeting, watching=COUNTS, baselined=COUNTS, announcing=COUNTS).map(lambda one: [one])
    | st.builds(
        Trouble,
        code=st.sampled_from(sorted(TROUBLES)) | OUTSIDE,
        detail=OUTSIDE,
        since=TIMES,
        until=st.none() | TIMES,
    ).map(lambda one: [one])
    | st.builds(
        Summary,
        day=OUTSIDE,
        succeeded=COUNTS,
        failed=st.lists(st.tuples(OUTSIDE, COUNTS), max_size=30).map(tuple),
        rendering=COUNTS,
        median=st.none() | TIMES,
        slowest=st.none() | TIMES,
    ).map(lambda one: [one])
    | st.just([notice.Test()])
)


def everything(message: Message) -> str:
    return html.unescape("\n".join(strings([message.text, message.blocks])))


@PATIENTLY
@given(CONTENTS, st.sampled_from([EN, ZH]), st.integers(0, 3))
def test_slack_takes_every_message_and_nobody_is_called_but_on_a_failure(contents, style, fallback):
    message = render(contents, style, fallback=fallback)
    failed = isinstance(contents[0], TaskEnded) and contents[0].task.status == 30
    # Without blocks the ids have no other place: Slack cuts a text at 40,000.
    check(message, mentions=style.mentions if failed else (), text_limit=4_000 if message.blocks else 40_000)


@PATIENTLY
@given(endings(20) | endings(30), st.sampled_from([EN, ZH]), st.integers(0, 3))
def test_a_single_tasks_text_is_never_too_long_and_has_its_id(ended, style, fallback):
    message = render([ended], style, fallback=fallback)
    assert len(message.text) <= 4_000
    assert ended.task.id in html.unescape(message.text)


@PATIENTLY
@given(CONTENTS, st.sampled_from([EN, ZH]), st.integers(0, 3))
def test_the_full_id_of_every_task_is_in_the_message(contents, style, fallback):
    shown = everything(render(contents, style, fallback=fallback))
    assert all(content.task.id in shown for content in contents if isinstance(content, TaskEnded))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_plain_text_is_the_last_fallback(language):
    for contents in SAMPLES.values():
        first, last = (render(contents, Style(language), fallback=fallback) for fallback in (0, 3))
        assert last.blocks == ()
        assert last.text == first.text


def test_the_text_alone_says_what_happened_and_where_to_watch():
    assert render([TaskEnded(GOOD)], EN).text == (
        ":white_check_mark: *Lip-sync video ready*\n"
        "<https://res.example/v.mp4?a=1&amp;b=2|Watch the video> · <https://res.example/c.jpg|Cover>\n"
        "Task `9499ed79995c4bdb95f0d66ca84419fd`"
    )


@pytest.mark.parametrize(("fallback", "kinds"), [
    (0, ["section", "image", "section", "context"]),
    (1, ["section", "image", "section", "context"]),
    (2, ["section", "section", "context"]),
    (3, []),
])  # fmt: skip
def test_the_cover_is_shown_twice_then_left_out_while_the_links_stay(fallback, kinds):
    message = render([TaskEnded(GOOD)], EN, fallback=fallback)
    assert [block["type"] for block in message.blocks] == kinds
    assert "https://res.example/c.jpg" in everything(message)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://res.example/c.jpg", True),
        ("https://res.example/C.JPEG?w=300&h=200", True),
        ("http://res.example/c.gif", True),
        ("https://res.example/c.webp", False),
        ("https://res.example/c.jpg?x-oss-process=image/format,webp", False),
        ("https://res.example/c.mp4", False),
        ("https://res.example/c", False),
        ("ftp://res.example/c.png", False),
        ("data:image/png;base64,AAAA.png", False),
        ("https://res.example/" + "c" * 3_000 + ".png", False),
        ("", False),
    ],
)
def test_a_cover_is_a_picture_only_if_slack_can_show_it(url, shown):
    message = render([TaskEnded(replace(GOOD, preview_url=url))], EN)
    assert ("image" in [block["type"] for block in message.blocks]) is shown


@pytest.mark.parametrize(
    ("task", "ready_after", "labels"),
    [
        (GOOD, 142.0, ["*Length*\n1 min 5 s", "*Created*", "*Ready after*\n2 min 22 s"]),
        (GOOD, None, ["*Length*\n1 min 5 s", "*Created*"]),
        (replace(GOOD, duration=0), None, ["*Created*"]),
        (replace(GOOD, duration=0, create_time=0), None, []),
    ],
)
def test_only_known_facts_are_shown(task, ready_after, labels):
    message = render([TaskEnded(task, ready_after=ready_after)], EN)
    fields = [field["text"] for block in message.blocks for field in block.get("fields", [])]
    assert len(fields) == len(labels)
    assert all(field.startswith(label) for field, label in zip(fields, labels, strict=True))


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "Chanjing gave no link to the video. Look for the task in the Chanjing console."),
        *(
            (url, "Chanjing's link to the video cannot be shown here. Look for the task in the Chanjing console.")
            for url in ("ftp://x/y.mp4", "https://x/" + "y" * 3_000)
        ),
    ],
)
def test_a_success_without_a_link_says_where_to_look(url, sentence):
    message = render([TaskEnded(replace(GOOD, video_url=url))], EN)
    assert sentence in message.text
    assert sentence in message.blocks[0]["text"]["text"]


@pytest.mark.parametrize(
    ("style", "words"),
    [
        (
            EN,
            ("no voice", "音频中没有人声，请检查是否为单声道", "*What to do:* Check that the audio", "<!here> <@U123>"),
        ),
        (ZH, ("没有检测到人声", "音频中没有人声，请检查是否为单声道", "*处理建议：* 请确认音频", "<!here> <@U123>")),
    ],
)
def test_a_failure_says_why_and_what_to_do_and_calls_whom_it_may(style, words):
    message = render([TaskEnded(BAD)], style)
    assert all(word in message.text and word in message.blocks[0]["text"]["text"] for word in words)


def test_an_unknown_reason_is_shown_as_it_is():
    assert "“人脸检测不通过”" in render([TaskEnded(replace(BAD, msg="人脸检测不通过"))], EN).text


def test_a_reason_of_any_length_is_cut():
    text = render([TaskEnded(replace(BAD, msg="人" * 10_000))], EN).text
    assert "人…”" in text
    assert len(text) < 1_300


def test_an_empty_reason_is_said_to_be_none():
    message = render([TaskEnded(replace(BAD, msg=" "))], EN)
    assert "Chanjing gave no reason." in message.text
    assert "Chanjing says" not in message.text


def test_a_success_calls_nobody():
    assert "<!here>" not in everything(render([TaskEnded(GOOD)], EN))


def test_a_single_task_that_ended_while_the_bot_was_away_says_so():
    message = render([TaskEnded(GOOD, away=(NOW - 600, NOW))], EN)
    assert "The bot was away from" in message.blocks[-1]["elements"][-1]["text"]


def test_the_greeting_says_what_it_will_not_announce():
    text = render([Greeting(watching=1, baselined=148)], EN).text
    assert "1 video is rendering now" in text
    assert "148 tasks had finished before the bot started. They are recorded and will not be announced." in text


def test_a_trouble_that_is_over_says_how_long_it_lasted():
    trouble = Trouble("chanjing_refused", "", NOW - 1_500, until=NOW)
    assert "lasted 25 min" in render([trouble], EN).text


@pytest.mark.parametrize("code", ["task_stuck", "task_vanished"])
def test_a_trouble_with_a_task_names_it(code):
    assert f"Task `{GOOD.id}`" in render([Trouble(code, GOOD.id, NOW)], EN).text


def test_a_refusal_of_slack_has_the_remedy_for_its_word():
    assert "`/invite @lipsync-bot`" in render([Trouble("slack_refused", "C1: not_in_channel", NOW)], EN).text


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("until", [None, NOW])
def test_nobody_is_shown_an_internal_code_or_what_a_server_answered(until, language):
    detail = "list: HTTP 502, code missing, '<html>bad gateway', trace_id 8d10."
    for code in (*TROUBLES, "brand_new"):
        shown = everything(render([Trouble(code, detail, NOW - 400, until)], Style(language)))
        assert code not in shown
        quotes = code == "unknown_status" or code not in TROUBLES or TROUBLES[code].names_a_task
        assert quotes or "HTTP" not in shown, code


def test_a_refusal_of_slack_names_the_channels():
    detail = "C0123ABCD, G0123ABCD: is_archived, not_in_channel"
    text = render([Trouble("slack_refused", detail, NOW)], EN).text
    assert "Channel: <#C0123ABCD> <#G0123ABCD>" in text
    assert "is_archived" not in text


def test_a_status_that_nobody_knows_is_named():
    assert "> status 40" in render([Trouble("unknown_status", "status 40", NOW)], EN).text


@pytest.mark.parametrize("length", [100, 600, 1_500, 2_900])
@pytest.mark.parametrize("fallback", range(4))
def test_a_single_task_has_its_links_however_long_slack_lets_them_be(length, fallback):
    url = "https://res.example/".ljust(length, "x")
    message = render([TaskEnded(replace(GOOD, video_url=url, preview_url=url))], EN, fallback=fallback)
    check(message)
    assert f"<{url}|Watch the video>" in message.text
    if message.blocks:
        assert f"<{url}|Cover>" in "\n".join(strings([block["text"] for block in message.blocks if "text" in block]))


def test_a_long_reason_that_is_not_known_is_cut_in_the_summary():
    line = render([Summary("2025-02-03", 0, (("面" * 200, 1),), 0)], EN).text.split("\n")[-1]
    assert line.endswith("面…”")
    assert len(line) < 100


def test_an_unknown_trouble_is_still_reported():
    message = render([Trouble("brand_new", "what it is", NOW)], EN)
    assert "The bot has a problem" in message.text


def test_a_days_variants_of_one_reason_count_together():
    failed = (("任务失败，请重试", 2), ("任务失败,请重试。", 1), ("Face not found", 1))
    text = render([Summary("2025-02-03", 4, failed, 0)], EN).text
    assert "• 3 × Chanjing could not make the video this time.\n• 1 × “Face not found”" in text
    assert "4 ready, 4 failed, 0 still rendering." in text


def test_a_quiet_day_says_so():
    assert "A quiet day" in render([Summary("2025-02-03", 0, (), 0)], EN).text


@pytest.mark.parametrize("contents", [[], [TaskEnded(GOOD), notice.Test()], [notice.Test(), notice.Test()]])
def test_only_tasks_share_a_message(contents):
    with pytest.raises(ValueError, match="only tasks"):
        render(contents, EN)
