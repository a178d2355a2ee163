"""The delivery protocol: intent, post, receipt, read-back.

For each channel, one step at a time, and the state is saved before the next:

    what has an intent or is due  →  intent saved  →  post  ┬ ok: receipt saved
                                                            ├ refused: intent cleared, and wait or fall back to a
                                                            │ simpler payload; saved
                                                            └ nobody knows: in doubt, saved  →  looks  ┬ found: receipt
                                                                                                       └ absent: again
    An intent found at the start is in doubt as well. Before its first post a channel's history is read once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bot.clock import Clock
from bot.domain import outbox as box
from bot.domain.outbox import Destination, HistoryPage, Notice, Outbox, Reading, Role
from bot.errors import DestinationRefused, OutcomeUnknown, PayloadRefused, RateLimited, SlackError
from bot.events import Events
from bot.slack.blocks import Message
from bot.slack.call import WEBHOOK, stops_every_call
from bot.slack.client import Posted, Slack
from bot.store.file import Store

_DAY = 86_400.0
_REREAD = 300.0  # seconds between two tries of a history that cannot be read
_BEGINNING = "0"  # of a channel, as a ts
_NO_ANSWER = "no_answer"
_ABSENT = {"http_404", "http_405", "http_501"}  # what a server that is not Slack says of a method that it has not


@dataclass(frozen=True, slots=True)
class _Step:
    """What comes next for a channel, when (monotonic seconds), and what it waits for until then."""

    at: float
    channel: str
    wait: Literal["none", "pace", "first look", "look", "again", "reread", "postponed"]
    act: Callable[[str], None]


class Delivery:
    """Delivers what the outbox owes."""

    def __init__(
        self,
        slack: Slack,
        store: Store,
        clock: Clock,
        events: Events,
        *,
        route: Mapping[Role, str],
        render: Callable[[Sequence[Notice]], Message],
        fitting: Callable[[Sequence[Notice]], int] = len,
        digest_after: int,
        pace: float,
        settle: float,
        heartbeat: Callable[[], None],
    ) -> None:
        self._slack = slack
        self._store = store
        self._clock = clock
        self._events = events
        self._route = route
        self._render = render
        self._fitting = fitting
        self._digest_after = digest_after
        self._pace = pace
        self._settle = settle
        self._beat = heartbeat
        self._read_at_start: set[str] = set()
        self._begun: set[str] = set()  # channels of which this process has read the newest page
        # Channel → when its history was last found to be unreadable, in monotonic seconds.
        self._unread = dict.fromkeys(self._outbox.destinations, clock.monotonic())
        # Channel → when we last posted there, in monotonic seconds.
        self._posted = {c: self._dispatched(d) for c, d in self._outbox.destinations.items() if d.intent}

    def run(self, until: float) -> None:
        """Deliver until *until* (monotonic seconds) or until nothing is due before that; at least one step.

        Raise StateError when something could not be recorded (then it was not posted either), or Stopped.
        """
        stepped = False
        while step := min(self._steps(), key=lambda step: step.at, default=None):
            now = self._clock.monotonic()
            if max(step.at, now) >= until and (stepped or step.at > now):
                return
            self._take(step)
            stepped = True

    def run_once(self) -> None:
        """Deliver what is due, waiting for the pace and a first look, but for nothing longer. Raises as `run` does."""
        while step := min(filter(self._is_near, self._steps()), key=lambda step: step.at, default=None):
            self._take(step)

    def _is_near(self, step: _Step) -> bool:
        return step.wait not in {"look", "again", "reread", "postponed"} or step.at <= self._clock.monotonic()

    def idle(self) -> bool:
        """Tell whether nothing can be delivered just now, though something may be waiting."""
        return all(step.wait in {"postponed", "again", "look", "first look", "reread"} for step in self._steps())

    def _take(self, step: _Step) -> None:
        self._clock.wait(max(0.0, step.at - self._clock.monotonic()))
        if step.wait == "postponed":
            return  # what comes next may be a look, not a post
        step.act(step.channel)
        self._beat()

    def _steps(self) -> list[_Step]:
        channels = {*self._route.values(), *(c for c, d in self._outbox.destinations.items() if d.intent)}
        return [step for channel in sorted(channels) if (step := self._step(channel))]

    def _step(self, channel: str) -> _Step | None:
        """Return what comes next for *channel*, or None where nothing is owed to it."""
        destination = self._outbox.to(channel)
        now, monotonic = self._clock.now(), self._clock.monotonic()
        owed = bool(self._group(channel, now))
        reading = self._reading_step(channel, destination, owed=owed)
        if not owed:
            return _Step(monotonic, channel, "none", self._drop_intent) if destination.intent else reading
        if wait := box.wait_of(destination, now):
            return _Step(monotonic + wait, channel, "postponed", self._post)
        if reading and (reading.wait == "none" or reading.at <= monotonic):
            return reading
        intent = destination.intent
        if intent and not intent.absent and not destination.history_unreadable:
            due = self._posted[channel] + box.LOOKS[intent.looks] * self._settle
            return _Step(due, channel, "look" if intent.looks else "first look", self._look)
        if intent and channel not in self._route.values():
            # Nothing goes to this channel any more: what was not posted there goes where its role leads now.
            return _Step(monotonic, channel, "none", self._drop_intent)
        why: Literal["pace", "again"] = "pace"
        act = self._post
        due = self._posted.get(channel, -_DAY) + self._pace
        if intent and intent.absent and intent.rounds:
            # Perhaps the history never shows what is looked for there: then this must not become a flood.
            why, due = "again", self._posted[channel] + self._settle + box.backoff(intent.rounds - 1)
        elif intent and destination.repeats_at:
            why, due = "again", max(due, self._posted[channel] + destination.repeats_at - intent.at)
            if destination.unreadable != WEBHOOK and self._unread[channel] < due:
                act = self._look  # perhaps it can be read by then
        return _Step(due, channel, why, act)

    def _reading_step(self, channel: str, destination: Destination, *, owed: bool) -> _Step | None:
        """Return when the history is read: before the first post, and now and then where that could not be done.

        A webhook has none.
        """
        if owed and channel not in self._read_at_start:
            return _Step(self._clock.monotonic(), channel, "none", self._read_history)
        if (
            not destination.history_unreadable
            or destination.unreadable == WEBHOOK
            or channel not in self._route.values()
        ):
            return None
        return _Step(self._unread[channel] + _REREAD, channel, "reread", self._read_history)

    @property
    def _outbox(self) -> Outbox:
        return self._store.state.outbox

    def _save(self, outbox: Outbox, receipts: tuple[box.Receipt, ...] = ()) -> None:
        state = self._store.state
        self._store.save(
            replace(
                state,
                outbox=outbox,
                delivered=box.with_receipts(state.delivered, receipts),
                delivered_count=state.delivered_count + sum(bool(receipt.subject) for receipt in receipts),
            )
        )

    def _group(self, channel: str, now: float) -> tuple[Notice, ...]:
        return box.group(
            self._outbox, channel, self._route, digest_after=self._digest_after, now=now, fitting=self._fitting
        )

    def _drop_intent(self, channel: str) -> None:
        self._save(box.without_intent(self._outbox, channel))

    def _post(self, channel: str) -> None:
        """Save the intent, post, save what became of it."""
        chosen = self._group(channel, self._clock.now())
        message = self._render(chosen)
        ids = tuple(notice.id for notice in chosen)
        self._save(box.dispatched(self._outbox, channel, chosen, self._clock.now()))
        self._posted[channel] = self._clock.monotonic()
        self._events.emit("notice_dispatched", channel=channel, ids=ids)
        try:
            posted = self._slack.post(channel, message, () if _without_metadata(chosen) else ids)
        except SlackError as error:
            self._record_failure(channel, error)
        else:
            self._receive(self._noted(channel, posted), channel, dict.fromkeys(ids, posted.ts))
        finally:
            self._posted[channel] = self._clock.monotonic()

    def _noted(self, channel: str, posted: Posted) -> Outbox:
        """Return the outbox with the other id that Slack gave for *channel*, if it did."""
        if not posted.moved_to or posted.moved_to == self._outbox.to(channel).moved_to:
            return self._outbox
        self._events.emit("channel_id_changed", channel=channel, moved_to=posted.moved_to)
        return self._outbox.with_destination(channel, moved_to=posted.moved_to)

    def _record_failure(self, channel: str, error: SlackError) -> None:
        now, text, intent = self._clock.now(), str(error), self._outbox.to(channel).intent
        ids = intent.ids if intent else ()
        match error:
            case PayloadRefused():
                self._events.emit("notice_refused", channel=channel, ids=ids, error=text)
                self._save(box.simplified(self._outbox, channel, text, now))
            case OutcomeUnknown():
                self._events.emit("notice_in_doubt", channel=channel, ids=ids, error=text)
                self._save(box.in_doubt(self._outbox, channel, text))
            case _:
                self._report_postponed(channel, error)
                self._save(box.postponed(self._outbox, channel, error, now))
                if self._outbox.to(channel).unreadable:
                    self._read_at_start.discard(channel)  # what mends the one may mend the other

    def _report_postponed(self, channel: str, error: SlackError) -> None:
        rate_limited = isinstance(error, RateLimited)
        self._events.emit("notice_postponed", channel=channel, error=str(error), rate_limited=rate_limited)

    def _receive(self, outbox: Outbox, channel: str, found: Mapping[str, str]) -> None:
        """Save *outbox* with the receipts of the notices *found* (id → ts)."""
        now, since = self._clock.now(), {notice.id: notice.since for notice in self._outbox.notices}
        outbox, receipts = box.delivered(outbox, channel, found, now) if found else (outbox, ())
        self._save(outbox, receipts)
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
            # Told by a copy that knew more than this state, or by another bot.
            self._events.emit("notices_found", channel=channel, count=len(receipts) - len(ours))

    def _read_history(self, channel: str) -> None:
        """Read what was posted since the last receipt: by a copy that crashed, on another machine, after a backup.

        Where there is no receipt yet, the newest message in the channel takes its place, by Slack's clock: what we post
        is newer than that. Our own clock may be wrong by any amount.
        """
        if channel not in self._read_at_start:
            self._save(self._outbox.with_destination(channel, checked=False))
        if (
            self._history(channel, self._outbox.to(channel).last_ts) is not None
            or self._outbox.to(channel).history_unreadable
        ):
            self._read_at_start.add(channel)

    def _look(self, channel: str) -> None:
        intent = self._outbox.to(channel).intent
        if intent is None:
            return
        found = self._history(channel, intent.after or _BEGINNING, wanted=intent.ids)
        result = "failed" if found is None else "found" if set(intent.ids) & set(found) else "absent"
        self._events.emit("history_searched", result=result)
        if result == "absent":
            self._events.emit("notice_looked_for", channel=channel, ids=intent.ids)
            self._save(box.looked_in_vain(self._outbox, channel, self._clock.now()))

    def _history(self, channel: str, oldest: str, *, wanted: Sequence[str] = ()) -> Mapping[str, str] | None:
        """Return the ids in the channel's history since *oldest*, receipts saved. One of *wanted* ends the reading.

        None: it was not read to its end. How far it came is saved, and why no further.
        """
        before = self._outbox.to(channel)
        reading = self._reading(channel, before, oldest)
        following: Reading | None = reading
        enough = () if before.unreadable else wanted  # else all that could not be read is still to be read
        answered, refusal, cursors = False, "", set[str]()
        while following and following.found.keys().isdisjoint(enough):
            reading = following
            self._clock.wait(0.0)  # asked to end?
            try:
                page = self._page(before, reading)
                if page.cursor in cursors:
                    raise OutcomeUnknown("conversations.history: its pages lead in a circle.", reason="no_cursor")
            except SlackError as error:
                if not isinstance(error, DestinationRefused) or _says_nothing_of_the_channel(error.reason):
                    self._cut_short(channel, reading, error, answered=answered)
                    return None
                refusal = str(error)
                reading = replace(reading, refused=error.reason) if reading.place == channel else reading
                reading = reading.of(reading.place)
            else:
                answered = True
                self._beat()
                cursors.update(filter(None, (page.cursor,)))
                reading = reading.with_page(page)
            following = reading if reading.cursor else self._following(channel, reading)
        if reading.refused:
            self._give_up_reading(self._outbox, channel, reading, reading.refused, refusal)
            return None
        self._receive(box.read(self._outbox, channel, reading), channel, reading.found)
        if before.unreadable and (after := self._outbox.to(channel)).intent:
            self._posted[channel] = self._dispatched(after)
        return reading.found

    def _reading(self, channel: str, destination: Destination, oldest: str) -> Reading:
        """Return the reading of the channel's history since *oldest*: one that was cut short goes on where it stood."""
        reading = destination.reading
        if reading is None or not reading.reaches(oldest):
            reading = Reading(channel, oldest, found=reading.found if reading else {})
        if not reading.newest:
            self._begun.add(channel)
        return reading

    def _page(self, destination: Destination, reading: Reading) -> HistoryPage:
        try:
            return self._slack.page(reading.place, reading.since, reading.cursor)
        except OutcomeUnknown as error:
            if (
                error.reason in _ABSENT
                and not destination.checked
                and not destination.last_ts
                and not destination.intent
            ):
                # A server like Slack without this method. Nothing of ours is known to be there.
                raise DestinationRefused(str(error), reason=error.reason) from None
            raise

    def _following(self, channel: str, reading: Reading) -> Reading | None:
        """Return what is still to be read after the last page of *reading*, or None where that was all.

        Slack may know the channel by another id too. What another process began does not hold what was posted since.
        """
        moved_to = self._outbox.to(channel).moved_to
        if moved_to and reading.place == channel:
            return reading.of(moved_to)
        if channel in self._begun or reading.refused:
            return None
        self._begun.add(channel)
        return replace(reading.of(channel), above=reading.newest, newest="")

    def _cut_short(self, channel: str, reading: Reading, error: SlackError, *, answered: bool) -> None:
        """Save where a reading stopped, and wait; after ten minutes in vain go on without.

        Of a Slack server only posting is required. That it asks to wait, or refuses the token, says nothing.
        """
        now, in_vain = self._clock.now(), not isinstance(error, RateLimited) and not stops_every_call(error.reason)
        if error.reason in {"invalid_cursor", "no_cursor"}:
            reading = reading.of(reading.place)
        outbox = box.cut_short(self._outbox, channel, reading, now=now, answered=answered, in_vain=in_vain)
        destination = outbox.to(channel)
        if in_vain and box.asked_long_enough(destination, now):
            self._give_up_reading(outbox, channel, reading, destination.unreadable or _NO_ANSWER, str(error))
        elif destination.history_unreadable and not destination.intent:
            self._unread[channel] = self._clock.monotonic()
            self._save(outbox)
        else:
            self._report_postponed(channel, error)
            self._save(box.paused(outbox, channel, error, now))

    def _give_up_reading(self, outbox: Outbox, channel: str, reading: Reading, reason: str, error: str) -> None:
        """Save that the channel's history cannot be read: what is in doubt is posted again from now on."""
        if reason != WEBHOOK and outbox.to(channel).unreadable != reason:
            self._events.emit("history_unreadable", channel=channel, error=error or reason)
        self._unread[channel] = self._clock.monotonic()
        self._receive(box.unreadable(outbox, channel, reading, reason), channel, reading.found)

    def _dispatched(self, destination: Destination) -> float:
        """Return when the intent of *destination* counts as dispatched, in monotonic seconds, if it was not just now.

        The Unix clock may have stepped since, so that at most the next look is due now and the others keep their
        distances. A dispatch in the future says that it has: then it counts from now.
        """
        intent = destination.intent
        if intent is None:
            return self._clock.monotonic()
        since = self._clock.now() - intent.at
        if (intent.absent or destination.repeats_at) and since >= 0:
            return self._clock.monotonic() - since  # there is no next look: it is to be posted again
        next_look = box.LOOKS[min(intent.looks, len(box.LOOKS) - 1)] * self._settle
        return self._clock.monotonic() - min(max(0.0, since), next_look)


def _says_nothing_of_the_channel(reason: str) -> bool:
    return stops_every_call(reason) or reason == "invalid_cursor"


def _without_metadata(notices: Sequence[Notice]) -> bool:
    """Tell whether Slack refuses the metadata of *notices*, even with plain text: better without than never."""
    return any(notice.fallback == box.TEXT_FALLBACK and "metadata" in notice.last_error for notice in notices)
