"""What happens, made known to whoever listens: the log writes it, the metrics count it, tests keep it.

One method that takes the event's name, not a method for each event: the tables in `bot.log` and `bot.metrics` say what
becomes of which event, and a test compares them with each `emit` in the source.
"""

from typing import Any, Protocol


class Events(Protocol):
    """What everything that acts is given instead of a log."""

    def emit(self, event: str, /, **fields: Any) -> None:
        """Make known that *event* has happened. Neither waits nor raises, and may be called from any thread."""


class Listeners:
    """Passes each event on to all of *listeners*; without any, nobody listens."""

    def __init__(self, *listeners: Events) -> None:
        self._listeners = listeners

    def emit(self, event: str, /, **fields: Any) -> None:
        for listener in self._listeners:
            listener.emit(event, **fields)


class Labelled:
    """Passes each event on to *listener*, with further *fields*."""

    def __init__(self, listener: Events, **fields: Any) -> None:
        self._listener = listener
        self._fields = fields

    def emit(self, event: str, /, **fields: Any) -> None:
        self._listener.emit(event, **self._fields, **fields)


NOBODY = Listeners()
