"""What is owed and delivered, as the state holds it: each change is saved before anything else is done."""

from collections.abc import Mapping
from dataclasses import replace

from bot.clock import Clock
from bot.domain import outbox as box
from bot.domain.outbox import Destination, Outbox, Receipt
from bot.errors import RateLimited, SlackError
from bot.events import Events
from bot.store.file import Store


class Ledger:
    """The outbox and the receipts. What saves raises StateError; then nothing has changed."""

    def __init__(self, store: Store, clock: Clock, events: Events) -> None:
        self._store = store
        self._clock = clock
        self._events = events

    @property
    def outbox(self) -> Outbox:
        return self._store.state.outbox

    def to(self, channel: str) -> Destination:
        """Return what is remembered of *channel*."""
        return self.outbox.to(channel)

    def save(self, outbox: Outbox, receipts: tuple[Receipt, ...] = ()) -> None:
        """Save *outbox*, and *receipts* with those that there are."""
        state = self._store.state
        self._store.save(
            replace(
                state,
                outbox=outbox,
                delivered=box.with_receipts(state.delivered, receipts),
                delivered_count=state.delivered_count + sum(bool(receipt.subject) for receipt in receipts),
            )
        )

    def save_receipts(self, outbox: Outbox, channel: str, found: Mapping[str, str]) -> None:
        """Save *outbox* with the receipts of the notices *found* in *channel* (id → ts)."""
        now, since = self._clock.now(), {notice.id: notice.since for notice in self.outbox.notices}
        outbox, receipts = box.delivered(outbox, channel, found, now) if found else (outbox, ())
        self.save(outbox, receipts)
        ours = [receipt for receipt in receipts if receipt.subject]
        for receipt in ours:
            self._events.emit(
                "notice_delivered",
                subject=receipt.subject,
                status=receipt.status,
                role=receipt.role,
                channel=channel,
                ts=receipt.ts,
                delay=max(0.0, now - since[receipt.id]),
            )
        if len(ours) < len(receipts):
            # Announced by a copy that knew more than this state, or by another bot.
            self._events.emit("notices_found", channel=channel, count=len(receipts) - len(ours))

    def save_postponed(self, outbox: Outbox, channel: str, error: SlackError) -> None:
        """Save *outbox*, in which *channel* is left alone for a while because of *error*."""
        if isinstance(error, RateLimited):
            self._events.emit("rate_limited")
        self._events.emit("notice_postponed", channel=channel, error=str(error))
        self.save(outbox)
