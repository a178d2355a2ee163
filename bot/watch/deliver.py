"""The delivery protocol: intent, post, receipt, read-back.

For each channel, one step at a time, as domain.delivery decides, and the state is saved before the next:

    what is intended or due  →  intent saved  →  post  ┬ ok: receipt saved
                                                       ├ refused: intent cleared, and wait or simplify; saved
                                                       └ nobody knows: in doubt, saved  →  looks  ┬ found: receipt saved
                                                                                                  └ absent: post again
    An intent found at the start is in doubt as well. Before its first post a channel's history is read once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from bot.clock import Clock
from bot.config import sections as config
from bot.domain import outbox as box
from bot.domain.delivery import Step, Times, age, next_step
from bot.domain.destination import Destination
from bot.domain.notice import TEXT_FALLBACK, Notice, TaskEnded
from bot.errors import OutcomeUnknown, PayloadRefused, RateLimited, SlackError
from bot.events import Events
from bot.slack.blocks import Style
from bot.slack.client import Posted, Slack
from bot.slack.digest import fitting
from bot.slack.message import render
from bot.store.places import Store
from bot.watch.history import History
from bot.watch.ledger import Ledger
from bot.watch.pace import Pace
from bot.watch.wake import Wake


class Delivery:
    """Delivers what the outbox owes, as `cycle.Deliveries` says. *account* is named in messages, if not ""."""

    def __init__(
        self,
        slack: Slack,
        store: Store,
        clock: Clock,
        events: Events,
        settings: config.Slack,
        *,
        pace: Pace,
        wake: Wake,
        account: str = "",
    ) -> None:
        self._slack = slack
        self._ledger = Ledger(store, clock, events)
        self._clock = clock
        self._events = events
        self._settings = settings
        self._route = settings.routes
        self._pace = pace
        self._wake = wake
        self._style = Style(settings.language, settings.mention_on_failure, account)
        self._history = History(slack, self._ledger, clock, events)
        self._posted: dict[str, float] = {}  # channel → when we last posted there, in monotonic seconds
        for channel, one in self._ledger.outbox.destinations.items():
            self._count_from_dispatch(channel, one, repeated=one.repeats_at > 0)

    def run(self, until: float) -> None:
        stepped = False
        while step := _first(self._steps()):
            now, at = self._clock.monotonic(), step[1].at
            if max(at, now) >= until and (stepped or at > now):
                return
            if at > now and self._wake.wait(at - now):
                return
            self._take(*step)
            stepped = True

    def run_once(self) -> None:
        while step := _first(_near(self._steps(), self._clock.monotonic())):
            self._take(*step)

    def idle(self) -> bool:
        return all(step.wait != "none" for step in self._steps().values())

    def owing(self) -> bool:
        return bool(self._ledger.outbox.notices)

    def _take(self, channel: str, step: Step) -> None:
        self._clock.wait(max(0.0, step.at - self._clock.monotonic()))
        match step.act:
            case "post":
                if step.wait == "long":  # waited for something else: the pace does not hold it up
                    self._pace.spend(channel)
                elif not self._pace.take(channel):
                    return  # another account was faster
                self._post(channel)
            case "read" | "look":
                self._consult(channel, step.act)
            case "forget":
                self._ledger.save_destination(channel, self._ledger.to(channel).without_intent())
            case "wait":
                pass  # what comes next may be a look, not a post

    def _steps(self) -> dict[str, Step]:
        in_doubt = (channel for channel, one in self._ledger.outbox.destinations.items() if one.intent)
        channels = sorted({*self._route.values(), *in_doubt})
        return {channel: step for channel in channels if (step := self._step(channel))}

    def _step(self, channel: str) -> Step | None:
        now, unix = self._clock.monotonic(), self._clock.now()
        posted, unreadable = self._posted.get(channel, 0.0), self._history.unreadable_at(channel)
        return next_step(
            self._ledger.to(channel),
            Times(now, unix, self._pace.next(channel), posted, unreadable),
            owed=bool(self._group(channel, unix)),
            used=channel in self._route.values(),
            unread=self._history.is_new(channel),
            settle=self._settings.settle,
        )

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

    def _post(self, channel: str) -> None:
        """Save the intent, post, save what became of it."""
        chosen = self._group(channel, self._clock.now())
        fallback = max(notice.fallback for notice in chosen)
        message = render([notice.content for notice in chosen], self._style, fallback=fallback)
        ids = tuple(notice.id for notice in chosen)
        intended = self._ledger.to(channel).with_intent(channel, ids, self._clock.now())
        began = self._clock.monotonic()
        self._ledger.save_destination(channel, intended)
        now = self._posted[channel] = self._clock.monotonic()
        if now - began > self._settings.settle:
            return  # frozen meanwhile: another copy may have looked for it in vain by now, and posted it
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

    def _moved(self, channel: str, posted: Posted) -> Destination:
        """Return what is remembered of *channel*, with the other id that Slack gave for it, if it did."""
        destination = self._ledger.to(channel)
        if not posted.moved_to or posted.moved_to == destination.moved_to:
            return destination
        self._events.emit("channel_id_changed", channel=channel, moved_to=posted.moved_to)
        return replace(destination, moved_to=posted.moved_to)

    def _save_failure(self, channel: str, error: SlackError, ids: tuple[str, ...]) -> None:
        outbox = box.failed(self._ledger.outbox, channel, error, self._clock.now())
        match error:
            case PayloadRefused():
                self._events.emit("notice_refused", channel=channel, ids=ids, error=str(error))
                self._ledger.save(outbox)
            case OutcomeUnknown():
                self._events.emit("notice_in_doubt", channel=channel, ids=ids, error=str(error))
                self._ledger.save(outbox)
            case _:
                if isinstance(error, RateLimited):
                    self._pace.drain(channel, error.retry_after)
                self._ledger.save_postponed(outbox, channel, error)
                if self._ledger.to(channel).unreadable:
                    self._history.renew(channel)  # what mends the one may mend the other

    def _consult(self, channel: str, act: Literal["read", "look"]) -> None:
        """Look into the history. If it can be read at last, looks for the message in doubt go on from the last."""
        before = self._ledger.to(channel)
        if act == "read":
            self._history.read(channel)
        else:
            self._history.look(channel)
        if before.unreadable and not self._ledger.to(channel).unreadable:
            self._count_from_dispatch(channel, before, repeated=False)

    def _count_from_dispatch(self, channel: str, destination: Destination, *, repeated: bool) -> None:
        if intent := destination.intent:
            passed = age(intent, now=self._clock.now(), settle=self._settings.settle, repeated=repeated)
            self._posted[channel] = self._clock.monotonic() - passed


def _near(steps: Mapping[str, Step], now: float) -> dict[str, Step]:
    return {channel: step for channel, step in steps.items() if step.wait != "long" or step.at <= now}


def _first(steps: Mapping[str, Step]) -> tuple[str, Step] | None:
    return min(steps.items(), key=lambda item: item[1].at, default=None)


def _without_metadata(notices: Sequence[Notice]) -> bool:
    """Tell whether Slack refuses the metadata of *notices*, even with plain text: better without than never."""
    return any(notice.fallback == TEXT_FALLBACK and "metadata" in notice.last_error for notice in notices)
