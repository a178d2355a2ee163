"""`archive verify` and `archive fetch`: what lies in the archive, and what is still to be had for it."""

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from bot import clients, log
from bot.archive.copier import Copier
from bot.archive.files import Files
from bot.archive.sums import verify as compared
from bot.cli import DONE, UNDONE
from bot.cli.known import the_only
from bot.cli.replay import find
from bot.cli.selection import Selection
from bot.clock import Stop, SystemClock
from bot.config import values
from bot.config.load import load, load_local
from bot.config.sections import Config
from bot.domain.full_scan import FullScan
from bot.domain.listing import ListProfile
from bot.domain.notice import TaskEnded
from bot.domain.recent import RecentTask
from bot.domain.task import Status, Task
from bot.errors import ArchiveError, ConfigError, StateError, UsageError
from bot.harmless import visible
from bot.store.places import Places
from bot.watch.pages import Pages


def verify(selection: Selection) -> int:
    """Print a line for each file that is missing or wrong, and return the exit code. Raise StateError, ConfigError."""
    configs = _with_archive(selection.of(load_local(selection.config, os.environ)))
    roots = dict.fromkeys(clients.folder(config) for config in configs.values())
    files, wrong = 0, 0
    for root in roots:
        if not root.is_dir():
            raise StateError(f"archive.path: {root}: there is no such folder.")
        place = Files(root)
        files += sum(1 for _ in place.names("[!.]*.json"))
        try:
            missing = (f"{name}: missing" for name in _archived(configs, root) if place.size(name) is None)
            for line in dict.fromkeys(chain(missing, compared(place))):
                print(visible(f"{root}/{line}"))
                wrong += 1
        except OSError as error:
            raise StateError(f"archive.path: {root}: cannot be read: {error.strerror}.") from None
    print(
        f"{files} tasks: " + (f"{wrong} files are missing or wrong" if wrong else "all files are as they were copied")
    )
    return UNDONE if wrong else DONE


def _archived(configs: Mapping[str, Config], root: object) -> Iterator[str]:
    """Yield the names under which the states say that files are in the folder *root*."""
    with Places() as places:
        for account, config in configs.items():
            state = places.at(config.state, account).peek() if clients.folder(config) == root else None
            for task in state.ended if state else ():
                if task.archived:
                    yield from filter(None, (task.archived.video, task.archived.cover))


def fetch(selection: Selection, prefix: str | None, *, since: str | None) -> int:
    """Copy the one task whose id begins with *prefix*, or all created *since* so long. Return the exit code.

    Raise ChanjingError, UsageError or ConfigError.
    """
    if (prefix is None) == (since is None):
        raise UsageError("archive fetch: give either an ID or --since.")
    try:
        span = values.seconds(since) if since else 0.0
    except ValueError as error:
        raise UsageError(f"--since: {error}") from None
    configs = _with_archive(selection.of(load(selection.config, os.environ)))
    settings = next(iter(configs.values())).log
    events = log.make(settings.level, settings.format)
    clock, failed, found = SystemClock(Stop()), 0, dict[str, tuple[Task, str]]()
    with clients.connections() as exchange:
        for name, config in configs.items():
            pages = Pages(clients.chanjing(config, exchange, clock), clock, events, size=config.chanjing.page_size)
            tasks = find(pages, prefix, now=clock.now()) if prefix else _since(pages, clock.now(), span)
            found |= {task.id: (task, name) for task in tasks if task.status == Status.SUCCEEDED and task.video_url}
        if prefix:
            chosen = the_only(prefix, list(found), "is in Chanjing's list with a video")
            found = {chosen: found[chosen]}
        for name, config in configs.items():
            tasks = [task for task, account in found.values() if account == name]
            failed += _copy(clients.copier(config, exchange, threading.Event(), events), tasks, clock.now())
    return UNDONE if failed else DONE


def _since(pages: Pages, now: float, span: float) -> list[Task]:
    scanned = chain.from_iterable(tasks for _, tasks in pages.of(FullScan(ListProfile(), now=now)))
    return [task for task in scanned if task.create_time >= now - span]


def _copy(copier: Copier, tasks: Iterable[Task], now: float) -> int:
    """Copy the files of *tasks*, print a line for each, and return how many failed."""
    failed = 0
    for task in tasks:
        try:
            line = copier.copy(RecentTask(TaskEnded(task), now)).video
        except ArchiveError as error:
            line, failed = f"failed: {error}", failed + 1
        print(visible(f"{task.id}  {line}"), flush=True)
    return failed


def _with_archive(configs: Mapping[str, Config]) -> dict[str, Config]:
    found = {name: config for name, config in configs.items() if config.archive.path is not None}
    if not found:
        raise ConfigError("archive.path: is not set, so there is no archive.")
    return found
