"""Pure: what the bot says: contents, the Notice that is owed for one, and the Receipt for one that was delivered."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from msgspec import Struct

from bot.domain.task import Status, Task

Role = Literal["success", "failure", "alerts"]

# The fallback levels of a message that Slack refused: it becomes simpler. At level 1 it is tried again as it was.
WITHOUT_IMAGE_FALLBACK = 2
TEXT_FALLBACK = 3  # the last

EVENT_TYPE = "lipsync_notice"


class Key(NamedTuple):
    """What makes a notice the same as another: neither is announced twice.

    `subject` is a task's id, or what else the bot speaks of. `role` leads to a channel.
    """

    subject: str
    status: int
    role: Role

    @property
    def id(self) -> str:
        """The 16 hex digits that stand for the notice in a message's metadata."""
        return hashlib.sha256(f"{self.subject}\n{self.status}\n{self.role}".encode()).hexdigest()[:16]


# Each content has a `key`. What the bot says of itself has its `instance` in it: another bot may share the channel.


class TaskEnded(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="task"):
    """A task succeeded or failed.

    `ready_after` is seconds from its creation to its end, only if the task was seen unfinished shortly before the end
    (None: not known). `away` is (from, to) in Unix seconds if the bot was away when it ended.
    """

    task: Task
    ready_after: float | None = None
    away: tuple[float, float] | None = None

    @property
    def key(self) -> Key:
        role: Role = "success" if self.task.status == Status.SUCCEEDED else "failure"
        return Key(self.task.id, self.task.status, role)


class Greeting(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="greeting"):
    """The first words: how many tasks are watched, baselined, and (first_run: announce) to be announced."""

    watching: int
    baselined: int
    announcing: int = 0
    instance: str = ""

    @property
    def key(self) -> Key:
        return Key(f"greeting:{self.instance}", 0, "alerts")


class Trouble(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="trouble"):
    """The bot's own trouble, or the end of it.

    `code` is one of trouble.CODES; `detail` is what Chanjing or Slack said, or what it concerns, such as a task's id;
    `since` is when it began, `until` when it was over (None: it goes on), and `reported_at` when its beginning was
    reported last, in Unix seconds.
    """

    code: str
    detail: str
    since: float
    until: float | None = None
    reported_at: float = 0.0
    instance: str = ""

    @property
    def key(self) -> Key:
        subject = f"trouble:{self.code}:{self.reported_at:.0f}:{self.instance}"
        return Key(subject, 0 if self.until is None else 1, "alerts")


class Summary(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="summary"):
    """What happened on one day. `failed` counts by Chanjing's own sentence; times are seconds from creation to end."""

    day: str
    succeeded: int
    failed: tuple[tuple[str, int], ...]
    rendering: int
    median: float | None = None
    slowest: float | None = None
    instance: str = ""

    @property
    def key(self) -> Key:
        return Key(f"summary:{self.day}:{self.instance}", 0, "alerts")


class Test(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="test"):
    """The message of `check --send`."""

    @property
    def key(self) -> Key:
        return Key("test", 0, "alerts")


Content = TaskEnded | Greeting | Trouble | Summary | Test


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that is owed, until there is a receipt for it.

    `since` is when it became owed. `attempts` counts the posts that did not end in a receipt, `fallback` is how far its
    payload was simplified, and `held_until` is when one that even plain text could not deliver may try again. Times are
    Unix seconds.
    """

    content: Content
    since: float
    attempts: int = 0
    fallback: int = 0
    held_until: float = 0.0
    last_error: str = ""

    @property
    def key(self) -> Key:
        return self.content.key

    @property
    def id(self) -> str:
        return self.key.id


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that a notice was delivered. `ts` is Slack's, "" if it gave none (webhook); `at` is Unix seconds.

    `key` None: it was found in a channel, and this state has never known it.
    """

    id: str
    channel: str
    ts: str
    at: float
    key: Key | None = None


def metadata(ids: Iterable[str], event_type: str = EVENT_TYPE) -> dict[str, Any]:
    """Return the metadata of the message that delivers the notices with these *ids*.

    In one string: Slack drops metadata that it finds invalid without a word, and its types know no array of strings.
    """
    return {"event_type": event_type, "event_payload": {"ids": " ".join(ids)}}
