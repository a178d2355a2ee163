"""Announce one task again, on purpose: no lock, no state, one post with a fresh id."""

import secrets
from collections.abc import Callable

from bot.blocks import Message
from bot.chanjing import DOCUMENTED_PAGE_SIZE, Chanjing, may_be_page_size
from bot.errors import ChanjingRejected
from bot.listing import FullRead, Listing
from bot.outbox import Content, Role, TaskEnded, notice_id
from bot.slack import Slack
from bot.task import Status, Task


def find(chanjing: Chanjing, prefix: str, *, page_size: int, now: float) -> list[Task]:
    """Return the tasks whose id begins with *prefix*: the one of exactly that id, or all when the list has been read.

    The state keeps no links, so the list is asked, newest page first. Raise ChanjingError.
    """
    found = []
    walk = FullRead(Listing(), {}, now=now)
    while walk.next is not None:
        try:
            page = chanjing.page(walk.next, page_size)
        except ChanjingRejected as error:
            if walk.pages or not may_be_page_size(error, page_size):
                raise
            page_size = DOCUMENTED_PAGE_SIZE
            continue
        for task in walk.add(page):
            if task.id == prefix:
                return [task]
            if task.id.startswith(prefix):
                found.append(task)
    return found


def post(slack: Slack, route: dict[Role, str], task: Task, render: Callable[[Content], Message]) -> tuple[str, str]:
    """Post the message for *task*, which has ended, and return its channel and ts. Raise SlackError."""
    role: Role = "success" if task.status == Status.SUCCEEDED else "failure"
    # Not the notice's own id: that one says that the bot has told it.
    fresh = notice_id(f"{task.id}\nreplay {secrets.token_hex(8)}", task.status, role)
    return route[role], slack.post(route[role], render(TaskEnded(task)), (fresh,))
