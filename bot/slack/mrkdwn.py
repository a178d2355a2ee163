"""Pure: sentences, and text from outside, as Slack's mrkdwn: harmless, and never longer than there is room.

Whatever a task, an error or a server says may hold a mention, a forged link or formatting marks. Each function here
returns markup that shows it and does nothing else.
Source: https://docs.slack.dev/messaging/formatting-message-text
"""

import re
from datetime import UTC, datetime
from itertools import accumulate

from bot.harmless import clean, safe_url
from bot.language import Language
from bot.slack.blocks import ELLIPSIS
from bot.wording.phrases import Phrase

LONGEST_ID = 200  # characters: far above the 32 that Chanjing uses, and twenty of them still fit one message

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# Slack has no escape for its formatting marks, so each becomes the sign that looks the same and means nothing.
_LOOKALIKES = {"*": "∗", "_": "ˍ", "~": "∼", "`": "ˋ"}
_INSIDE_A_NAME = re.compile(r"(?<=[A-Za-z0-9])_(?=[A-Za-z0-9])")  # snake_case is not formatted: it can stay as it is
_ALIVE_COLON = re.compile(r":(?=//|[^\s:]+:)")  # `:name:` becomes an emoji, `http://…` a link


def say(phrase: Phrase, language: Language, **values: object) -> str:
    """Return a sentence of the bot's own as markup. The *values* must be markup already."""
    template = phrase.template(language, values.get("n"))
    return "".join(_ENTITIES.get(char, char) for char in template).format(**values)


def outside(text: str, limit: int) -> str:
    """Return *text* as markup of at most *limit* characters that shows it and does nothing; cut with an ellipsis."""
    shown = _ALIVE_COLON.sub(":\u200b", clean(text))
    names = {match.start() for match in _INSIDE_A_NAME.finditer(shown)}
    return _joined(
        [char if at in names else _ENTITIES.get(char, _LOOKALIKES.get(char, char)) for at, char in enumerate(shown)],
        limit,
    )


def code(text: str) -> str:
    """Return an id as a code span: shown in full and to be copied as it is, cut only beyond LONGEST_ID characters."""
    shown = clean(text).replace("`", _LOOKALIKES["`"]) or "?"
    cut = _joined(list(shown), LONGEST_ID)
    return f"`{''.join(_ENTITIES.get(char, char) for char in cut)}`"


def link(url: str, label: str) -> str | None:
    """Return a link to *url* under our own *label*, or None if the url is not one to offer."""
    safe = safe_url(url)
    return None if safe is None else f"<{safe.replace('&', '&amp;')}|{label}>"


def date(when: float, *, with_day: bool = True) -> str | None:
    """Return a moment (Unix seconds) in each reader's own time zone, or None for one that no calendar has."""
    day, shown = ("%Y-%m-%d ", "{date_short_pretty} ") if with_day else ("", "")
    try:
        fallback = datetime.fromtimestamp(when, UTC).strftime(f"{day}%H:%M UTC")
    except (OverflowError, OSError, ValueError):
        return None
    return f"<!date^{int(when)}^{shown}{{time}}|{fallback}>" if when > 0 else None


def _joined(pieces: list[str], limit: int) -> str:
    """Join *pieces* to at most *limit* characters, cut between two of them with an ellipsis."""
    if sum(map(len, pieces)) <= limit:
        return "".join(pieces)
    fitting = sum(end <= limit - len(ELLIPSIS) for end in accumulate(map(len, pieces)))
    return "".join(pieces[:fitting]).rstrip() + ELLIPSIS
