"""A channel's history, read for messages of ours that have no receipt yet.

Before its first post each channel's history is read once; a message in doubt is looked for. Each page that was read is
saved: some apps may ask for one page a minute.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.clock import Clock
from bot.domain.destination import Destination
from bot.domain.history import HistoryPage, Reading
from bot.errors import DestinationRefused, OutcomeUnknown, RateLimited, SlackError
from bot.events import Events
from bot.slack.client import Slack
from bot.slack.outcome import WEBHOOK, stops_every_call
from bot.watch.ledger import Ledger

_BEGINNING = "0"  # of a channel, as a ts
_NO_ANSWER = "no_answer"
_ABSENT = {"http_404", "http_405", "http_501"}  # what a server that is not Slack says of a method that it has not


class History:
    """The histories of all channels. What reads them raises StateError, or Stopped."""

    def __init__(self, slack: Slack, ledger: Ledger, clock: Clock, events: Events) -> None:
        self._slack = slack
        self._ledger = ledger
        self._clock = clock
        self._events = events
        self._read_at_start: set[str] = set()
        self._begun: set[str] = set()  # channels of which this process has read the newest page
        # Channel → when its history was last found to be unreadable, in monotonic seconds.
        self._unreadable_at = dict.fromkeys(ledger.outbox.destinations, clock.monotonic())

    def is_new(self, channel: str) -> bool:
        """Tell whether the history is still to be read before the next post."""
        return channel not in self._read_at_start

    def renew(self, channel: str) -> None:
        """Have the history read again before the next post."""
        self._read_at_start.discard(channel)

    def unreadable_at(self, channel: str) -> float:
        """Return when the history was last found to be unreadable, in monotonic seconds; infinite: it has none."""
        return float("inf") if self._ledger.to(channel).unreadable == WEBHOOK else self._unreadable_at.get(channel, 0.0)

    def read(self, channel: str) -> None:
        """Read what was posted since the last receipt: by a copy that crashed, on another machine, after a backup.

        If there is no receipt yet, the newest message in the channel takes its place, by Slack's clock: what we post
        is newer than that. Our own clock may be wrong by any amount.
        """
        if self.is_new(channel):
            self._ledger.save_destination(channel, replace(self._ledger.to(channel), checked=False))
        found = self._found(channel, self._ledger.to(channel).last_ts)
        if found is not None or self._ledger.to(channel).history_unreadable:
            self._read_at_start.add(channel)

    def look(self, channel: str) -> None:
        """Look for the message in doubt. A look that fails is not one."""
        intent = self._ledger.to(channel).intent
        if intent is None:
            return
        found = self._found(channel, intent.after or _BEGINNING, wanted=intent.ids)
        result = "failed" if found is None else "found" if set(intent.ids) & set(found) else "absent"
        self._events.emit("history_searched", result=result)
        if result == "absent":
            self._events.emit("notice_looked_for", channel=channel, ids=intent.ids)
            after = replace(self._ledger.to(channel), intent=intent.looked_for(self._clock.now()))
            self._ledger.save_destination(channel, after)

    def _found(self, channel: str, oldest: str, *, wanted: Sequence[str] = ()) -> Mapping[str, str] | None:
        """Return the ids in the channel's history since *oldest*, receipts saved. One of *wanted* ends the reading.

        None: it was not read to its end. How far it came is saved, and why no further.
        """
        before = self._ledger.to(channel)
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
                cursors.update(filter(None, (page.cursor,)))
                reading = reading.with_page(page)
            following = reading if reading.cursor else self._following(channel, reading)
        if reading.refused:
            self._give_up(channel, self._ledger.to(channel), reading, reading.refused, refusal)
            return None
        self._ledger.save_receipts(channel, self._ledger.to(channel).read(reading), reading.found)
        return reading.found

    def _reading(self, channel: str, destination: Destination, oldest: str) -> Reading:
        """Return the reading of the channel's history since *oldest*: one that was cut short goes on from there."""
        reading = destination.reading
        if reading is None or not reading.reaches(oldest):
            reading = Reading(channel, oldest, found=reading.found if reading else {})
        if not reading.newest:
            self._begun.add(channel)
        return reading

    def _page(self, destination: Destination, reading: Reading) -> HistoryPage:
        try:
            page = self._slack.page(reading.place, reading.since, reading.cursor)
        except SlackError as error:
            self._events.emit("slack_called", method="look", outcome=error.outcome)
            nothing_there = not (destination.checked or destination.last_ts or destination.intent)
            if isinstance(error, OutcomeUnknown) and error.reason in _ABSENT and nothing_there:
                # A server like Slack without this method. Nothing of ours is known to be there.
                raise DestinationRefused(str(error), reason=error.reason) from None
            raise
        self._events.emit("slack_called", method="look", outcome="ok")
        return page

    def _following(self, channel: str, reading: Reading) -> Reading | None:
        """Return what is still to be read after the last page of *reading*, or None if that was all.

        Slack may know the channel by another id too. What another process began does not hold what was posted since.
        """
        moved_to = self._ledger.to(channel).moved_to
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
        destination = self._ledger.to(channel).cut_short(reading, now=now, answered=answered, in_vain=in_vain)
        if in_vain and destination.asked_long_enough(now):
            self._give_up(channel, destination, reading, destination.unreadable or _NO_ANSWER, str(error))
        elif destination.history_unreadable and not destination.intent:
            self._unreadable_at[channel] = self._clock.monotonic()
            self._ledger.save_destination(channel, destination)
        else:
            paused = self._ledger.outbox.with_destination(channel, destination.paused(error, now))
            self._ledger.save_postponed(paused, channel, error)

    def _give_up(self, channel: str, destination: Destination, reading: Reading, reason: str, error: str) -> None:
        """Save that the channel's history cannot be read: what is in doubt is posted again from now on."""
        if reason not in {WEBHOOK, destination.unreadable}:
            self._events.emit("history_unreadable", channel=channel, error=error or reason)
        self._unreadable_at[channel] = self._clock.monotonic()
        self._ledger.save_receipts(channel, destination.without_history(channel, reading, reason), reading.found)


def _says_nothing_of_the_channel(reason: str) -> bool:
    return stops_every_call(reason) or reason == "invalid_cursor"
