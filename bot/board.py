"""The board: one message per channel that shows what is queued and rendering, updated in place.

A convenience, not a promise: it never waits, and whatever goes wrong with it is tried again later or not at all.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from structlog.typing import FilteringBoundLogger

from bot.blocks import Message
from bot.clock import Clock
from bot.errors import RateLimited, SlackError
from bot.slack import SlackBot
from bot.state import Store
from bot.task import Task

_EVERY = 10.0  # seconds between two updates
_AFTER_TROUBLE = 60.0  # seconds for which the board is left alone when something went wrong
_LOST_FOR = 7 * 86_400.0  # seconds of history in which a board is looked for before a new one is posted
_DELETED = "message_not_found"


class Board:
    """The board in one channel."""

    def __init__(
        self,
        slack: SlackBot,
        store: Store,
        clock: Clock,
        log: FilteringBoundLogger,
        *,
        channel: str,
        render: Callable[[Sequence[Task], float], Message],
    ) -> None:
        self._slack = slack
        self._store = store
        self._clock = clock
        self._log = log
        self._channel = channel
        self._render = render
        self._shown: str | None = None  # the text as it stands there; None: not known
        self._next = 0.0  # monotonic seconds
        self._trouble = ""

    def show(self, tasks: Sequence[Task]) -> None:
        """Show *tasks*, the unfinished ones, if that changes what stands there and it is time. Raise StateError."""
        now = self._clock.monotonic()
        message = self._render(tasks, self._clock.now())
        standing = self._channel in self._store.state.boards
        if now < self._next or message.text == self._shown or (not tasks and not standing):
            return
        self._next = now + _EVERY
        try:
            self._put(message)
        except SlackError as error:
            self._next = now + (error.retry_after if isinstance(error, RateLimited) else _AFTER_TROUBLE)
            again, self._trouble = self._trouble == error.reason, error.reason
            level = self._log.debug if again else self._log.warning
            level("board_not_updated", channel=self._channel, error=str(error))
        else:
            self._shown, self._trouble = message.text, ""

    def _put(self, message: Message) -> None:
        ts = self._store.state.boards.get(self._channel)
        if ts is None:
            # Before a new one: perhaps it stands there, and only the reply to its post was lost, or the state is older.
            since = f"{self._clock.now() - _LOST_FOR:.6f}"
            ts = self._slack.find_board(self._channel, since, self._store.state.instance)
        if ts is not None:
            self._remember(ts)
            try:
                self._slack.update(self._channel, ts, message)
            except SlackError as error:
                if error.reason != _DELETED:
                    raise
            else:
                return
        # Somebody deleted it, or there never was one.
        self._remember(None)
        self._remember(self._slack.post_board(self._channel, message, self._store.state.instance))

    def _remember(self, ts: str | None) -> None:
        boards = {channel: one for channel, one in self._store.state.boards.items() if channel != self._channel}
        self._store.save(replace(self._store.state, boards=boards if ts is None else {**boards, self._channel: ts}))
