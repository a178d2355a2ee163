"""What the JSON files of an archive say of the files beside them, compared with what is there."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.archive.files import Files


@dataclass(frozen=True, slots=True)
class Described:
    """One file. `size` is in bytes, `sha256` in hex."""

    name: str
    size: int
    sha256: str


def summed(files: Files, name: str) -> Described:
    """Return what the file *name* is. Raise OSError."""
    digest, size = hashlib.sha256(), 0
    for piece in files.pieces(name):
        digest.update(piece)
        size += len(piece)
    return Described(name.rpartition("/")[2], size, digest.hexdigest())


def described(files: Files, name: str) -> Mapping[str, Described] | None:
    """Return what the JSON file *name* says, the video among it. None: there is none, or it says nothing of use."""
    try:
        found = json.loads(b"".join(files.pieces(name)))["files"]
        parts = {what: Described(str(one["name"]), one["size"], one["sha256"]) for what, one in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return parts if "video" in parts and not any("/" in one.name for one in parts.values()) else None


def verify(files: Files) -> Iterator[str]:
    """Yield a line for each file that is missing or not as its JSON file says. Raise OSError."""
    for name, _ in files.names("*.json"):
        if name.rpartition("/")[2].startswith("."):
            continue
        parts = described(files, name)
        if parts is None:
            yield f"{name}: does not say what is beside it"
            continue
        folder = name.rpartition("/")[0]
        for part in parts.values():
            if problem := _problem(files, f"{folder}/{part.name}", part):
                yield f"{folder}/{part.name}: {problem}"


def _problem(files: Files, name: str, part: Described) -> str | None:
    if (size := files.size(name)) is None:
        return "missing"
    if size != part.size:
        return f"{size} bytes instead of {part.size}"
    return None if summed(files, name) == part else "its sha256 is another one"
