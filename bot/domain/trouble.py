"""Pure: the bot's own trouble → what it reports.

What is wrong is observed after each poll, as a level: the causes in force now. One message is owed when a cause has
been in force for five minutes, one when it is over, and at most one an hour for one cause.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from bot.domain.archiving import Archiving
from bot.domain.destination import Destination
from bot.domain.health import POLLS_FAIL
from bot.domain.notice import Trouble
from bot.errors import ChanjingError, ChanjingRefused, ForeignStateError

_AFTER = 300.0  # seconds for which a cause must be in force before it is reported
_HOUR = 3600.0
_REMEMBERED = 200  # subjects of one cause that come and go, at most
_SHOWN = 5  # subjects named in one message: ids of 32 characters on one line

# The end of these is reported too; the others are reported once for each subject and never again.
REPORTED_WHEN_OVER = (
    "chanjing_unreachable",
    "chanjing_refused",
    "slack_refused",
    "foreign_state",
    "task_stuck",
    "archive_failing",
)
_OF_ANSWERS = ("unknown_status", "malformed_items")
REPORTED_ONCE = ("task_vanished", "page_size_refused", "archive_given_up", *_OF_ANSWERS)
CODES = (*REPORTED_WHEN_OVER, *REPORTED_ONCE)


@dataclass(frozen=True, slots=True)
class Problem:
    """One cause as it is now.

    `detail` is what happened, without a remedy: the message has one of its own. `subjects` are what it concerns, such
    as task ids.
    """

    detail: str = ""
    subjects: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Ongoing:
    """One cause as remembered. Times are Unix seconds; `reported_at` 0: not reported.

    `subjects` are those it was reported for. `detail` is what happened when it was first seen, and when it
    was reported.
    """

    since: float
    reported_at: float = 0.0
    subjects: tuple[str, ...] = ()
    over: bool = False
    detail: str = ""

    @property
    def reported(self) -> bool:
        """True when it was reported since it began."""
        return self.reported_at >= self.since > 0


def problems(
    error: ChanjingError | ForeignStateError | None,
    *,
    stuck: Iterable[str],
    vanished: Iterable[str],
    destinations: Mapping[str, Destination],
    alerts_channel: str,
    page_size: int,
    archiving: Archiving,
    odd: Iterable[tuple[str, str]],
) -> dict[str, Problem]:
    """Return the causes in force now, given what this poll found.

    *error* is how the poll failed; *page_size* is what the list was found to take (0: whatever was asked); *odd* are
    (code, what) of answers that could not be read whole. A channel that refuses is not reported in that very channel.
    """
    found: dict[str, Problem] = {}
    match error:
        case ForeignStateError():
            found["foreign_state"] = Problem()
        case ChanjingRefused():
            found["chanjing_refused"] = Problem(error.said)
        case ChanjingError():
            found["chanjing_unreachable"] = Problem(error.said)
    refusing = {c: d.refused for c, d in destinations.items() if d.refused and c != alerts_channel}
    subjects = {
        "task_stuck": frozenset(stuck),
        "task_vanished": frozenset(vanished),
        "archive_given_up": archiving.given_up,
        **{code: frozenset(what for other, what in odd if other == code) for code in _OF_ANSWERS},
    }
    found |= {code: Problem(subjects=concerned) for code, concerned in subjects.items() if concerned}
    if unusable := archiving.unusable:
        found["archive_failing"] = Problem(unusable)
    if page_size:
        found["page_size_refused"] = Problem()
    if refusing:
        found["slack_refused"] = Problem(", ".join(dict.fromkeys(refusing.values())), frozenset(refusing))
    return found


def observe(
    remembered: Mapping[str, Ongoing], current: Mapping[str, Problem], now: float, *, instance: str = ""
) -> tuple[Mapping[str, Ongoing], tuple[Trouble, ...]]:
    """Return what is to be remembered of each cause, and what the bot called *instance* has to report."""
    after = dict(remembered)
    reports: list[Trouble | None] = []
    for code, problem in current.items():
        after[code], report = _in_force(code, remembered.get(code), problem, now, instance)
        reports.append(report)
    kept = {*current, *REPORTED_ONCE, *(() if current.keys().isdisjoint(POLLS_FAIL) else POLLS_FAIL)}
    for code, before in remembered.items():
        if code in kept:
            continue
        del after[code]
        if before.reported and not before.over:
            reports.append(Trouble(code, "", before.since, now, before.reported_at, instance))
            after[code] = replace(before, over=True)
        elif 0 <= now - before.reported_at < _HOUR:
            after[code] = replace(before, over=True)  # until the hour is over
    return after, tuple(filter(None, reports))


def _in_force(
    code: str, before: Ongoing | None, problem: Problem, now: float, instance: str
) -> tuple[Ongoing, Trouble | None]:
    """Return what is to be remembered of a cause in force, and its report: None when there is nothing new, or not yet.

    No time is ahead of *now*: the clock may have been set back.
    """
    if before is None or before.over:
        # Reported less than an hour ago: the clock of the hour goes on.
        before = Ongoing(now, before.reported_at if before else 0.0, detail=problem.detail)
    before = replace(before, since=min(before.since, now), reported_at=min(before.reported_at, now))
    fresh = sorted(problem.subjects - set(before.subjects))
    if now - before.since < _AFTER or (before.reported and not fresh) or 0 <= now - before.reported_at < _HOUR:
        return before, None
    named = ", ".join(fresh[:_SHOWN]) + (f" (+{len(fresh) - _SHOWN})" if len(fresh) > _SHOWN else "")
    subjects = sorted(problem.subjects)
    if code in _OF_ANSWERS:
        # What is odd is forgotten at each start, and yet reported once.
        subjects = [*subjects, *sorted(set(before.subjects) - problem.subjects)][:_REMEMBERED]
    after = replace(before, reported_at=now, subjects=tuple(subjects), detail=problem.detail)
    detail = ": ".join(filter(None, (named, problem.detail)))
    return after, Trouble(code, detail, before.since, reported_at=now, instance=instance)
