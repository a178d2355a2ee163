"""State ⇄ versioned JSON: atomic replace, backup, quarantine."""

import contextlib
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import SchemaValidator

from bot.disk import Disk, LocalDisk, beside, read, refuse
from bot.domain.state import VERSION, State
from bot.errors import StateError
from bot.events import NOBODY, Events
from bot.store import version_1

_LONGEST_NUMBER = 20  # digits, far beyond what the bot writes; one of 309 would become infinite


_STATE = TypeAdapter(State)


def _exact(schema: Any) -> Any:
    """Return pydantic's *schema* as one in which each key of each object must be there, and no other."""
    if isinstance(schema, list):
        return [_exact(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {name: _exact(one) for name, one in schema.items() if name != "metadata"}
    if schema.get("type") == "dataclass-args":
        schema["extra_behavior"] = "forbid"
        for one in schema["fields"]:
            if one["schema"]["type"] == "default":
                one["schema"] = one["schema"]["schema"]
    return schema


_WRONG_KEYS = {"missing": "the key is missing", "unexpected_keyword_argument": "the key is not known"}
_VALIDATOR = SchemaValidator(_exact(_STATE.core_schema))


class Store:
    """The state file of the copy of the bot that holds its lock: *verify* raises StateHeldError when it no longer does.

    `state` is what the file holds: a save that fails leaves both as they were. (But for one whose last step, the sync
    of the directory, fails: then the file may hold more than `state`, which is what a crash would leave as well.)
    """

    def __init__(
        self,
        path: Path,
        state: State,
        disk: Disk | None = None,
        *,
        verify: Callable[[], None] = lambda: None,
        events: Events = NOBODY,
    ) -> None:
        self._path = path
        self._disk = disk or LocalDisk()
        self._verify = verify
        self._events = events
        self.state = state

    def save(self, state: State) -> None:
        """Replace the state file. A crash leaves the old file or the new one. Nothing is written when nothing changed.

        Raise StateError; then nothing has changed.
        """
        self._verify()
        if state is self.state or state == self.state:
            return
        self.write(state)

    def write(self, state: State) -> None:
        """Replace the state file even when nothing changed: at the start, to learn whether it can be done."""
        document = _STATE.dump_json(state, indent=1)
        new = beside(self._path, ".new")
        self._verify()
        began = time.monotonic()
        try:
            self._disk.write(new, document)
            self._disk.sync(new)
            self._verify()
            self._keep_generation()
            # Same directory: a rename is atomic only within one file system.
            self._disk.replace(new, self._path)
            self._disk.sync(self._path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._disk.unlink(new)
            refuse(error, self._path, "written")
        self.state = state
        self._events.emit("state_written", seconds=time.monotonic() - began, size=len(document))

    def _keep_generation(self) -> None:
        """Keep what the file holds now as `.bak`."""
        passing = beside(self._path, ".bak.new")
        self._disk.unlink(passing)
        try:
            self._disk.link(self._path, passing)
        except FileNotFoundError:
            return
        self._disk.replace(passing, beside(self._path, ".bak"))


def load(path: Path, warn: Callable[[str], None]) -> State:
    """Return the state in *path*, or a new one where none was ever saved. For the copy that holds the lock.

    A file that cannot be read as a state is put aside as `.corrupt-<time>` and the generation before it is used.
    Raise StateError when that cannot be read either: corrupt is never taken for empty.
    """
    state, trouble = _read(path)
    if state is not None:
        return state
    backup = beside(path, ".bak")
    older, trouble_of_older = _read(backup)
    if older is None:
        if trouble is None and trouble_of_older is None:
            return State()
        raise _unreadable(path, trouble, trouble_of_older)
    if trouble is not None:
        aside = beside(path, time.strftime(".corrupt-%Y%m%dT%H%M%SZ", time.gmtime()))
        try:
            path.replace(aside)
        except OSError as error:
            refuse(error, path, "moved aside")
        warn(f"{path}: {trouble}; it was moved to {aside.name}, and {backup.name} is used")
    else:
        warn(f"{path}: missing; {backup.name} is used")
    return older


def peek(path: Path) -> State | None:
    """Return the state as it is now, without the lock and without touching anything. None: there is none yet.

    Raise StateError when neither the file nor the generation before it can be read.
    """
    state, trouble = _read(path)
    if state is not None:
        return state
    older, trouble_of_older = _read(beside(path, ".bak"))
    if older is None and (trouble or trouble_of_older):
        raise _unreadable(path, trouble, trouble_of_older)
    return older


def _unreadable(path: Path, trouble: str | None, trouble_of_older: str | None) -> StateError:
    return StateError(
        f"{path}: {trouble or 'missing'}; {beside(path, '.bak').name}: {trouble_of_older or 'missing'}. Put a good "
        "copy of either back. To start from scratch, move both away; what has ended by then will not be announced."
    )


def _read(path: Path) -> tuple[State | None, str | None]:
    """Return the state in *path*, or what is wrong with it. Both None: there is no such file."""
    try:
        document = read(path)
        parsed = _strict_json(document)
        version = parsed.get("version")
        if type(version) is not int or version < 1:
            # `{}` too: else it would be taken for the state before a first run.
            return None, "not a state file: it has no version"
        if version > VERSION:
            raise StateError(
                f"{path}: written by a newer version of the bot (format {version}, this one reads {VERSION}). "
                "Run that version, or put back a state file from before the upgrade."
            )
        return _decoded(document if version == VERSION else json.dumps(version_1.translated(parsed)).encode()), None
    except FileNotFoundError:
        return None, None
    except OSError as error:
        refuse(error, path, "read")
    except (ValueError, RecursionError) as error:
        return None, f"not a state file: {str(error)[:120]}"


def _decoded(document: bytes) -> State:
    """Return the state, or raise ValueError."""
    try:
        state: State = _VALIDATOR.validate_json(document, strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        what = _WRONG_KEYS.get(first["type"], first["msg"])
        raise ValueError(f"{'.'.join(map(str, first['loc']))[:80] or 'document'}: {what}") from None
    return state


def _strict_json(document: bytes) -> dict[str, Any]:
    """Return the JSON object. Raise ValueError also for doubled keys, and for numbers that are none or too large."""

    def no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key appears twice")
        return found

    def finite(text: str) -> float:
        if not math.isfinite(float(text)):
            raise ValueError(f"{text[:20]} is not a number")
        return float(text)

    def bounded(text: str) -> int:
        if len(text) > _LONGEST_NUMBER:
            raise ValueError(f"{text[:20]}… is too large a number")
        return int(text)

    parsed = json.loads(
        document, object_pairs_hook=no_doubles, parse_constant=finite, parse_float=finite, parse_int=bounded
    )
    if not isinstance(parsed, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 - for the caller it is one more way of being unreadable
    return parsed
