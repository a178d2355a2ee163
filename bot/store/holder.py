"""Pure: who holds a state, as it is written down beside it."""

import time
from collections.abc import Mapping
from typing import Any


def in_words(holder: Mapping[str, Any]) -> str:
    """Return *holder* for somebody who wants to find it. Whatever was written there, there is an answer."""
    try:
        started = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(holder["started"]))
        return f"another copy of the bot (host {holder['host']}, pid {holder['pid']}, started {started})"
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return "another copy of the bot"
