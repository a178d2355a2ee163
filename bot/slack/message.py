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

from bot.domain.outbox import (
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
from bot.harmless import clean
from bot.slack.blocks import IMAGE_URL, SECTION, TEXT, Block, Message, Style, columns, context, image, packed
from bot.slack.digest import away_line, render_digest
from bot.slack.mrkdwn import code, date, link, outside, safe_url
from bot.wording import phrases as wording
from bot.wording.phrases import Language, duration
from bot.wording.remedies import OTHER_REMEDY, reason_for, slack_remedy, words_for

_QUOTE = 800  # characters of a text from outside: enough to tell what it is
_PICTURES = (".png", ".jpg", ".jpeg", ".gif")
_REASONS = 5  # of a day's summary
_REASON = 80  # characters of one that is not known
_CHANNEL = re.compile(r"\b[CG][A-Z0-9]{6,20}\b")


def render(contents: Sequence[Content], style: Style, *, fallback: int = 0) -> Message:
    """Return the message for *contents*: one of any kind, or several tasks that all succeeded or all failed.

    Raises ValueError for anything else that is to be told together.
    """
    match contents:
        case [only]:
            message = _render_one(only, style, fallback)
        case _:
            tasks = [content for content in contents if isinstance(content, TaskEnded)]
            if not tasks or len(tasks) != len(contents):
                raise ValueError("only tasks are told together")
            message = render_digest(tasks, style, fallback)
    return Message(message.text, ()) if fallback >= TEXT_FALLBACK else message


def _render_one(content: Content, style: Style, fallback: int) -> Message:
    match content:
        case TaskEnded(task=Task(status=Status.SUCCEEDED)):
            return _success(content, style.language, with_image=fallback < WITHOUT_IMAGE_FALLBACK)
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


def _success(ended: TaskEnded, language: Language, *, with_image: bool) -> Message:
    task = ended.task
    links = _links(task, language)
    cover = _cover(task.preview_url) if with_image else None
    facts = [
        (wording.LENGTH, duration(task.duration / 1000, language) if task.duration > 0 else None),
        (wording.CREATED, date(task.create_time)),
        (wording.READY_AFTER, None if ended.ready_after is None else duration(ended.ready_after, language)),
    ]
    title = f":white_check_mark: *{wording.READY.say(language)}*"
    message = _message(
        [title, *(links or [_no_link(task, language)])],
        *([image(cover, wording.COVER_ALT.say(language))] if cover else []),
        *columns((label.say(language), value) for label, value in facts if value),
        small=[_task(task, language), *([wording.EXPIRES.say(language)] if links else []), *_away(ended, language)],
    )
    if len(message.text) <= TEXT:
        return message
    return replace(message, text="\n".join((title, *links[:1], _task(task, language))))


def _failure(ended: TaskEnded, style: Style) -> Message:
    task, language = ended.task, style.language
    reason = reason_for(task.msg)
    said = clean(task.msg)
    created = date(task.create_time)
    return _message(
        [
            " ".join((f":x: *{wording.FAILED.say(language)}*", *style.mentions)),
            *([reason.sentence.say(language)] if reason else []),
            *([f"> {wording.CHANJING_SAYS.say(language, reason=outside(said, _QUOTE))}"] if said else []),
            wording.WHAT_TO_DO.say(language, remedy=(reason.remedy if reason else OTHER_REMEDY).say(language)),
        ],
        *columns([(wording.CREATED.say(language), created)] if created else []),
        small=[_task(task, language), *_away(ended, language)],
    )


def _links(task: Task, language: Language) -> list[str]:
    """Return the lines with the links to the video and its cover; none without a link to the video."""
    watch, cover = (
        link(task.video_url, wording.WATCH.say(language)),
        link(task.preview_url, wording.COVER.say(language)),
    )
    if not watch or len(watch) > SECTION:
        return []
    if not cover or len(cover) > SECTION:
        return [watch]
    both = f"{watch} · {cover}"
    return [both] if len(both) <= SECTION else [watch, cover]


def _no_link(task: Task, language: Language) -> str:
    if link(task.video_url, ""):
        return wording.LONG_LINK.say(language)
    return (wording.BAD_LINK if clean(task.video_url) else wording.NO_LINK).say(language)


def _cover(url: str) -> str | None:
    """Return the address of a picture that Slack can show. It takes no WebP, and a query may ask for one."""
    safe = safe_url(url)
    if safe is None or len(safe) > IMAGE_URL:
        return None
    parts = urlsplit(safe)
    return safe if parts.path.lower().endswith(_PICTURES) and "webp" not in parts.query.lower() else None


def _task(task: Task, language: Language) -> str:
    return wording.TASK.say(language, id=code(task.id))


def _away(ended: TaskEnded, language: Language) -> list[str]:
    return away_line([ended.away] if ended.away else [], language)


def _greeting(greeting: Greeting, language: Language) -> Message:
    counts = (
        (wording.GREETING_NOTED, greeting.baselined),
        (wording.GREETING_ANNOUNCING, greeting.announcing),
    )
    watching = wording.GREETING_WATCHING if greeting.watching else wording.GREETING_IDLE
    return _message(
        [
            f":wave: *{wording.GREETING.say(language)}*",
            wording.GREETING_PURPOSE.say(language),
            f"• {watching.say(language, n=greeting.watching)}",
            *(f"• {phrase.say(language, n=n)}" for phrase, n in counts if n),
        ]
    )


def _trouble(trouble: Trouble, language: Language) -> Message:
    words = words_for(trouble.code)
    since = date(trouble.since) or "?"
    if trouble.until is not None:
        lasted = duration(trouble.until - trouble.since, language)
        how_long = wording.LASTED.say(language, time=since, duration=lasted)
        return _message([f":white_check_mark: *{words.over.say(language)}*", how_long])
    remedy = (slack_remedy(trouble.detail) if trouble.code == "slack_refused" else None) or words.remedy
    return _message(
        [
            f":warning: *{words.title.say(language)}*",
            words.sentence.say(language),
            *_concerned(trouble, language),
            wording.WHAT_TO_DO.say(language, remedy=remedy.say(language)),
        ],
        small=[wording.SINCE.say(language, time=since)],
    )


def _concerned(trouble: Trouble, language: Language) -> list[str]:
    """Return the line that names the tasks or channels concerned. What a server said is in `status` and the log."""
    if not clean(trouble.detail):
        return []
    if words_for(trouble.code).names_a_task:
        return [wording.TASK.say(language, id=code(trouble.detail))]
    channels = dict.fromkeys(_CHANNEL.findall(trouble.detail.partition(":")[0]))
    if trouble.code == "slack_refused" and channels:
        return [wording.CHANNEL.say(language, channels=" ".join(f"<#{channel}>" for channel in channels))]
    # E.g. `status 40`: nobody knows more about it.
    return [f"> {outside(trouble.detail, _QUOTE)}"] if trouble.code == "unknown_status" else []


def _summary(summary: Summary, language: Language) -> Message:
    failed = sum(count for _, count in summary.failed)
    title = f":bar_chart: *{wording.DAY.say(language, day=outside(summary.day, 40))}*"
    figures = {"succeeded": summary.succeeded, "failed": failed, "rendering": summary.rendering}
    times = ((wording.DAY_MEDIAN, summary.median), (wording.DAY_SLOWEST, summary.slowest))
    if not summary.succeeded and not failed:
        still = [wording.GREETING_WATCHING.say(language, n=summary.rendering)] if summary.rendering else []
        return _message([title, wording.DAY_QUIET.say(language), *still])
    return _message(
        [title, wording.DAY_COUNTS.say(language, **figures), *_why(summary, language)],
        *columns((label.say(language), duration(time, language)) for label, time in times if time is not None),
    )


def _why(summary: Summary, language: Language) -> list[str]:
    """Return a line for each of the most frequent reasons; Chanjing's variants of one sentence count together."""
    counts: Counter[str] = Counter()
    for said, count in summary.failed:
        reason = reason_for(said)
        counts[reason.sentence.say(language) if reason else f"“{outside(said, _REASON)}”"] += count
    frequent = counts.most_common(_REASONS)
    others = counts.total() - sum(count for _, count in frequent)
    return [
        *(f"• {count} × {sentence}" for sentence, count in frequent if count),
        *([f"• {others} × {wording.DAY_OTHER_REASONS.say(language)}"] if others else []),
    ]


def _test(language: Language) -> Message:
    return _message([f":test_tube: *{wording.TEST.say(language)}*", wording.TEST_MEANING.say(language)])
