"""Pure: what the bot has to say → Slack text and blocks, per language.

A message has one of four fallback levels, one more each time Slack refuses it: 0 and 1 with the cover image (Slack
fails now and then to fetch a good one), 2 without it, 3 plain text. The links are on all of them.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never
from urllib.parse import urlsplit

from bot.domain.notice import (
    TEXT_FALLBACK,
    WITHOUT_IMAGE_FALLBACK,
    Content,
    Greeting,
    Summary,
    TaskEnded,
    Test,
    Trouble,
)
from bot.domain.task import Status, Task
from bot.harmless import clean, safe_url
from bot.language import Language
from bot.slack.blocks import IMAGE_URL, SECTION, TEXT, Block, Message, Style, columns, context, image, packed
from bot.slack.digest import render_digest
from bot.slack.mrkdwn import code, date, outside, say
from bot.slack.task import away_line, cover_link, watch_link, what_to_do, why_failed
from bot.wording import phrases as wording
from bot.wording.phrases import duration
from bot.wording.reasons import reason_for, remedy_for
from bot.wording.slack_remedies import slack_remedy
from bot.wording.troubles import words_for

_QUOTE = 800  # characters of a text from outside: enough to see what it is
_PICTURES = (".png", ".jpg", ".jpeg", ".gif")
_REASONS = 5  # of a day's summary
_REASON = 80  # characters of one that is not known
_CHANNEL = re.compile(r"\b[CG][A-Z0-9]{6,20}\b")


def render(contents: Sequence[Content], style: Style, *, fallback: int = 0) -> Message:
    """Return the message for *contents*: one of any kind, or several tasks that all succeeded or all failed.

    Raise ValueError for anything else together.
    """
    if len(contents) == 1:
        message = _render_one(contents[0], style, fallback)
    else:
        tasks = [content for content in contents if isinstance(content, TaskEnded)]
        if not tasks or len(tasks) != len(contents):
            raise ValueError("only tasks share a message")
        message = render_digest(tasks, style, fallback)
    return signed(Message(message.text, ()) if fallback >= TEXT_FALLBACK else message, style)


def signed(message: Message, style: Style) -> Message:
    """Return *message* with the account that it is of, if that is to be named."""
    if not style.account:
        return message
    line = say(wording.ACCOUNT, style.language, name=code(style.account))
    blocks = (*message.blocks, context(line)) if message.blocks else ()
    return Message(f"{message.text}\n{line}", blocks)


def _render_one(content: Content, style: Style, fallback: int) -> Message:
    match content:
        case TaskEnded(task=Task(status=Status.SUCCEEDED)):
            return _success(content, style, with_image=fallback < WITHOUT_IMAGE_FALLBACK)
        case TaskEnded():
            return _failure(content, style)
        case Greeting():
            return _greeting(content, style.language)
        case Trouble():
            return _trouble(content, style.language)
        case Summary():
            return _summary(content, style.language)
        case Test():
            return _test(style.language)
        case _:
            assert_never(content)


def _message(lines: Sequence[str], *more: Block, small: Sequence[str] = ()) -> Message:
    """Return a message that says *lines* first, shows *more*, and ends with what is *small*: id and footnotes."""
    return Message("\n".join((*lines, *small[:1])), (*packed(lines), *more, *([context(*small)] if small else [])))


def _success(ended: TaskEnded, style: Style, *, with_image: bool) -> Message:
    task, language = ended.task, style.language
    links = _links(task, language)
    cover = _picture(task.preview_url) if with_image else None
    facts = [
        (wording.LENGTH, duration(task.duration / 1000, language) if task.duration > 0 else None),
        (wording.CREATED, date(task.create_time)),
        (wording.READY_AFTER, None if ended.ready_after is None else duration(ended.ready_after, language)),
    ]
    title = f":white_check_mark: *{say(wording.READY, language)}*"
    missing = wording.BAD_LINK if clean(task.video_url) else wording.NO_LINK
    message = _message(
        [title, *(links or [say(missing, language)])],
        *([image(cover, say(wording.COVER_ALT, language))] if cover else []),
        *columns((say(label, language), value) for label, value in facts if value),
        small=[
            _task(task.id, language),
            *([say(wording.EXPIRES, language)] if links and not style.lasting else []),
            *away_line([ended.away], language),
        ],
    )
    if len(message.text) <= TEXT:
        return message
    return replace(message, text="\n".join((title, *links[:1], _task(task.id, language))))


def _failure(ended: TaskEnded, style: Style) -> Message:
    task, language = ended.task, style.language
    reason = reason_for(task.msg)
    said = outside(task.msg, _QUOTE)
    created = date(task.create_time)
    return _message(
        [
            " ".join((f":x: *{say(wording.FAILED, language)}*", *style.mentions)),
            *([say(reason.sentence, language)] if reason else []),
            *([f"> {say(wording.CHANJING_SAYS, language, reason=said)}"] if said else []),
            what_to_do(remedy_for(task.msg), language),
        ],
        *columns([(say(wording.CREATED, language), created)] if created else []),
        small=[_task(task.id, language), *away_line([ended.away], language)],
    )


def _links(task: Task, language: Language) -> list[str]:
    """Return the lines with the links to the video and its cover; none without a link to the video."""
    watch, cover = watch_link(task, language), cover_link(task, language)
    if not watch or not cover:
        return [watch] if watch else []
    both = f"{watch} · {cover}"
    return [both] if len(both) <= SECTION else [watch, cover]


def _picture(url: str) -> str | None:
    """Return the address of a picture that Slack can show. It takes no WebP, and a query may ask for one."""
    safe = safe_url(url)
    if safe is None or len(safe) > IMAGE_URL:
        return None
    parts = urlsplit(safe)
    return safe if parts.path.lower().endswith(_PICTURES) and "webp" not in parts.query.lower() else None


def _task(task_id: str, language: Language) -> str:
    return say(wording.TASK, language, id=code(task_id))


def _greeting(greeting: Greeting, language: Language) -> Message:
    counts = (
        (wording.GREETING_BASELINED, greeting.baselined),
        (wording.GREETING_ANNOUNCING, greeting.announcing),
    )
    watching = wording.GREETING_WATCHING if greeting.watching else wording.GREETING_IDLE
    return _message(
        [
            f":wave: *{say(wording.GREETING, language)}*",
            say(wording.GREETING_PURPOSE, language),
            f"• {say(watching, language, n=greeting.watching)}",
            *(f"• {say(phrase, language, n=n)}" for phrase, n in counts if n),
        ]
    )


def _trouble(trouble: Trouble, language: Language) -> Message:
    words = words_for(trouble.code)
    since = date(trouble.since) or "?"
    if trouble.until is not None:
        lasted = duration(trouble.until - trouble.since, language)
        how_long = say(wording.LASTED, language, time=since, duration=lasted)
        return _message([f":white_check_mark: *{say(words.over, language)}*", how_long])
    remedy = (slack_remedy(trouble.detail) if trouble.code == "slack_refused" else None) or words.remedy
    return _message(
        [
            f":warning: *{say(words.title, language)}*",
            say(words.sentence, language),
            *_concerned(trouble, language),
            what_to_do(remedy, language),
        ],
        small=[say(wording.SINCE, language, time=since)],
    )


def _concerned(trouble: Trouble, language: Language) -> list[str]:
    """Return the line that names the tasks or channels concerned. What a server said is in `status` and the log."""
    if not clean(trouble.detail):
        return []
    if words_for(trouble.code).names_a_task:
        return [_task(trouble.detail, language)]
    channels = dict.fromkeys(_CHANNEL.findall(trouble.detail.partition(":")[0]))
    if trouble.code == "slack_refused" and channels:
        return [say(wording.CHANNEL, language, channels=" ".join(f"<#{channel}>" for channel in channels))]
    # E.g. `status 40`: nobody knows more about it.
    return [f"> {outside(trouble.detail, _QUOTE)}"] if trouble.code == "unknown_status" else []


def _summary(summary: Summary, language: Language) -> Message:
    failed = sum(count for _, count in summary.failed)
    title = f":bar_chart: *{say(wording.DAY, language, day=outside(summary.day, 40))}*"
    figures = {"succeeded": summary.succeeded, "failed": failed, "rendering": summary.rendering}
    times = ((wording.DAY_MEDIAN, summary.median), (wording.DAY_SLOWEST, summary.slowest))
    if not summary.succeeded and not failed:
        still = [say(wording.GREETING_WATCHING, language, n=summary.rendering)] if summary.rendering else []
        return _message([title, say(wording.DAY_QUIET, language), *still])
    return _message(
        [title, say(wording.DAY_COUNTS, language, **figures), *_why(summary, language)],
        *columns((say(label, language), duration(time, language)) for label, time in times if time is not None),
    )


def _why(summary: Summary, language: Language) -> list[str]:
    """Return a line for each of the most frequent reasons; Chanjing's variants of one sentence count together."""
    counts: Counter[str] = Counter()
    for said, count in summary.failed:
        counts[why_failed(said, language, _REASON)] += count
    frequent = counts.most_common(_REASONS)
    others = counts.total() - sum(count for _, count in frequent)
    reasons = [*frequent, (say(wording.DAY_OTHER_REASONS, language), others)]
    return [f"• {count} × {reason}" for reason, count in reasons if count]


def _test(language: Language) -> Message:
    return _message([f":test_tube: *{say(wording.TEST, language)}*", say(wording.TEST_MEANING, language)])
