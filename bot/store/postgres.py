"""The state in PostgreSQL, for those who have outgrown one machine: only the session that holds it can save.

A copy that was paused or cut off has lost its session, so it cannot record; and what cannot be recorded is not posted.
The small part of the document is in one row and its tasks are in a table, so that a save writes what has changed.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from secrets import token_hex
from typing import Any

import psycopg
from psycopg import errors as kinds

from bot.domain.state import State
from bot.errors import StateError, StateHeldError, StateLostError
from bot.events import NOBODY, Events
from bot.store import document
from bot.store.database import Connection, Database, Hold
from bot.store.holder import in_words

_TABLES_ARE_THERE = "select to_regclass('lipsync_bot_tasks')"
# The first statement: of two copies that start at once, one waits for the other.
_MAKE_TABLES = f"""
    select pg_advisory_xact_lock({0x6C697073796E63});
    create table if not exists lipsync_bot_states (
        account text primary key,
        document json, -- without the tasks; null: nothing was ever saved
        task_count integer not null default 0,
        holder json not null,
        note json not null default '{{}}',
        heartbeat timestamptz not null default now());
    create table if not exists lipsync_bot_tasks (
        account text not null references lipsync_bot_states on delete cascade,
        id text not null, -- as JSON spells it
        record json not null,
        primary key (account, id));
"""
_HOLDER = "select holder from lipsync_bot_states where account = %s"
_HOLD = """
    with before as (
        select extract(epoch from heartbeat)::float8 as alive, note from lipsync_bot_states where account = %(account)s)
    insert into lipsync_bot_states (account, holder) values (%(account)s, %(holder)s)
    on conflict (account) do update set holder = excluded.holder, heartbeat = excluded.heartbeat
    returning (select alive from before), (select note from before)
"""
_LEFT = "select extract(epoch from heartbeat)::float8, note from lipsync_bot_states where account = %s"
_READ = """
    select document::text, task_count, count(id), coalesce(string_agg('"' || id || '":' || record::text, ','), '')
    from lipsync_bot_states left join lipsync_bot_tasks using (account)
    where account = %s group by account
"""
# One statement is one transaction. Whoever took the lock last has its token there: should a server ever give the lock
# to two sessions, the older one cannot save either.
_SAVE = """
    with held as (
        update lipsync_bot_states set document = %(document)s, task_count = %(count)s
        where account = %(account)s and holder->>'token' = %(token)s
        returning account),
    put as (
        insert into lipsync_bot_tasks (account, id, record) select account, key, value from held, json_each(%(changed)s)
        on conflict (account, id) do update set record = excluded.record),
    removed as (
        delete from lipsync_bot_tasks using held
        where lipsync_bot_tasks.account = held.account and id = any(%(gone)s::text[]))
    select from held
"""


class PostgresPlace:
    """The state of *account* in *database*: a store.places.Place."""

    def __init__(self, database: Database, account: str) -> None:
        self._database = database
        self._account = account

    def __str__(self) -> str:
        return f"{self._database}, account {self._account}"

    def hold(self, now: float, events: Events = NOBODY) -> "PostgresStore":
        """Return the store, held until its `release`. Raise StateHeldError when another copy holds it; StateError."""
        token = token_hex(8)
        holder = {"host": os.uname().nodename, "pid": os.getpid(), "started": now, "token": token}
        with self._database.session() as connection:
            # A user who may not create tables may use those that an administrator has made.
            if connection.execute(_TABLES_ARE_THERE).fetchone() == (None,):
                connection.execute(_MAKE_TABLES)
            hold = self._database.lock(connection, self._key(connection))
            if hold is None:
                (other,) = connection.execute(_HOLDER, (self._account,)).fetchone() or ({},)
                raise StateHeldError(
                    f"{self}: held by {in_words(other)}. Stop it first, or give this copy a database of its own."
                )
            try:
                given = {"account": self._account, "holder": json.dumps(holder)}
                last_alive, note = connection.execute(_HOLD, given).fetchone() or (None, None)
            except psycopg.Error:
                with contextlib.suppress(psycopg.Error):
                    self._database.release(hold)
                raise
        return PostgresStore(
            self._database, hold, self._account, token, last_alive=last_alive, before=note or {}, events=events
        )

    def peek(self) -> State | None:
        """Return the state as it is now, without the lock. None: there is none yet. Raise StateError."""
        with self._database.session() as connection:
            row = _row(connection, _READ, self._account)
        return _decoded(row, str(self))

    def left(self) -> tuple[float, Mapping[str, Any]] | None:
        """Return when the bot with this state was last alive, in Unix seconds of the server's clock, and its note.

        None: none ever ran. Raise StateError.
        """
        with self._database.session() as connection:
            row = _row(connection, _LEFT, self._account)
        return (row[0], row[1]) if row else None

    def _key(self, connection: Connection) -> int:
        """Return the number of the lock: the same for all who find the same table, whatever their search_path is."""
        (table,) = connection.execute("select 'lipsync_bot_states'::regclass::oid").fetchone() or (0,)
        digest = hashlib.sha256(f"{table}\n{self._account}".encode()).digest()
        return int.from_bytes(digest[:8], signed=True)


class PostgresStore:
    """The state of the copy of the bot that has *hold* and wrote *token*: a store.places.Store."""

    def __init__(
        self,
        database: Database,
        hold: Hold,
        account: str,
        token: str,
        *,
        last_alive: float | None,
        before: Mapping[str, Any],
        events: Events,
    ) -> None:
        self._database = database
        self._hold = hold
        self._account = account
        self._token = token
        self._events = events
        self._note = ""
        self.last_alive = last_alive
        self.before = before
        self.state = State()
        self._written = False  # by this copy: it is to learn at the start whether that can be done

    def load(self) -> State:
        """Read the state, which is a new one if none was ever saved. Raise StateError."""
        with self._database.session(self._hold) as connection:
            row = _row(connection, _READ, self._account)
        self.state = _decoded(row, f"{self._database}, account {self._account}") or State()
        return self.state

    def save(self, state: State) -> None:
        """Save what has changed, all of it or nothing. Nothing is written when nothing changed, but for the first time.

        Raise StateError; then nothing has changed. StateLostError: it is held no longer, and perhaps it was saved.
        """
        changed, gone = document.difference(self.state.tasks, state.tasks)
        same_rest = replace(state, tasks={}) == replace(self.state, tasks={})
        if self._written and same_rest and not changed and not gone:
            return
        content, tasks = document.encode_rest(state).decode(), document.encode_by_name(changed).decode()
        given = {"account": self._account, "token": self._token, "document": content, "count": len(state.tasks)}
        given |= {"changed": tasks, "gone": [*map(document.name, gone)]}
        began = time.monotonic()
        with self._database.session(self._hold) as connection:
            if not connection.execute(_SAVE, given).rowcount:
                raise StateLostError(f"{self._database}: another copy of the bot has taken the state over.")
        self.state, self._written = state, True
        self._events.emit("state_written", seconds=time.monotonic() - began, size=len(content) + len(tasks))

    def heartbeat(self) -> None:
        """Say that the bot is alive: within a second, if it still holds the state."""
        self._database.heartbeats.add(self._account, self._token, alive=True)

    def leave(self, note: Mapping[str, Any]) -> None:
        """Replace the *note*, likewise. The heartbeat stays what it is."""
        if (text := json.dumps(note)) != self._note:
            self._note = text
            self._database.heartbeats.add(self._account, self._token, note=text)

    def release(self) -> None:
        """Let another copy take the state."""
        with contextlib.suppress(StateError), self._database.session(self._hold) as connection:
            self._database.release(self._hold)
            self._database.heartbeats.write(connection)  # what is still to be written must not keep the lock


def _row(connection: Connection, query: str, account: str) -> tuple[Any, ...] | None:
    try:
        return connection.execute(query, (account,)).fetchone()
    except kinds.UndefinedTable:
        return None


def _decoded(row: tuple[str | None, int, int, str] | None, place: str) -> State | None:
    """Return the state in *row*. None: none was ever saved. Raise StateError: corrupt is never taken for empty."""
    if row is None:
        return None
    rest, expected, found, tasks = row
    try:
        if expected != found:
            raise ValueError(f"it has {found} tasks instead of {expected}")  # noqa: TRY301 - with what else may be wrong
        return None if rest is None and not tasks else document.decode(document.join(rest or "", tasks))
    except document.NewerVersionError as error:
        raise StateError(
            f"{place}: written by a newer version of the bot ({error}). "
            "Run that version, or restore the tables from before the upgrade."
        ) from None
    except (ValueError, RecursionError) as error:
        raise StateError(
            f"{place}: what is there is not a state: {str(error)[:120]}. Restore the tables from a backup. To start "
            "from scratch, delete the account's row from lipsync_bot_states; what has ended by then will not be "
            "announced."
        ) from None
