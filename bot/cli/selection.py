"""What a command is about: a configuration, and all of its accounts or some."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bot.config.accounts import in_shard
from bot.errors import UsageError

T = TypeVar("T")

_SHOWN = 20  # names in a message
_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Selection:
    """The YAML file (None: the default), the names of the accounts (none: all), and the shard (index, count)."""

    config: Path | None = None
    accounts: Sequence[str] | None = None
    shard: tuple[int, int] | None = None

    def of(self, configured: Mapping[str, T]) -> dict[str, T]:
        """Return what is *configured* for the accounts that are meant. Raise UsageError if there are none."""
        if unknown := [name for name in self.accounts or () if name not in configured]:
            raise UsageError(f"--account: there is no account {unknown[0]!r}; there is: {_some(configured)}.")
        chosen = {name: one for name, one in configured.items() if not self.accounts or name in self.accounts}
        if self.shard is not None:
            chosen = {name: one for name, one in chosen.items() if in_shard(name, *self.shard)}
        if not chosen:
            raise UsageError("--shard: no account belongs to this shard. Choose a smaller N, or add accounts.")
        return chosen


def shard(text: str | None) -> tuple[int, int] | None:
    """Return the shard (index, count) of a text such as `0/3`; None of None. Raise UsageError."""
    if text is None:
        return None
    index, slash, count = text.partition("/")
    digits = index.isdecimal() and count.isdecimal() and len(count) < _DIGITS and len(index) < _DIGITS
    if not (slash and digits and int(index) < int(count)):
        raise UsageError("--shard: must be I/N with 0 ≤ I < N, such as 0/3 for the first of three.")
    return int(index), int(count)


def _some(names: Iterable[str]) -> str:
    all_ = list(names)
    return ", ".join(all_[:_SHOWN]) + (" …" if len(all_) > _SHOWN else "")
