"""Pure: several tasks in one message: a digest of those that ended, and the board of those in the making.

The full id of each ended task is in the message, whatever else has to give way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from bot.domain.notice import TEXT_FALLBACK, TaskEnded
from bot.domain.task import Status, Task
from bot.slack.blocks import LONGEST_TEXT, SECTION, TEXT, Block, Message, Style, context, fits, packed
from bot.slack.mrkdwn import ELLIPSIS, code, date, link, outside, say
from bot.wording import phrases as wording
from bot.wording.phrases import Language, Phrase, duration
from bot.wording.reasons import OTHER_REMEDY, reason_for

_BAR = 10  # cells
_ROWS = 20  # of the board
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class _Room:
    """How much each task's line may hold: the longest link and reason in characters, and what is good to have."""

    link: int
    reason: int
    extras: bool


_WHOLE = _Room(SECTION, 200, extras=True)
# Only for a message that was to be posted before it was known not to fit: it is posted again as what it was.
_NARROWER = (_Room(SECTION, 100, extras=False), _Room(300, 40, extras=False), _Room(0, 0, extras=False))


def fitting(contents: Sequence[TaskEnded], style: Style) -> int:
    """Return how many of *contents*, from the first on, one message holds with all their links: at least one."""
    whole = (n for n in range(len(contents), 1, -1) if fits(_blocks(_paragraphs(contents[:n], style, _WHOLE))))
    return next(whole, 1)


def render_digest(contents: Sequence[TaskEnded], style: Style, fallback: int) -> Message:
    """Return one message for tasks that all succeeded or all failed. Counts first, then a line for each."""
    drafts = [_paragraphs(contents, style, room) for room in (_WHOLE, *_NARROWER)]
    blocks: tuple[Block, ...] = ()
    if fallback < TEXT_FALLBACK:
        blocks = next((tuple(found) for found in map(_blocks, drafts) if fits(found)), ())
    texts = ["\n\n".join(map("\n".join, draft)) for draft in drafts]
    # Where there are blocks, they have every id and link. Where there are none, these count more than a short text.
    last = _first_lines(texts[-1].split("\n")) if blocks else texts[-1]
    return Message(next((text for text in texts if len(text) <= (TEXT if blocks else LONGEST_TEXT)), last), blocks)


def _blocks(paragraphs: Sequence[Sequence[str]]) -> list[Block]:
    return [block for lines in paragraphs for block in packed(lines)]


def render_board(rows: Sequence[Task], now: float, style: Style) -> Message:
    """Return what is queued and rendering at *now* (Unix seconds), the oldest first and at most twenty."""
    language = style.language
    if not rows:
        title, lines = f":zzz: *{say(wording.BOARD_EMPTY, language)}*", []
    else:
        title = f":hourglass_flowing_sand: *{say(wording.BOARD, language, n=len(rows))}*"
        oldest_first = sorted(rows, key=lambda task: (task.create_time <= 0, task.create_time, task.id))
        lines = [_row(task, now, language) for task in oldest_first[:_ROWS]]
        if len(rows) > _ROWS:
            lines.append(say(wording.AND_MORE, language, n=len(rows) - _ROWS))
    blocks = (*packed([title, *lines]), context(say(wording.UPDATED, language, time=date(now) or "?")))
    return Message(_first_lines([title, *lines]), blocks if fits(blocks) else ())


def render_closed_board(style: Style) -> Message:
    """Return the last word of a board that cannot be deleted."""
    title = f":no_entry_sign: *{say(wording.BOARD_CLOSED, style.language)}*"
    return Message(title, tuple(packed([title])))


def _paragraphs(contents: Sequence[TaskEnded], style: Style, room: _Room) -> list[list[str]]:
    """Return the lines of a digest: what counts, where the bot was away from when to when, and a line for each task."""
    language, n = style.language, len(contents)
    away = away_line([content.away for content in contents if content.away], language)
    if contents[0].task.status == Status.SUCCEEDED:
        title = f":white_check_mark: *{say(wording.MANY_READY, language, n=n)}*"
        return [[title, *away, *_success_lines(contents, language, room)]]
    title = " ".join((f":x: *{say(wording.MANY_FAILED, language, n=n)}*", *style.mentions))
    return [[title, *away], *_failures(contents, language, room)]


def away_line(spans: Sequence[tuple[float, float]], language: Language) -> list[str]:
    """Return the line that says from when to when the bot was away, or nothing where it was not."""
    if not spans:
        return []
    first, last = min(span[0] for span in spans), max(span[1] for span in spans)
    # Within a day the time alone says which moment is meant, in whatever zone it is read.
    start, end = date(first), date(last, with_day=last - first >= _DAY)
    return [f":zzz: {say(wording.AWAY, language, start=start, end=end)}"] if start and end else []


def what_to_do(remedy: Phrase, language: Language) -> str:
    """Return the line with a *remedy*."""
    return f"*{say(wording.WHAT_TO_DO, language)}* {say(remedy, language)}"


def _success_lines(contents: Sequence[TaskEnded], language: Language, room: _Room) -> list[str]:
    lines = [_success_line(content.task, language, room) for content in contents]
    too_long = any(
        link(content.task.video_url, "") and not _watch(content.task, language, room) for content in contents
    )
    return [*lines, *([say(wording.LINKS_TOO_LONG, language)] if too_long else [])]


def _success_line(task: Task, language: Language, room: _Room) -> str:
    cover = link(task.preview_url, say(wording.COVER, language)) if room.extras else None
    length = duration(task.duration / 1000, language) if room.extras and task.duration > 0 else None
    missing = wording.LINK_TOO_LONG if link(task.video_url, "") else wording.WITHOUT_LINK
    watch = _watch(task, language, room) or say(missing, language)
    shown = cover if cover and len(cover) <= SECTION else None
    return "• " + " · ".join(part for part in (code(task.id), watch, shown, length) if part)


def _watch(task: Task, language: Language, room: _Room) -> str | None:
    watch = link(task.video_url, say(wording.WATCH, language))
    return watch if watch and len(watch) <= room.link else None


def _failures(contents: Sequence[TaskEnded], language: Language, room: _Room) -> list[list[str]]:
    """Return a paragraph for each remedy, in the order of the tasks: the reasons that it mends, each with its ids."""
    found: dict[Phrase, dict[str, list[str]]] = {}
    for content in contents:
        reason = reason_for(content.task.msg)
        title = say(reason.sentence, language) if reason else f"“{outside(content.task.msg, room.reason or 1)}”"
        remedy = reason.remedy if reason else OTHER_REMEDY
        found.setdefault(remedy, {}).setdefault(title, []).append(f"• {code(content.task.id)}")
    if not room.reason:
        return [[line for titles in found.values() for ids in titles.values() for line in ids]]
    return [
        [
            *(line for title, ids in titles.items() for line in (f"*{title}*", *ids)),
            *([what_to_do(remedy, language)] if room.extras else []),
        ]
        for remedy, titles in found.items()
    ]


def _row(task: Task, now: float, language: Language) -> str:
    progress = min(max(task.progress, 0), 100)
    full = progress * _BAR // 100
    waiting = task.status == Status.QUEUED and not progress
    age = now - task.create_time if 0 < task.create_time < now else 0
    # From the first minute on in whole ones, or the board would have to be updated all the time.
    age = age // 60 * 60 if age >= 60 else age  # noqa: PLR2004
    shown = say(wording.ELAPSED, language, time=duration(age, language)) if age else None
    parts = (say(wording.QUEUED, language) if waiting else f"{progress}%", shown, code(task.id))
    return f"{'▰' * full}{'▱' * (_BAR - full)} " + " · ".join(part for part in parts if part)


def _first_lines(lines: Sequence[str]) -> str:
    """Return as many of *lines* as a text may hold. The blocks have them all."""
    ends = accumulate(len(line) + 1 for line in lines)
    taken = sum(end <= TEXT - len(ELLIPSIS) for end in ends)
    return "\n".join((*lines[:taken], *([ELLIPSIS] if taken < len(lines) else [])))
