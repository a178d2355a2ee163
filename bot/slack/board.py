"""Pure: the board: what is queued and rendering, in one message that is updated in place."""

from collections.abc import Sequence

from bot.domain.task import Status, Task
from bot.language import Language
from bot.slack.blocks import Message, Style, context, first_lines, fits, packed
from bot.slack.message import signed
from bot.slack.mrkdwn import code, date, say
from bot.wording import phrases as wording
from bot.wording.phrases import duration

_BAR = 10  # cells
_ROWS = 20
_MINUTE = 60


def render_board(tasks: Sequence[Task], now: float, style: Style) -> Message:
    """Return what is queued and rendering at *now* (Unix seconds), the oldest first and at most twenty."""
    language = style.language
    lines = [f":zzz: *{say(wording.BOARD_EMPTY, language)}*"]
    if tasks:
        oldest_first = sorted(tasks, key=lambda task: (task.create_time <= 0, task.create_time, task.id))
        lines = [f":hourglass_flowing_sand: *{say(wording.BOARD, language, n=len(tasks))}*"]
        lines += [_row(task, now, language) for task in oldest_first[:_ROWS]]
    if len(tasks) > _ROWS:
        lines.append(say(wording.AND_MORE, language, n=len(tasks) - _ROWS))
    blocks = (*packed(lines), context(say(wording.UPDATED, language, time=date(now) or "?")))
    return signed(Message(first_lines(lines), blocks if fits(blocks) else ()), style)


def render_closed_board(style: Style) -> Message:
    """Return the last word of a board that cannot be deleted."""
    title = f":no_entry_sign: *{say(wording.BOARD_CLOSED, style.language)}*"
    return signed(Message(title, tuple(packed([title]))), style)


def _row(task: Task, now: float, language: Language) -> str:
    progress = min(max(task.progress, 0), 100)
    full = progress * _BAR // 100
    waiting = task.status == Status.QUEUED and not progress
    age = now - task.create_time if 0 < task.create_time < now else 0
    # From the first minute on in whole ones, or the board would have to be updated all the time.
    age = age // _MINUTE * _MINUTE if age >= _MINUTE else age
    elapsed = say(wording.ELAPSED, language, time=duration(age, language)) if age else None
    parts = (say(wording.QUEUED, language) if waiting else f"{progress}%", elapsed, code(task.id))
    return f"{'▰' * full}{'▱' * (_BAR - full)} " + " · ".join(part for part in parts if part)
