"""Pure: the tasks that are rendering and those that have ended, as the page shows them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from bot.domain.news import Watched
from bot.domain.recent import RecentTask
from bot.domain.standing import Standing
from bot.domain.task import Status, Task
from bot.harmless import clean, safe_url
from bot.web.view.reader import Reader
from bot.wording import page as wording
from bot.wording import phrases
from bot.wording.phrases import duration
from bot.wording.reasons import reason_for, remedy_for

SHOWN = 200  # ended tasks


@dataclass(frozen=True, slots=True)
class Row:
    """One task. `video` and `cover` are links that can be offered, or None. `at` is when it ended ("": not known)."""

    id: str
    account: str
    good: bool
    at: str
    title: str = ""
    remedy: str = ""
    video: str | None = None
    cover: str | None = None
    facts: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """The tasks that ended on one day; `name` is its ISO date."""

    name: str
    label: str
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A task that is queued or rendering. `progress` is in percent, None if it is queued."""

    id: str
    account: str
    progress: int | None
    age: str


def unfinished(standings: Iterable[Standing], reader: Reader, wanted: str) -> list[tuple[str, Task]]:
    """Return each account's tasks whose id begins with *wanted* and whose end is waited for, the oldest first."""
    found = _unfinished(standings, wanted)
    return sorted(found, key=lambda one: (one[1].create_time or reader.now, one[1].id))


def _unfinished(standings: Iterable[Standing], wanted: str) -> Iterator[tuple[str, Task]]:
    for one in standings:
        records = Watched.among(one.state.tasks).unfinished if one.state else {}
        for task_id, record in records.items():
            if task_id.startswith(wanted):
                remembered = Task(task_id, record.status, create_time=record.create_time)
                yield one.account, one.progress.get(task_id, remembered)


def shown(account: str, task: Task, reader: Reader) -> Unfinished:
    progress = min(max(task.progress, 0), 100)
    age = reader.now - task.create_time if 0 < task.create_time < reader.now else 0
    return Unfinished(
        clean(task.id),
        account,
        None if task.status == Status.QUEUED and not progress else progress,
        reader.say(phrases.ELAPSED, time=duration(age, reader.language)) if age else "",
    )


def latest(standings: Sequence[Standing], reader: Reader, wanted: str) -> list[tuple[float, Row]]:
    """Return the tasks that ended last, the newest first, each with when it did."""
    every = [(standing, one) for standing in standings if standing.state for one in standing.state.ended]
    ended = [(standing, one) for standing, one in every if one.id.startswith(wanted)]
    ended.sort(key=lambda pair: pair[1].seen_at, reverse=True)
    return [(one.seen_at, _row(standing, one, reader)) for standing, one in ended[:SHOWN]]


def _row(standing: Standing, ended: RecentTask, reader: Reader) -> Row:
    task, took = ended.content.task, ended.content.ready_after
    account, at, language = standing.account, reader.clock(ended.seen_at), reader.language
    times = (
        (wording.LENGTH, task.duration / 1000 if task.duration > 0 else None),
        (wording.TOOK if task.status == Status.SUCCEEDED else wording.FAILED_AFTER, took),
    )
    facts = " · ".join(reader.say(what, time=duration(one, language)) for what, one in times if one is not None)
    if task.status == Status.SUCCEEDED:
        video, cover = _links(standing, ended)
        title = ""
        if video is None:
            title = reader.say(phrases.BAD_LINK if clean(task.video_url) else phrases.NO_LINK)
        return Row(clean(task.id), account, True, at, title, video=video, cover=cover, facts=facts)
    reason = reason_for(task.msg)
    said = reader.say(phrases.CHANJING_SAYS, reason=reader.cut(task.msg))
    return Row(
        clean(task.id),
        account,
        False,
        at,
        title=reader.say(reason.sentence) if reason else said,
        remedy=reader.say(remedy_for(task.msg)),
        facts=facts,
    )


def _links(standing: Standing, ended: RecentTask) -> tuple[str | None, str | None]:
    """Return the links to the video and its cover: the archive's, which last, or else Chanjing's."""
    task, kept = ended.content.task, ended.archived
    if kept and standing.public_url:
        public = standing.public_url.rstrip("/")
        return safe_url(f"{public}/{kept.video}"), safe_url(f"{public}/{kept.cover}") if kept.cover else None
    return safe_url(task.video_url), safe_url(task.preview_url)


def groups(rows: Iterable[tuple[float, Row]], reader: Reader) -> list[Group]:
    def day(one: tuple[float, Row]) -> date:
        local = reader.local(one[0])
        return local.date() if local else date.min

    days = groupby(rows, key=day)
    return [Group(str(name), reader.day(name), [row for _, row in among]) for name, among in days]
