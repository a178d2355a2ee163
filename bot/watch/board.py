"""The board: one message per channel that shows what is queued and rendering, updated in place.

A convenience, not a promise: it never waits, and whatever goes wrong with it is tried again later or not at all.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import replace

from bot.clock import Clock
from bot.domain.task import Task
from bot.errors import DestinationRefused, OutcomeUnknown, RateLimited, SlackError
from bot.events import Events
from bot.slack.blocks import Message, Style
from bot.slack.board import render_board, render_closed_board
from bot.slack.client import SlackBot
from bot.slack.outcome import stops_every_call
from bot.store.places import Store

_EVERY = 10.0  # seconds between two updates
_AFTER_TROUBLE = 60.0  # seconds for which the board is left alone when something went wrong
_LOST_FOR = 7 * 86_400.0  # seconds of history in which a board is looked for before a new one is posted
_REPLACED_EVERY = 3600.0  # seconds between two new boards while the old one may stand there
_DELETED = "message_not_found"


class Board:
    """The board in one channel ("": none is wanted)."""

    def __init__(
        self,
        slack: SlackBot,
        store: Store,
        clock: Clock,
        events: Events,
        *,
        channel: str,
        style: Style,
    ) -> None:
        self._slack = slack
        self._store = store
        self._clock = clock
        self._events = events
        self._channel = channel
        self._style = style
        self._shown: str | None = None  # the text as it stands there; None: not known
        self._next = 0.0  # monotonic seconds

    def show(self, tasks: Sequence[Task]) -> None:
        """Show *tasks*, the unfinished ones, if that changes what stands there and it is time. Raise StateError.

        A board in a channel that is no longer used is taken down.
        """
        now = self._clock.monotonic()
        left = [channel for channel in self._store.state.boards if channel != self._channel]
        message = render_board(tasks, self._clock.now(), self._style)
        standing = self._channel in self._store.state.boards
        changed = self._channel and message.text != self._shown and (tasks or standing)
        if now < self._next or not (left or changed):
            return
        self._next = now + _EVERY
        try:
            for channel in left:
                self._take_down(channel)
            if changed:
                self._put(message)
                self._shown = message.text
        except SlackError as error:
            self._next = now + (error.retry_after if isinstance(error, RateLimited) else _AFTER_TROUBLE)
            self._events.emit("board_not_updated", channel=self._channel, error=str(error), reason=error.reason)
        else:
            self._events.emit("board_updated", channel=self._channel)

    def _put(self, message: Message) -> None:
        ts = self._store.state.boards.get(self._channel)
        refusal = self._update(ts, message) if ts else None
        if ts and not refusal:
            return
        try:
            # Before a new one: perhaps it stands there, and only the reply to its post was lost, or the state is older.
            since = f"{self._clock.now() - _LOST_FOR:.6f}"
            found = self._slack.find_board(self._channel, since, self._store.state.instance)
        except DestinationRefused as error:
            if stops_every_call(error.reason):
                raise
            found, refusal = None, refusal or error
        if found and found != ts:
            self._remember(self._channel, found)
            refusal = self._update(found, message)
            if not refusal:
                return
        self._post(message, refusal)

    def _update(self, ts: str, message: Message) -> SlackError | None:
        """Update the board, and return why Slack never will (None: it did). Raise SlackError if it may later."""
        try:
            self._slack.update_board(self._channel, ts, message, self._store.state.instance)
        except DestinationRefused as error:
            if stops_every_call(error.reason) or error.reason == "unknown_method":
                raise
            return error
        return None

    def _post(self, message: Message, refusal: SlackError | None) -> None:
        """Post a new board, after *refusal* only once an hour: the one that was refused may stand there."""
        state, now, old = self._store.state, self._clock.now(), self._store.state.boards.get(self._channel)
        before = state.boards_posted
        if refusal and 0 <= now - before.get(self._channel, 0.0) < _REPLACED_EVERY:
            raise refusal
        if refusal:
            self._store.save(replace(state, boards_posted={**before, self._channel: now}))
        try:
            ts = self._slack.post_board(self._channel, message, state.instance)
        except OutcomeUnknown:
            raise
        except SlackError:
            self._store.save(replace(self._store.state, boards_posted=before))
            raise
        self._remember(self._channel, ts)
        if old and refusal and refusal.reason != _DELETED:
            with contextlib.suppress(SlackError):
                self._slack.delete(self._channel, old)

    def _take_down(self, channel: str) -> None:
        ts, acts = self._store.state.boards[channel], (self._slack.delete, self._close)
        for act in acts:
            try:
                act(channel, ts)
            except DestinationRefused as error:
                if stops_every_call(error.reason):
                    raise
                if error.reason != _DELETED:
                    continue
            break
        self._remember(channel, None)

    def _close(self, channel: str, ts: str) -> None:
        self._slack.update_board(channel, ts, render_closed_board(self._style), self._store.state.instance)

    def _remember(self, channel: str, ts: str | None) -> None:
        boards = {other: one for other, one in self._store.state.boards.items() if other != channel}
        self._store.save(replace(self._store.state, boards=boards if ts is None else {**boards, channel: ts}))
