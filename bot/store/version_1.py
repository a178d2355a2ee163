"""Pure: a state of version 1 → one of this version: keys that were renamed, dropped, or came later."""

from collections.abc import Mapping
from typing import Any

_TASK = frozenset(
    {
        "status",
        "create_time",
        "first_seen",
        "place",
        "missed",
        "missed_since",
        "linkless_since",
        "vanished",
        "noted",
    }
)


def translated(document: dict[str, Any]) -> dict[str, Any]:
    """Return the decoded *document* of version 1 as one of this version.

    What version 1 did not have must not be there, and whatever else is wrong stays so. Raise ValueError.
    """
    try:
        return _translated(document)
    except KeyError as error:
        raise ValueError(f"{error.args[0]}: the key is missing") from None
    except (AttributeError, TypeError):
        raise ValueError("it is not of the shape of version 1") from None


def _translated(document: dict[str, Any]) -> dict[str, Any]:
    outbox = document["outbox"]
    return _changed(
        {
            **document,
            "version": 2,
            "listing": _changed(document["listing"], {"full_read_at": "full_scan_at"}, empty=False),
            "tasks": {task_id: _task(record) for task_id, record in document["tasks"].items()},
            "outbox": {
                **outbox,
                "notices": [_notice(one) for one in outbox["notices"]],
                "destinations": {
                    channel: _changed(one, {"mark": "intent"}, reading=None, unread_since=0.0, moved_to="")
                    for channel, one in outbox["destinations"].items()
                },
            },
            "troubles": {
                code: _changed(one, {"told_at": "reported_at"}, detail="") for code, one in document["troubles"].items()
            },
        },
        {"listing": "profile"},
        boards_posted={},
        account="",
    )


def _task(record: dict[str, Any]) -> dict[str, Any] | list[Any]:
    if record.keys() != _TASK:
        raise ValueError("tasks: a key is missing or not known")
    if record["status"] in {20, 30} and not record["linkless_since"]:
        return [record["status"], record["create_time"], record["noted"], record["missed"]]
    return {key: value for key, value in record.items() if key not in {"noted", "place"}}


def _notice(notice: dict[str, Any]) -> dict[str, Any]:
    greets = notice["content"]["kind"] == "greeting"
    content = _changed(notice["content"], {"noted": "baselined"} if greets else {})
    return _changed({**notice, "content": content}, {"rung": "fallback"})


def _changed(old: dict[str, Any], renamed: Mapping[str, str], **added: Any) -> dict[str, Any]:
    if later := old.keys() & {*renamed.values(), *added}:
        raise ValueError(f"{min(later)}: the key is not known")
    return {renamed.get(key, key): value for key, value in old.items()} | added
