"""Pure: what is owed, and its life: owed → dispatched → delivered, or in doubt, postponed, due; digests; receipts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from bot.domain.destination import LONGEST_WAIT, Destination, is_ahead
from bot.domain.history import ts_order
from bot.domain.notice import TEXT_FALLBACK, Notice, Receipt, Role, TaskEnded
from bot.errors import OutcomeUnknown, PayloadRefused, SlackError

DIGEST_SIZE = 20  # tasks in one message at most
RECEIPTS = 500  # how many are kept, for `explain`


@dataclass(frozen=True, slots=True)
class Outbox:
    """All that is owed, oldest first, and the channels it goes to."""

    notices: tuple[Notice, ...] = ()
    destinations: Mapping[str, Destination] = field(default_factory=dict)

    def to(self, channel: str) -> Destination:
        """Return what is remembered of *channel*."""
        return self.destinations.get(channel, Destination())

    def with_destination(self, channel: str, destination: Destination) -> "Outbox":
        """Return the outbox with *destination* as what is remembered of *channel*."""
        return replace(self, destinations={**self.destinations, channel: destination})

    def for_channels(self, channels: Iterable[str]) -> "Outbox":
        """Return the outbox without what is remembered of other channels, unless something there is in doubt."""
        used = set(channels)
        kept = {channel: one for channel, one in self.destinations.items() if channel in used or one.intent}
        return replace(self, destinations=kept)


def enqueue(
    outbox: Outbox, notices: Iterable[Notice], delivered: Iterable[Receipt], *, before: AbstractSet[str] = frozenset()
) -> Outbox:
    """Return the outbox with *notices* added, but for those that are owed already or have a receipt.

    They come last, or in front of the notices with the ids *before*.
    """
    owed = outbox.notices
    seen = {notice.id for notice in owed} | {receipt.id for receipt in delivered}
    new = [notice for id_, notice in {notice.id: notice for notice in notices}.items() if id_ not in seen]
    at = next((index for index, notice in enumerate(owed) if notice.id in before), len(owed))
    return replace(outbox, notices=(*owed[:at], *new, *owed[at:]))


def group(
    outbox: Outbox,
    channel: str,
    route: Mapping[Role, str],
    *,
    digest_after: int,
    now: float,
    fitting: Callable[[Sequence[Notice]], int] = len,
) -> tuple[Notice, ...]:
    """Return what the next message to *channel* delivers: what has an intent, unchanged; else a digest or one notice.

    When more than *digest_after* are due (0: never), the next of them makes a digest with those like it, as far as they
    fit: *fitting* returns how many of some notices, from the first on, one message has room for. A notice that Slack
    has refused once goes alone, so that it cannot hold up others. Order within the channel is kept.
    """
    if intent := outbox.to(channel).intent:
        return tuple(notice for notice in outbox.notices if notice.id in intent.ids)
    intended = {id_ for other in outbox.destinations.values() if other.intent for id_ in other.intent.ids}
    due = [
        notice
        for notice in outbox.notices
        if route[notice.key.role] == channel and not is_ahead(notice.held_until, now) and notice.id not in intended
    ]
    if not 0 < digest_after < len(due) or not _digestible(due[0]):
        return tuple(due[:1])
    alike = [notice for notice in due if _digestible(notice) and notice.key.role == due[0].key.role][:DIGEST_SIZE]
    return tuple(alike[: fitting(alike)])


def _digestible(notice: Notice) -> bool:
    return isinstance(notice.content, TaskEnded) and not notice.fallback


def delivered(outbox: Outbox, channel: str, found: Mapping[str, str], now: float) -> tuple[Outbox, tuple[Receipt, ...]]:
    """Return the outbox without the notices in *found* (id → ts), and their receipts.

    An id that is not owed gets a receipt too: the state is older than the channel, and it must not be announced again.
    """
    keys = {notice.id: notice.key for notice in outbox.notices}
    in_order = sorted(found.items(), key=lambda item: ts_order(item[1]))
    receipts = tuple(Receipt(id_, channel, ts, now, keys.get(id_)) for id_, ts in in_order)
    before = outbox.to(channel)
    after = replace(
        before,
        last_ts=max([before.last_ts, *found.values()], key=ts_order),
        intent=before.intent if before.intent and found.keys().isdisjoint(before.intent.ids) else None,
        until=0.0,
        refusals=0,
        refused="",
        error="",
    )
    left = tuple(notice for notice in outbox.notices if notice.id not in found)
    return replace(outbox, notices=left).with_destination(channel, after), receipts


def failed(outbox: Outbox, channel: str, error: SlackError, now: float) -> Outbox:
    """Return the outbox after what *channel* has an intent of was posted, and that ended in *error*.

    A payload that was refused becomes simpler; one that was plain text already is held for five minutes, so that others
    pass. When nobody knows what became of the post, it is in doubt. A channel that refused is paused; what was posted
    again, and may have arrived the first time, is still in doubt then. All of it stays owed.
    """
    before, refused_payload = outbox.to(channel), isinstance(error, PayloadRefused)
    if before.intent is None:
        return outbox
    unknown = isinstance(error, OutcomeUnknown)
    in_doubt = unknown or (before.intent.again and not refused_payload)
    after = before.in_doubt(before.intent, str(error)) if in_doubt else before.without_intent()
    if not unknown and not refused_payload:
        after = after.paused(error, now)
    notices = (_attempted(one, error, now) if one.id in before.intent.ids else one for one in outbox.notices)
    return replace(outbox, notices=tuple(notices)).with_destination(channel, after)


def _attempted(notice: Notice, error: SlackError, now: float) -> Notice:
    notice = replace(notice, attempts=notice.attempts + 1, last_error=str(error))
    if not isinstance(error, PayloadRefused):
        return notice
    if notice.fallback < TEXT_FALLBACK:
        return replace(notice, fallback=notice.fallback + 1)
    return replace(notice, held_until=now + LONGEST_WAIT)


def with_receipts(receipts: tuple[Receipt, ...], new: tuple[Receipt, ...]) -> tuple[Receipt, ...]:
    """Return the receipts that are kept when *new* ones come.

    Those without a key, found in a channel, are all kept: the state is older than they are, and tasks that the list has
    still to show must not be announced again. See `trimmed`.
    """
    if not new:
        return receipts
    replaced = {receipt.id for receipt in new if receipt.key}
    kept = {receipt.id: receipt for receipt in receipts if receipt.id not in replaced}
    for receipt in new:
        kept.setdefault(receipt.id, receipt)
    found = (receipt for receipt in kept.values() if not receipt.key)
    return (*found, *[receipt for receipt in kept.values() if receipt.key][-RECEIPTS:])


def trimmed(receipts: tuple[Receipt, ...]) -> tuple[Receipt, ...]:
    """Return the receipts that are kept when the whole list has been scanned, so that each task in it is known."""
    return receipts[-RECEIPTS:]
