"""What `status` and `explain` say, from the state alone."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Group
from rich.text import Text

from bot.domain.news import TaskRecord
from bot.domain.outbox import Destination, Notice, Role, TaskEnded, notice_id
from bot.domain.state import State
from bot.domain.task import Status
from bot.domain.trouble import REPORTED_WHEN_OVER
from bot.harmless import visible
from bot.wording.remedies import words_for

_NAMES = {
    int(Status.QUEUED): "queued",
    int(Status.GENERATING): "generating",
    int(Status.SUCCEEDED): "succeeded",
    int(Status.FAILED): "failed",
}


def status(state: State, last_alive: float | None, route: Mapping[Role, str]) -> dict[str, Any]:
    """Return what `status --json` prints: times in ISO 8601 UTC, None where there is none.

    *route* is the channel of each role, as far as the configuration tells.
    """
    return {
        "version": state.version,
        "baseline_at": _iso(state.baseline_at),
        "last_alive": _iso(last_alive),
        "guarantee": guarantee(state),
        "watched": sum(known.watched for known in state.tasks.values()),
        "owed": [_owed(state, notice, route) for notice in state.outbox.notices],
        "delivered": state.delivered_count,
    }


def guarantee(state: State) -> str:
    """Return "once" where a message in doubt can be looked for in every channel, as far as was tried."""
    destinations = state.outbox.destinations.values()
    known = bool(destinations) and all(one.checked and not one.unreadable for one in destinations)
    return "once" if known else "at least once"


def _owed(state: State, notice: Notice, route: Mapping[Role, str]) -> dict[str, Any]:
    destinations = state.outbox.destinations
    marked = next((one for one in destinations.values() if one.intent and notice.id in one.intent.ids), None)
    destination = marked or destinations.get(route.get(notice.role, ""), Destination())
    return {
        "task_id": notice.subject,
        "status": notice.status,
        "role": notice.role,
        "since": _iso(notice.since),
        "attempts": notice.attempts,
        "next_attempt": _iso(max(notice.held_until, destination.until, destination.repeats_at) or None),
        "in_doubt": bool(marked and marked.intent and marked.intent.in_doubt),
        "last_error": notice.last_error or None,
    }


def _iso(at: float | None) -> str | None:
    if at is None:
        return None
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (OverflowError, OSError, ValueError):
        return str(at)  # Chanjing's times may be anything, such as milliseconds


def troubles(state: State) -> Iterator[str]:
    """Yield two lines for each of the bot's own problems in force: what it is, and since when with what happened."""
    for code, one in state.troubles.items():
        if code in REPORTED_WHEN_OVER and not one.over:
            yield words_for(code).title.en
            yield ": ".join(filter(None, (f"  since {_iso(one.since)}", ", ".join(one.subjects), one.detail)))


def table(told: dict[str, Any], troubles: Iterable[str] = ()) -> Group:
    """Return what `status` prints, from what `status --json` says and the lines of `troubles`."""
    facts = {
        "last alive": told["last_alive"] or "never",
        "first run": told["baseline_at"] or "not finished yet",
        "watched": _count(told["watched"], "task"),
        "delivered": _count(told["delivered"], "notice"),
        "owed": _count(len(told["owed"]), "notice"),
        "guarantee": f"each notice {told['guarantee']}",
    }
    # Not a table: it would cut ids and times in a narrow terminal, and fill each line with spaces in a pipe.
    lines = [Text.assemble((f"{what:<12}", "dim"), how) for what, how in facts.items()]
    if told["owed"]:
        lines += [Text(), Text("Owed", "italic")]
    for one in told["owed"]:
        # Only a task's status means something to a reader.
        status = "" if one["role"] == "alerts" else f"  {_status(one['status'])}"
        # As Text, here and below: rich takes what stands in brackets for markup.
        lines.append(Text(visible(f"{one['task_id']}{status}")))
        lines.append(Text(f"  since {one['since']}, {_then(one, 'in doubt: the bot looks for it')}"))
    if troubles := list(troubles):
        lines += [Text(), Text("Problems", "italic"), *(Text(visible(line)) for line in troubles)]
    errors = dict.fromkeys(one["last_error"] for one in told["owed"] if one["last_error"])
    if errors:
        lines += [Text(), *(Text(visible(error)) for error in errors)]
    return Group(*lines)


def _then(owed: Mapping[str, Any], looked_for: str) -> str:
    """Return what the bot does next about what is *owed*; where it looks for a message in doubt, *looked_for*.

    Where it cannot look, as with a webhook, it posts again after a while.
    """
    if owed["in_doubt"] and not owed["next_attempt"]:
        return looked_for
    return f"next try {owed['next_attempt'] or 'now'}"


def _status(status: int) -> str:
    return f"{status} ({_NAMES.get(status, 'not documented')})"


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def matching(state: State, prefix: str) -> list[str]:
    """Return the ids of the tasks that the state knows and that begin with *prefix*."""
    owed = (notice.subject for notice in state.outbox.notices if isinstance(notice.content, TaskEnded))
    told = (receipt.subject for receipt in state.delivered if receipt.role != "alerts")
    ids = {*state.tasks, *owed, *told}
    return sorted(one for one in ids if prefix and one.startswith(prefix))


def explain(
    state: State, task_id: str, route: Mapping[Role, str], permalink: Callable[[str, str], str]
) -> Iterator[tuple[str, str]]:
    """Yield what is known of *task_id*, a line each as (what, how): why it was or was not announced.

    *permalink* returns the link of (channel, ts), or says why there is none.
    """
    yield "task", task_id
    known = state.tasks.get(task_id)
    if known is not None:
        yield "created", (_iso(known.create_time) or "") if known.create_time else "Chanjing did not say"
        yield "first seen", _iso(known.first_seen) or ""
        yield "status", _status(known.status)
    # A receipt from a channel's history has no subject, only the notice's id.
    statuses = {
        notice_id(task_id, Status.SUCCEEDED, "success"): int(Status.SUCCEEDED),
        notice_id(task_id, Status.FAILED, "failure"): int(Status.FAILED),
    }
    receipts = [receipt for receipt in state.delivered if receipt.id in statuses]
    for receipt in receipts:
        how = f"{_iso(receipt.at)}, as {_status(statuses[receipt.id])}, in {receipt.channel}"
        yield "delivered", f"{how}, ts {receipt.ts}" if receipt.ts else f"{how}; a webhook gives no ts"
        if receipt.ts:
            yield "permalink", permalink(receipt.channel, receipt.ts)
    owed = [notice for notice in state.outbox.notices if notice.subject == task_id]
    for notice in owed:
        told = _owed(state, notice, route)
        then = _then(told, "in doubt: the bot looks for it in the channel")
        yield "owed", f"since {told['since']}, {told['attempts']} attempts, {then}"
        if told["last_error"]:
            yield "last error", told["last_error"]
    if known is not None and not receipts and not owed:
        yield "announced", _why_not(known)


def _why_not(known: TaskRecord) -> str:
    if known.vanished:
        return "not yet: it vanished from the list before it ended"
    if known.linkless_since:
        return "not yet: it has succeeded, and the bot waits up to a minute for its link"
    if known.watched:
        return "not yet: it has not ended"
    if known.baselined:
        return "never: it had ended before the bot's first run, which records such tasks without announcing them"
    return "yes; its receipt is no longer kept (only the last 500 are)"
