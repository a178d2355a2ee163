"""`replay`: announce one task again, on purpose. No lock, no state, one post with a fresh id."""

import contextlib
import os
import secrets
import sys

from bot import clients, log
from bot.cli import DONE, UNDONE
from bot.cli.known import the_only
from bot.cli.selection import Selection
from bot.clock import Stop, SystemClock
from bot.config.accounts import shown
from bot.config.load import load
from bot.domain.full_scan import FullScan
from bot.domain.listing import ListProfile
from bot.domain.notice import TaskEnded
from bot.domain.task import Task, is_final
from bot.errors import ChanjingError, UsageError
from bot.harmless import visible
from bot.slack.blocks import Style
from bot.slack.client import OUTSIDE
from bot.slack.message import render
from bot.watch.pages import Pages


def main(selection: Selection, prefix: str, *, ask: bool) -> int:
    """Post the message of the one task whose id begins with *prefix*, and return the exit code.

    *ask* for confirmation first. Raise ChanjingError or SlackError.
    """
    configs = selection.of(load(selection.config, os.environ))
    settings = next(iter(configs.values())).log
    events = log.make(settings.level, settings.format)
    with clients.connections() as exchange:
        clock = SystemClock(Stop())
        found: dict[str, tuple[Task, str]] = {}
        for name, config in configs.items():
            pages = Pages(clients.chanjing(config, exchange, clock), clock, events, size=config.chanjing.page_size)
            found |= {task.id: (task, name) for task in find(pages, prefix, now=clock.now())}
        task, name = found[the_only(prefix, list(found), "is in Chanjing's list")]
        if not is_final(task.status):
            raise UsageError(f"{visible(task.id)} has not ended yet: the bot will announce it.")
        if ask and not _confirmed(f"Announce {visible(task.id)} once more?"):
            return UNDONE
        ended, slack = TaskEnded(task), configs[name].slack
        channel = slack.routes[ended.key.role]
        style = Style(slack.language, slack.mention_on_failure, shown(name))
        # Not the notice's own id: that one says that the bot has announced it.
        fresh = ended.key._replace(subject=f"{task.id}\nreplay {secrets.token_hex(8)}").id
        message = render([ended], style)
        ts = clients.slack(configs[name], exchange, clock).post(channel, message, (fresh,), OUTSIDE).ts
    print(visible(f"announced again in {channel}, ts {ts}" if ts else f"announced again through the {channel}"))
    return DONE


def find(pages: Pages, prefix: str, *, now: float) -> list[Task]:
    """Return the tasks whose id begins with *prefix*: the one of exactly that id, or all. Raise ChanjingError.

    The state keeps no links, so Chanjing is asked: for the one, if it is a whole id that Chanjing answers for, else for
    the list.
    """
    with contextlib.suppress(ChanjingError):
        if task := pages.task(prefix):
            return [task]
    found: dict[str, Task] = {}
    for _, tasks in pages.of(FullScan(ListProfile(), now=now)):
        found |= {task.id: task for task in tasks if task.id.startswith(prefix)}
        if prefix in found:
            return [found[prefix]]
    return list(found.values())


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal on which to ask for confirmation: add --yes.")
    try:
        return input(f"{question} [y/N]: ").strip().lower() in {"y", "yes"}
    except EOFError:
        print()
        return False
