"""Pure: what comes next for a channel: to read its history, to post, to look for a message in doubt, or to wait."""

from dataclasses import dataclass
from typing import Literal

from bot.domain.destination import LOOKS, Destination, Intent, backoff

_REREAD = 300.0  # seconds between two tries of a history that cannot be read


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done for a channel, and when (monotonic seconds). "forget" is said of an intent.

    `wait` is how long until then: "none" if only the pace holds it up, "short" if a bot that polls once still waits for
    it, else "long".
    """

    at: float
    act: Literal["read", "post", "look", "forget", "wait"]
    wait: Literal["none", "short", "long"] = "none"


@dataclass(frozen=True, slots=True)
class Times:
    """The times of a channel: monotonic seconds, but for `unix`, which is `now` by the Unix clock.

    `paced` is when the pace allows the next post, `posted` when the last one was. `unreadable` is when the history was
    last found to be unreadable; infinite, if it never will be readable.
    """

    now: float
    unix: float
    paced: float
    posted: float
    unreadable: float


def next_step(
    destination: Destination, times: Times, *, owed: bool, used: bool, unread: bool, settle: float
) -> Step | None:
    """Return what comes next for a channel, or None if there is nothing to do.

    *owed*: there is something for its next message. *used*: a role leads to it. *unread*: its history is still to be
    read before its next post. *settle* is slack.settle, in seconds.
    """
    reread = Step(times.unreadable + _REREAD, "read", "long") if used and destination.history_unreadable else None
    if not owed:
        return Step(times.now, "forget") if destination.intent else reread
    if wait := destination.wait(times.unix):
        return Step(times.now + wait, "wait", "long")
    if unread:
        return Step(times.now, "read")
    if reread and reread.at <= times.now:
        return reread
    if destination.intent:
        return _settling(destination, destination.intent, times, used=used, settle=settle)
    return Step(times.paced, "post")


def _settling(destination: Destination, intent: Intent, times: Times, *, used: bool, settle: float) -> Step:
    """Return how a message that may have been posted comes nearer to a receipt: by a look, or by another post."""
    if not intent.absent and not destination.history_unreadable:
        return Step(times.posted + LOOKS[intent.looks] * settle, "look", "long" if intent.looks else "short")
    if not used:
        # Nothing goes to this channel any more: what was not posted there goes to its role's channel now.
        return Step(times.now, "forget")
    if intent.absent and intent.rounds:
        # Perhaps the history never shows what is looked for there: then this must not become a flood.
        return Step(times.posted + settle + backoff(intent.rounds - 1), "post", "long")
    if destination.repeats_at:
        at = max(times.paced, times.posted + destination.repeats_at - intent.at)
        # Perhaps it can be read by then.
        return Step(at, "post" if times.unreadable >= at else "look", "long")
    return Step(times.paced, "post")


def age(intent: Intent, *, now: float, settle: float, repeated: bool) -> float:
    """Return for how many seconds *intent* counts as dispatched, if it was not just now.

    The Unix clock may have stepped since, so that at most the next look is due *now* and the others keep their
    distances. A dispatch in the future says that it has: then it counts from now. *repeated*: nobody looks for it.
    """
    passed = now - intent.at
    if (intent.absent or repeated) and passed >= 0:
        return passed  # there is no next look: it is to be posted again
    return min(max(0.0, passed), LOOKS[min(intent.looks, len(LOOKS) - 1)] * settle)
