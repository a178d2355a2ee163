"""The page at /: what is rendering, what has ended, what is wrong. It reads frozen states, and no loop waits for it."""

import threading
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from bot.clock import Clock
from bot.domain.standing import Standing
from bot.language import Language
from bot.web.access import Access
from bot.web.server import Request, Response
from bot.web.view import View, view
from bot.web.view.reader import Reader
from bot.wording import page as wording
from bot.wording import phrases

_TEMPLATES = Path(__file__).parent / "templates"
_LONGEST_ID = 200  # characters
_FRESH = 1.0  # seconds for which a page is sent again, whatever has changed: many saves may follow one another
_KEPT = 10.0  # seconds for which one that nothing has changed is: the times on it go on
_BUSY, _QUIET = 10, 30  # seconds between two refreshes, while something renders and else


@dataclass(frozen=True, slots=True)
class _Made:
    standings: Sequence[Standing]
    at: float  # monotonic seconds
    response: Response


class Page:
    """Answers at /. *standings* returns how the accounts are, whatever the thread. *zone* None: the machine's."""

    def __init__(
        self,
        standings: Callable[[], Sequence[Standing]],
        clock: Clock,
        language: Language,
        access: Access,
        *,
        zone: tzinfo | None = None,
    ) -> None:
        self._standings = standings
        self._clock = clock
        self._language: Language = language
        self._access = access
        self._zone = zone
        self._one_at_a_time = threading.Lock()
        self._made: _Made | None = None

    def respond(self, request: Request) -> Response:
        """Return the page, or why it is not shown. It is made once a second at most, however many look at it."""
        if refused := self._access.refused(request):
            return refused
        asked = parse_qs(request.query).get("id", [""])[0]
        if wanted := asked.strip()[:_LONGEST_ID]:
            return self._make(self._standings(), wanted)
        with self._one_at_a_time:
            now, made = self._clock.monotonic(), self._made
            if made is not None and now - made.at < _FRESH:
                return made.response
            standings = self._standings()
            if made is None or now - made.at > _KEPT or not _same(made.standings, standings):
                made = self._made = _Made(standings, now, self._make(standings))
            return made.response

    def _make(self, standings: Sequence[Standing], wanted: str = "") -> Response:
        shown = view(standings, Reader(self._language, self._clock.now(), self._zone), wanted)
        refresh = [] if wanted else [("Refresh", str(_BUSY if shown.rendering else _QUIET))]
        return Response(self._document(shown).encode(), "text/html; charset=utf-8", headers=[*self._headers, *refresh])

    def _document(self, shown: View) -> str:
        def say(phrase: phrases.Phrase, **values: object) -> str:
            return phrase.say(self._language, **values)

        document: str = self._template.render(view=shown, css=self._css, say=say, w=wording, p=phrases)
        return document

    @cached_property
    def _template(self) -> Any:
        # Loaded when somebody looks: most never do.
        from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

        loader = FileSystemLoader(_TEMPLATES)
        environment = Environment(
            loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        return environment.get_template("page.html")

    @cached_property
    def _css(self) -> str:
        return (_TEMPLATES / "page.css").read_text("utf-8")

    @cached_property
    def _headers(self) -> list[tuple[str, str]]:
        style = b64encode(sha256(self._css.encode()).digest()).decode()
        policy = (
            f"default-src 'none'; style-src 'sha256-{style}'; img-src https: http: data:; base-uri 'none'; "
            "form-action 'self'; frame-ancestors 'none'"
        )
        return [
            ("Content-Security-Policy", policy),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("Cache-Control", "no-cache"),
        ]


def _same(before: Sequence[Standing], now: Sequence[Standing]) -> bool:
    """Tell whether nothing has changed. States are compared by identity: each is replaced as a whole."""
    return len(before) == len(now) and all(
        old.state is new.state
        and old.progress is new.progress
        and old.reasons == new.reasons
        and (old.last_read, old.standing_by) == (new.last_read, new.standing_by)
        for old, new in zip(before, now, strict=True)
    )
