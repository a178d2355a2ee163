"""Pure: what is known of the accounts → what the page shows, in one language and without markup."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.domain.news import EndedTask
from bot.domain.standing import Standing
from bot.domain.state import State
from bot.domain.task import Status, Task
from bot.harmless import clean
from bot.language import Language
from bot.web.view.accounts import Account, health
from bot.web.view.days import Bar, bars
from bot.web.view.problems import Problem, problems
from bot.web.view.reader import Reader
from bot.web.view.tasks import Group, Row, Unfinished, groups, latest, shown, unfinished
from bot.web.view.waiting import Waiting, waiting
from bot.wording import page as wording
from bot.wording import phrases

_RENDERING = 20
_OWED = 20
_FOUND = 20


@dataclass(frozen=True, slots=True)
class Search:
    """What was looked for, and the sentence above what was found. `others` are tasks of which only that is known."""

    text: str
    title: str
    others: Sequence[Row]


@dataclass(frozen=True, slots=True)
class View:
    language: Language
    kind: str  # of the whole: "well", "unwell" or "idle"
    verdict: str
    problems: Sequence[Problem]
    accounts: Sequence[Account]
    rendering: Sequence[Unfinished]
    more_rendering: str
    groups: Sequence[Group]
    owed: Sequence[Waiting]
    more_owed: str
    bars: Sequence[Bar]
    figures: Sequence[tuple[str, int, str]]  # what is counted, how often, and its look
    search: Search | None
    footer: str


def view(standings: Sequence[Standing], reader: Reader, wanted: str = "") -> View:
    """Return what the page shows; of the tasks only those whose id begins with *wanted*, unless that is empty."""
    states = [(one.account, one.state) for one in standings if one.state is not None]
    wrong = [list(problems(one, reader.language, reader.now)) for one in standings]
    kind, verdict, accounts = health(standings, [len(found) for found in wrong], reader)
    under_way = unfinished(standings, reader, wanted)
    ended = latest(standings, reader, wanted)
    days = groups(ended, reader)
    chart = bars([state for _, state in states], {day.name for day in days}, reader)
    owed = [(account, state, notice) for account, state in states for notice in state.outbox.notices]
    owed.sort(key=lambda one: one[2].since)
    return View(
        language=reader.language,
        kind=kind,
        verdict=verdict,
        problems=[problem for found in wrong for problem in found],
        accounts=accounts,
        rendering=[shown(account, task, reader) for account, task in under_way[:_RENDERING]],
        more_rendering=_more(len(under_way) - _RENDERING, reader),
        groups=days,
        owed=[waiting(*one, reader) for one in owed[:_OWED]],
        more_owed=_more(len(owed) - _OWED, reader),
        bars=chart,
        figures=[
            (reader.say(wording.RENDERING), len(under_way), "now"),
            (reader.say(wording.READY_TODAY), chart[0].succeeded, "good"),
            (reader.say(wording.FAILED_TODAY), chart[0].failed, "bad"),
            (reader.say(wording.OWED), len(owed), "owed"),
        ],
        search=_search(states, ended, under_way, wanted, reader) if wanted else None,
        footer=reader.say(wording.TIMES_ARE_IN, zone=reader.clock(reader.now, "%Z")),
    )


def _more(count: int, reader: Reader) -> str:
    return reader.say(phrases.AND_MORE, n=count) if count > 0 else ""


def _search(
    states: Iterable[tuple[str, State]],
    rows: Sequence[tuple[float, Row]],
    under_way: Sequence[tuple[str, Task]],
    wanted: str,
    reader: Reader,
) -> Search:
    listed = {row.id for _, row in rows} | {clean(task.id) for _, task in under_way}
    known = [
        Row(clean(task_id), account, record.status == Status.SUCCEEDED, "", title=_known(record, reader))
        for account, state in states
        for task_id, record in state.tasks.items()
        if task_id.startswith(wanted) and clean(task_id) not in listed
    ]
    count = len(rows) + len(under_way) + len(known)
    title = reader.say(wording.FOUND if count else wording.FOUND_NONE, n=count, id=reader.cut(wanted))
    return Search(reader.cut(wanted), title, known[:_FOUND])


def _known(record: object, reader: Reader) -> str:
    if not isinstance(record, EndedTask):
        return reader.say(wording.VANISHED)
    return reader.say(wording.KNOWN_READY if record.status == Status.SUCCEEDED else wording.KNOWN_FAILED)
