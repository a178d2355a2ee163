"""What is owed and delivered, as the state holds it: each change is saved before anything else is done."""

from collections.abc import Mapping
from dataclasses import replace

from bot.clock import Clock
from bot.domain import outbox as box
from bot.domain.destination import Destination
from bot.domain.notice import Receipt
from bot.domain.outbox import Outbox
from bot.errors import RateLimited, SlackError
from bot.events import Events
from bot.store.places import Store


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

    def save_destination(self, channel: str, destination: Destination) -> None:
        """Save *destination* as what is remembered of *channel*."""
        self.save(self.outbox.with_destination(channel, destination))

    def save(self, outbox: Outbox, receipts: tuple[Receipt, ...] = ()) -> None:
        """Save *outbox*, and *receipts* with those that there are."""
        state = self._store.state
        self._store.save(
            replace(
                state,
                outbox=outbox,
                delivered=box.with_receipts(state.delivered, receipts),
                delivered_count=state.delivered_count + sum(receipt.key is not None for receipt in receipts),
            )
        )

    def save_receipts(self, channel: str, destination: Destination, found: Mapping[str, str]) -> None:
        """Save *destination* and the receipts of the notices *found* in *channel* (id → ts)."""
        outbox = self.outbox.with_destination(channel, destination)
        now, since = self._clock.now(), {notice.id: notice.since for notice in self.outbox.notices}
        outbox, receipts = box.delivered(outbox, channel, found, now) if found else (outbox, ())
        self.save(outbox, receipts)
        ours = [(receipt, receipt.key) for receipt in receipts if receipt.key]
        for receipt, key in ours:
            self._events.emit(
                "notice_delivered",
                subject=key.subject,
                status=key.status,
                role=key.role,
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
