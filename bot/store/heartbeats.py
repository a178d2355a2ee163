"""The heartbeats of the accounts whose state is in one database, and their notes for `health`: written all at once."""

import threading
from dataclasses import dataclass
from typing import Any

import psycopg

# Neither has to survive a crash of the server, so nothing waits for its disk.
_WRITE = """
    with quick as (select set_config('synchronous_commit', 'off', true))
    update lipsync_bot_states as states
    set heartbeat = case when given.alive then now() else heartbeat end, note = coalesce(given.note::json, states.note)
    from quick, unnest(%s::text[], %s::text[], %s::bool[], %s::text[]) as given (account, token, alive, note)
    where states.account = given.account and holder->>'token' = given.token
"""


@dataclass(frozen=True, slots=True)
class _Entry:
    alive: bool
    note: str | None


_Entries = dict[tuple[str, str], _Entry]  # by account and token


class Heartbeats:
    """What is to be written. Any thread may add to it, which takes no time and fails for no reason."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: _Entries = {}

    def add(self, account: str, token: str, *, alive: bool = False, note: str | None = None) -> None:
        """Have it written that *account* is *alive* now, and its *note*, as JSON, unless that is None.

        *token* is that of the copy that says so: nothing is written once another one holds the state.
        """
        with self._lock:
            self._entries = _merged(self._entries, {(account, token): _Entry(alive, note)})

    def write(self, connection: psycopg.Connection[Any]) -> bool:
        """Write what there is, and return whether there was anything. Raise psycopg.Error."""
        with self._lock:
            entries, self._entries = self._entries, {}
        if not entries:
            return False
        accounts, tokens = zip(*entries, strict=True)
        alive, notes = [one.alive for one in entries.values()], [one.note for one in entries.values()]
        try:
            connection.execute(_WRITE, ([*accounts], [*tokens], alive, notes))
        except psycopg.Error:
            with self._lock:
                self._entries = _merged(entries, self._entries)
            raise
        return True


def _merged(earlier: _Entries, later: _Entries) -> _Entries:
    """Return what is to be written of both: the last note of each, and that it is alive if either says so."""
    merged = dict(earlier)
    for key, one in later.items():
        before = merged.get(key, _Entry(alive=False, note=None))
        merged[key] = _Entry(one.alive or before.alive, before.note if one.note is None else one.note)
    return merged
