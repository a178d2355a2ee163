"""`check` and Slack: the token, its scopes, the channels, and a test message."""

import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from bot.cli.finding import Finding, bad, good, warning
from bot.domain.notice import Key
from bot.errors import OutcomeUnknown, PayloadRefused, RateLimited, SlackError
from bot.slack.blocks import Message
from bot.slack.client import OUTSIDE, SlackBot, SlackClient

_SCOPES = {
    "chat:write": "without it nothing can be posted",
    "channels:history": "without it a message may be repeated after a lost reply, in public channels",
    "groups:history": "without it a message may be repeated after a lost reply, in private channels",
    "channels:read": "without it `check` cannot show the name of a public channel or whether the bot is in it",
    "groups:read": "without it `check` cannot show the name of a private channel or whether the bot is in it",
}
_WEAKER = "a message may be repeated after a lost reply"
_INVITE = "In the channel, write: /invite @lipsync-bot"
_PAGES = 10  # of conversations.list, each of a thousand channels: more is not worth the wait
_PAUSES = (0.0, 1.0, 2.0, 4.0)  # seconds before each look for a test message: the history may lag


def account(
    slack: SlackClient,
    channels: Mapping[str, str],
    *,
    board: bool = False,
    lasting: bool = False,
    unread: Collection[str] = (),
) -> Iterator[Finding]:
    """Ask about the token, its scopes and *channels* (key of the configuration → id); or say what a webhook lacks.

    *board*: one is wanted. *lasting*: messages are to get the archive's links. *unread* are the channels whose history
    the bot could not read when it last tried.
    """
    if not slack.can_update:
        yield warning("slack", f"a webhook: {_WEAKER}. Only a post shows whether it works: add --send")
        if board:
            text = "a webhook cannot update a message, so there is no board. For one, set slack.bot_token instead."
            yield warning("slack.board", text)
        if lasting:
            text = "a webhook cannot update a message, so none gets these links. For that, set slack.bot_token instead."
            yield warning("archive.public_url", text)
        return
    try:
        answer, scopes = slack.identify()
    except SlackError as error:
        yield bad("slack", _with_remedy(error))
        return
    whose = "".join(f" {word} {answer[key]}" for word, key in (("as", "user"), ("in", "team")) if answer.get(key))
    yield good("slack", f"the token is accepted{',' if whose else ''}{whose}")
    for scope, cost in _SCOPES.items():
        if scopes and scope not in scopes:
            text = f"{scope} is missing: {cost}. Add it to the app (OAuth & Permissions) and reinstall the app."
            yield (bad if scope == "chat:write" else warning)("scopes", text)
    for channel in dict.fromkeys(channels.values()):
        keys = [key for key, one in channels.items() if one == channel]
        # The others are slack.channel's unless they were set.
        key = "slack.channel" if "slack.channel" in keys else ", ".join(keys)
        found = _channel(slack, key, channel, board=board and key == "slack.channel")
        if channel in unread and found.severity == "good":
            text = f"{found.text}. But the running bot could not when it last tried: until it can, {_WEAKER}."
            found = replace(found, severity="warning", text=text)
        yield found


def _channel(bot: SlackBot, keys: str, channel: str, *, board: bool) -> Finding:
    info: Mapping[str, Any] = {}
    try:
        answer = bot.call("conversations.info", channel=channel).get("channel")
        info = answer if isinstance(answer, dict) else {}
    except SlackError as error:
        if error.reason not in {"missing_scope", "unknown_method"}:
            return bad(keys, f"{channel}: {_with_remedy(error)}")
    name = f"#{info['name']} ({channel})" if info.get("name") else channel
    if info.get("is_archived"):
        return bad(keys, f"{name} is archived. Unarchive it, or set another channel.")
    if info.get("is_member") is False:
        return bad(keys, f"the bot is not in {name}. {_INVITE}")
    try:
        bot.page(channel, oldest="9999999999.000000", cursor="")
    except SlackError as error:
        if error.reason == "not_in_channel":
            return bad(keys, f"the bot is not in {name}. {_INVITE}")
        cost = f"{_WEAKER}, and the board may be posted twice" if board else _WEAKER
        return warning(keys, f"{name}: its history cannot be read, so {cost}. {_with_remedy(error)}")
    inside = "the bot is in it and can" if info.get("is_member") else "the bot can"
    return good(keys, f"{name}: {inside} read its history")


def _with_remedy(error: SlackError) -> str:
    """Return *error* with what to do about it: `run` tries again by itself, but here somebody waits."""
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


def channel_id(bot: SlackBot, name: str) -> str | None:
    """Return the id of the channel called *name* (`videos`, `#videos`), or None if the bot finds none."""
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


def send(slack: SlackClient, channel: str, message: Message, wait: Callable[[float], None]) -> Finding:
    """Post a test *message*, and look for it in the channel's history as the bot does after a lost reply."""
    id_ = Key(f"test:{secrets.token_hex(8)}", 0, "alerts").id
    try:
        posted = slack.post(channel, message, (id_,), OUTSIDE)
    except SlackError as error:
        return bad("send", _with_remedy(error))
    text = f"a test message was posted to {channel}{f', ts {posted.ts}' if posted.ts else ''}"
    if not slack.can_update:
        return good("send", text)
    if posted.moved_to:
        text = f"{text}; Slack now has this channel as {posted.moved_to}: put that id into the configuration"
    try:
        found = _found(slack, channel, posted.ts, id_, wait)
    except SlackError as error:
        return warning("send", f"{text}. It could not be looked for, so {_WEAKER}. {_with_remedy(error)}")
    if not found:
        return warning("send", f"{text}. The channel's history does not show it with its metadata, so {_WEAKER}.")
    severity = warning if posted.moved_to else good
    return severity("send", f"{text}; it was found there: each message will be posted exactly once")


def _found(bot: SlackBot, channel: str, ts: str, id_: str, wait: Callable[[float], None]) -> bool:
    for pause in _PAUSES:
        wait(pause)
        if bot.shows(channel, ts, id_):
            return True
    return False
