"""The state in PostgreSQL, for who has outgrown one machine: only the session that holds it can save.

A copy that was paused or cut off has lost its session, so it cannot record; and what cannot be recorded is not posted.
The small part of the document is in one row and its tasks are in a table, so that a save writes what has changed.
"""

import contextlib
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, LiteralString
from urllib.parse import unquote

import psycopg
from psycopg import errors as kinds
from psycopg.conninfo import conninfo_to_dict

from bot.domain.state import State
from bot.errors import StateError, StateHeldError, StateLostError
from bot.events import NOBODY, Events
from bot.http.redaction import plain
from bot.secret import Secret
from bot.store import document

_TABLES = """
    create table if not exists lipsync_bot_states (
        account text primary key,
        document json,
        holder json not null,
        note json not null default '{}',
        heartbeat timestamptz not null default now());
    create table if not exists lipsync_bot_tasks (
        account text not null references lipsync_bot_states on delete cascade,
        id text not null,
        record json not null,
        primary key (account, id))
"""
_FIRST = 0x6C697073796E63  # an advisory lock for whoever makes the tables
_CONNECTING = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 12_000,
    "application_name": "lipsync-bot",
}
# The server ends a session of which it hears nothing within 15 seconds, and one that is frozen within 30.
_SESSION = {
    "idle_session_timeout": "30s",
    "idle_in_transaction_session_timeout": "30s",
    "statement_timeout": "15s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "12s",
}
_SIGN_OF_LIFE = 10.0  # seconds between two statements of a session that has nothing to do
_HEARTBEAT = 1.0  # seconds between two heartbeats that are written

_Connection = psycopg.Connection[tuple[Any, ...]]


class Database:
    """A session with the database at *url*, shared by all accounts of the process. No error holds the password."""

    def __init__(self, url: Secret) -> None:
        self._url = url.value
        parts = conninfo_to_dict(self._url)
        self._secrets = tuple({str(parts.get("password") or ""), unquote(str(parts.get("password") or "")), self._url})
        where = f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"
        self._shown = f"PostgreSQL at {where}"
        self._mine = threading.RLock()
        self._connection: _Connection | None = None
        self._ended = threading.Event()

    def __str__(self) -> str:
        return self._shown

    @contextlib.contextmanager
    def session(self, held: object = None) -> Iterator[_Connection]:
        """Yield the connection, for this thread alone until the block ends. Raise StateError.

        *held* is the connection that a lock was taken with: StateLostError if there is another one now, or none.
        """
        with self._mine:
            if held is not None and (held is not self._connection or self._connection.closed):
                raise StateLostError(f"{self}: the connection was lost, and with it the lock on the state.")
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = self._connected()
                yield self._connection
            except psycopg.Error as error:
                raise self._in_words(error, lost=held is not None and self._is_closed()) from None

    def close(self) -> None:
        """End the session, and with it every lock."""
        self._ended.set()
        with self._mine:
            if self._connection is not None:
                self._connection.close()

    def _connected(self) -> _Connection:
        connection = psycopg.connect(self._url, autocommit=True, **_CONNECTING)  # type: ignore[arg-type]
        with contextlib.ExitStack() as undo:
            undo.callback(connection.close)
            encoding = connection.info.parameter_status("server_encoding")
            if encoding != "UTF8":
                text = f"{self}: its encoding is {encoding}. Create the database with ENCODING 'UTF8'."
                raise StateError(text)
            for name, value in _SESSION.items():
                with contextlib.suppress(kinds.UndefinedObject):  # idle_session_timeout came with PostgreSQL 14
                    connection.execute("select set_config(%s, %s, false)", (name, value))
            # A user who may not create tables may use those that an administrator has made.
            if connection.execute("select to_regclass('lipsync_bot_tasks')").fetchone() == (None,):
                with connection.transaction():
                    connection.execute("select pg_advisory_xact_lock(%s)", (_FIRST,))
                    connection.execute(_TABLES)
            undo.pop_all()
        threading.Thread(target=self._sign_on, args=(connection,), name="database", daemon=True).start()
        return connection

    def _sign_on(self, connection: _Connection) -> None:
        """Give signs of life: only a process that is frozen has none."""
        while not self._ended.wait(_SIGN_OF_LIFE) and not connection.closed:
            with self._mine, contextlib.suppress(psycopg.Error):
                connection.execute("select")

    def _is_closed(self) -> bool:
        return self._connection is None or self._connection.closed

    def _in_words(self, error: psycopg.Error, *, lost: bool) -> StateError:
        said = plain(str(error).splitlines()[0] if str(error) else type(error).__name__, self._secrets)
        text = f"{self}: {said.rstrip('.')}."
        if lost:
            return StateLostError(f"{text} The bot goes on when it can connect again.")
        match error:
            case kinds.InsufficientPrivilege():
                remedy = "Let the user create tables in its schema, or use and change those that are there."
            case kinds.DiskFull():
                remedy = "The server's disk is full: free some space. A running bot then goes on by itself."
            case kinds.ReadOnlySqlTransaction():
                remedy = "It is a replica: state.url must name the primary (or add ?target_session_attrs=read-write)."
            case psycopg.OperationalError():
                remedy = "Check state.url, and whether the server is running."
            case _:
                remedy = "Check the database."
        return StateError(f"{text} {remedy}")


class PostgresPlace:
    """The state of *account* in *database*."""

    def __init__(self, database: Database, account: str) -> None:
        self._database = database
        self._account = account

    def __str__(self) -> str:
        return f"{self._database}, account {self._account}"

    def hold(self, now: float) -> "PostgresStore":
        """Return the store, held until its `release`. Raise StateHeldError when another copy holds it; StateError."""
        me = {"host": os.uname().nodename, "pid": os.getpid(), "started": now}
        with self._database.session() as connection:
            (schema,) = connection.execute("select current_schema()").fetchone() or ("",)
            digest = hashlib.sha256(f"{schema}\n{self._account}".encode()).digest()
            key = int.from_bytes(digest[:8], signed=True)
            taken = connection.execute("select pg_try_advisory_lock(%s)", (key,)).fetchone()
            before = self._row(connection, "holder, extract(epoch from heartbeat)::float8, note")
            if taken != (True,):
                raise StateHeldError(f"{self}: held by {document.holder_in_words(before[0] if before else {})}.")
            connection.execute(
                "insert into lipsync_bot_states (account, holder) values (%s, %s)"
                " on conflict (account) do update set holder = excluded.holder",
                (self._account, json.dumps(me)),
            )
        return PostgresStore(self._database, connection, self._account, key, before[1:] if before else (None, {}))

    def peek(self) -> State | None:
        """Return the state as it is now, without the lock. None: there is none yet. Raise StateError."""
        with self._database.session() as connection, connection.transaction():
            connection.execute("set transaction isolation level repeatable read, read only")
            return read(connection, self._account, str(self))

    def left(self) -> tuple[float, Mapping[str, Any]] | None:
        """Return when the bot with this state was last alive, in Unix seconds, and its note. None: none ever ran."""
        with self._database.session() as connection:
            row = self._row(connection, "extract(epoch from heartbeat)::float8, note")
        return (row[0], row[1]) if row else None

    def _row(self, connection: _Connection, columns: LiteralString) -> tuple[Any, ...] | None:
        query: LiteralString = "select " + columns + " from lipsync_bot_states where account = %s"
        return connection.execute(query, (self._account,)).fetchone()


class PostgresStore:
    """The state that this copy holds: see store.Store."""

    def __init__(
        self,
        database: Database,
        connection: _Connection,
        account: str,
        key: int,
        before: tuple[float | None, Mapping[str, Any]],
        events: Events,
    ) -> None:
        self._database = database
        self._connection = connection
        self._account = account
        self._key = key
        self._events = events
        self._note: Mapping[str, Any] = {}
        self._beaten = float("-inf")  # monotonic seconds
        self.last_alive, self.before = before
        self.state = State()

    def load(self) -> State:
        """Read the state, which is a new one if none was ever saved. Raise StateError."""
        with self._database.session(self._connection) as connection:
            self.state = read(connection, self._account, str(self._database)) or State()
        return self.state

    def save(self, state: State) -> None:
        """Save what has changed, all of it or nothing. Raise StateError; StateLostError if it is held no more."""
        began = time.monotonic()
        with self._database.session(self._connection) as connection:
            if state == self.state:
                return
            changed, gone = document.difference(self.state.tasks, state.tasks)
            content = document.encode_rest(state)
            with connection.transaction():
                connection.execute(
                    "update lipsync_bot_states set document = %s, heartbeat = now() where account = %s",
                    (content.decode(), self._account),
                )
                if changed:
                    connection.execute(_PUT, (self._account, [*map(_escaped, changed)], [*changed.values()]))
                if gone:
                    connection.execute(_REMOVE, (self._account, [*map(_escaped, gone)]))
        self.state = state
        self._events.emit("state_written", seconds=time.monotonic() - began, size=len(content))
