"""`status`: what is watched, owed and delivered, and when the bot was last alive; from the state alone."""

import os
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from bot.cli import output
from bot.cli.known import known_state
from bot.cli.selection import Selection
from bot.config.load import load_local
from bot.config.sections import Config
from bot.domain.destination import Destination
from bot.domain.notice import Notice, Role
from bot.domain.state import State
from bot.domain.task import Status
from bot.domain.trouble import REPORTED_WHEN_OVER
from bot.errors import StateError
from bot.harmless import visible
from bot.store.places import Places
from bot.wording.troubles import words_for


def main(selection: Selection, *, as_json: bool) -> None:
    """Print the status of each state that is selected. Raise StateError when none can be read, or ConfigError."""
    configs = selection.of(load_local(selection.config, os.environ))
    with Places() as places:
        if len(configs) == 1:
            ((name, config),) = configs.items()
            facts, trouble = _of_account(places, name, config)
            print(output.as_json(facts) if as_json else text(facts, trouble))
            return
        found = {name: _of_account_or_error(places, name, config) for name, config in configs.items()}
    if as_json:
        print(output.as_json({"accounts": {name: facts for name, (facts, _) in found.items()}}))
    else:
        print("\n\n".join(f"account {name}\n{_indented(*one)}" for name, one in found.items()))


def _of_account(places: Places, name: str, config: Config) -> tuple[dict[str, Any], list[str]]:
    """Return the `report` and the lines of `problems` of one account. Raise StateError."""
    place = places.at(config.state, name)
    state = known_state(place)
    last_alive, _ = place.left() or (None, {})
    return report(state, last_alive, config.slack.routes), list(problems(state))


def _of_account_or_error(places: Places, name: str, config: Config) -> tuple[dict[str, Any], list[str]]:
    try:
        return _of_account(places, name, config)
    except StateError as error:
        return {"error": str(error)}, []


def _indented(facts: Mapping[str, Any], trouble: Iterable[str]) -> str:
    return textwrap.indent(visible(facts["error"]) if "error" in facts else text(facts, trouble), "  ")


def report(state: State, last_alive: float | None, route: Mapping[Role, str]) -> dict[str, Any]:
    """Return what `status --json` prints: times in ISO 8601 UTC, None if there is none.

    *route* is the channel of each role, as far as the configuration says.
    """
    return {
        "version": state.version,
        "baseline_at": iso(state.baseline_at),
        "last_alive": iso(last_alive),
        "guarantee": guarantee(state),
        "watched": sum(task.watched for task in state.tasks.values()),
        "owed": [owed(state, notice, route) for notice in state.outbox.notices],
        "delivered": state.delivered_count,
        "to_archive": len(state.to_archive),
    }


def guarantee(state: State) -> str:
    """Return "once" if a message in doubt can be looked for in every channel, as far as was tried."""
    destinations = state.outbox.destinations.values()
    readable = bool(destinations) and all(one.checked and not one.unreadable for one in destinations)
    return "once" if readable else "at least once"


def owed(state: State, notice: Notice, route: Mapping[Role, str]) -> dict[str, Any]:
    """Return what `status --json` says of one *notice* that is owed."""
    destinations = state.outbox.destinations
    dispatched = next((one for one in destinations.values() if one.intent and notice.id in one.intent.ids), None)
    key = notice.key
    destination = dispatched or destinations.get(route.get(key.role, ""), Destination())
    return {
        "task_id": key.subject,
        "status": key.status,
        "role": key.role,
        "since": iso(notice.since),
        "attempts": notice.attempts,
        "next_attempt": iso(max(notice.held_until, destination.until, destination.repeats_at) or None),
        "in_doubt": bool(dispatched and dispatched.intent and dispatched.intent.in_doubt),
        "last_error": notice.last_error or None,
    }


def iso(at: float | None) -> str | None:
    """Return the time *at* in ISO 8601 UTC."""
    if at is None:
        return None
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (OverflowError, OSError, ValueError):
        return str(at)  # Chanjing's times may be anything, such as milliseconds


def problems(state: State) -> Iterator[str]:
    """Yield two lines for each of the bot's own problems in force: what it is, and since when with what happened."""
    for code, one in state.troubles.items():
        if code in REPORTED_WHEN_OVER and not one.over:
            yield words_for(code).title.en
            yield ": ".join(filter(None, (f"  since {iso(one.since)}", ", ".join(one.subjects), one.detail)))


def text(report: Mapping[str, Any], problems: Iterable[str] = ()) -> str:
    """Return what `status` prints, from a `report` and the lines of `problems`."""
    facts = {
        "last alive": report["last_alive"] or "never",
        "first run": report["baseline_at"] or "not finished yet",
        "watched": _count(report["watched"], "task"),
        "delivered": _count(report["delivered"], "notice"),
        "owed": _count(len(report["owed"]), "notice"),
        **({"to archive": _count(report["to_archive"], "task")} if report["to_archive"] else {}),
        "guarantee": f"each notice {report['guarantee']}",
    }
    lines = [f"{what:<12}{how}" for what, how in facts.items()]
    errors = dict.fromkeys(one["last_error"] for one in report["owed"] if one["last_error"])
    for title, texts in ((["Owed"], _owed_lines(report["owed"])), (["Problems"], problems), ([], errors)):
        if texts := list(texts):
            lines += ["", *title, *texts]
    return "\n".join(map(visible, lines))


def _owed_lines(owed: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for one in owed:
        # Only a task's status means something to a reader.
        yield one["task_id"] if one["role"] == "alerts" else f"{one['task_id']}  {status_words(one['status'])}"
        yield f"  since {one['since']}, {next_step(one)}"


def next_step(owed: Mapping[str, Any]) -> str:
    """Return what the bot does next about what is *owed*: it looks for a message in doubt, if it can."""
    if owed["in_doubt"] and not owed["next_attempt"]:
        return "in doubt: the bot looks for it in the channel"
    return f"next try {owed['next_attempt'] or 'now'}"


def status_words(status: int) -> str:
    """Return Chanjing's number for a *status*, and what it means."""
    name = Status(status).name.lower() if status in set(Status) else "not documented"
    return f"{status} ({name})"


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
