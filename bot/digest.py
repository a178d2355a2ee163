"""Pure: several tasks in one message: a digest of those that ended, and the board of those in the making.

The full id of each ended task is in the message, whatever else has to give way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from bot import wording
from bot.blocks import TEXT, Block, Message, Style, context, fits, packed
from bot.mrkdwn import ELLIPSIS, code, date, link, outside
from bot.outbox import TEXT_RUNG, TaskEnded
from bot.remedies import OTHER_REMEDY, reason_for
from bot.task import Status, Task
from bot.wording import Language, duration

_BAR = 10  # cells
_ROWS = 20  # of the board


@dataclass(frozen=True, slots=True)
class _Room:
    """How much each task's line may hold: the longest link and reason in characters, and what is good to have."""

    link: int
    reason: int
    extras: bool


# The first that fits is taken.
_ROOMS = (_Room(2_700, 200, extras=True), _Room(2_700, 100, extras=False), _Room(300, 40, extras=False))
_ONLY_IDS = _Room(0, 0, extras=False)


def render_digest(contents: Sequence[TaskEnded], style: Style, rung: int) -> Message:
    """Return one message for tasks that all succeeded or all failed. Counts first, then a line for each."""
    language = style.language
    head = _head(contents, style)
    drafts = [[*head, *_lines(contents, language, room)] for room in (*_ROOMS, _ONLY_IDS)]
    blocks: tuple[Block, ...] = ()
    if rung < TEXT_RUNG:
        blocks = next((tuple(found) for found in map(packed, drafts) if fits(found)), ())
    texts = ["\n".join(draft) for draft in drafts]
    # Where there are blocks, they have every id. Where there are none, all ids count more than a short text.
    last = _first_lines(drafts[-1]) if blocks else texts[-1]
    return Message(next((text for text in texts if len(text) <= TEXT), last), blocks)


def render_board(rows: Sequence[Task], now: float, style: Style) -> Message:
    """Return what is queued and rendering at *now* (Unix seconds), the oldest first and at most twenty."""
    language = style.language
    if not rows:
        title, lines = f":zzz: *{wording.BOARD_EMPTY.say(language)}*", []
    else:
        title = f":hourglass_flowing_sand: *{wording.BOARD.say(language, n=len(rows))}*"
        oldest_first = sorted(rows, key=lambda task: (task.create_time <= 0, task.create_time, task.id))
        lines = [_row(task, now, language) for task in oldest_first[:_ROWS]]
        if len(rows) > _ROWS:
            lines.append(wording.AND_MORE.say(language, n=len(rows) - _ROWS))
    blocks = (*packed([title, *lines]), context(wording.UPDATED.say(language, time=date(now) or "?")))
    return Message(_first_lines([title, *lines]), blocks if fits(blocks) else ())


def _head(contents: Sequence[TaskEnded], style: Style) -> list[str]:
    """Return the line that counts and, where the bot was away, the one that says from when to when."""
    language, n = style.language, len(contents)
    if contents[0].task.status == Status.SUCCEEDED:
        lines = [f":white_check_mark: *{wording.MANY_READY.say(language, n=n)}*"]
    else:
        lines = [" ".join((f":x: *{wording.MANY_FAILED.say(language, n=n)}*", *style.mentions))]
    return [*lines, *away_line([content.away for content in contents if content.away], language)]


def away_line(spans: Sequence[tuple[float, float]], language: Language) -> list[str]:
    """Return the line that says from when to when the bot was away, or nothing where it was not."""
    start, end = (date(min(span[0] for span in spans)), date(max(span[1] for span in spans))) if spans else (None, None)
    return [f":zzz: {wording.AWAY.say(language, start=start, end=end)}"] if start and end else []


def _lines(contents: Sequence[TaskEnded], language: Language, room: _Room) -> list[str]:
    """Return a line for each task, then what belongs to all of them."""
    if contents[0].task.status != Status.SUCCEEDED:
        lines = [_failure_line(content.task, language, room) for content in contents]
        return [*lines, *(_remedies(contents, language) if room.extras else [])]
    lines = [_success_line(content.task, language, room) for content in contents]
    left_out = any(
        link(content.task.video_url, "") and not _watch(content.task, language, room) for content in contents
    )
    return [*lines, *([wording.LINKS_LEFT_OUT.say(language)] if left_out else [])]


def _success_line(task: Task, language: Language, room: _Room) -> str:
    cover = link(task.preview_url, wording.COVER.say(language)) if room.extras else None
    length = duration(task.duration / 1000, language) if room.extras and task.duration > 0 else None
    watch = _watch(task, language, room) or wording.WITHOUT_LINK.say(language)
    return "• " + " · ".join(part for part in (watch, cover, length, code(task.id)) if part)


def _watch(task: Task, language: Language, room: _Room) -> str | None:
    watch = link(task.video_url, wording.WATCH.say(language))
    return watch if watch and len(watch) <= room.link else None


def _failure_line(task: Task, language: Language, room: _Room) -> str:
    if not room.reason:
        return f"• {code(task.id)}"
    known = reason_for(task.msg)
    reason = known.sentence.say(language) if known else f"“{outside(task.msg, room.reason)}”"
    return f"• {code(task.id)} · {reason}"


def _remedies(contents: Sequence[TaskEnded], language: Language) -> list[str]:
    """Return what to do about each reason, once, in the order of the tasks."""
    reasons = (reason_for(content.task.msg) for content in contents)
    remedies = list(dict.fromkeys((reason.remedy if reason else OTHER_REMEDY).say(language) for reason in reasons))
    if len(remedies) == 1:
        return [wording.WHAT_TO_DO.say(language, remedy=remedies[0])]
    return [wording.WHAT_TO_DO.say(language, remedy="").rstrip(), *(f"• {remedy}" for remedy in remedies)]


def _row(task: Task, now: float, language: Language) -> str:
    progress = min(max(task.progress, 0), 100)
    full = progress * _BAR // 100
    waiting = task.status == Status.QUEUED and not progress
    age = now - task.create_time if 0 < task.create_time < now else 0
    # From the first minute on in whole ones, or the board would have to be updated all the time.
    age = age // 60 * 60 if age >= 60 else age  # noqa: PLR2004
    shown = duration(age, language) if age else None
    parts = (wording.QUEUED.say(language) if waiting else f"{progress}%", shown, code(task.id))
    return f"{'▰' * full}{'▱' * (_BAR - full)} " + " · ".join(part for part in parts if part)


def _first_lines(lines: Sequence[str]) -> str:
    """Return as many of *lines* as a text may hold. The blocks have them all."""
    ends = accumulate(len(line) + 1 for line in lines)
    taken = sum(end <= TEXT - len(ELLIPSIS) for end in ends)
    return "\n".join((*lines[:taken], *([ELLIPSIS] if taken < len(lines) else [])))
