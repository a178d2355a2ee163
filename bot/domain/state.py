"""Pure: everything the bot remembers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.domain.chart import Chart
from bot.domain.listing import ListProfile
from bot.domain.news import Tasks
from bot.domain.notice import Receipt
from bot.domain.outbox import Outbox
from bot.domain.recent import RecentTask, ToArchive
from bot.domain.summary import Diary
from bot.domain.trouble import Ongoing

VERSION = 3


@dataclass(frozen=True, slots=True)
class State:
    """Everything the bot remembers.

    `instance` marks this bot's own messages among those of other bots in the same channel. `baseline_at` is when the
    first run ended, in Unix seconds (None: it has not). `delivered` are the last receipts, `delivered_count` counts all
    notices there ever were. `account` is a salted hash of the app_id or token with which the list was last read ("":
    not known yet). `boards` are the ts of the boards, by channel;
    `boards_posted` is when one was last posted though there may be another, in Unix
    seconds. `ended` are the last tasks that ended, oldest first, and `chart`
    counts those of the last days.
    """

    version: int = VERSION
    instance: str = ""
    baseline_at: float | None = None
    profile: ListProfile = field(default_factory=ListProfile)
    outbox: Outbox = field(default_factory=Outbox)
    delivered: tuple[Receipt, ...] = ()
    delivered_count: int = 0
    troubles: Mapping[str, Ongoing] = field(default_factory=dict)
    diary: Diary = field(default_factory=Diary)
    boards: Mapping[str, str] = field(default_factory=dict)
    boards_posted: Mapping[str, float] = field(default_factory=dict)
    account: str = ""
    chart: Chart = field(default_factory=dict)
    ended: tuple[RecentTask, ...] = ()
    to_archive: tuple[ToArchive, ...] = ()
    tasks: Tasks = field(default_factory=dict)  # last: it is long
