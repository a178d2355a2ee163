"""Stand-ins that more than one test needs."""

from typing import Any


class RecordedEvents:
    """A bot.events.Events that keeps what is emitted, as (event, fields), in order."""

    def __init__(self) -> None:
        self.all: list[tuple[str, dict[str, Any]]] = []

    def emit(self, event: str, /, **fields: Any) -> None:
        self.all.append((event, fields))

    def of(self, event: str) -> list[dict[str, Any]]:
        """Return the fields of each *event*."""
        return [fields for name, fields in self.all if name == event]
