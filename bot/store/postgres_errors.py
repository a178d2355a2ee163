"""Pure: what PostgreSQL says of an error, and what to do about it, without our secrets."""

import psycopg
from psycopg import errors as kinds

from bot.http.redaction import plain

_REMEDIES: tuple[tuple[type[psycopg.Error], str], ...] = (
    (kinds.InvalidSchemaName, "Create the schema that search_path names."),
    (
        kinds.InsufficientPrivilege,
        "Let the user create tables in its schema, or read and change the bot's tables there.",
    ),
    (kinds.DiskFull, "The server's disk is full: free some space. A running bot then goes on by itself."),
    (kinds.ReadOnlySqlTransaction, "It can only be read: if it is a replica, let state.url name the primary."),
    (kinds.QueryCanceled, "pg_stat_activity shows what keeps the server busy. A running bot tries again by itself."),
    (kinds.LockNotAvailable, "pg_stat_activity shows what keeps the server busy. A running bot tries again by itself."),
    (kinds.SerializationFailure, "A running bot tries again by itself."),
    (kinds.UndefinedTable, "The bot's tables are gone: restore them from a backup."),
    (psycopg.OperationalError, "Check state.url, and whether the server is running."),
)


def what(error: psycopg.Error, secrets: tuple[str, ...]) -> str:
    """Return what happened, in the words of the server or of libpq, without a full stop."""
    lines = (error.diag.message_primary or str(error)).splitlines()
    # libpq guesses at the cause on lines that begin with a tab.
    said = " ".join(line.strip() for line in lines if not line.startswith("\t"))
    return plain(said, secrets).rstrip(".")


def remedy(error: psycopg.Error) -> str:
    """Return what the reader can do, as a sentence."""
    return next((remedy for kind, remedy in _REMEDIES if isinstance(error, kind)), "Check the database.")
