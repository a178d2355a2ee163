"""Pure: who looks at the page: their language, their time zone, and when."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo

from bot.harmless import clean
from bot.language import Language
from bot.wording import page as wording
from bot.wording.phrases import Phrase

_LONGEST = 300  # characters of a text from outside


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks at the page, and when (Unix seconds). `zone` None: the machine's, by TZ."""

    language: Language
    now: float
    zone: tzinfo | None = None

    def say(self, phrase: Phrase, **values: object) -> str:
        return phrase.say(self.language, **values)

    def local(self, when: float) -> datetime | None:
        """Return a moment in the reader's time zone, None for one that no calendar has."""
        try:
            return datetime.fromtimestamp(when, UTC).astimezone(self.zone) if when > 0 else None
        except (OverflowError, OSError, ValueError):
            return None

    def clock(self, when: float, form: str = "%H:%M") -> str:
        local = self.local(when)
        return local.strftime(form) if local else ""

    def day(self, when: date) -> str:
        local = self.local(self.now)
        ago = (local.date() - when).days if local else -1
        near = {0: wording.TODAY, 1: wording.YESTERDAY}.get(ago)
        return self.say(near) if near else wording.day(when, self.language)

    def cut(self, text: str) -> str:
        """Return a text from outside on one line, and not too long."""
        shown = clean(text)
        return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
