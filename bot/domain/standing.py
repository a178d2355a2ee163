"""Pure: how one account is, as the page shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.domain.health import Reasons
from bot.domain.state import State
from bot.domain.task import Task


@dataclass(frozen=True, slots=True)
class Standing:
    """How one account is; `account` is "" if its name means nothing to a reader.

    `state` is None if it does not run. `progress` are the unfinished tasks as they were last listed, `last_read` is
    when the list was last read, in Unix seconds (None: never). `public_url` is where people reach its archive ("": they
    do not).
    """

    account: str
    state: State | None = None
    reasons: Reasons = field(default_factory=list)
    progress: Mapping[str, Task] = field(default_factory=dict)
    last_read: float | None = None
    public_url: str = ""
    standing_by: bool = False
