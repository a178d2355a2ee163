"""A Slack on loopback: the few Web API methods that the bot uses, an incoming webhook, and Block Kit's limits.

Errors, scopes and limits are those of docs.slack.dev. Where Slack is vague, this one is strict.
"""

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from bot.demo.block_kit import MAX_TEXT, keeps_metadata, problems, said, scan
from bot.demo.server import Answer, Call, LoopbackServer, RateLimit, json_answer, text_answer

CHANNEL = "C0LIPSYNC01"
SCOPES = frozenset({"chat:write", "channels:history", "channels:read", "groups:history", "groups:read"})
MAX_UPDATED_TEXT = 4_000
DEFAULT_LIMIT = 100
MAX_LIMIT = 999
_WEBHOOK = "/services/T000/B000/XXXX"
_TEAM, _USER, _BOT = "T000", "U0LIPSYNC01", "B000"


@dataclass(slots=True)
class Channel:
    """A channel as the bot's user finds it."""

    name: str
    is_member: bool = True
    is_archived: bool = False
    is_private: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it stands now. `at` is time.monotonic() of its posting, `edited` the ts of its last update."""

    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]]
    metadata: dict[str, Any] | None
    at: float
    edited: str | None = None
    thread_ts: str | None = None


class _Refused(Exception):
    """Slack says no: `ok: false`, the error, and what else the answer holds."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.error = error
        self.more = more
        self.headers = {"Retry-After": "1"} if error == "ratelimited" else {}


class SlackServer(LoopbackServer):
    """One workspace with one app in it.

    `revoked` True answers token_revoked, a string that error, to every method. `image_unfetchable` says of a URL
    whether Slack fails to download it. A message shows in the history `history_lag` seconds after its posting.
    `max_per_second` limits the messages to one channel. `webhook_error` (status, text) is all that the webhook answers
    while set. `on_message` is called with each message posted or updated, before the client gets its answer.
    """

    def __init__(
        self,
        token: str = "xoxb-demo",  # noqa: S107 - made up
        *,
        channels: Mapping[str, Channel] | None = None,
        scopes: Iterable[str] = SCOPES,
        clock: Callable[[], float] = time.time,
        port: int = 0,
    ) -> None:
        self.token = token
        self.channels = dict(channels) if channels is not None else {CHANNEL: Channel("lip-sync")}
        self.scopes = set(scopes)
        self.clock = clock
        self.revoked: bool | str = False
        self.image_unfetchable: Callable[[str], bool] = lambda _url: False
        self.history_lag = 0.0
        self.max_per_second: int | None = None
        self.on_message: Callable[[Message], None] | None = None
        self.webhook_channel = next(iter(self.channels), CHANNEL)
        self.webhook_error: tuple[int, str] | None = None
        self._messages: dict[str, Message] = {}
        self._last_stamp = 0
        self._rate = RateLimit()
        super().__init__(port=port)
        self.base_url = f"{self.url}/api/"
        self.webhook_url = f"{self.url}{_WEBHOOK}"

    @property
    def messages(self) -> list[Message]:
        """All messages as they stand now, in order of posting."""
        with self.lock:
            return list(self._messages.values())

    def delete(self, ts: str) -> None:
        """Delete a message, as somebody in the channel may. Raise KeyError where there is none."""
        with self.lock:
            del self._messages[ts]

    def answer(self, call: Call) -> Answer:
        """Answer as slack.com/api (JSON) or hooks.slack.com (plain text)."""
        if call.path.startswith("/services/"):
            return self._webhook(call)
        if not call.path.startswith("/api/"):
            return text_answer("Not Found", HTTPStatus.NOT_FOUND)
        try:
            return json_answer({"ok": True, **self._api(call)}, headers={"x-oauth-scopes": self._provided()})
        except _Refused as refused:
            status = HTTPStatus.TOO_MANY_REQUESTS if refused.error == "ratelimited" else HTTPStatus.OK
            return json_answer({"ok": False, "error": refused.error, **refused.more}, status, refused.headers)

    # Who asks, and for what

    def _api(self, call: Call) -> dict[str, Any]:
        # Each method, and the scopes any one of which lets an app call it (none: every app may).
        methods: dict[str, tuple[Callable[[Mapping[str, Any]], dict[str, Any]], tuple[str, ...]]] = {
            "auth.test": (self._auth_test, ()),
            "chat.delete": (self._delete, ("chat:write",)),
            "chat.getPermalink": (self._permalink, ()),
            "chat.postMessage": (self._post_message, ("chat:write",)),
            "chat.update": (self._update, ("chat:write",)),
            "conversations.history": (self._history, ("channels:history", "groups:history")),
            "conversations.info": (self._info, ("channels:read", "groups:read")),
            "conversations.list": (self._list, ("channels:read", "groups:read")),
        }
        name = call.path.removeprefix("/api/")
        if name not in methods:
            raise _Refused("unknown_method", req_method=name)
        method, scopes = methods[name]
        arguments = _arguments(call)
        token = (call.headers.get("Authorization") or "").removeprefix("Bearer ") or arguments.get("token")
        if not token:
            raise _Refused("not_authed")
        if token != self.token:
            raise _Refused("invalid_auth")
        if self.revoked:
            raise _Refused(self.revoked if isinstance(self.revoked, str) else "token_revoked")
        if scopes:
            self._require(*scopes)
        return method(arguments)

    def _require(self, *any_of: str) -> None:
        if self.scopes.isdisjoint(any_of):
            raise _Refused("missing_scope", needed=",".join(any_of), provided=self._provided())

    def _provided(self) -> str:
        return ",".join(sorted(self.scopes))

    def _channel(self, arguments: Mapping[str, Any]) -> tuple[str, Channel]:
        channel = self.channels.get(name := str(arguments.get("channel")))
        if channel is None or (channel.is_private and not channel.is_member):
            raise _Refused("channel_not_found")
        return name, channel

    def _writable(self, arguments: Mapping[str, Any]) -> str:
        name, channel = self._channel(arguments)
        if channel.is_archived:
            raise _Refused("is_archived")
        if not channel.is_member and "chat:write.public" not in self.scopes:
            raise _Refused("not_in_channel")
        return name

    def _readable(self, arguments: Mapping[str, Any], what: str) -> tuple[str, Channel]:
        name, channel = self._channel(arguments)
        self._require(f"{'groups' if channel.is_private else 'channels'}:{what}")
        return name, channel

    def _throttle(self, channel: str) -> None:
        with self.lock:
            if self.max_per_second is not None and not self._rate.allows(channel, self.max_per_second):
                raise _Refused("ratelimited")

    # The methods

    def _auth_test(self, _arguments: Mapping[str, Any]) -> dict[str, Any]:
        names = {"team": "Demo", "user": "lipsync-bot", "team_id": _TEAM, "user_id": _USER, "bot_id": _BOT}
        return {"url": f"{self.url}/", **names, "is_enterprise_install": False}

    def _post_message(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        self._throttle(str(arguments.get("channel")))
        message = self._post(self._writable(arguments), arguments)
        warned = {}
        if len(str(arguments.get("text"))) > MAX_TEXT:
            warned = {"response_metadata": {"warnings": ["message_truncated"]}}
        return {"channel": message.channel, "ts": message.ts, "message": _shown(message), **warned}

    def _update(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        channel = self._writable(arguments)
        old = self._find(channel, arguments.get("ts"))
        # Blocks stay only where no new text is given: https://docs.slack.dev/reference/methods/chat.update
        kept = {"text": old.text, "blocks": [] if "text" in arguments else old.blocks, "metadata": old.metadata}
        content = self._checked({**kept, **arguments})
        # In bytes, and refused, not cut: https://gitlab.com/gitlab-org/gitlab/-/merge_requests/258898
        if "text" in arguments and len(content["text"].encode()) > MAX_UPDATED_TEXT:
            raise _Refused("msg_too_long")
        new = replace(old, **content, edited=self._stamp())
        with self.lock:
            self._messages[new.ts] = new
        self._tell(new)
        return {"channel": channel, "ts": new.ts, "text": new.text, "message": _shown(new)}

    def _delete(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        channel = self._writable(arguments)
        message = self._find(channel, arguments.get("ts"))
        self.delete(message.ts)
        return {"channel": channel, "ts": message.ts}

    def _permalink(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        channel, _ = self._channel(arguments)
        message = self._find(channel, arguments.get("message_ts"))
        link = f"{self.url}/archives/{channel}/p{message.ts.replace('.', '')}"
        return {"channel": channel, "permalink": link}

    def _history(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        name, channel = self._readable(arguments, "history")
        if not channel.is_member:
            raise _Refused("not_in_channel")
        oldest, latest = _timestamp(arguments, "oldest", "0"), _timestamp(arguments, "latest", "Infinity")
        inclusive, limit, upto = _flag(arguments, "inclusive"), _limit(arguments), _cursor(arguments, "next_ts")
        shown = [
            message
            for message in reversed(self.messages)
            if message.channel == name
            and message.thread_ts is None
            and message.at + self.history_lag <= time.monotonic()
            and (oldest < Decimal(message.ts) < latest or (inclusive and Decimal(message.ts) in {oldest, latest}))
            and (not upto or message.ts <= upto)
        ]
        page: dict[str, Any] = {
            "messages": [_shown(message, _flag(arguments, "include_all_metadata")) for message in shown[:limit]],
            "has_more": len(shown) > limit,
        }
        # Unlike conversations.list, Slack leaves response_metadata out on the last page.
        return page | (_next(f"next_ts:{shown[limit].ts}") if page["has_more"] else {})

    def _info(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        name, channel = self._readable(arguments, "read")
        return {"channel": _described(name, channel)}

    def _list(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        kinds = str(arguments.get("types") or "public_channel").split(",")
        found = [
            _described(name, channel)
            for name, channel in sorted(self.channels.items())
            if ("private_channel" in kinds and channel.is_member if channel.is_private else "public_channel" in kinds)
            and not (channel.is_archived and _flag(arguments, "exclude_archived"))
            and name >= _cursor(arguments, "team")
        ]
        limit = _limit(arguments)
        return {"channels": found[:limit], **_next(f"team:{found[limit]['id']}" if len(found) > limit else "")}

    # The incoming webhook

    def _webhook(self, call: Call) -> Answer:
        if self.webhook_error is not None:
            status, text = self.webhook_error
            return text_answer(text, status)
        try:
            self._post_to_webhook(call)
        except _Refused as refused:
            answer = text_answer(refused.error, _WEBHOOK_STATUS.get(refused.error, HTTPStatus.BAD_REQUEST))
            return answer._replace(headers={**answer.headers, **refused.headers})
        return text_answer("ok")

    def _post_to_webhook(self, call: Call) -> None:
        if call.path != _WEBHOOK or call.method != "POST":
            raise _Refused("invalid_token" if call.path.startswith("/services/T000/B000/") else "no_service")
        self._throttle(self.webhook_channel)
        channel = self.channels.get(self.webhook_channel)
        if channel is None:
            raise _Refused("channel_not_found")
        if channel.is_archived:
            raise _Refused("channel_is_archived")
        try:
            # curl's example posts a form with one field, "payload".
            form = dict(parse_qsl(call.body.decode())) if call.body.startswith(b"payload=") else {}
            payload = json.loads(form.get("payload", call.body))
        except ValueError:
            payload = None
        if not isinstance(payload, dict):
            raise _Refused("invalid_payload")
        self._post(self.webhook_channel, payload)

    # What is kept

    def _post(self, channel: str, arguments: Mapping[str, Any]) -> Message:
        content = self._checked(arguments)
        with self.lock:
            thread_ts = arguments.get("thread_ts")
            message = Message(channel, self._stamp(), **content, at=time.monotonic(), thread_ts=thread_ts)
            self._messages[message.ts] = message
        self._tell(message)
        return message

    def _checked(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        content: dict[str, Any] = {
            "text": str(arguments.get("text") or ""),
            "blocks": _decoded(arguments, "blocks", "invalid_blocks_format") or [],
            "metadata": _decoded(arguments, "metadata", "invalid_metadata_format") or None,
        }
        found = [problem for problem in problems(content) if not problem.startswith("msg_too_long")]
        found = found or [
            f"invalid_blocks: {said('downloading image failed', at)}"
            for at, name, url in scan(content["blocks"], "/blocks")
            if name == "image_url" and self.image_unfetchable(url)
        ]
        if found:
            error = found[0].partition(":")[0]
            errors = [problem.partition(": ")[2] for problem in found]
            messages = [f"[ERROR] {detail}" for detail in errors]
            raise _Refused(error, errors=errors, response_metadata={"messages": messages})
        kept = content["metadata"] if keeps_metadata(content["metadata"]) else None
        return {**content, "text": content["text"][:MAX_TEXT], "metadata": kept}

    def _find(self, channel: str, ts: object) -> Message:
        message = self._messages.get(str(ts))
        if message is None or message.channel != channel:
            raise _Refused("message_not_found")
        return message

    def _stamp(self) -> str:
        """Return the next ts: our clock's time, but always later than the one before."""
        with self.lock:
            self._last_stamp = max(int(self.clock() * 10_000) * 100, self._last_stamp + 100)
            return f"{self._last_stamp // 1_000_000}.{self._last_stamp % 1_000_000:06}"

    def _tell(self, message: Message) -> None:
        # Without the lock: what is called may ask us something from another thread.
        if self.on_message is not None:
            self.on_message(message)


_WEBHOOK_STATUS: Mapping[str, int] = {
    "invalid_token": 403,
    "channel_not_found": 404,
    "no_service": 404,
    "channel_is_archived": 410,
    "ratelimited": 429,
}


def _arguments(call: Call) -> dict[str, Any]:
    """Return the arguments of a call from its query and its body, which is JSON or a form."""
    given: dict[str, Any] = dict(parse_qsl(call.query))
    if call.headers.get_content_type() != "application/json":
        return given | dict(parse_qsl(call.body.decode(errors="replace")))
    try:
        body = call.json() if call.body else {}
    except ValueError:
        raise _Refused("invalid_json") from None
    if not isinstance(body, dict):
        raise _Refused("json_not_object")
    return given | body


def _decoded(arguments: Mapping[str, Any], name: str, error: str) -> Any:
    """Return an argument that a form holds as JSON."""
    value = arguments.get(name)
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise _Refused(error) from None


def _flag(arguments: Mapping[str, Any], name: str) -> bool:
    return arguments.get(name) in {True, "1", "true", "True"}


def _limit(arguments: Mapping[str, Any]) -> int:
    limit = str(arguments.get("limit") or 0)
    if not limit.isdecimal():
        raise _Refused("invalid_limit")
    return min(int(limit) or DEFAULT_LIMIT, MAX_LIMIT)


def _timestamp(arguments: Mapping[str, Any], name: str, default: str) -> Decimal:
    try:
        return Decimal(str(arguments.get(name) or default))
    except InvalidOperation:
        raise _Refused(f"invalid_ts_{name}") from None


def _cursor(arguments: Mapping[str, Any], key: str) -> str:
    """Return where the cursor says to go on, "" for the start."""
    try:
        name, _, place = b64decode(str(arguments.get("cursor") or "")).decode().partition(":")
    except ValueError:
        name, place = "?", ""
    if name not in {"", key}:
        raise _Refused("invalid_cursor")
    return place


def _next(place: str) -> dict[str, Any]:
    return {"response_metadata": {"next_cursor": b64encode(place.encode()).decode()}}


def _shown(message: Message, metadata: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - as Slack's own flag
    shown = {"type": "message", "user": _USER, "bot_id": _BOT, "team": _TEAM, "ts": message.ts, "text": message.text}
    optional = {
        "blocks": message.blocks,
        "thread_ts": message.thread_ts,
        "edited": {"user": _USER, "ts": message.edited} if message.edited else None,
        "metadata": message.metadata if metadata else None,
    }
    return shown | {name: value for name, value in optional.items() if value}


def _described(name: str, channel: Channel) -> dict[str, Any]:
    return {
        "id": name,
        "name": channel.name,
        "is_channel": not channel.is_private,
        "is_member": channel.is_member,
        "is_archived": channel.is_archived,
        "is_private": channel.is_private,
    }
