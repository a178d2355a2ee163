"""Pure: State ⇄ its JSON document, indented, with a line for each task.

Strict: each key of each object must be there, once, and no other. A document of version 1 or 2 is translated.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain, compress, repeat
from operator import is_, is_not
from typing import Any

import msgspec

from bot.domain.news import EndedTask, TaskRecord, Tasks
from bot.domain.state import VERSION, State
from bot.store import version_1

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(State)


class NewerVersionError(Exception):
    """The document was written by a newer version of the bot."""


class _Versioned(msgspec.Struct):
    version: int


def encode(state: State, tasks: bytes) -> tuple[bytes, ...]:
    """Return the document of *state*, in parts; *tasks* are its tasks as `encode_tasks` returns them."""
    rest = msgspec.json.format(_ENCODER.encode(replace(state, tasks={})), indent=1)
    return rest.removesuffix(b"{}\n}"), tasks, b"\n}\n"


def encode_tasks(tasks: Tasks) -> bytes:
    """Return the tasks, a line each. There may be 100,000 of them, so this is done without a loop."""
    lines = _ENCODER.encode(tasks)
    if b',":' in lines:
        return lines  # an id ends with a comma, so that the end of a task cannot be recognised
    return lines.replace(b'],"', b'],\n  "').replace(b'},"', b'},\n  "')


def encode_rest(state: State) -> bytes:
    """Return the document of *state* on one line and without its tasks, which are kept elsewhere: see `join`."""
    return _ENCODER.encode(replace(state, tasks={})).removesuffix(b',"tasks":{}}') + b"}"


def encode_by_name(tasks: Tasks) -> bytes:
    """Return *tasks* as one JSON object, with each id as `name` returns it."""
    return _ENCODER.encode({name(task_id): record for task_id, record in tasks.items()})


def name(task_id: str) -> str:
    """Return *task_id* as JSON spells it between quotation marks: no database takes a NUL."""
    return _ENCODER.encode(task_id)[1:-1].decode()


def join(rest: str, tasks: str) -> bytes:
    """Return the document of which *rest* is all but the tasks, and *tasks* the inside of their object."""
    return f'{rest.strip().removesuffix("}")},"tasks":{{{tasks}}}}}'.encode()


def difference(old: Tasks, new: Tasks) -> tuple[Mapping[str, TaskRecord | EndedTask], list[str]]:
    """Return the tasks that *new* has and *old* has not, or otherwise; and the ids that only *old* has."""
    if old is new:
        return {}, []
    # There may be 100,000, of which all but a few are the same objects: without a loop. To look each up takes 40 ms,
    # and is not needed where the order is the same as well, with all that is new at the end.
    aligned = len(old) <= len(new) and all(map(is_, old, new))
    before = chain(old.values(), repeat(None)) if aligned else map(old.get, new)
    touched = compress(new.items(), map(is_not, new.values(), before))
    changed = {task_id: record for task_id, record in touched if old.get(task_id) != record}
    added = sum(task_id not in old for task_id in changed)
    gone = [task_id for task_id in old if task_id not in new] if len(old) + added > len(new) else []
    return changed, gone


def decode(document: bytes) -> State:
    """Return the state. Raise NewerVersionError, or ValueError or RecursionError when it is none."""
    version = msgspec.json.decode(document, type=_Versioned).version
    if version > VERSION:
        raise NewerVersionError(f"format {version}, this one reads {VERSION}")
    if version < 1:
        raise ValueError("it has no version")
    if version == 1:
        _refuse_doubled_keys(document, parsed := msgspec.json.decode(document))
        document = _ENCODER.encode(version_1.translated(parsed))
    elif version < VERSION:
        document = _of_version_2(document)
    state = _DECODER.decode(document)
    # A key that is missing took its default, and one that is not known was passed over. (But not within the tasks.)
    parts = msgspec.json.decode(document, type=dict[str, msgspec.Raw])
    given = {name: msgspec.json.decode(part) for name, part in parts.items() if name != "tasks"}
    written = msgspec.json.decode(_ENCODER.encode(replace(state, tasks={})))
    del written["tasks"]
    if wrong := [name for name in {**written, **given} if written.get(name, ...) != given.get(name, ...)]:
        raise ValueError(f"{wrong[0][:80]}: a key is missing or not known")
    _refuse_doubled_keys(document, state)
    try:
        msgspec.msgpack.encode(state)  # which has no integer of more than 64 bits
    except OverflowError:
        raise ValueError("a number is too large") from None
    return state


def _of_version_2(document: bytes) -> bytes:
    """Return a *document* of version 2 as one of this version, which knows of the last tasks that ended."""
    parts: dict[str, Any] = msgspec.json.decode(document, type=dict[str, msgspec.Raw])
    _refuse_doubled_keys(document, parts)
    new: dict[str, Any] = {"chart": {}, "ended": (), "to_archive": ()}
    if later := parts.keys() & new.keys():
        raise ValueError(f"{min(later)}: the key is not known")
    return _ENCODER.encode(parts | new | {"version": VERSION})


def _refuse_doubled_keys(document: bytes, parsed: Any) -> None:
    if document.count(b'"') != _ENCODER.encode(parsed).count(b'"'):
        raise ValueError("a key is missing or appears twice")
