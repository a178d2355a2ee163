"""The languages of the bot's messages. A name added here is asked for by mypy and the tests wherever its text lacks."""

from typing import Literal

Language = Literal["en", "zh"]
