"""Slack: post, update, look for → receipt or a classified error."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NoReturn, Protocol, TypeAlias

from bot.domain.history import HistoryPage, another_id, ts_order
from bot.domain.notice import EVENT_TYPE, metadata
from bot.errors import DestinationRefused, OutcomeUnknown, RateLimited, SlackError
from bot.http.client import Exchange
from bot.secret import FileSecret
from bot.slack.blocks import Message
from bot.slack.call import Caller
from bot.slack.history import TS, Entry, board_metadata, boards, ids_of, is_ours, of_type, ts_of
from bot.slack.outcome import WEBHOOK, Reply, stops_every_call
from bot.slack.sdk import Web

OUTSIDE = "lipsync_outside"  # a message that the delivery protocol knows nothing of
_HISTORY_PAGE = 200


@dataclass(frozen=True, slots=True)
class Posted:
    """What Slack says of a post: its ts ("": a webhook gives none), and the channel's id if it is another one."""

    ts: str = ""
    moved_to: str = ""


class Slack(Protocol):
    """Where messages go: what delivery needs of it."""

    def post(self, channel: str, message: Message, ids: tuple[str, ...], event_type: str = EVENT_TYPE) -> Posted:
        """Post *message* with the notice *ids* in its metadata, as *event_type* (OUTSIDE: no notice of the outbox).

        Raise SlackError: OutcomeUnknown if it may have been posted, the others if it was not.
        """

    def page(self, channel: str, oldest: str, cursor: str) -> HistoryPage:
        """Return a page of what was posted in *channel* since the ts *oldest* ("": ever), newest first.

        *cursor* is of the page before ("": the first). Raise SlackError: DestinationRefused if the history cannot be
        read, with the reason invalid_cursor if the cursor has expired.
        """


class SlackBot:
    """Slack with a bot token: what is posted can be found in the history and updated."""

    can_update: ClassVar[Literal[True]] = True

    def __init__(self, token: str, base_url: str, exchange: Exchange, file: FileSecret | None = None) -> None:
        self._caller = Caller("slack.bot_token", token, file, exchange.secrets)
        self._web = Web(base_url, exchange)
        self._identity: tuple[str, Mapping[str, Any]] | None = None  # of which token it is, and what

    def post(self, channel: str, message: Message, ids: tuple[str, ...], event_type: str = EVENT_TYPE) -> Posted:
        return self._post(channel, message, metadata(ids, event_type) if ids else None)

    def page(self, channel: str, oldest: str, cursor: str) -> HistoryPage:
        messages, following = self._history_page(channel, oldest, cursor)
        posted = sorted(filter(None, map(ts_of, messages)), key=ts_order) or [""]
        return HistoryPage(self._ours(messages, EVENT_TYPE), posted[-1], posted[0], following)

    def shows(self, channel: str, ts: str, id_: str) -> bool:
        """Tell whether the history shows a message posted as OUTSIDE, metadata included. Raise SlackError."""
        before = f"{float(ts) - 1:.6f}" if TS.fullmatch(ts) else ""
        messages, _ = self._history_page(channel, before, "")
        return id_ in self._ours(messages, OUTSIDE)

    def post_board(self, channel: str, message: Message, owner: str) -> str:
        """Post *message* as the board of *owner* in *channel* and return its ts. Raise SlackError."""
        return self._post(channel, message, board_metadata(owner)).ts

    def find_board(self, channel: str, oldest: str, owner: str) -> str | None:
        """Return the ts of *owner*'s newest board in *channel* since the ts *oldest*.

        Raise SlackError: DestinationRefused if the history cannot be read, or not all of it now.
        """
        cursor, read = "", set[str]()
        while cursor or not read:
            try:
                messages, following = self._history_page(channel, oldest, cursor)
            except RateLimited as error:
                if not read:
                    raise
                # A search that began anew would get no further, and use up the requests that notices need.
                raise DestinationRefused(str(error), reason=error.reason) from None
            if found := next(self._only_ours(boards(messages, owner)), None):
                return ts_of(found)
            read.add(cursor)
            cursor = "" if following in read else following
        return None

    def update_board(self, channel: str, ts: str, message: Message, owner: str) -> None:
        """Put *message* in the place of the board of *owner* with that *ts*. Raise SlackError."""
        blocks = list(message.blocks)
        self._send(
            "chat.update", channel=channel, ts=ts, text=message.text, blocks=blocks, metadata=board_metadata(owner)
        )

    def update(self, channel: str, ts: str, message: Message, ids: tuple[str, ...]) -> None:
        """Put *message* in the place of the one with that *ts*, which delivers the notices *ids*. Raise SlackError."""
        blocks, described = list(message.blocks), metadata(ids)
        self._send("chat.update", channel=channel, ts=ts, text=message.text, blocks=blocks, metadata=described)

    def delete(self, channel: str, ts: str) -> None:
        """Delete the message with that *ts*. Raise SlackError."""
        self.call("chat.delete", channel=channel, ts=ts)

    def permalink(self, channel: str, ts: str) -> str:
        """Return the address of the message with that *ts*, "" if Slack gives none. Raise SlackError."""
        return str(self.call("chat.getPermalink", channel=channel, message_ts=ts).get("permalink") or "")

    def identify(self) -> tuple[Mapping[str, Any], set[str]]:
        """Return whose token this is, and its scopes (empty: not known). Raise SlackError."""
        reply = self._ask("auth.test")
        scopes = reply.headers.get("x-oauth-scopes", "").split(",")
        return reply.data, {scope.strip() for scope in scopes if scope.strip()}

    def call(self, method: str, **arguments: str) -> Mapping[str, Any]:
        """Call *method* and return Slack's answer, a JSON object with `ok` true. Raise SlackError."""
        # A cursor is text from outside: half a character in it can be encoded in no other way.
        return self._ask(method, params={name: text.encode(errors="replace") for name, text in arguments.items()}).data

    def _post(self, channel: str, message: Message, described: dict[str, Any] | None) -> Posted:
        answer = self._send("chat.postMessage", channel=channel, **_body(message, described))
        ts = answer.get("ts")
        if not isinstance(ts, str) or not ts:
            raise OutcomeUnknown("chat.postMessage: Slack said ok, but not when it posted.", reason="no_ts")
        return Posted(ts_of(answer), another_id(channel, answer.get("channel")))

    def _ours(self, messages: list[Any], event_type: str) -> dict[str, str]:
        """Return the ids in the metadata of those of *messages* that our own app has posted, each with its ts."""
        return {id_: ts_of(one) for one in self._only_ours(of_type(messages, event_type)) for id_ in ids_of(one)}

    def _only_ours(self, messages: list[Entry]) -> Iterator[Entry]:
        us = self._who() if messages else {}
        return (one for one in messages if is_ours(one, us))

    def _who(self) -> Mapping[str, Any]:
        """Return our `bot_id`, `app_id` and `user_id` as far as they are known; asked for once for each token."""
        token = self._caller.secret
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

    def _history_page(self, channel: str, oldest: str, cursor: str) -> tuple[list[Any], str]:
        """Return the messages of one page, newest first, and the cursor of the next."""
        arguments = {"oldest": oldest if oldest and float(oldest) else "", "cursor": cursor}
        answer = self.call(
            "conversations.history",
            channel=channel,
            include_all_metadata="1",
            limit=str(_HISTORY_PAGE),
            **{name: value for name, value in arguments.items() if value},
        )
        messages, more = answer.get("messages"), answer.get("response_metadata")
        if not isinstance(messages, list):
            raise OutcomeUnknown("conversations.history: Slack said ok without messages.", reason="no_messages")
        following = str(more.get("next_cursor") or "") if isinstance(more, dict) else ""
        following = following.encode(errors="replace").decode()  # half a character could not be saved
        if not following and answer.get("has_more"):
            raise OutcomeUnknown(
                "conversations.history: Slack has more messages, but gives no cursor for them.", reason="no_cursor"
            )
        return messages, following

    def _send(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        return self._ask(method, json=arguments).data

    def _ask(self, method: str, **arguments: Any) -> Reply:
        return self._caller.call(method, lambda token: self._web.send(token, method, **arguments))


class SlackWebhook:
    """Slack with an incoming webhook: no ts, no history and no updates, so at least once."""

    can_update: ClassVar[Literal[False]] = False

    def __init__(self, url: str, exchange: Exchange, file: FileSecret | None = None) -> None:
        self._caller = Caller("slack.webhook_url", url, file, exchange.secrets)
        self._exchange = exchange

    def post(self, channel: str, message: Message, ids: tuple[str, ...], event_type: str = EVENT_TYPE) -> Posted:
        del channel  # the webhook leads to one
        content = json.dumps(_body(message, metadata(ids, event_type) if ids else None)).encode()
        headers = {"Content-Type": "application/json"}
        self._caller.call(WEBHOOK, lambda url: self._exchange.send(url, headers=headers, content=content))
        return Posted()

    def page(self, channel: str, oldest: str, cursor: str) -> NoReturn:
        del channel, oldest, cursor
        raise DestinationRefused("An incoming webhook cannot read the channel's history.", reason=WEBHOOK)

    def permalink(self, channel: str, ts: str) -> NoReturn:
        del channel, ts
        raise DestinationRefused("asking for it needs slack.bot_token", reason=WEBHOOK)


def _body(message: Message, described: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return *message* as Slack takes it, with what *described* holds as its metadata."""
    more = {"blocks": list(message.blocks), "metadata": described}
    given = {name: value for name, value in more.items() if value}
    return {"text": message.text, "unfurl_links": False, "unfurl_media": False} | given


SlackClient: TypeAlias = SlackBot | SlackWebhook  # `can_update` says which
