"""Pure: what a message says of a task that ended: its links, why it failed, and from when to when the bot was away."""

from collections.abc import Sequence

from bot.domain.task import Task
from bot.language import Language
from bot.slack.blocks import SECTION
from bot.slack.mrkdwn import date, link, outside, say
from bot.wording import phrases as wording
from bot.wording.phrases import Phrase
from bot.wording.reasons import reason_for

_DAY = 86_400.0


def watch_link(task: Task, language: Language) -> str | None:
    """Return the link to the video, None if there is none to offer or Slack takes none of its length."""
    return _short_link(task.video_url, wording.WATCH, language)


def cover_link(task: Task, language: Language) -> str | None:
    """Return the link to the cover picture, None if there is none to offer or Slack takes none of its length."""
    return _short_link(task.preview_url, wording.COVER, language)


def why_failed(msg: str, language: Language, limit: int) -> str:
    """Return why a task failed, or what Chanjing said of it, quoted to at most *limit* characters."""
    reason = reason_for(msg)
    return say(reason.sentence, language) if reason else f"“{outside(msg, limit)}”"


def what_to_do(remedy: Phrase, language: Language) -> str:
    """Return the line with a *remedy*."""
    return f"*{say(wording.WHAT_TO_DO, language)}* {say(remedy, language)}"


def away_line(spans: Sequence[tuple[float, float] | None], language: Language) -> list[str]:
    """Return the line that says from when to when the bot was away, none if it was not."""
    known = [span for span in spans if span]
    if not known:
        return []
    first, last = min(start for start, _ in known), max(end for _, end in known)
    # Within a day the time alone says which moment is meant, in whatever zone it is read.
    start, end = date(first), date(last, with_day=last - first >= _DAY)
    return [f":zzz: {say(wording.AWAY, language, start=start, end=end)}"] if start and end else []


def _short_link(url: str, label: Phrase, language: Language) -> str | None:
    whole = link(url, say(label, language))
    return whole if whole and len(whole) <= SECTION else None
