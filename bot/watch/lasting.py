"""Messages with lasting links: updated in place, which calls nobody, once all of a message is in the archive.

A convenience, not a promise: it never waits, and a message that Slack does not let the bot update stays as it is.
"""

from dataclasses import replace

from bot.clock import Clock
from bot.domain.archiving import Archiving
from bot.domain.lasting import Update, next_update, updated
from bot.domain.notice import TEXT_FALLBACK, WITHOUT_IMAGE_FALLBACK
from bot.errors import DestinationRefused, OutcomeUnknown, PayloadRefused, RateLimited, SlackError
from bot.events import Events
from bot.slack.blocks import Style
from bot.slack.client import SlackBot
from bot.slack.message import render
from bot.slack.outcome import stops_every_call
from bot.store.places import Store

_AT_ONCE = 5  # updates in one cycle: Slack allows about 50 a minute
_AFTER_TROUBLE = 60.0  # seconds


class LastingLinks:
    """Updates the messages of one account. `public_url` is where people reach the archive."""

    def __init__(
        self, slack: SlackBot, store: Store, clock: Clock, events: Events, *, style: Style, public_url: str
    ) -> None:
        self._slack = slack
        self._store = store
        self._clock = clock
        self._events = events
        self._style = replace(style, lasting=True)
        self._public_url = public_url
        self._next = 0.0  # monotonic seconds

    def show(self) -> None:
        """Update a few messages whose time has come. Raise StateError."""
        for _ in range(_AT_ONCE):
            state = self._store.state
            if not state.to_archive or self._clock.monotonic() < self._next:
                return
            archiving = Archiving(state.ended, state.to_archive)
            update = next_update(archiving, state.outbox, state.delivered, self._public_url)
            if update is None:
                return
            if update.contents and not self._put(update):
                return
            self._store.save(replace(state, to_archive=updated(archiving, update).to_archive))

    def _put(self, update: Update) -> bool:
        """Update a message. False: Slack may let us later."""
        for fallback in (0, WITHOUT_IMAGE_FALLBACK, TEXT_FALLBACK):
            message = render(update.contents, self._style, fallback=fallback)
            try:
                self._slack.update(update.channel, update.ts, message, update.ids)
            except PayloadRefused as error:
                refusal: SlackError = error
                continue
            except SlackError as error:
                refusal = error
                break
            self._events.emit("message_updated", channel=update.channel, ts=update.ts)
            return True
        self._events.emit("message_not_updated", channel=update.channel, ts=update.ts, error=str(refusal))
        if isinstance(refusal, PayloadRefused) or _is_for_good(refusal):
            return True
        wait = refusal.retry_after if isinstance(refusal, RateLimited) else _AFTER_TROUBLE
        self._next = self._clock.monotonic() + wait
        return False


def _is_for_good(refusal: SlackError) -> bool:
    """Tell whether Slack will never let us: the message is gone, or too old to be edited."""
    if isinstance(refusal, RateLimited | OutcomeUnknown):
        return False
    return not (isinstance(refusal, DestinationRefused) and stops_every_call(refusal.reason))
