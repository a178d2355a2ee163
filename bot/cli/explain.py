"""`explain`: why a task was or was not announced, when, and with which ts."""

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from bot.cli.known import known_states, the_only
from bot.cli.selection import Selection
from bot.cli.status import iso, next_step, owed, status_words
from bot.config.accounts import shown
from bot.config.load import load_local, read
from bot.domain.news import EndedTask, TaskRecord
from bot.domain.notice import Role, TaskEnded
from bot.domain.outbox import RECEIPTS
from bot.domain.state import State
from bot.domain.task import Status, Task
from bot.errors import LipsyncBotError
from bot.harmless import visible


def main(selection: Selection, prefix: str) -> None:
    """Print what is known of the one task whose id begins with *prefix*, in each account that knows it."""
    configs = selection.of(load_local(selection.config, os.environ))
    states = known_states(configs)
    matching = {name: _matching(state, prefix) for name, state in states.items()}
    task_id = the_only(prefix, sorted({one for ids in matching.values() for one in ids}), "is known to the state")
    for name in (name for name, ids in matching.items() if task_id in ids):
        permalink = partial(_permalink, selection.config, name)
        account = [("account", name)] if shown(name) else []
        for what, how in (*account, *explain(states[name], task_id, configs[name].slack.routes, permalink)):
            print(visible(f"{what + ':':<12} {how}"))


def _permalink(path: Path | None, account: str, channel: str, ts: str) -> str:
    """Return Slack's link to a message, or why there is none."""
    try:
        config = read(path, os.environ).accounts[account].config
        if config.slack.bot_token is None:
            return "not known: asking for it needs slack.bot_token"
        from bot import clients

        with clients.connections() as exchange:
            return clients.slack(config, exchange).permalink(channel, ts) or "not given by Slack"
    except LipsyncBotError as error:
        return f"not known: {str(error).splitlines()[0]}"


def _matching(state: State, prefix: str) -> list[str]:
    """Return the ids of the tasks that the state knows and that begin with *prefix*."""
    owing = (notice.content.task.id for notice in state.outbox.notices if isinstance(notice.content, TaskEnded))
    ended = (task.id for task in state.ended)
    announced = (receipt.key.subject for receipt in state.delivered if receipt.key and receipt.key.role != "alerts")
    return sorted(one for one in {*state.tasks, *owing, *ended, *announced} if one.startswith(prefix))


def explain(
    state: State, task_id: str, route: Mapping[Role, str], permalink: Callable[[str, str], str]
) -> Iterator[tuple[str, str]]:
    """Yield what is known of *task_id*, a line each as (what, how): why it was or was not announced.

    *permalink* returns the link of (channel, ts), or says why there is none.
    """
    yield "task", task_id
    task = state.tasks.get(task_id)
    if task is not None:
        yield "created", (iso(task.create_time) or "") if task.create_time else "Chanjing did not say"
        if isinstance(task, TaskRecord):
            yield "first seen", iso(task.first_seen) or ""
        yield "status", status_words(task.status)
    # A receipt from a channel's history has no key, only the notice's id.
    statuses = {TaskEnded(Task(task_id, one)).key.id: one for one in (Status.SUCCEEDED, Status.FAILED)}
    receipts = [receipt for receipt in state.delivered if receipt.id in statuses]
    for receipt in receipts:
        how = f"{iso(receipt.at)}, as {status_words(statuses[receipt.id])}, in {receipt.channel}"
        yield "delivered", f"{how}, ts {receipt.ts}" if receipt.ts else f"{how}; a webhook gives no ts"
        if receipt.ts:
            yield "permalink", permalink(receipt.channel, receipt.ts)
    notices = [owed(state, notice, route) for notice in state.outbox.notices if notice.key.subject == task_id]
    for one in notices:
        yield "owed", f"since {one['since']}, {one['attempts']} attempts, {next_step(one)}"
        if one["last_error"]:
            yield "last error", one["last_error"]
    if task is not None and not receipts and not notices:
        yield "announced", _why_not(task)
    yield from _archived(state, task_id)


def _archived(state: State, task_id: str) -> Iterator[tuple[str, str]]:
    """Yield what is known of a recent task's files in the archive."""
    waiting = next((one for one in state.to_archive if one.task_id == task_id), None)
    recent = next((task for task in state.ended if task.id == task_id), None)
    if recent and recent.archived:
        yield "archived", " and ".join(filter(None, (recent.archived.video, recent.archived.cover)))
    elif recent and recent.given_up:
        yield "archived", f"never: {recent.given_up}"
    elif waiting:
        next_attempt = iso(waiting.next_attempt) if waiting.next_attempt else "now"
        yield "archived", f"not yet: owed since {iso(waiting.since)}, {waiting.attempts} attempts, next {next_attempt}"
        if waiting.last_error:
            yield "last error", waiting.last_error


def _why_not(task: TaskRecord | EndedTask) -> str:
    if isinstance(task, EndedTask):
        if task.baselined:
            return "never: it had ended before the bot's first run, which records such tasks without announcing them"
        return f"yes; its receipt is no longer kept (only the last {RECEIPTS} are)"
    if task.vanished:
        return "not yet: it vanished from the list before it ended"
    if task.linkless_since:
        return "not yet: it has succeeded, and the bot waits up to a minute for its link"
    return "not yet: it has not ended"
