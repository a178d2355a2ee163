"""`check`: is everything in place? A line for each question, with the remedy if the answer is no."""

import errno
import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import httpx

from bot import clients, disk
from bot.archive.files import Files
from bot.chanjing.answers import DOCUMENTED_PAGE_SIZE, may_be_page_size
from bot.chanjing.client import Chanjing
from bot.cli import DONE, UNDONE, check_slack
from bot.cli.finding import Finding, bad, good, warning
from bot.cli.output import ascii_only
from bot.cli.selection import Selection
from bot.clock import Stop, SystemClock
from bot.config.accounts import shown
from bot.config.credentials import CHANNELS
from bot.config.load import load, read
from bot.config.sections import Config, State
from bot.domain.notice import Test
from bot.errors import ChanjingError, ConfigError, StateError
from bot.harmless import visible
from bot.http.client import Exchange
from bot.slack.blocks import Style
from bot.slack.message import render
from bot.store.file import peek
from bot.store.lock import Lock
from bot.store.places import Place, Places
from bot.web.ping import TIMEOUT, ask, below

_NOT_THERE = {404, 405, 501}  # statuses of an address that is not known, or not for GET
_KEYS = {"success": "slack.channel", "failure": "slack.failure_channel", "alerts": "slack.alerts_channel"}


def main(selection: Selection, *, send: bool) -> int:
    """Print each finding as soon as it is there, and return the exit code. *send*: post a test message too."""
    warnings: list[Finding] = []
    try:
        everything = load(selection.config, os.environ, warn=lambda *doubt: warnings.append(warning(*doubt)))
    except ConfigError as error:
        raise ConfigError("\n".join((str(error), *_ids_of_names(selection.config)))) from None
    configs = selection.of(everything)
    own = (
        (f"account {name} " if len(configs) > 1 else "", finding)
        for name, config in configs.items()
        for finding in findings(config, name, send=send)
    )
    shared = (
        ("", finding) for finding in itertools.chain([good("configuration", "complete")], warnings, _once(configs))
    )
    signs = {"good": "+" if ascii_only() else "✓", "warning": "!", "bad": "x" if ascii_only() else "✗"}
    wrong = set()
    for whose, finding in itertools.chain(shared, own):
        print(visible(f"{signs[finding.severity]} {whose}{finding.subject}: {finding.text}"), flush=True)
        if finding.severity == "bad":
            wrong.add(finding.subject)
    if wrong == {"state"}:
        return StateError.exit_code
    return UNDONE if wrong else DONE


def _once(configs: Mapping[str, Config]) -> Iterator[Finding]:
    """Ask about the process itself: the dead-man's switch, and the way of a wake-up."""
    monitor = next(iter(configs.values())).monitor
    if monitor.ping_url is not None:
        with clients.connections() as exchange:
            yield ping(exchange, monitor.ping_url.value)
    if monitor.public_url is not None and monitor.wake_token is not None:
        from bot.cli import check_wake

        with clients.connections() as exchange:
            yield check_wake.wake(exchange(monitor.public_url, TIMEOUT), monitor.public_url, monitor.wake_token.value)


def findings(config: Config, account: str, *, send: bool) -> Iterator[Finding]:
    """Ask about the machine, Chanjing and Slack, for one account."""
    if config.slack.daily_summary is not None:
        yield daily_summary(config.slack.daily_summary, time.localtime())
    with Places() as places, clients.connections() as exchange:
        yield (database(places.at(config.state, account)) if config.state.url else state_directory(config.state.path))
        if config.archive.path is not None:
            from bot.cli import check_archive

            yield check_archive.folder(Files(clients.folder(config)))
        clock = SystemClock(Stop())
        # One attempt: somebody waits for the answer.
        yield chanjing(clients.chanjing(config, exchange, clock, attempts=1), config.chanjing.page_size)
        if (token := config.chanjing.access_token) and not token.read_again:
            yield GIVEN_TOKEN
        route, slack, usable = config.slack.routes, clients.slack(config, exchange, clock), True
        channels = {_KEYS[role]: channel for role, channel in route.items()}
        unread = _unread_channels(places, config.state, account)
        for finding in check_slack.account(
            slack, channels, board=config.slack.board, lasting=config.archive.public_url is not None, unread=unread
        ):
            yield finding
            usable = usable and (finding.subject, finding.severity) != ("slack", "bad")
        if send and usable:  # else each post would fail as that did
            message = render([Test()], Style(config.slack.language, account=shown(account)))
            for channel in dict.fromkeys(route.values()):
                yield check_slack.send(slack, channel, message, clock.wait)


def daily_summary(at: str, now: time.struct_time) -> Finding:
    """Say by which clock the summary comes: a TZ that was understood otherwise than it was meant is seen here."""
    text = f"every day at {at} in this machine's time zone (TZ), where it is now {time.strftime('%H:%M (%z)', now)}"
    return good("slack.daily_summary", text)


def state_directory(path: Path) -> Finding:
    """Say whether the state can be kept at *path*: do what a start and a save do."""
    try:
        path = disk.resolve(path)
        synced = disk.rehearse(path)
        if _mounted_alone(path):
            disk.refuse(OSError(errno.EBUSY, os.strerror(errno.EBUSY)), path, "replaced")
        Lock(path).check()
        peek(path)
    except StateError as error:
        return bad("state", str(error))
    if synced:
        return good("state", f"{path} can be written")
    if os.access(path.parent, os.R_OK):
        reason = "this file system cannot sync a directory"
    else:
        reason = "the bot's user may not read its directory, so it cannot be synced"
    return warning("state", f"{path} can be written, but {reason}: a power cut may undo the last change")


def database(place: Place) -> Finding:
    """Say whether the database can be reached, and whether what is there can be read."""
    try:
        known = place.peek()
    except StateError as error:
        return bad("state", str(error))
    return good("state", f"{place}: {f'{len(known.tasks)} tasks' if known else 'no state yet'}")


def _mounted_alone(path: Path) -> bool:
    # Not os.path.ismount(): a file mounted from the same file system is no mount point for it.
    try:
        mounts = Path("/proc/self/mountinfo").read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return str(path).replace(" ", r"\040") in {mount.split()[4] for mount in mounts}


def chanjing(client: Chanjing, page_size: int) -> Finding:
    """Ask for the first page of the list."""
    try:
        page = client.page(1, page_size)
    except ChanjingError as error:
        if not may_be_page_size(error, page_size):
            return bad("chanjing", str(error))
        found = chanjing(client, DOCUMENTED_PAGE_SIZE)
        text = f"{found.text}. It refuses pages of {page_size}, so the bot reads pages of {DOCUMENTED_PAGE_SIZE}."
        return replace(found, severity="warning", text=text) if found.severity == "good" else found
    count = "an unknown number of" if page.total_count is None else page.total_count
    text = f"the token is accepted; the list holds {count} {'task' if count == 1 else 'tasks'}"
    if client.uses_kept_token:
        text = f"{text}. This token was kept from an earlier run, so the secret key has not been tried"
    return good("chanjing", text)


GIVEN_TOKEN = warning(
    "chanjing.access_token",
    "a token is valid for about a day, so this one stops working by tomorrow. "
    "For permanent use, set chanjing.access_token_file, or chanjing.app_id with chanjing.secret_key.",
)


def ping(exchange: Callable[[str, float], Exchange], url: str) -> Finding:
    """Ask the dead-man's switch. Only the running bot reports to it that the bot is alive: no ping here."""
    # healthchecks.io's word for what is recorded there and changes nothing.
    status, failure = ask(exchange(url, TIMEOUT), below(httpx.URL(url), "log"))
    subject = "monitor.ping_url"
    if status in _NOT_THERE:
        text = (
            "its address is wrong, or it does not know /log, which `check` asks for. "
            "See at the switch whether pings of the bot arrive."
        )
        return warning(subject, f"{failure}: {text}")
    if failure:
        return bad(subject, f"{failure}. Check the address and the network.")
    return good(subject, "it answers. `check` sends no ping of its own: only the running bot does")


def _unread_channels(places: Places, settings: State, account: str) -> list[str]:
    """Return the channels whose history the bot could not read when it last tried."""
    try:
        state = places.at(settings, account).peek()
    except StateError:
        return []  # reported already
    return [channel for channel, one in state.outbox.destinations.items() if one.history_unreadable] if state else []


def _ids_of_names(path: Path | None) -> list[str]:
    """Return a line with the id of each channel that is configured by its name, as far as Slack knows."""
    lines: list[str] = []
    for one in read(path, os.environ).accounts.values():
        config = one.config
        names = {one.found.name(key): str(one.found.values[key].value) for key in CHANNELS if key in one.refused}
        if not names or config.slack.bot_token is None:
            continue
        try:
            with clients.connections() as exchange:
                bot = clients.slack(config, exchange)
                found = {key: check_slack.channel_id(bot, name) for key, name in names.items() if bot.can_update}
        except ConfigError as error:
            return [str(error)]  # one mistake more
        lines += [f"{key}: the id of {names[key]} is {channel}" for key, channel in found.items() if channel]
    return lines
