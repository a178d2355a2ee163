"""What commands print."""

import json
import sys
from typing import Any

from bot.harmless import in_json


def ascii_only() -> bool:
    """Return whether the encoding of stdout may lack characters that we print."""
    return not sys.stdout.encoding.lower().startswith("utf")


def as_json(value: Any) -> str:
    """Return *value* as JSON. What stdout may lack is escaped, and so is what would not show."""
    return in_json(json.dumps(value, indent=2, ensure_ascii=ascii_only()))
