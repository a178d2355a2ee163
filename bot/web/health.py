"""How the running bot is doing: for /healthz and /readyz, for the ping, and for the command `health`."""

from dataclasses import replace
from typing import Any

from bot.clock import Clock
from bot.domain import health
from bot.domain.health import Condition, Reasons
from bot.domain.state import State
from bot.store.places import Store


class Health:
    """Listens to what the loop does; any thread may ask. What the command `health` is to know is left in the *store*.

    *bare* is the condition of a bot of which nothing is known yet.
    """

    def __init__(self, store: Store, clock: Clock, bare: Condition) -> None:
        self._store = store
        self._clock = clock
        self._bare = bare
        self._turned = clock.monotonic()
        self._failing_since: float | None = None  # monotonic seconds

    @property
    def state(self) -> State:
        return self._store.state

    @property
    def last_read(self) -> float | None:
        """When the list was last read, in Unix seconds; None: never."""
        return self._bare.last_read

    def turned(self) -> None:
        """Take note that the loop turns. Several requests may follow one another before anything else says so."""
        self._turned = self._clock.monotonic()

    def emit(self, event: str, /, **fields: Any) -> None:
        match event:
            case "page_read" | "slack_called":
                self.turned()
                self._store.heartbeat()
                self._leave()
            case "list_read":
                self._bare = replace(self._bare, last_read=fields["at"])
                self._leave()
            case "cycle_ended":
                self.turned()
                before = self._turned if self._failing_since is None else self._failing_since
                self._failing_since = None if fields["well"] else before
                self._leave()

    def alive(self) -> Reasons:
        """Return nothing while the loop turns, however badly it fares: a restart would not help."""
        return self._reasons(self._bare)

    def ready(self) -> Reasons:
        """Return why the bot does not do its work; nothing: it does."""
        return self._reasons(self._condition())

    def _reasons(self, condition: Condition) -> Reasons:
        return health.reasons(condition, silent_for=self._clock.monotonic() - self._turned, now=self._clock.now())

    def _condition(self) -> Condition:
        now, since = self._clock.now(), self._failing_since
        failing_since = None if since is None else round(now - (self._clock.monotonic() - since))
        return health.condition(self._store.state, self._bare, failing_since=failing_since, now=now)

    def _leave(self) -> None:
        self._store.leave(health.to_leave(self._condition()))
