"""Pure: one channel: what is being posted there, how long it is left alone, and whether its history can be read."""

from dataclasses import dataclass, replace

from bot.domain.history import Reading
from bot.errors import DestinationRefused, RateLimited, SlackError

LOOKS = (1 / 9, 1 / 3, 1.0)  # when to look for a message in doubt, in parts of slack.settle after the dispatch
LONGEST_WAIT = 300.0  # seconds; a saved time further ahead says that the clock was set back
_FIRST_WAIT = 1.0  # seconds
_LONGEST_DISTANCE = 1_800.0  # seconds between two posts of a message that nobody can look for
_MAX_SILENCE = 600.0  # seconds for which a history is asked for in vain before the bot goes on without
_TRIES = 9  # in vain, at least, with 8 minutes between the first and the last: the clock may have been set ahead


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

    def looked_for(self, now: float) -> "Intent":
        """Return it after a look that did not find the message.

        A dispatch in the future says that the clock was set back. It becomes this look's time, or each restart would
        begin to count anew.
        """
        return replace(self, looks=self.looks + 1, at=min(self.at, now))


@dataclass(frozen=True, slots=True)
class Destination:
    """What is remembered of one channel.

    `until` is when it may be tried again after a failure, in Unix seconds; `refusals` counts failures in a row, and
    `refused` is Slack's word if the last was a refusal that somebody has to mend. `unreadable` is why its history
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

    def wait(self, now: float) -> float:
        """Return for how many seconds it is still to be left alone."""
        return self.until - now if is_ahead(self.until, now) else 0.0

    def asked_long_enough(self, now: float) -> bool:
        """Tell whether the history has been asked for in vain for so long that the bot goes on without it.

        Never while a message is in doubt, unless it was known before that nothing can be looked for.
        """
        if self.intent is not None or self.unreadable:
            return bool(self.unreadable)
        return self.refusals >= _TRIES and 0 < self.unread_since <= now - _MAX_SILENCE

    def paused(self, error: SlackError, now: float) -> "Destination":
        """Return it left alone after *error*, as long as Slack asked for, or 1, 2, 4 … 300 seconds; an intent stays."""
        wait = error.retry_after if isinstance(error, RateLimited) else backoff(self.refusals)
        # Only a delivery takes a refusal back: a rate limit, or no answer at all, does not say that it was mended.
        refused = error.reason if isinstance(error, DestinationRefused) and error.mendable else self.refused
        return replace(self, until=now + wait, refusals=self.refusals + 1, refused=refused, error=str(error))

    def with_intent(self, channel: str, ids: tuple[str, ...], now: float) -> "Destination":
        """Return it with the intent that must be saved before the notices with these *ids* are posted.

        `after` is the last receipt's ts, not a reading of our clock: posts to a channel are made one after the other,
        so a message in doubt is newer than that, by Slack's clock.
        """
        intent = Intent(ids, now, after=self.last_ts)
        if self.intent:
            intent = replace(intent, again=not self.intent.absent, rounds=self.intent.rounds + 1)
        # A look for this message must not go on where an earlier one, which could not find it, was cut short.
        reading = self.reading.of(channel) if self.reading else None
        return replace(self, intent=intent, reading=reading)

    def without_intent(self) -> "Destination":
        """Return it without its intent: what that named was not posted."""
        return replace(self, intent=None)

    def in_doubt(self, intent: Intent, error: str) -> "Destination":
        """Return it after a post of *intent* of which nobody knows what became."""
        return replace(self, intent=replace(intent, in_doubt=True), error=error, checked=False)

    def read(self, reading: Reading) -> "Destination":
        """Return it after its history was read to the end, as far as *reading* goes back."""
        last_ts = self.last_ts or reading.newest or reading.above
        read = replace(self, last_ts=last_ts, unreadable="", checked=True, reading=None, unread_since=0.0)
        return replace(read, refusals=0, error="")

    def cut_short(self, reading: Reading, *, now: float, answered: bool, in_vain: bool) -> "Destination":
        """Return it after a reading stopped where *reading* says; *answered*: something new was read before.

        *in_vain*: it got no answer that says anything.
        """
        since = 0.0 if answered or self.unread_since > now else self.unread_since
        refusals = 0 if answered else self.refusals
        return replace(self, reading=reading, unread_since=since or (now if in_vain else 0.0), refusals=refusals)

    def without_history(self, channel: str, reading: Reading, reason: str) -> "Destination":
        """Return it after it was found that its history cannot be read, by *reason*.

        What *reading* found is for receipts. How far back it is to be read is remembered, for when it can be.
        """
        left = replace(reading.of(channel), found={}, refused="")
        return replace(self, unreadable=reason, checked=True, reading=left, until=0.0)


def is_ahead(until: float, now: float) -> bool:
    """Tell whether *until* is still to come. More than five minutes ahead: the clock was set back."""
    return 0 < until - now <= LONGEST_WAIT


def backoff(refusals: int) -> float:
    """Return how long a channel is left alone that has refused *refusals* times before: 1, 2, 4 … 300 seconds."""
    return min(_FIRST_WAIT * 2.0 ** min(refusals, 16), LONGEST_WAIT)
