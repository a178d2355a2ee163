"""Pure: the reading of a channel's history: pages, and how far it has come."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

_CHANNEL = re.compile(r"[CGD][A-Z0-9]{5,}")
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A page of a channel's history: our notices' ids with their ts, its newest and oldest ts, and the way to the next.

    "" says that there is none.
    """

    found: Mapping[str, str]
    newest: str = ""
    oldest: str = ""
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """How far the reading of a channel's history has come: some apps may ask for one page a minute.

    `place` is the channel's id that is being asked for. It goes back to the ts `oldest` ("": a day before `newest`, the
    newest ts when it began), or, if all up to the ts `above` was read before, to that. `cursor` leads to the next page
    ("": the first). `refused` is Slack's word if the id in the configuration cannot be read, and another one is tried.
    """

    place: str
    oldest: str = ""
    cursor: str = ""
    newest: str = ""
    above: str = ""
    found: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""

    @property
    def since(self) -> str:
        """The ts that Slack is to be asked from ("": none)."""
        return self.above or self.oldest

    def reaches(self, oldest: str) -> bool:
        """Tell whether it goes back as far as one to *oldest* would."""
        return not oldest or bool(self.oldest and float(self.oldest) <= float(oldest))

    def with_page(self, page: HistoryPage) -> "Reading":
        """Return how far it has come after *page*; `cursor` "": to the end."""
        newest = self.newest or page.newest
        far = not self.since and page.oldest and float(page.oldest) < float(newest) - _DAY
        cursor = "" if far else page.cursor
        return replace(self, cursor=cursor, newest=newest, found={**self.found, **page.found}, refused="")

    def of(self, place: str) -> "Reading":
        """Return it at the first page of *place*."""
        return replace(self, place=place, cursor="")


def ts_order(ts: str) -> tuple[int, str]:
    """Order Slack's ts as numbers without losing a digit: they are decimals of a fixed number of places."""
    return len(ts), ts


def another_id(channel: str, given: object) -> str:
    """Return the id that Slack has *given* for *channel* if it is another one, "" if it is not, or no id."""
    return given if isinstance(given, str) and given != channel and _CHANNEL.fullmatch(given) else ""
