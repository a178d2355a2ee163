"""The delivery protocol: intent, post, receipt, read-back.

For each channel, one step at a time, and the state is saved before the next:

    what is marked or due  →  mark saved  →  post  ┬ ok: receipt saved
                                                   ├ refused: mark cleared, and wait or step down the ladder; saved
                                                   └ nobody knows: in doubt, saved  →  looks  ┬ found: receipt saved
                                                                                              └ absent: post again
    A mark found at the start is in doubt as well. Before its first post a channel's history is read once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from structlog.typing import FilteringBoundLogger

from bot import outbox as box
from bot.blocks import Message
from bot.clock import Clock
from bot.errors import DestinationRefused, OutcomeUnknown, PayloadRefused, RateLimited, SlackError
from bot.metrics import Metrics
from bot.outbox import Mark, Notice, Outbox, Role
from bot.slack import Slack
from bot.slack_call import WEBHOOK, stops_every_call
from bot.state import Store

_DAY = 86_400.0
_READINGS = 3  # that fail at the start before it goes on without
_BEGINNING = "0"  # of a channel, as a ts
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class _Step:
    """What comes next for a channel, when (monotonic seconds), and what it waits for until then."""

    at: float
    channel: str
    wait: Literal["none", "pace", "first look", "look", "again", "postponed"]
    act: Callable[[str], None]


class Delivery:
    """Delivers what the outbox owes."""

    def __init__(
        self,
        slack: Slack,
        store: Store,
        clock: Clock,
        log: FilteringBoundLogger,
        *,
        route: Mapping[Role, str],
        render: Callable[[Sequence[Notice]], Message],
        fitting: Callable[[Sequence[Notice]], int] = len,
        digest_after: int,
        pace: float,
        settle: float,
        beat: Callable[[], None],
        metrics: Metrics | None = None,
    ) -> None:
        self._slack = slack
        self._store = store
        self._clock = clock
        self._log = log
        self._route = route
        self._render = render
        self._fitting = fitting
        self._digest_after = digest_after
        self._pace = pace
        self._settle = settle
        self._beat = beat
        self._metrics = metrics or Metrics()
        self._read_at_start: set[str] = set()
        self._failed_readings: dict[str, int] = {}
        # Channel → when we last posted there, in monotonic seconds.
        self._posted = {c: self._dispatched(d.mark) for c, d in self._outbox.destinations.items() if d.mark}

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
        return step.wait not in {"look", "again", "postponed"} or step.at <= self._clock.monotonic()

    def idle(self) -> bool:
        """Tell whether nothing can be delivered just now, though something may be waiting."""
        return all(step.wait in {"postponed", "again", "look", "first look"} for step in self._steps())

    def _take(self, step: _Step) -> None:
        self._clock.wait(max(0.0, step.at - self._clock.monotonic()))
        if step.wait == "postponed":
            return  # what comes next may be a look, not a post
        step.act(step.channel)
        self._beat()

    def _steps(self) -> list[_Step]:
        channels = {*self._route.values(), *(c for c, d in self._outbox.destinations.items() if d.mark)}
        return [step for channel in sorted(channels) if (step := self._step(channel))]

    def _step(self, channel: str) -> _Step | None:
        """Return what comes next for *channel*, or None where nothing is owed to it."""
        destination = self._outbox.to(channel)
        now, monotonic = self._clock.now(), self._clock.monotonic()
        if not self._group(channel, now):
            return _Step(monotonic, channel, "none", self._forget_mark) if destination.mark else None
        if wait := box.wait_of(destination, now):
            return _Step(monotonic + wait, channel, "postponed", self._post)
        if channel not in self._read_at_start:
            return _Step(monotonic, channel, "none", self._read_history)
        mark = destination.mark
        if mark and not mark.absent and not destination.blind:
            due = self._posted[channel] + box.LOOKS[mark.looks] * self._settle
            return _Step(due, channel, "look" if mark.looks else "first look", self._look)
        if mark and channel not in self._route.values():
            # Nothing goes to this channel any more: what was not posted there goes where its role leads now.
            return _Step(monotonic, channel, "none", self._forget_mark)
        why: Literal["pace", "again"] = "pace"
        due = self._posted.get(channel, -_DAY) + self._pace
        if mark and mark.absent and mark.rounds:
            # Perhaps the history never shows what is looked for there: then this must not become a flood.
            why, due = "again", self._posted[channel] + self._settle + box.backoff(mark.rounds - 1)
        return _Step(due, channel, why, self._post)

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

    def _forget_mark(self, channel: str) -> None:
        self._save(box.unmarked(self._outbox, channel))

    def _post(self, channel: str) -> None:
        """Save the mark, post, save what became of it."""
        chosen = self._group(channel, self._clock.now())
        message = self._render(chosen)
        ids = tuple(notice.id for notice in chosen)
        self._save(box.dispatched(self._outbox, channel, chosen, self._clock.now()))
        self._posted[channel] = self._clock.monotonic()
        self._log.debug("notice_dispatched", channel=channel, ids=ids)
        try:
            ts = self._slack.post(channel, message, ids)
        except SlackError as error:
            self._record_failure(channel, error)
        else:
            self._receive(channel, dict.fromkeys(ids, ts))
        finally:
            self._posted[channel] = self._clock.monotonic()

    def _record_failure(self, channel: str, error: SlackError) -> None:
        now, text, mark = self._clock.now(), str(error), self._outbox.to(channel).mark
        told = {"channel": channel, "ids": mark.ids if mark else (), "error": text}
        match error:
            case PayloadRefused():
                self._log.warning("notice_refused", **told)
                self._save(box.stepped_down(self._outbox, channel, text, now))
            case OutcomeUnknown():
                self._log.warning("notice_in_doubt", **told)
                outbox = box.in_doubt(self._outbox, channel, text)
                # Where nothing could be looked for it may be posted again; not at once, over and over.
                unreadable = outbox.to(channel).unreadable
                self._save(box.paused(outbox, channel, error, now) if unreadable else outbox)
            case _:
                self._log_refusal(channel, error)
                self._save(box.postponed(self._outbox, channel, error, now))

    def _log_refusal(self, channel: str, error: SlackError) -> None:
        """Log a refusal, loudly the first time and when it changes: the remedy is said once."""
        if isinstance(error, RateLimited):
            self._metrics.rate_limit_waits.inc()
        again = self._outbox.to(channel).error == str(error)
        (self._log.debug if again else self._log.warning)("notice_postponed", channel=channel, error=str(error))

    def _receive(self, channel: str, found: Mapping[str, str]) -> None:
        """Save the receipts of the notices *found* (id → ts)."""
        now, since = self._clock.now(), {notice.id: notice.since for notice in self._outbox.notices}
        outbox, receipts = box.delivered(self._outbox, channel, found, now)
        self._save(outbox, receipts)
        ours = [receipt for receipt in receipts if receipt.subject]
        for receipt in ours:
            self._metrics.notices_delivered.labels(receipt.role).inc()
            self._metrics.notice_delay.observe(max(0.0, now - since[receipt.id]))
            self._log.info(
                "notice_delivered", subject=receipt.subject, status=receipt.status, channel=channel, ts=receipt.ts
            )
        if len(ours) < len(receipts):
            # Told by a copy that knew more than this state, or by another bot.
            self._log.info("notices_found", channel=channel, count=len(receipts) - len(ours))

    def _read_history(self, channel: str) -> None:
        """Read what was posted since the last receipt: by a copy that crashed, on another machine, after a backup.

        Where there is no receipt yet, the newest message in the channel takes its place, by Slack's clock: what we post
        is newer than that. Our own clock may be wrong by any amount.
        """
        since = self._outbox.to(channel).last_ts
        newest = since or self._ask(channel, lambda: self._slack.newest(channel), blind="")
        if newest is None or self._history(channel, since or _a_day_before(newest)) is None:
            self._give_up_reading(channel)
            return
        if not self._outbox.to(channel).last_ts:
            self._save(self._outbox.with_destination(channel, last_ts=newest))
        self._read_at_start.add(channel)

    def _give_up_reading(self, channel: str) -> None:
        """After some failed readings at the start, go on without: of a Slack server only posting is required.

        Not while a message is in doubt, nor because Slack asks to wait.
        """
        destination = self._outbox.to(channel)
        if destination.mark is None and self._failed_readings.get(channel, 0) >= _READINGS:
            self._log.warning("history_unreadable", channel=channel, error=destination.error)
            self._save(self._outbox.with_destination(channel, unreadable="no_answer", checked=True, until=0.0))
            self._read_at_start.add(channel)

    def _look(self, channel: str) -> None:
        mark = self._outbox.to(channel).mark
        if mark is None:
            return
        found = self._history(channel, mark.after or _BEGINNING)
        result = "failed" if found is None else "found" if set(mark.ids) & set(found) else "absent"
        self._metrics.looks.labels(result).inc()
        if found is not None and not set(mark.ids) & set(found) and not self._outbox.to(channel).blind:
            self._log.info("notice_looked_for", channel=channel, ids=mark.ids)
            self._save(box.looked_in_vain(self._outbox, channel))

    def _history(self, channel: str, oldest: str) -> Mapping[str, str] | None:
        """Return the ids in the channel's history since *oldest*, receipts saved; none where it cannot be read.

        None: the look failed, and is no look.
        """
        nothing: Mapping[str, str] = {}
        found = self._ask(channel, lambda: self._slack.look(channel, oldest), blind=nothing)
        if found:
            self._receive(channel, found)
        return found

    def _ask(self, channel: str, question: Callable[[], _Answer], *, blind: _Answer) -> _Answer | None:
        """Return what is answered about a channel's history, *blind* where it cannot be read. None: no answer."""
        try:
            answer = question()
        except DestinationRefused as error:
            if stops_every_call(error.reason):
                self._pause(channel, error)
                return None
            if error.reason != WEBHOOK and not self._outbox.to(channel).blind:
                self._log.warning("history_unreadable", channel=channel, error=str(error))
            self._save(self._outbox.with_destination(channel, unreadable=error.reason, checked=True))
            return blind
        except SlackError as error:
            if not isinstance(error, RateLimited):
                self._failed_readings[channel] = self._failed_readings.get(channel, 0) + 1
            self._pause(channel, error)
            return None
        self._save(self._outbox.with_destination(channel, unreadable="", checked=True, refusals=0, error=""))
        return answer

    def _pause(self, channel: str, error: SlackError) -> None:
        self._log_refusal(channel, error)
        self._save(box.paused(self._outbox, channel, error, self._clock.now()))

    def _dispatched(self, mark: Mark) -> float:
        """Return when *mark*, made before this start, counts as dispatched, in monotonic seconds.

        The Unix clock may have stepped since, so that at most the next look is due now and the others keep their
        distances. A dispatch in the future says that it has: due now.
        """
        since = self._clock.now() - mark.at
        if mark.absent and since >= 0:
            return self._clock.monotonic() - since  # there is no next look: it is to be posted again
        next_look = box.LOOKS[min(mark.looks, len(box.LOOKS) - 1)] * self._settle
        return self._clock.monotonic() - (min(since, next_look) if since >= 0 else next_look)


def _a_day_before(ts: str) -> str:
    """Return the ts a day before *ts*, or the beginning of the channel where there is no message in it."""
    return f"{float(ts) - _DAY:.6f}" if ts else _BEGINNING
