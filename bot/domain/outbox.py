"""Pure: a Notice and its life: owed → dispatched → delivered, or in doubt, postponed, due; grouping into digests."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from msgspec import Struct

from bot.domain.task import Task
from bot.errors import DestinationRefused, RateLimited, SlackError

Role = Literal["success", "failure", "alerts"]


class TaskEnded(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="task"):
    """A task succeeded or failed.

    `ready_after` is seconds from its creation to its end, only where the task was seen unfinished shortly before the
    end (None: not known). `away` is (from, to) in Unix seconds where the bot was away when it ended.
    """

    task: Task
    ready_after: float | None = None
    away: tuple[float, float] | None = None


class Greeting(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="greeting"):
    """The first words: how many tasks are watched, noted in silence, and (first_run: announce) to be announced."""

    watching: int
    baselined: int
    announcing: int = 0


class Trouble(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="trouble"):
    """The bot's own trouble, or the end of it.

    `code` is one of bot.trouble.CODES; `detail` is what Chanjing or Slack said, or what it concerns, such as a task's
    id; `since` is when it began and `until` when it was over (None: it goes on), in Unix seconds.
    """

    code: str
    detail: str
    since: float
    until: float | None = None


class Summary(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="summary"):
    """What happened on one day. `failed` counts by Chanjing's own sentence; times are seconds from creation to end."""

    day: str
    succeeded: int
    failed: tuple[tuple[str, int], ...]
    rendering: int
    median: float | None = None
    slowest: float | None = None


class Test(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="test"):
    """The message of `check --send`."""


Content = TaskEnded | Greeting | Trouble | Summary | Test

# The fallback levels of a message that Slack refused: it becomes simpler. At level 1 it is tried again as it was.
WITHOUT_IMAGE_FALLBACK = 2
TEXT_FALLBACK = 3  # the last

DIGEST_SIZE = 20  # tasks in one message at most
LOOKS = (1 / 9, 1 / 3, 1.0)  # when to look for a message in doubt, in parts of slack.settle after the dispatch
EVENT_TYPE = "lipsync_notice"
_CHANNEL = re.compile(r"[CGD][A-Z0-9]{5,}")
_RECEIPTS = 500  # how many are kept, for `explain`
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 300.0  # seconds
_LONGEST_DISTANCE = 1_800.0  # seconds between two posts of a message that nobody can look for
_PATIENCE = 600.0  # seconds for which a history is asked for in vain before the bot goes on without
_TRIES = 9  # in vain, at least, with 8 minutes between the first and the last: the clock may have been set ahead
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that is owed to a role, until there is a receipt for it.

    `subject` is a task's id, or what else the bot speaks of. `since` is when it became owed. `attempts` counts the
    posts that did not end in a receipt, `fallback` is how far its payload was simplified, and `held_until` is when
    one that even plain text could not deliver may try again. Times are Unix seconds.
    """

    subject: str
    status: int
    role: Role
    since: float
    content: Content
    attempts: int = 0
    fallback: int = 0
    held_until: float = 0.0
    last_error: str = ""

    @property
    def id(self) -> str:
        """The 16 hex digits that stand for this notice in a message's metadata."""
        return notice_id(self.subject, self.status, self.role)


@dataclass(frozen=True, slots=True)
class Intent:
    """What was about to be posted: written before the post, so that a crash cannot hide it.

    `at` is Unix seconds, `after` the ts of the last receipt in that channel ("": none). `looks` counts those that did
    not find it. `again` says that it was posted before, and that nobody could look whether it had arrived; `rounds`
    counts how often it was posted before and never found.
    """

    ids: tuple[str, ...]
    at: float
    after: str
    in_doubt: bool = False
    looks: int = 0
    again: bool = False
    rounds: int = 0

    @property
    def absent(self) -> bool:
        """True when it was looked for often enough: it was not posted, and may be posted again, unchanged."""
        return self.looks >= len(LOOKS)


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
    newest ts when it began), or, where all up to the ts `above` was read before, to that. `cursor` leads to the next
    page ("": the first). `refused` is Slack's word where the id in the configuration cannot be read, and another one is
    tried.
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


@dataclass(frozen=True, slots=True)
class Destination:
    """What is remembered of one channel.

    `until` is when it may be tried again after a failure, in Unix seconds; `refusals` counts failures in a row, and
    `refused` is Slack's word where the last was a refusal that somebody has to mend. `unreadable` is why its history
    cannot be read ("": it can); then a message in doubt is posted again. `checked` says that it is known which: after
    each doubt it is asked anew, as somebody may have let us in. `reading` is a reading that was cut short, and
    `unread_since` is since when the history has been asked for in vain (Unix seconds; 0: it answers). `moved_to` is
    another id that Slack has for the channel ("": none is known).
    """

    last_ts: str = ""
    intent: Intent | None = None
    until: float = 0.0
    refusals: int = 0
    refused: str = ""
    error: str = ""
    unreadable: str = ""
    checked: bool = False
    reading: Reading | None = None
    unread_since: float = 0.0
    moved_to: str = ""

    @property
    def history_unreadable(self) -> bool:
        """True when it is known that nothing can be looked for there."""
        return self.checked and bool(self.unreadable)

    @property
    def repeats_at(self) -> float:
        """When the message in doubt is posted again as nobody can look for it, in Unix seconds; 0: not so.

        Each time it may have arrived, so the distances grow threefold, up to half an hour.
        """
        if self.intent is None or not self.intent.in_doubt or not self.history_unreadable:
            return 0.0
        return self.intent.at + min(3.0 ** min(self.intent.rounds, 16), _LONGEST_DISTANCE)


@dataclass(frozen=True, slots=True)
class Outbox:
    """All that is owed, oldest first, and the channels it goes to."""

    notices: tuple[Notice, ...] = ()
    destinations: Mapping[str, Destination] = field(default_factory=dict)

    def to(self, channel: str) -> Destination:
        """Return what is remembered of *channel*."""
        return self.destinations.get(channel, Destination())

    def with_destination(self, channel: str, **changes: Any) -> "Outbox":
        """Return the outbox with *changes* to what is remembered of *channel*."""
        return replace(self, destinations={**self.destinations, channel: replace(self.to(channel), **changes)})

    def for_channels(self, channels: Iterable[str]) -> "Outbox":
        """Return the outbox without what is remembered of other channels, where nothing is in doubt."""
        used = set(channels)
        kept = {channel: one for channel, one in self.destinations.items() if channel in used or one.intent}
        return replace(self, destinations=kept)

    def with_notices(self, ids: Iterable[str], change: Callable[[Notice], Notice]) -> "Outbox":
        """Return the outbox with *change* made to the notices named."""
        chosen = set(ids)
        return replace(self, notices=tuple(change(n) if n.id in chosen else n for n in self.notices))


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that a notice was delivered. `ts` is Slack's, "" where it gave none (webhook); `at` is Unix seconds."""

    id: str
    subject: str
    status: int
    role: Role
    channel: str
    ts: str
    at: float


def notice_id(subject: str, status: int, role: Role) -> str:
    """Return the 16 hex digits that stand for one notice in a message's metadata."""
    return hashlib.sha256(f"{subject}\n{status}\n{role}".encode()).hexdigest()[:16]


def metadata(ids: Iterable[str], event_type: str = EVENT_TYPE) -> dict[str, Any]:
    """Return the metadata of the message that delivers the notices with these *ids*.

    In one string: Slack drops metadata that it finds invalid without a word, and its types know no array of strings.
    """
    return {"event_type": event_type, "event_payload": {"ids": " ".join(ids)}}


def enqueue(
    outbox: Outbox, notices: Iterable[Notice], delivered: Iterable[Receipt], *, before: AbstractSet[str] = frozenset()
) -> Outbox:
    """Return the outbox with *notices* added, but for those that are owed already or have a receipt.

    They come last, or in front of the notices with the ids *before*.
    """
    seen = {notice.id for notice in outbox.notices} | {receipt.id for receipt in delivered}
    new = []
    for notice in notices:
        if notice.id not in seen:
            seen.add(notice.id)
            new.append(notice)
    if not new:
        return outbox
    owed = outbox.notices
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
    intent = outbox.to(channel).intent
    if intent is not None:
        return tuple(notice for notice in outbox.notices if notice.id in intent.ids)
    intended = {id_ for other in outbox.destinations.values() if other.intent for id_ in other.intent.ids}
    due = [
        n for n in outbox.notices if route[n.role] == channel and not _ahead(n.held_until, now) and n.id not in intended
    ]
    if not due:
        return ()
    if 0 < digest_after < len(due) and isinstance(due[0].content, TaskEnded) and not due[0].fallback:
        alike = [n for n in due if isinstance(n.content, TaskEnded) and n.role == due[0].role and not n.fallback]
        alike = alike[:DIGEST_SIZE]
        return tuple(alike[: fitting(alike)])
    return (due[0],)


def wait_of(destination: Destination, now: float) -> float:
    """Return for how many seconds *destination* is still to be left alone."""
    return destination.until - now if _ahead(destination.until, now) else 0.0


def _ahead(until: float, now: float) -> bool:
    # More than five minutes ahead: the clock was set back, and the time means nothing.
    return 0 < until - now <= _LONGEST_WAIT


def dispatched(outbox: Outbox, channel: str, chosen: Iterable[Notice], now: float) -> Outbox:
    """Return the outbox with the intent that must be saved before *chosen* are posted.

    `after` is the last receipt's ts, not a reading of our clock: posts to a channel are made one after the other, so a
    message in doubt is newer than that, by Slack's clock.
    """
    ids, before = tuple(notice.id for notice in chosen), outbox.to(channel)
    intent = Intent(ids, now, after=before.last_ts)
    if before.intent:
        intent = replace(intent, again=not before.intent.absent, rounds=before.intent.rounds + 1)
    # A look for this message must not go on where an earlier one, which could not meet it, was cut short.
    reading = before.reading.of(channel) if before.reading else None
    return outbox.with_destination(channel, intent=intent, reading=reading)


def delivered(outbox: Outbox, channel: str, found: Mapping[str, str], now: float) -> tuple[Outbox, tuple[Receipt, ...]]:
    """Return the outbox without the notices in *found* (id → ts), and their receipts.

    An id that is not owed gets a receipt too: the state is older than the channel, and it must not be announced again.
    """
    owed = {notice.id: notice for notice in outbox.notices}
    receipts = tuple(
        Receipt(id_, n.subject, n.status, n.role, channel, ts, now)
        if (n := owed.get(id_))
        else Receipt(id_, "", 0, "success", channel, ts, now)
        for id_, ts in sorted(found.items(), key=lambda item: ts_order(item[1]))
    )
    before = outbox.to(channel)
    intent = before.intent if before.intent and not set(before.intent.ids) & set(found) else None
    outbox = outbox.with_destination(
        channel,
        last_ts=max([before.last_ts, *found.values()], key=ts_order),
        intent=intent,
        until=0.0,
        refusals=0,
        refused="",
        error="",
    )
    return replace(outbox, notices=tuple(n for n in outbox.notices if n.id not in found)), receipts


def ts_order(ts: str) -> tuple[int, str]:
    """Order Slack's ts as numbers without losing a digit: they are decimals of a fixed number of places."""
    return len(ts), ts


def with_receipts(receipts: tuple[Receipt, ...], new: tuple[Receipt, ...]) -> tuple[Receipt, ...]:
    """Return the receipts that are kept when *new* ones come.

    Those without a subject, found in a channel, are all kept: the state is older than they are, and tasks that the list
    has still to show must not be announced again. See `trimmed`.
    """
    ids = {receipt.id for receipt in new if receipt.subject}
    receipts = tuple(receipt for receipt in receipts if receipt.id not in ids)
    known = {receipt.id for receipt in receipts}
    receipts += tuple(receipt for receipt in new if receipt.id not in known)
    found = tuple(receipt for receipt in receipts if not receipt.subject)
    return (*found, *tuple(receipt for receipt in receipts if receipt.subject)[-_RECEIPTS:])


def trimmed(receipts: tuple[Receipt, ...]) -> tuple[Receipt, ...]:
    """Return the receipts that are kept when the whole list has been read, so that each task in it is known."""
    return receipts[-_RECEIPTS:]


def paused(outbox: Outbox, channel: str, error: SlackError, now: float) -> Outbox:
    """Return the outbox with *channel* left alone for a while after *error*; an intent stays.

    That is for as long as Slack asked for, or 1, 2, 4 … 300 seconds.
    """
    refusals = outbox.to(channel).refusals
    wait = error.retry_after if isinstance(error, RateLimited) else backoff(refusals)
    # Only a delivery takes a refusal back: a rate limit, or no answer at all, does not say that it was mended.
    refused = error.reason if isinstance(error, DestinationRefused) and error.mendable else outbox.to(channel).refused
    return outbox.with_destination(channel, until=now + wait, refusals=refusals + 1, refused=refused, error=str(error))


def postponed(outbox: Outbox, channel: str, error: SlackError, now: float) -> Outbox:
    """Return the outbox after *channel* refused a post for certain: intent cleared, and the channel paused.

    What was posted again, and may have arrived the first time, is still in doubt.
    """
    intent, text = outbox.to(channel).intent, str(error)
    outbox = (
        in_doubt(outbox, channel, text)
        if intent and intent.again
        else without_intent(_attempted(outbox, intent, text), channel)
    )
    return paused(outbox, channel, error, now)


def backoff(refusals: int) -> float:
    """Return how long a channel is left alone that has refused *refusals* times before: 1, 2, 4 … 300 seconds."""
    return min(_FIRST_WAIT * 2.0 ** min(refusals, 16), _LONGEST_WAIT)


def simplified(outbox: Outbox, channel: str, error: str, now: float) -> Outbox:
    """Return the outbox after Slack refused a payload: intent cleared, its notices one fallback level further.

    One that was plain text already is held for five minutes, so that others pass; it stays owed.
    """

    def simpler(notice: Notice) -> Notice:
        if notice.fallback < TEXT_FALLBACK:
            return replace(notice, fallback=notice.fallback + 1)
        return replace(notice, held_until=now + _LONGEST_WAIT)

    intent = outbox.to(channel).intent
    outbox = _attempted(outbox, intent, error).with_notices(intent.ids if intent else (), simpler)
    return without_intent(outbox, channel)


def in_doubt(outbox: Outbox, channel: str, error: str) -> Outbox:
    """Return the outbox after a post to *channel* of which nobody knows what became: the intent stays."""
    intent = outbox.to(channel).intent
    if intent is None:
        return outbox
    outbox = _attempted(outbox, intent, error)
    return outbox.with_destination(channel, intent=replace(intent, in_doubt=True), error=error, checked=False)


def looked_in_vain(outbox: Outbox, channel: str, now: float) -> Outbox:
    """Return the outbox after a look that did not find the message in doubt. After the last it is `absent`.

    A dispatch in the future says that the clock was set back. It becomes this look's time, or each restart would begin
    to count anew.
    """
    intent = outbox.to(channel).intent
    if intent is None:
        return outbox
    return outbox.with_destination(channel, intent=replace(intent, looks=intent.looks + 1, at=min(intent.at, now)))


def read(outbox: Outbox, channel: str, reading: Reading) -> Outbox:
    """Return the outbox after the history of *channel* was read to its end, as far as *reading* goes back."""
    last_ts = outbox.to(channel).last_ts or reading.newest or reading.above
    return outbox.with_destination(
        channel, last_ts=last_ts, unreadable="", checked=True, reading=None, unread_since=0.0, refusals=0, error=""
    )


def cut_short(outbox: Outbox, channel: str, reading: Reading, *, now: float, answered: bool, in_vain: bool) -> Outbox:
    """Return the outbox after a reading stopped where *reading* says; *answered*: something new was read before.

    *in_vain*: it got no answer that says anything.
    """
    before = outbox.to(channel)
    since = 0.0 if answered or before.unread_since > now else before.unread_since
    return outbox.with_destination(
        channel,
        reading=reading,
        unread_since=since or (now if in_vain else 0.0),
        refusals=0 if answered else before.refusals,
    )


def unreadable(outbox: Outbox, channel: str, reading: Reading, reason: str) -> Outbox:
    """Return the outbox after it was found that the history of *channel* cannot be read, by *reason*.

    What *reading* found is for receipts. How far back it is to be read is remembered, for when it can be.
    """
    left = replace(reading.of(channel), found={}, refused="")
    return outbox.with_destination(channel, unreadable=reason, checked=True, reading=left, until=0.0)


def asked_long_enough(destination: Destination, now: float) -> bool:
    """Tell whether the history has been asked for in vain for so long that the bot goes on without it.

    Never while a message is in doubt, unless it was known before that nothing can be looked for.
    """
    if destination.intent is not None or destination.unreadable:
        return bool(destination.unreadable)
    return destination.refusals >= _TRIES and 0 < destination.unread_since <= now - _PATIENCE


def another_id(channel: str, given: object) -> str:
    """Return the id that Slack has *given* for *channel* if it is another one, "" if it is not, or no id."""
    return given if isinstance(given, str) and given != channel and _CHANNEL.fullmatch(given) else ""


def without_intent(outbox: Outbox, channel: str) -> Outbox:
    """Return the outbox without the intent of *channel*: what it named was not posted."""
    return outbox.with_destination(channel, intent=None)


def _attempted(outbox: Outbox, intent: Intent | None, error: str) -> Outbox:
    ids = intent.ids if intent else ()
    return outbox.with_notices(ids, lambda notice: replace(notice, attempts=notice.attempts + 1, last_error=error))
