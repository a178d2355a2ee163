"""Pure: entries of a channel's history → the ids and boards in the metadata of those that our own app posted.

The answer is whatever JSON a server sent, so each entry may be anything.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

TS = re.compile(r"[0-9]+\.[0-9]+")
_BOARD = "lipsync_board"

Entry = Mapping[str, Any]


def of_type(messages: Iterable[Any], event_type: str) -> list[Entry]:
    """Return those of *messages* that have a ts and metadata of *event_type*."""
    return [one for one in messages if ts_of(one) and _metadata(one).get("event_type") == event_type]


def boards(messages: Iterable[Any], owner: str) -> list[Entry]:
    """Return those of *messages* that are boards of *owner*."""
    return [one for one in of_type(messages, _BOARD) if _payload(one).get("owner") == owner]


def board_metadata(owner: str) -> dict[str, Any]:
    """Return the metadata that makes a message the board of *owner*."""
    return {"event_type": _BOARD, "event_payload": {"owner": owner}}


def is_ours(message: Entry, us: Mapping[str, Any]) -> bool:
    """Tell whether we have posted *message*: any other app can write the same metadata.

    If it is not known who we are, or the message does not say whose it is, it counts as ours.
    """
    for keys in ((("bot_id", "bot_id"), ("app_id", "app_id")), (("user", "user_id"),)):
        same = [message[theirs] == us[our] for theirs, our in keys if message.get(theirs) and us.get(our)]
        if same:
            return any(same)
    return True


def ids_of(message: Entry) -> list[str]:
    """Return the notice ids in the metadata of *message*."""
    ids = _payload(message).get("ids")
    # A list is what an earlier version of the bot sent.
    ids = ids.split() if isinstance(ids, str) else ids
    return [id_ for id_ in ids if isinstance(id_, str)] if isinstance(ids, list) else []


def ts_of(message: Any) -> str:
    """Return the ts of *message*, "" if it has none."""
    ts = message.get("ts") if isinstance(message, dict) else None
    return ts if isinstance(ts, str) and TS.fullmatch(ts) else ""


def _metadata(message: Any) -> Mapping[str, Any]:
    described = message.get("metadata") if isinstance(message, dict) else None
    return described if isinstance(described, dict) else {}


def _payload(message: Any) -> Mapping[str, Any]:
    payload = _metadata(message).get("event_payload")
    return payload if isinstance(payload, dict) else {}
