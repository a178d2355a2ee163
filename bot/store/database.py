"""One session with PostgreSQL, shared by all accounts of the process that keep their state there.

A session's locks end with it. So what was held with a session is lost with it, and another one is never a substitute.
"""

import contextlib
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from bot.errors import NO_THREAD, ConfigError, StateError, StateLostError
from bot.secret import Secret
from bot.store.heartbeats import Heartbeats
from bot.store.postgres_errors import remedy, what

Connection = psycopg.Connection[tuple[Any, ...]]

_CONNECTING = {
    "connect_timeout": 5,
    "application_name": "lipsync-bot",
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 12_000,
}
# The server ends the session of a machine that is silent for 15 seconds. That a process has ended it sees at once.
_SESSION = {
    "statement_timeout": "20s",
    "lock_timeout": "2s",  # the session is shared: what one account waits for, all wait for
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "12s",
}
# A setting that this version of PostgreSQL does not have is left out: idle_session_timeout came with 14.
_CONFIGURE = """
    select set_config(name, given.value, false)
    from unnest(%s::text[], %s::text[]) as given (name, value) join pg_settings using (name)
"""
_LOST = "the connection was lost, and with it the lock on the state"
_REFUSAL = 1.0  # seconds for which one failed attempt to connect answers for all accounts
_PORTS = re.compile(r"[0-9]{0,5}(,[0-9]{0,5})*")


@dataclass(frozen=True, slots=True)
class Hold:
    """A lock of a session. It holds as long as the session lasts, or until it is released."""

    connection: Connection
    key: int


class Database:
    """The database at *url*. No error holds the password. All methods may be called from any thread.

    The server ends a session that gave no sign of life for *idle* seconds. A thread gives them while a lock is held, so
    only a process that is frozen gives none. A session whose server has not answered for *patience* seconds is ended.
    """

    def __init__(self, url: Secret, *, idle: float = 30.0, patience: float = 30.0) -> None:
        parts = _parts(url)
        self._parts = {**_CONNECTING, **parts, "client_encoding": "UTF8"}
        self._secrets = (url.value, *(str(parts[name]) for name in ("password", "sslpassword") if name in parts))
        self._idle = idle
        self._patience = patience
        self._turn = threading.Lock()
        self._began: float | None = None  # when the one whose turn it is began to talk to the server, in seconds
        self._connection: Connection | None = None
        self._keys: set[int] = set()
        self._signing: Connection | None = None
        self._refused: tuple[float, StateError] | None = None
        self._ended = threading.Event()
        self.heartbeats = Heartbeats()

    def __str__(self) -> str:
        host, port, name = (self._parts.get(key) or "" for key in ("host", "port", "dbname"))
        return f"PostgreSQL at {host or 'this machine'}{port and f', port {port}'}, database {name or 'of the user'}"

    @contextlib.contextmanager
    def session(self, hold: Hold | None = None) -> Iterator[Connection]:
        """Yield the session, to this thread alone until the block ends. Raise StateError; StateLostError if it ended.

        *hold*: the session that took it, or StateLostError. An end of which nobody knows is the end of the session.
        """
        with self._my_turn():
            if hold and not self._is_held(hold):
                raise StateLostError(f"{self}: {_LOST}.")
            connection = hold.connection if hold else self._connected()
            try:
                yield connection
            except psycopg.Error as error:
                _end_unless_idle(connection)
                raise self._in_words(error, lost=connection.closed, held=hold is not None) from None
            finally:
                _end_unless_idle(connection)

    def lock(self, connection: Connection, key: int) -> Hold | None:
        """Take the lock *key*; None: somebody has it. Within `session`. Raise StateError or psycopg.Error."""
        if key in self._keys or connection.execute("select pg_try_advisory_lock(%s)", (key,)).fetchone() != (True,):
            return None
        if self._signing is not connection:
            self._signing = connection
            try:
                threading.Thread(target=self._give_signs, args=(connection,), name="database", daemon=True).start()
            except RuntimeError:
                connection.close()
                raise StateError(f"{self}: {NO_THREAD}.") from None
        self._keys.add(key)
        return Hold(connection, key)

    def release(self, hold: Hold) -> None:
        """Let another copy take the lock. Within `session`. Raise psycopg.Error."""
        self._keys.discard(hold.key)
        try:
            hold.connection.execute("select pg_advisory_unlock(%s)", (hold.key,))
        except psycopg.Error:
            hold.connection.close()  # and with it the lock
            raise

    def close(self) -> None:
        """End the session, and with it every hold."""
        self._ended.set()
        with self._my_turn():
            if self._connection is not None:
                self._connection.close()

    def _is_held(self, hold: Hold) -> bool:
        return not hold.connection.closed and hold.key in self._keys

    @contextlib.contextmanager
    def _my_turn(self) -> Iterator[None]:
        while not self._turn.acquire(timeout=min(1.0, self._patience)):
            began = self._began
            if began is not None and time.monotonic() - began > self._patience:
                _cut(self._connection)
        self._began = time.monotonic()
        try:
            yield
        finally:
            self._began = None
            self._turn.release()

    def _connected(self) -> Connection:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        if self._refused and time.monotonic() - self._refused[0] < _REFUSAL:
            raise StateError(str(self._refused[1]))
        self._keys.clear()
        try:
            self._connection = connection = psycopg.connect(**self._parts, autocommit=True)
        except psycopg.Error as error:
            refused = self._in_words(error)
            self._refused = (time.monotonic(), refused)
            raise refused from None
        except UnicodeError:
            raise ConfigError("state.url: there can be no such host. Is its name spelled right?") from None
        try:
            self._prepare(connection)
        except psycopg.Error as error:
            raise self._in_words(error, lost=True) from None
        return connection

    def _prepare(self, connection: Connection) -> None:
        with contextlib.ExitStack() as undo:
            undo.callback(connection.close)
            if connection.execute("select pg_backend_pid()").fetchone() != (connection.info.backend_pid,):
                raise StateError(
                    f"{self}: there is a connection pooler, such as PgBouncer, before it, and a lock cannot be held "
                    "through one. Let state.url name the server itself."
                )
            encoding = connection.info.parameter_status("server_encoding")
            if encoding != "UTF8":
                raise StateError(f"{self}: its encoding is {encoding}. Create a database with ENCODING 'UTF8'.")
            settings = {**_SESSION, "idle_session_timeout": f"{round(self._idle * 1000)}ms"}
            connection.execute(_CONFIGURE, ([*settings], [*settings.values()]))
            undo.pop_all()

    def _give_signs(self, connection: Connection) -> None:
        """Write the heartbeats that there are, or say anything at all, as long as the session lasts."""
        last = time.monotonic()
        while not self._ended.wait(min(1.0, self._idle / 3)):
            with self._my_turn(), contextlib.suppress(psycopg.Error):
                if connection.closed:
                    return
                if self.heartbeats.write(connection):
                    last = time.monotonic()
                elif time.monotonic() - last >= self._idle / 3:
                    connection.execute("select")
                    last = time.monotonic()

    def _in_words(self, error: psycopg.Error, *, lost: bool = False, held: bool = False) -> StateError:
        if lost and held:
            return StateLostError(f"{self}: {_LOST}: {what(error, self._secrets)}.")
        kind = StateLostError if lost else StateError
        return kind(f"{self}: {what(error, self._secrets)}. {remedy(error)}")


def _parts(url: Secret) -> dict[str, Any]:
    """Return the parts of *url* as libpq names them. Raise ConfigError, which quotes nothing of it."""
    try:
        parts = conninfo_to_dict(url.value)
    except psycopg.Error:
        parts = {}
    # In a password these end it too early, and its rest would be taken for a host, a port or a name, and shown.
    odd = any("@" in str(parts.get(name) or "") for name in ("host", "dbname"))
    if not url.value.startswith(("postgresql://", "postgres://")) or not parts or odd or not _has_port(parts):
        raise ConfigError(
            "state.url: must be postgresql://USER:PASSWORD@HOST/DATABASE. In the password write %40 for @, %2F for /, "
            "%3A for :, %3F for ?, %23 for # and %25 for %."
        )
    return parts


def _has_port(parts: dict[str, Any]) -> bool:
    return _PORTS.fullmatch(str(parts.get("port") or "")) is not None


def _end_unless_idle(connection: Connection) -> None:
    if connection.info.transaction_status != TransactionStatus.IDLE:
        connection.close()


def _cut(connection: Connection | None) -> None:
    """End the session, though somebody is waiting for its server, who then learns of it."""
    if connection is None:
        return
    with contextlib.suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)
