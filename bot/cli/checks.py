"""The questions that `check` asks: a line each, with the remedy where the answer is no."""

import errno
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import httpx
from pydantic import SecretStr

from bot import disk
from bot.chanjing.client import DOCUMENTED_PAGE_SIZE, Chanjing, may_be_page_size
from bot.domain.outbox import notice_id
from bot.errors import ChanjingError, OutcomeUnknown, PayloadRefused, RateLimited, SlackError, StateError
from bot.http.client import Exchange
from bot.slack.blocks import Message
from bot.slack.client import OUTSIDE, Slack, SlackBot
from bot.store.file import peek
from bot.store.lock import Lock
from bot.web.ping import TIMEOUT, ask, below

_SCOPES = {
    "chat:write": "without it nothing can be posted",
    "channels:history": "without it a message may be repeated after a lost reply, in public channels",
    "groups:history": "without it a message may be repeated after a lost reply, in private channels",
    "channels:read": "without it `check` cannot show the name of a public channel or whether the bot is in it",
    "groups:read": "without it `check` cannot show the name of a private channel or whether the bot is in it",
}
_WEAKER = "a message may be repeated after a lost reply"
_INVITE = "In the channel, write: /invite @lipsync-bot"
_PAUSES = (0.0, 1.0, 2.0, 4.0)  # seconds before each look for a test message: the history may lag
_PAGES = 10  # of conversations.list, each of a thousand channels: more is not worth the wait
_NOT_THERE = {404, 405, 501}  # statuses of an address that is not known, or not for GET


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer. `severity` "warning": it works, but less well."""

    subject: str
    severity: Literal["good", "warning", "bad"]
    text: str
    needed_network: bool = True


def daily_summary(at: str, now: time.struct_time) -> Finding:
    """Say by which clock the summary comes: a TZ that was understood otherwise than it was meant is seen here."""
    text = f"every day at {at} in this machine's time zone (TZ), where it is now {time.strftime('%H:%M (%z)', now)}"
    return Finding("slack.daily_summary", "good", text, needed_network=False)


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
        return Finding("state", "bad", str(error), needed_network=False)
    text = f"{path} can be written"
    if synced:
        return Finding("state", "good", text, needed_network=False)
    text = f"{text}, but this file system cannot sync a directory: a power cut may undo the last change"
    return Finding("state", "warning", text, needed_network=False)


def _mounted_alone(path: Path) -> bool:
    # Not os.path.ismount(): a file mounted from the same file system is no mount point for it.
    try:
        mounts = Path("/proc/self/mountinfo").read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return str(path).replace(" ", r"\040") in {mount.split()[4] for mount in mounts}


def accounts(
    client: Chanjing,
    page_size: int,
    slack_client: Slack,
    channels: Mapping[str, str],
    *,
    token_given: bool,
    board: bool,
    unread: Collection[str] = (),
) -> Iterator[Finding]:
    """Ask Chanjing, and Slack about *channels* (key of the configuration → id) or what a webhook lacks for a *board*.

    *token_given*: Chanjing's token stands in the configuration itself. *unread* are the channels whose history the bot
    could not read when it last tried.
    """
    yield chanjing(client, page_size)
    if token_given:
        yield given_token()
    if isinstance(slack_client, SlackBot):
        yield from slack(slack_client, channels, board=board, unread=unread)
    else:
        yield from webhook(board=board)


def chanjing(client: Chanjing, page_size: int) -> Finding:
    """Ask for the first page of the list."""
    try:
        page = client.page(1, page_size)
    except ChanjingError as error:
        if not may_be_page_size(error, page_size):
            return Finding("chanjing", "bad", str(error))
        found = chanjing(client, DOCUMENTED_PAGE_SIZE)
        text = f"{found.text}. It refuses pages of {page_size}, so the bot reads pages of {DOCUMENTED_PAGE_SIZE}."
        return replace(found, severity="warning", text=text) if found.severity == "good" else found
    count = "an unknown number of" if page.total_count is None else page.total_count
    text = f"the token is accepted; the list holds {count} {'task' if count == 1 else 'tasks'}"
    if client.uses_kept_token:
        text = f"{text}. This token was kept from an earlier run, so the secret key has not been tried"
    return Finding("chanjing", "good", text)


def given_token() -> Finding:
    """Warn of a token that nobody renews."""
    text = (
        "a token is valid for about a day, so this one stops working by tomorrow. "
        "For permanent use, set chanjing.access_token_file, or chanjing.app_id with chanjing.secret_key."
    )
    return Finding("chanjing.access_token", "warning", text, needed_network=False)


def slack(
    bot: SlackBot, channels: Mapping[str, str], *, board: bool = False, unread: Collection[str] = ()
) -> Iterator[Finding]:
    """Ask about the token, its scopes and each of *channels* (key of the configuration → id); see `accounts`."""
    try:
        answer, scopes = bot.identify()
    except SlackError as error:
        yield Finding("slack", "bad", _told(error))
        return
    whose = "".join(f" {word} {answer[key]}" for word, key in (("as", "user"), ("in", "team")) if answer.get(key))
    yield Finding("slack", "good", f"the token is accepted{',' if whose else ''}{whose}")
    for scope, cost in _SCOPES.items():
        if scopes and scope not in scopes:
            severity: Literal["warning", "bad"] = "bad" if scope == "chat:write" else "warning"
            text = f"{scope} is missing: {cost}. Add it to the app (OAuth & Permissions) and reinstall the app."
            yield Finding("scopes", severity, text)
    for channel in dict.fromkeys(channels.values()):
        keys = [key for key, one in channels.items() if one == channel]
        # The others are slack.channel's unless they were set.
        key = "slack.channel" if "slack.channel" in keys else ", ".join(keys)
        found = _channel(bot, key, channel, board=board and key == "slack.channel")
        if channel in unread and found.severity == "good":
            text = f"{found.text}. But the running bot could not when it last tried: until it can, {_WEAKER}."
            found = replace(found, severity="warning", text=text)
        yield found


def _channel(bot: SlackBot, keys: str, channel: str, *, board: bool) -> Finding:
    info: Mapping[str, Any] = {}
    try:
        told = bot.call("conversations.info", channel=channel).get("channel")
        info = told if isinstance(told, dict) else {}
    except SlackError as error:
        if error.reason not in {"missing_scope", "unknown_method"}:
            return Finding(keys, "bad", f"{channel}: {_told(error)}")
    name = f"#{info['name']} ({channel})" if info.get("name") else channel
    if info.get("is_archived"):
        return Finding(keys, "bad", f"{name} is archived. Unarchive it, or set another channel.")
    if info.get("is_member") is False:
        return Finding(keys, "bad", f"the bot is not in {name}. {_INVITE}")
    try:
        bot.page(channel, oldest="9999999999.000000", cursor="")
    except SlackError as error:
        if error.reason == "not_in_channel":
            return Finding(keys, "bad", f"the bot is not in {name}. {_INVITE}")
        cost = f"{_WEAKER}, and the board may be posted twice" if board else _WEAKER
        return Finding(keys, "warning", f"{name}: its history cannot be read, so {cost}. {_told(error)}")
    inside = "the bot is in it and can" if info.get("is_member") else "the bot can"
    return Finding(keys, "good", f"{name}: {inside} read its history")


def _told(error: SlackError) -> str:
    """Return *error* with a remedy. `run` looks for what is in doubt; here somebody waits to be told what to do."""
    said, remedy = str(error).rstrip("."), ""
    match error:
        case RateLimited():
            remedy = f"Slack asks the bot to wait: try again in {error.retry_after:.0f} s."
        case PayloadRefused():
            remedy = "This is a fault of the bot, or of a server that only resembles Slack: please report it."
        case OutcomeUnknown() if "slack.base_url" not in said:
            remedy = "Check the network, the proxy and slack.base_url."
        case _:
            pass  # it holds one
    return f"{said}. {remedy}".rstrip()


def webhook(*, board: bool) -> Iterator[Finding]:
    """Tell what a webhook cannot do; *board*: one is wanted."""
    text = f"a webhook: {_WEAKER}. Only a post shows whether it works: add --send"
    yield Finding("slack", "warning", text, needed_network=False)
    if board:
        text = "a webhook cannot update a message, so there is no board. For one, set slack.bot_token instead."
        yield Finding("slack.board", "warning", text, needed_network=False)


def channel_id(bot: SlackBot, name: str) -> str | None:
    """Return the id of the channel called *name* (`videos`, `#videos`), or None where the bot finds none."""
    wanted = name.removeprefix("#").casefold()
    for kind in ("public_channel", "private_channel"):
        try:
            found = next((one for one in _listed(bot, kind) if one.get("name") == wanted), None)
        except SlackError:  # perhaps the bot may list the other kind
            continue
        if found is not None:
            return str(found.get("id"))
    return None


def _listed(bot: SlackBot, kind: str) -> Iterator[Mapping[str, Any]]:
    cursor = ""
    for _ in range(_PAGES):
        answer = bot.call("conversations.list", types=kind, exclude_archived="true", limit="1000", cursor=cursor)
        channels, more = answer.get("channels"), answer.get("response_metadata")
        yield from (one for one in (channels if isinstance(channels, list) else []) if isinstance(one, dict))
        cursor = str(more.get("next_cursor") or "") if isinstance(more, dict) else ""
        if not cursor:
            return


def ping(exchange: Callable[[str, float], Exchange], secret: SecretStr | None) -> Iterator[Finding]:
    """Ask the dead-man's switch, if there is one. Only the running bot tells it that the bot is alive: no ping here."""
    if secret is None:
        return
    url = secret.get_secret_value()
    # healthchecks.io's word for what is noted there and changes nothing.
    status, failure = ask(exchange(url, TIMEOUT), below(httpx.URL(url), "log"))
    subject = "monitor.ping_url"
    if status in _NOT_THERE:
        text = (
            "its address is wrong, or it does not know /log, which `check` asks for. "
            "See at the switch whether pings of the bot arrive."
        )
        yield Finding(subject, "warning", f"{failure}: {text}")
    elif failure:
        yield Finding(subject, "bad", f"{failure}. Check the address and the network.")
    else:
        yield Finding(subject, "good", "it answers. `check` sends no ping of its own: only the running bot does")


def send(
    slack_client: Slack,
    channel: str,
    message: Message,
    fresh: Callable[[], str],
    wait: Callable[[float], None],
) -> Finding:
    """Post a test message, and look for it in the channel's history as the bot does after a lost reply."""
    id_ = notice_id(f"test:{fresh()}", 0, "alerts")
    try:
        posted = slack_client.post(channel, message, (id_,), OUTSIDE)
    except SlackError as error:
        return Finding("send", "bad", _told(error))
    text = f"a test message was posted to {channel}{f', ts {posted.ts}' if posted.ts else ''}"
    if not isinstance(slack_client, SlackBot):
        return Finding("send", "good", text)
    if posted.moved_to:
        text = f"{text}; Slack now has this channel as {posted.moved_to}: put that id into the configuration"
    try:
        found = _found(slack_client, channel, posted.ts, id_, wait)
    except SlackError as error:
        return Finding("send", "warning", f"{text}. It could not be looked for, so {_WEAKER}. {_told(error)}")
    if not found:
        text = f"{text}. The channel's history does not show it with its metadata, so {_WEAKER}."
        return Finding("send", "warning", text)
    severity: Literal["good", "warning"] = "warning" if posted.moved_to else "good"
    return Finding("send", severity, f"{text}; it was found there: each message will be posted exactly once")


def _found(bot: SlackBot, channel: str, ts: str, id_: str, wait: Callable[[float], None]) -> bool:
    for pause in _PAUSES:
        wait(pause)
        if bot.shows(channel, ts, id_):
            return True
    return False
