"""Slack: post, update, look for → receipt or a classified error."""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NoReturn, Protocol, TypeAlias

from slack_sdk.web import SlackResponse

from bot.domain.outbox import EVENT_TYPE, HistoryPage, another_id, metadata, ts_order
from bot.errors import DestinationRefused, OutcomeUnknown, PayloadRefused, RateLimited, SlackError
from bot.events import Events
from bot.http.client import Exchange
from bot.secret import FileSecret
from bot.slack.blocks import Message
from bot.slack.call import WEBHOOK, Web, Webhook, ask, stops_every_call

_BOARD = "lipsync_board"
OUTSIDE = "lipsync_outside"  # a message that the delivery protocol knows nothing of
_HISTORY_PAGE = 200
_TS = re.compile(r"[0-9]+\.[0-9]+")
_OUTCOMES: Mapping[type[SlackError], str] = {
    RateLimited: "rate_limited",
    PayloadRefused: "payload_refused",
    DestinationRefused: "refused",
    OutcomeUnknown: "unknown",
}


@dataclass(frozen=True, slots=True)
class Posted:
    """What Slack says of a post: its ts ("": a webhook gives none), and the channel's id where it is another one."""

    ts: str = ""
    moved_to: str = ""


class Slack(Protocol):
    """Where messages go: what delivery needs of it."""

    def post(self, channel: str, message: Message, ids: tuple[str, ...], event_type: str = EVENT_TYPE) -> Posted:
        """Post *message* with the notice *ids* in its metadata, as *event_type* (OUTSIDE: no notice of the outbox).

        Raise SlackError: OutcomeUnknown where it may have been posted, the others where it was not.
        """

    def page(self, channel: str, oldest: str, cursor: str) -> HistoryPage:
        """Return a page of what was posted in *channel* since the ts *oldest* ("": ever), newest first.

        *cursor* is of the page before ("": the first). Raise SlackError: DestinationRefused where the history cannot
        be read, with the reason invalid_cursor where the cursor has expired.
        """


class SlackBot:
    """Slack with a bot token: what is posted can be found in the history and updated."""

    can_update: ClassVar[Literal[True]] = True

    def __init__(self, token: str, base_url: str, exchange: Exchange, file: FileSecret | None = None) -> None:
        self._client = Web(token, base_url, exchange, file)
        self._identity: tuple[str | None, Mapping[str, str]] | None = None  # of which token it is, and what

    def post(self, channel: str, message: Message, ids: tuple[str, ...], event_type: str = EVENT_TYPE) -> Posted:
        return self._post(channel, message, metadata(ids, event_type) if ids else None)

    def shows(self, channel: str, ts: str, id_: str) -> bool:
        """Tell whether the history shows a message posted as OUTSIDE, metadata included. Raise SlackError."""
        before = f"{float(ts) - 1:.6f}" if _TS.fullmatch(ts) else ""
        messages, _ = self._history_page(channel, before, "")
        return id_ in self._ours(messages, OUTSIDE)

    def post_board(self, channel: str, message: Message, owner: str) -> str:
        """Post *message* as the board of *owner* in *channel* and return its ts. Raise SlackError."""
        return self._post(channel, message, _board(owner)).ts

    def find_board(self, channel: str, oldest: str, owner: str) -> str | None:
        """Return the ts of *owner*'s newest board in *channel* since the ts *oldest*.

        Raise SlackError: DestinationRefused where the history cannot be read, or not all of it now.
        """
        read = 0
        try:
            for messages in self._history(channel, oldest):
                boards = [one for one in messages if _is_board(one, owner) and _ts(one)]
                ours = self._who() if boards else {}
                if found := next((_ts(one) for one in boards if _is_of(one, ours)), None):
                    return found
                read += 1
        except RateLimited as error:
            if not read:
                raise
            # From the beginning once more, it would never come further, and use up what notices are looked for with.
            raise DestinationRefused(str(error), reason=error.reason) from None
        return None

    def update_board(self, channel: str, ts: str, message: Message, owner: str) -> None:
        """Put *message* in the place of the board of *owner* with that *ts*. Raise SlackError."""
        self._ask(
            "chat.update",
            lambda: self._client.chat_update(
                channel=channel, ts=ts, text=message.text, blocks=list(message.blocks), metadata=_board(owner)
            ),
        )

    def delete(self, channel: str, ts: str) -> None:
        """Delete the message with that *ts*. Raise SlackError."""
        self._ask("chat.delete", lambda: self._client.chat_delete(channel=channel, ts=ts))

    def permalink(self, channel: str, ts: str) -> str:
        """Return the address of the message with that *ts*, "" if Slack gives none. Raise SlackError."""
        return str(self.call("chat.getPermalink", channel=channel, message_ts=ts).get("permalink") or "")

    def _post(self, channel: str, message: Message, described: dict[str, Any] | None) -> Posted:
        answer, _ = self._ask(
            "chat.postMessage",
            lambda: self._client.chat_postMessage(
                channel=channel,
                text=message.text,
                blocks=list(message.blocks) or None,
                metadata=described,
                unfurl_links=False,
                unfurl_media=False,
            ),
        )
        ts = answer.get("ts")
        if not isinstance(ts, str) or not ts:
            raise OutcomeUnknown("chat.postMessage: Slack said ok, but not when it posted.", reason="no_ts")
        return Posted(ts, another_id(channel, answer.get("channel")))

    def page(self, channel: str, oldest: str, cursor: str) -> HistoryPage:
        messages, following = self._history_page(channel, oldest, cursor)
        stamps = sorted(filter(None, map(_ts, messages)), key=ts_order) or [""]
        return HistoryPage(self._ours(messages, EVENT_TYPE), stamps[-1], stamps[0], following)

    def _ours(self, messages: list[Any], event_type: str) -> dict[str, str]:
        """Return the ids in the metadata of those of *messages* that our own app has posted, each with its ts."""
        described = [one for one in messages if _metadata(one).get("event_type") == event_type and _ts(one)]
        ours = self._who() if described else {}
        return {id_: _ts(one) for one in described if _is_of(one, ours) for id_ in _ids(one)}

    def _who(self) -> Mapping[str, str]:
        """Return our `bot_id`, `app_id` and `user_id` as far as they are known; asked for once for each token."""
        token = self._client.token
        if self._identity is None or self._identity[0] != token:
            try:
                self._identity = token, self.identify()[0]
            except DestinationRefused as error:
                if stops_every_call(error.reason):
                    return {}
                self._identity = token, {}  # a server like Slack need not have auth.test
            except SlackError:
                return {}
        return self._identity[1]

    def call(self, method: str, **arguments: str) -> Mapping[str, Any]:
        """Call *method* and return Slack's answer, a JSON object with `ok` true. Raise SlackError."""
        return self._ask(method, lambda: self._client.api_call(method, params=arguments))[0]

    def identify(self) -> tuple[Mapping[str, Any], set[str]]:
        """Return whose token this is, and its scopes (empty: not told). Raise SlackError."""
        answer, headers = self._ask("auth.test", self._client.auth_test)
        return answer, {scope.strip() for scope in str(headers.get("x-oauth-scopes", "")).split(",") if scope.strip()}

    def _history(self, channel: str, oldest: str) -> Iterator[list[Any]]:
        """Yield the pages of the history, newest first."""
        cursor, seen = "", set[str]()
        while cursor not in seen:
            seen.add(cursor)
            messages, cursor = self._history_page(channel, oldest, cursor)
            yield messages
            if not cursor:
                return

    def _history_page(self, channel: str, oldest: str, cursor: str) -> tuple[list[Any], str]:
        """Return the messages of one page, newest first, and the cursor of the next."""
        answer, _ = self._ask(
            "conversations.history",
            lambda: self._client.conversations_history(
                channel=channel,
                oldest=oldest if oldest and float(oldest) else None,
                include_all_metadata=True,
                limit=_HISTORY_PAGE,
                cursor=cursor or None,
            ),
        )
        messages, more = answer.get("messages"), answer.get("response_metadata")
        if not isinstance(messages, list):
            raise OutcomeUnknown("conversations.history: Slack said ok without messages.", reason="no_messages")
        following = str(more.get("next_cursor") or "") if isinstance(more, dict) else ""
        if not following and answer.get("has_more"):
            raise OutcomeUnknown(
                "conversations.history: Slack has more messages, but gives no cursor for them.", reason="no_cursor"
            )
        return messages, following

    def _ask(self, method: str, call: Callable[[], SlackResponse]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        return ask(method, call, self._client)


class SlackWebhook:
    """Slack with an incoming webhook: no ts, no history and no updates, so at least once."""

    can_update: ClassVar[Literal[False]] = False

    def __init__(self, url: str, exchange: Exchange, file: FileSecret | None = None) -> None:
        self._client = Webhook(url, exchange, file)

    def post(self, channel: str, message: Message, ids: tuple[str, ...], event_type: str = EVENT_TYPE) -> Posted:
        del channel  # the webhook leads to one
        body = {"text": message.text, "unfurl_links": False, "unfurl_media": False}
        if ids:
            body["metadata"] = metadata(ids, event_type)
        if message.blocks:
            body["blocks"] = list(message.blocks)
        ask(WEBHOOK, lambda: self._client.send_dict(body), self._client)
        return Posted()

    def page(self, channel: str, oldest: str, cursor: str) -> NoReturn:
        del channel, oldest, cursor
        raise DestinationRefused("An incoming webhook cannot read the channel's history.", reason=WEBHOOK)

    def permalink(self, channel: str, ts: str) -> NoReturn:
        del channel, ts
        raise DestinationRefused("asking for it needs slack.bot_token", reason=WEBHOOK)


SlackClient: TypeAlias = SlackBot | SlackWebhook  # `can_update` says which


class CountedSlack:
    """A Slack whose calls are counted, by what became of them."""

    def __init__(self, slack: Slack, events: Events) -> None:
        self._slack = slack
        self._events = events

    def post(self, channel: str, message: Message, ids: tuple[str, ...], event_type: str = EVENT_TYPE) -> Posted:
        with self._counted("post"):
            return self._slack.post(channel, message, ids, event_type)

    def page(self, channel: str, oldest: str, cursor: str) -> HistoryPage:
        with self._counted("look"):
            return self._slack.page(channel, oldest, cursor)

    @contextlib.contextmanager
    def _counted(self, method: str) -> Iterator[None]:
        outcome = "ok"
        try:
            yield
        except SlackError as error:
            outcome = _OUTCOMES[type(error)]
            raise
        finally:
            self._events.emit("slack_called", method=method, outcome=outcome)


def _board(owner: str) -> dict[str, Any]:
    return {"event_type": _BOARD, "event_payload": {"owner": owner}}


def _is_board(message: Any, owner: str) -> bool:
    described = _metadata(message)
    payload = described.get("event_payload")
    return described.get("event_type") == _BOARD and isinstance(payload, dict) and payload.get("owner") == owner


def _metadata(message: Any) -> Mapping[str, Any]:
    """Return the metadata of an entry of a channel's history."""
    described = message.get("metadata") if isinstance(message, dict) else None
    return described if isinstance(described, dict) else {}


def _ids(message: Any) -> list[str]:
    payload = _metadata(message).get("event_payload")
    ids = payload.get("ids") if isinstance(payload, dict) else None
    # A list is what an earlier version of the bot sent.
    ids = ids.split() if isinstance(ids, str) else ids
    return [id_ for id_ in ids if isinstance(id_, str)] if isinstance(ids, list) else []


def _is_of(message: Mapping[str, Any], us: Mapping[str, Any]) -> bool:
    """Tell whether we have posted *message*: any other app can write the same metadata.

    Where it is not known who we are, or the message does not say whose it is, it counts as ours.
    """
    for keys in ((("bot_id", "bot_id"), ("app_id", "app_id")), (("user", "user_id"),)):
        same = [message[his] == us[our] for his, our in keys if message.get(his) and us.get(our)]
        if same:
            return any(same)
    return True


def _ts(message: Any) -> str:
    ts = message.get("ts") if isinstance(message, dict) else None
    return ts if isinstance(ts, str) and _TS.fullmatch(ts) else ""
