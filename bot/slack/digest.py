"""Pure: several tasks that all succeeded or all failed in one message. The full id of each is in it."""

from collections.abc import Sequence

from bot.domain.notice import TEXT_FALLBACK, TaskEnded
from bot.domain.task import Status, Task
from bot.language import Language
from bot.slack.blocks import LONGEST_TEXT, TEXT, Block, Message, Style, first_lines, fits, packed
from bot.slack.mrkdwn import code, say
from bot.slack.task import away_line, cover_link, watch_link, what_to_do, why_failed
from bot.wording import phrases as wording
from bot.wording.phrases import Phrase, duration
from bot.wording.reasons import remedy_for

_REASON = 200  # characters of one that is not known

Paragraph = list[str]


def fitting(contents: Sequence[TaskEnded], style: Style) -> int:
    """Return how many of *contents*, from the first on, one message holds with all their links: at least one."""
    whole = (n for n in range(len(contents), 1, -1) if fits(_blocks(_paragraphs(contents[:n], style))))
    return next(whole, 1)


def render_digest(contents: Sequence[TaskEnded], style: Style, fallback: int) -> Message:
    """Return one message for tasks that all succeeded or all failed. Counts first, then a line for each."""
    paragraphs = _paragraphs(contents, style)
    blocks, text = _blocks(paragraphs), "\n\n".join(map("\n".join, paragraphs))
    if fallback < TEXT_FALLBACK and fits(blocks):
        # The blocks have every id and link, so the text may stop before the last.
        return Message(text if len(text) <= TEXT else first_lines(text.split("\n")), tuple(blocks))
    # Without blocks the text is everything. What does not even fit a text was to be posted as one message before: the
    # same notices have to be in it.
    ids = [f"• {code(content.task.id)}" for content in contents]
    return Message(text if len(text) <= LONGEST_TEXT else "\n".join((_title(contents, style), *ids)), ())


def _blocks(paragraphs: Sequence[Paragraph]) -> list[Block]:
    return [block for lines in paragraphs for block in packed(lines)]


def _paragraphs(contents: Sequence[TaskEnded], style: Style) -> list[Paragraph]:
    """Return the lines of a digest: what counts, from when to when the bot was away, and a line for each task."""
    language = style.language
    first = [_title(contents, style), *away_line([content.away for content in contents], language)]
    if contents[0].task.status != Status.SUCCEEDED:
        return [first, *_failures(contents, language)]
    return [[*first, *(_success_line(content.task, language) for content in contents)]]


def _title(contents: Sequence[TaskEnded], style: Style) -> str:
    n = len(contents)
    if contents[0].task.status == Status.SUCCEEDED:
        return f":white_check_mark: *{say(wording.MANY_READY, style.language, n=n)}*"
    return " ".join((f":x: *{say(wording.MANY_FAILED, style.language, n=n)}*", *style.mentions))


def _success_line(task: Task, language: Language) -> str:
    watch = watch_link(task, language) or say(wording.WITHOUT_LINK, language)
    length = duration(task.duration / 1000, language) if task.duration > 0 else None
    return "• " + " · ".join(part for part in (code(task.id), watch, cover_link(task, language), length) if part)


def _failures(contents: Sequence[TaskEnded], language: Language) -> list[Paragraph]:
    """Return a paragraph for each remedy, in the order of the tasks: the reasons that it mends, each with its ids."""
    found: dict[Phrase, dict[str, list[str]]] = {}
    for content in contents:
        title = f"*{why_failed(content.task.msg, language, _REASON)}*"
        titles = found.setdefault(remedy_for(content.task.msg), {})
        titles.setdefault(title, []).append(f"• {code(content.task.id)}")
    return [
        [*(line for title, ids in titles.items() for line in (title, *ids)), what_to_do(remedy, language)]
        for remedy, titles in found.items()
    ]
