"""The delivery protocol: intent, post, receipt, read-back.

For each channel, one step at a time, and the state is saved before the next:

    what is intended or due  →  intent saved  →  post  ┬ ok: receipt saved
                                                       ├ refused: intent cleared, and wait or simplify; saved
                                                       └ nobody knows: in doubt, saved  →  looks  ┬ found: receipt saved
                                                                                                  └ absent: post again
    An intent found at the start is in doubt as well. Before its first post a channel's history is read once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bot.clock import Clock
from bot.config import sections as config
from bot.domain import outbox as box
from bot.domain.destination import LOOKS, Destination, Intent, backoff
from bot.domain.notice import TEXT_FALLBACK, Notice, Role, TaskEnded
from bot.errors import OutcomeUnknown, PayloadRefused, RateLimited, SlackError
from bot.events import Events
from bot.slack.blocks import Message, Style
from bot.slack.client import Posted, Slack
from bot.slack.digest import fitting
from bot.slack.message import render
from bot.watch.history import History
from bot.watch.ledger import Ledger
from bot.watch.pace import Pace


@dataclass(frozen=True, slots=True)
class _Step:
    """What comes next for a channel, when (monotonic seconds), and what it waits for until then."""

    at: float
    channel: str
    wait: Literal["none", "pace", "first look", "look", "again", "reread", "postponed"]
    act: Callable[[str], None]


class Delivery:
    """Delivers what the outbox owes, each role to its channel in *route*. *account* is named in messages, if not ""."""

    def __init__(
        self,
        slack: Slack,
        ledger: Ledger,
        clock: Clock,
        events: Events,
        settings: config.Slack,
        *,
        route: Mapping[Role, str],
        pace: Pace,
        account: str = "",
    ) -> None:
        self._slack = slack
        self._ledger = ledger
        self._clock = clock
        self._events = events
        self._settings = settings
        self._route = route
        self._pace = pace
        self._style = Style(settings.language, settings.mention_on_failure, account)
        self._history = History(slack, ledger, clock, events)
        # Channel → when we last posted there, in monotonic seconds.
        self._posted = {
            channel: clock.monotonic() - self._age(one.intent, repeated=one.repeats_at > 0)
            for channel, one in ledger.outbox.destinations.items()
            if one.intent
        }

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

    def idle(self) -> bool:
        """Tell whether nothing can be delivered just now, though something may be waiting."""
        return all(step.wait in {"postponed", "again", "look", "first look", "reread"} for step in self._steps())

    def owing(self) -> bool:
        """Tell whether anything is still to be delivered."""
        return bool(self._ledger.outbox.notices)

    def _is_near(self, step: _Step) -> bool:
        return step.wait in {"none", "pace", "first look"} or step.at <= self._clock.monotonic()

    def _take(self, step: _Step) -> None:
        self._clock.wait(max(0.0, step.at - self._clock.monotonic()))
        if step.wait == "postponed":
            return  # what comes next may be a look, not a post
        if step.wait == "pace" and not self._pace.take(step.channel):
            return  # another account was faster
        if step.wait == "again":
            self._pace.spend(step.channel)
        step.act(step.channel)

    def _steps(self) -> list[_Step]:
        in_doubt = (channel for channel, one in self._ledger.outbox.destinations.items() if one.intent)
        return [step for channel in sorted({*self._route.values(), *in_doubt}) if (step := self._step(channel))]

    def _step(self, channel: str) -> _Step | None:
        """Return what comes next for *channel*, or None if nothing is owed to it."""
        destination, now, monotonic = self._ledger.to(channel), self._clock.now(), self._clock.monotonic()
        intent, used = destination.intent, channel in self._route.values()
        owed = bool(self._group(channel, now))
        if not owed and intent:
            return _Step(monotonic, channel, "none", self._forget_intent)
        if owed and (wait := destination.wait(now)):
            return _Step(monotonic + wait, channel, "postponed", self._post)
        if owed and self._history.is_new(channel):
            return _Step(monotonic, channel, "none", self._read)
        if used and destination.history_unreadable:
            reread = _Step(self._history.rereads_at(channel), channel, "reread", self._read)
            if not owed or reread.at <= monotonic:
                return reread
        if not owed:
            return None
        return self._posting(channel, monotonic, used=used)

    def _posting(self, channel: str, monotonic: float, *, used: bool) -> _Step:
        """Return how what is owed to *channel* comes nearer to a receipt: by a post, or first by a look."""
        destination, due = self._ledger.to(channel), self._pace.next(channel)
        intent = destination.intent
        if intent is None:
            return _Step(due, channel, "pace", self._post)
        posted = self._posted[channel]
        if not intent.absent and not destination.history_unreadable:
            at = posted + LOOKS[intent.looks] * self._settings.settle
            return _Step(at, channel, "look" if intent.looks else "first look", self._look)
        if not used:
            # Nothing goes to this channel any more: what was not posted there goes to its role's channel now.
            return _Step(monotonic, channel, "none", self._forget_intent)
        if intent.absent and intent.rounds:
            # Perhaps the history never shows what is looked for there: then this must not become a flood.
            at = posted + self._settings.settle + backoff(intent.rounds - 1)
            return _Step(at, channel, "again", self._post)
        if destination.repeats_at:
            at = max(due, posted + destination.repeats_at - intent.at)
            # Perhaps it can be read by then.
            return _Step(at, channel, "again", self._post if self._history.tried_since(channel, at) else self._look)
        return _Step(due, channel, "pace", self._post)

    def _group(self, channel: str, now: float) -> tuple[Notice, ...]:
        return box.group(
            self._ledger.outbox,
            channel,
            self._route,
            digest_after=self._settings.digest_after,
            now=now,
            fitting=lambda notices: fitting(
                [one.content for one in notices if isinstance(one.content, TaskEnded)], self._style
            ),
        )

    def _forget_intent(self, channel: str) -> None:
        self._ledger.save_destination(channel, self._ledger.to(channel).without_intent())

    def _post(self, channel: str) -> None:
        """Save the intent, post, save what became of it."""
        chosen = self._group(channel, self._clock.now())
        message = self._message(chosen)
        ids = tuple(notice.id for notice in chosen)
        self._ledger.save(box.dispatched(self._ledger.outbox, channel, chosen, self._clock.now()))
        self._posted[channel] = self._clock.monotonic()
        self._events.emit("notice_dispatched", channel=channel, ids=ids)
        try:
            posted = self._slack.post(channel, message, () if _without_metadata(chosen) else ids)
        except SlackError as error:
            self._events.emit("slack_called", method="post", outcome=error.outcome)
            self._save_failure(channel, error, ids)
        else:
            self._events.emit("slack_called", method="post", outcome="ok")
            self._ledger.save_receipts(channel, self._moved(channel, posted), dict.fromkeys(ids, posted.ts))
        finally:
            self._posted[channel] = self._clock.monotonic()

    def _message(self, notices: Sequence[Notice]) -> Message:
        fallback = max(notice.fallback for notice in notices)
        return render([notice.content for notice in notices], self._style, fallback=fallback)

    def _moved(self, channel: str, posted: Posted) -> Destination:
        """Return what is remembered of *channel*, with the other id that Slack gave for it, if it did."""
        destination = self._ledger.to(channel)
        if not posted.moved_to or posted.moved_to == destination.moved_to:
            return destination
        self._events.emit("channel_id_changed", channel=channel, moved_to=posted.moved_to)
        return replace(destination, moved_to=posted.moved_to)

    def _save_failure(self, channel: str, error: SlackError, ids: tuple[str, ...]) -> None:
        now, outbox, text = self._clock.now(), self._ledger.outbox, str(error)
        match error:
            case PayloadRefused():
                self._events.emit("notice_refused", channel=channel, ids=ids, error=text)
                self._ledger.save(box.simplified(outbox, channel, text, now))
            case OutcomeUnknown():
                self._events.emit("notice_in_doubt", channel=channel, ids=ids, error=text)
                self._ledger.save(box.in_doubt(outbox, channel, text))
            case _:
                if isinstance(error, RateLimited):
                    self._pace.drain(channel, error.retry_after)
                self._ledger.save_postponed(box.postponed(outbox, channel, error, now), channel, error)
                if self._ledger.to(channel).unreadable:
                    self._history.renew(channel)  # what mends the one may mend the other

    def _read(self, channel: str) -> None:
        self._consult(channel, self._history.read)

    def _look(self, channel: str) -> None:
        self._consult(channel, self._history.look)

    def _consult(self, channel: str, history: Callable[[str], None]) -> None:
        """Look into the history. If it can be read at last, looks for the message in doubt go on from the last."""
        before = self._ledger.to(channel)
        history(channel)
        if before.unreadable and before.intent and not self._ledger.to(channel).unreadable:
            self._posted[channel] = self._clock.monotonic() - self._age(before.intent, repeated=False)

    def _age(self, intent: Intent, *, repeated: bool) -> float:
        """Return for how many seconds *intent* counts as dispatched, if it was not just now.

        The Unix clock may have stepped since, so that at most the next look is due now and the others keep their
        distances. A dispatch in the future says that it has: then it counts from now. *repeated*: nobody looks for it.
        """
        age = self._clock.now() - intent.at
        if (intent.absent or repeated) and age >= 0:
            return age  # there is no next look: it is to be posted again
        return min(max(0.0, age), LOOKS[min(intent.looks, len(LOOKS) - 1)] * self._settings.settle)


def _without_metadata(notices: Sequence[Notice]) -> bool:
    """Tell whether Slack refuses the metadata of *notices*, even with plain text: better without than never."""
    return any(notice.fallback == TEXT_FALLBACK and "metadata" in notice.last_error for notice in notices)
