"""Announce one task again, on purpose: no lock, no state, one post with a fresh id."""

import secrets
from collections.abc import Callable

from bot.domain.listing import FullScan, ListProfile
from bot.domain.outbox import Content, Role, TaskEnded, notice_id
from bot.domain.task import Status, Task
from bot.slack.blocks import Message
from bot.slack.client import OUTSIDE, Slack
from bot.watch.pages import Pages


def find(pages: Pages, prefix: str, *, now: float) -> list[Task]:
    """Return the tasks whose id begins with *prefix*: the one of exactly that id, or all when the list has been read.

    The state keeps no links, so the list is asked. Raise ChanjingError.
    """
    found: dict[str, Task] = {}
    for _, tasks in pages.of(FullScan(ListProfile(), now=now)):
        found |= {task.id: task for task in tasks if task.id.startswith(prefix)}
        if prefix in found:
            return [found[prefix]]
    return list(found.values())


def post(slack: Slack, route: dict[Role, str], task: Task, render: Callable[[Content], Message]) -> tuple[str, str]:
    """Post the message for *task*, which has ended, and return its channel and ts. Raise SlackError."""
    role: Role = "success" if task.status == Status.SUCCEEDED else "failure"
    # Not the notice's own id: that one says that the bot has told it.
    fresh = notice_id(f"{task.id}\nreplay {secrets.token_hex(8)}", task.status, role)
    return route[role], slack.post(route[role], render(TaskEnded(task)), (fresh,), OUTSIDE).ts
