"""Pure: a state of version 1 → one of this version: keys that were renamed, dropped, or came later."""

from collections.abc import Mapping
from typing import Any

from bot.domain.state import VERSION

_TASK = {"status", "create_time", "first_seen", "place", "missed", "missed_since"}
_TASK |= {"linkless_since", "vanished", "noted"}


def translated(document: dict[str, Any]) -> dict[str, Any]:
    """Return the decoded *document* of version 1 as one of this version.

    What version 1 did not have must not be there, and whatever else is wrong stays so. Raise ValueError.
    """
    try:
        return _state(document)
    except KeyError as error:
        raise ValueError(f"{error.args[0]}: the key is missing") from None
    except (AttributeError, TypeError, IndexError):
        raise ValueError("it is not of the shape of version 1") from None


def _state(old: dict[str, Any]) -> dict[str, Any]:
    summarised = [day for day in old["summarised"].split(",") if day]
    state = _changed(
        old, {"listing": "profile"}, boards_posted={}, account="", diary={}, chart={}, ended=[], to_archive=[]
    )
    return _without(state, "days", "summarised") | {
        "version": VERSION,
        "profile": _changed(old["listing"], {"full_read_at": "full_scan_at"}, empty=False),
        "tasks": {task_id: _task(record) for task_id, record in old["tasks"].items()},
        "outbox": old["outbox"]
        | {
            "notices": [_notice(one) for one in old["outbox"]["notices"]],
            "destinations": {
                channel: _changed(one, {"mark": "intent"}, reading=None, unread_since=0.0, moved_to="")
                for channel, one in old["outbox"]["destinations"].items()
            },
        },
        "delivered": [_receipt(one) for one in old["delivered"]],
        "troubles": {
            code: _changed(one, {"told_at": "reported_at"}, detail="") for code, one in old["troubles"].items()
        },
        "diary": {
            "days": {day: counted for day, counted in old["days"].items() if day not in summarised},
            "summarised": summarised,
        },
    }


def _task(old: dict[str, Any]) -> dict[str, Any] | list[Any]:
    if wrong := old.keys() ^ _TASK:
        raise ValueError(f"{min(wrong)}: a key is missing or not known")
    if old["status"] in {20, 30} and not old["linkless_since"]:
        return [old["status"], old["create_time"], old["noted"], old["missed"]]
    return _without(old, "noted", "place")


def _notice(old: dict[str, Any]) -> dict[str, Any]:
    """Return a notice whose content knows what its subject said."""
    content, instance = old["content"], old["subject"].rpartition(":")[2]
    match content["kind"]:
        case "greeting":
            content = _changed(content, {"noted": "baselined"}, instance=instance)
        case "trouble":
            reported_at = float(old["subject"].split(":")[-2])
            content = _changed(content, {}, reported_at=reported_at, instance=instance)
        case "summary":
            content = _changed(content, {}, instance=instance)
    return _changed({**_without(old, "subject", "status", "role"), "content": content}, {"rung": "fallback"})


def _receipt(old: dict[str, Any]) -> dict[str, Any]:
    key = [old["subject"], old["status"], old["role"]] if old["subject"] else None
    return _changed(_without(old, "subject", "status", "role"), {}, key=key)


def _changed(old: dict[str, Any], renamed: Mapping[str, str], **added: Any) -> dict[str, Any]:
    if later := old.keys() & {*renamed.values(), *added}:
        raise ValueError(f"{min(later)}: the key is not known")
    return {renamed.get(key, key): value for key, value in old.items()} | added


def _without(old: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Return *old* without *keys*. Raise KeyError when one is missing."""
    new = dict(old)
    for key in keys:
        del new[key]
    return new
