"""Pure: is the bot well? /readyz and the ping ask the running bot; the command `health` asks what it has left.

The command runs every half minute in a container, so this loads next to nothing.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from bot.harmless import clean

if TYPE_CHECKING:
    from bot.domain.state import State

Reasons = list[tuple[str, str]]  # (code, detail)

OVERDUE = 600.0  # seconds for which a notice may be owed before the bot counts as unwell
_SILENT = 120.0  # seconds without a heartbeat, at least
_LONGEST = 400  # characters of a detail
# Troubles for which no poll goes well. One fails for one of these: only a good poll says that another is over.
POLLS_FAIL = ("chanjing_unreachable", "chanjing_refused", "foreign_state")


@dataclass(frozen=True, slots=True)
class Condition:
    """How a bot is doing: all that the judgement needs, and little of it, so that it can be left in a small file.

    `interval` is poll.interval, `max_silence` for how long one request may keep the bot silent, both in seconds.
    `last_read` is when a poll last went well (None: never), `failing_since` since when none has, `owed_since` since
    when the oldest notice has been owed (None: not so), in Unix seconds. `overdue` counts the notices owed for too
    long, `owed_error` is why. `slack_refused` says which channels refuse, and why; `archive_failing` why the archive
    takes nothing.
    """

    interval: float
    max_silence: float
    last_read: float | None = None
    failing_since: float | None = None
    owed_since: float | None = None
    overdue: int = 0
    owed_error: str = ""
    slack_refused: str = ""
    chanjing_refused: bool = False
    archive_failing: str = ""


def max_silence(chanjing_timeout: float, slack_timeout: float) -> float:
    """Return for how many seconds a bot that is well may be silent: one request is tried several times, with waits."""
    return 5 * (chanjing_timeout + slack_timeout) + 30


def condition(state: "State", bare: Condition, *, failing_since: float | None = None, now: float) -> Condition:
    """Return how a bot with *state* is doing. *failing_since*: since when its polls fail, as far as the loop knows."""
    notices = state.outbox.notices
    refusing = [f"{channel}: {one.error}" for channel, one in state.outbox.destinations.items() if one.refused]
    since = [failing_since, *(_since(state, code) for code in POLLS_FAIL)]
    # What keeps a channel from being posted to, such as a history that takes long to read, is no notice's error.
    errors = (*(notice.last_error for notice in notices), *(one.error for one in state.outbox.destinations.values()))
    return replace(
        bare,
        failing_since=min((one for one in since if one is not None), default=None),
        owed_since=min((notice.since for notice in notices), default=None),
        overdue=sum(now - notice.since > OVERDUE for notice in notices),
        owed_error=_cut(next(filter(None, errors), "")),
        slack_refused=_cut("; ".join(refusing)),
        chanjing_refused=_since(state, "chanjing_refused") is not None,
        archive_failing=_cut(next((one.last_error for one in state.to_archive if one.problem == "unusable"), "")),
    )


def reasons(condition: Condition, *, silent_for: float, now: float) -> Reasons:
    """Return why the bot is not well, as (code, detail) with the codes of /readyz; empty: it is.

    *silent_for* is for how many seconds nothing was heard of it.
    """
    found = []
    longest = max(3 * condition.interval, _SILENT)
    failing_for = 0.0 if condition.failing_since is None else now - condition.failing_since
    if failing_for > longest:
        found.append(("polls_failing", f"no poll has succeeded for {failing_for:.0f} s"))
    elif silent_for > max(longest, condition.max_silence):
        found.append(("polls_failing", f"the bot has not been heard from for {silent_for:.0f} s"))
    if condition.owed_since is not None and now - condition.owed_since > OVERDUE:
        oldest = now - condition.owed_since
        # Counted when it was left: by now there may be more.
        detail = (
            f"{max(1, condition.overdue)} owed for more than {OVERDUE / 60:.0f} minutes, the oldest for {oldest:.0f} s"
        )
        error = condition.owed_error
        found.append(("notices_overdue", f"{detail}: {error}" if error else detail))
    if condition.slack_refused:
        found.append(("slack_refused", condition.slack_refused))
    if condition.chanjing_refused:
        found.append(("chanjing_refused", "Chanjing does not accept the token"))
    if condition.archive_failing:
        found.append(("archive_failing", condition.archive_failing))
    return found


def to_leave(condition: Condition) -> dict[str, Any]:
    """Return what the running bot leaves for `judge`."""
    return {"health": asdict(condition)}


def last_read(content: Mapping[str, Any], last_alive: float | None) -> float | None:
    """Return when a bot that has left *content* last read the list, in Unix seconds; *last_alive* if it does not say.

    It may have been alive for long without: through an outage, each run from cron is.
    """
    left = content.get("health")
    found = left.get("last_read", last_alive) if isinstance(left, dict) else last_alive
    return found if isinstance(found, int | float | None) else last_alive


def judge(left: tuple[float, Mapping[str, Any]] | None, now: float) -> Reasons:
    """Return why the bot is not well, as `reasons` does, from its heartbeat (Unix seconds) and what it has *left*."""
    if left is None:
        return [("polls_failing", "no bot has ever run with this state")]
    last_alive, content = left
    try:
        return reasons(Condition(**content["health"]), silent_for=now - last_alive, now=now)
    except (KeyError, TypeError, ValueError):
        return [
            ("polls_failing", "the bot with this state has just started, or is of another version: then restart it")
        ]


def _since(state: "State", code: str) -> float | None:
    trouble = state.troubles.get(code)
    return trouble.since if trouble is not None and not trouble.over else None


def _cut(text: str) -> str:
    return clean(text)[:_LONGEST]
