"""Where a state is kept, and what that is to those who use it: whether in a file or in a database, they cannot tell."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, Self

from bot.disk import resolve
from bot.domain.state import State
from bot.errors import ConfigError
from bot.events import NOBODY, Events

if TYPE_CHECKING:
    from bot.config import sections
    from bot.store.database import Database


class Store(Protocol):
    """The state that this copy of the bot holds. `state` is what is saved: a save that fails leaves it as it was."""

    @property
    def state(self) -> State: ...

    @property
    def last_alive(self) -> float | None:
        """When the copy that held it before was last alive, in Unix seconds."""

    @property
    def before(self) -> Mapping[str, Any]:
        """What that one has left."""

    def load(self) -> State:
        """Read the state, which is a new one if none was ever saved. Raise StateError: corrupt is never empty."""

    def save(self, state: State) -> None:
        """Save all of *state* or nothing. Nothing is written when nothing changed, but for the first time.

        Raise StateError: nothing has changed, and the next save may work. Or StateHeldError or StateLostError, when the
        state is held no longer: then no save will.
        """

    def heartbeat(self) -> None:
        """Say that the bot is alive. Never fails."""

    def leave(self, note: Mapping[str, Any]) -> None:
        """Leave *note* for `health`, in place of the one before. The heartbeat stays what it is. Never fails."""

    def release(self) -> None:
        """Let another copy hold the state. Never fails."""


class Place(Protocol):
    """Where the state of one account is kept. `str` says where, for its user."""

    def hold(self, now: float, events: Events = NOBODY) -> Store:
        """Hold the state until its `release`; it is not read yet. Raise StateHeldError when another copy does."""

    def peek(self) -> State | None:
        """Return the state as it is now, whoever holds it. None: there is none yet. Raise StateError."""

    def left(self) -> tuple[float, Mapping[str, Any]] | None:
        """Return when the bot was last alive, in Unix seconds, and its note. None: none ever ran. Raise StateError."""


class Places:
    """The places of one process. Those in the same database share a session, which lasts as long as the block."""

    def __init__(self) -> None:
        self._databases: dict[str, Database] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the sessions, and with them every hold."""
        for database in self._databases.values():
            database.close()

    def at(self, settings: "sections.State", account: str) -> Place:
        """Return the place that *settings* name for *account*: its own file, or its part of the database.

        Nothing is opened yet. Raise StateError or ConfigError if there can be no state.
        """
        if settings.url is None:
            from bot.store.file import FilePlace

            return FilePlace(resolve(settings.path))
        try:
            from bot.store.database import Database
            from bot.store.postgres import PostgresPlace
        except ImportError:
            raise ConfigError("state.url: needs psycopg. Install it: pip install 'lipsync-bot[postgres]'") from None
        return PostgresPlace(self._databases.setdefault(settings.url.value, Database(settings.url)), account)
