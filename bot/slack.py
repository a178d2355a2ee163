"""Slack: post, update, look for → receipt or a classified error."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn, Protocol
from urllib.parse import urlsplit

from bot.blocks import Message
from bot.errors import DestinationRefused, OutcomeUnknown, PayloadRefused, RateLimited, SlackError
from bot.exchange import Exchange
from bot.metrics import Metrics
from bot.outbox import EVENT_TYPE, metadata
from bot.slack_call import WEBHOOK, Web, Webhook, ask

_BOARD = "lipsync_board"
_HISTORY_PAGE = 200
_OUTCOMES: Mapping[type[SlackError], str] = {
    RateLimited: "rate_limited",
    PayloadRefused: "payload_refused",
    DestinationRefused: "refused",
    OutcomeUnknown: "unknown",
}


class Slack(Protocol):
    """Where messages go."""

    def post(self, channel: str, message: Message, ids: tuple[str, ...]) -> str:
        """Post *message*, stamped with the notice *ids*; return its ts ("": posted, and Slack gives none).

        Raise SlackError: OutcomeUnknown where it may have been posted, the others where it was not.
        """

    def look(self, channel: str, oldest: str) -> Mapping[str, str]:
        """Return the notice ids of all messages in *channel* newer than the ts *oldest*, each with its ts.

        Raise SlackError: DestinationRefused where the history cannot be read.
        """

    def newest(self, channel: str) -> str:
        """Return the ts of the newest message in *channel* ("": there is none). Raise SlackError as `look` does."""


@dataclass(slots=True)
class _Reading:
    """How far a look into a history since the ts `oldest` has come; `cursor` leads to the next page (None: the first).

    A busy channel can hold more pages than a rate limit lets through at once.
    """

    oldest: str
    cursor: str | None = None
    found: dict[str, str] = field(default_factory=dict)


class SlackBot:
    """Slack with a bot token."""

    def __init__(self, token: str, base_url: str, exchange: Exchange) -> None:
        self._client = Web(token, base_url, exchange)
        self._ask = partial(ask, secrets=(token,))
        self._readings: dict[str, _Reading] = {}  # channel → a look that was cut short

    def post(self, channel: str, message: Message, ids: tuple[str, ...]) -> str:
        # A look for this message must not go on where an earlier one, which could not meet it, was cut short.
        self._readings.pop(channel, None)
        return self._post(channel, message, metadata(ids))

    def post_board(self, channel: str, message: Message, owner: str) -> str:
        """Post *message* as the board of *owner* in *channel* and return its ts. Raise SlackError."""
        return self._post(channel, message, {"event_type": _BOARD, "event_payload": {"owner": owner}})

    def find_board(self, channel: str, oldest: str, owner: str) -> str | None:
        """Return the ts of *owner*'s newest board in *channel* since the ts *oldest*. Raise SlackError."""
        listed = (message for messages, _ in self._history(channel, oldest) for message in messages)
        boards = (message for message in listed if _is_board(_stamp(message), owner))
        return next((str(message["ts"]) for message in boards if "ts" in message), None)

    def update(self, channel: str, ts: str, message: Message) -> None:
        """Put *message* in the place of the one with that *ts*. Raise SlackError."""
        blocks = list(message.blocks)
        self._ask(
            "chat.update",
            lambda: self._client.chat_update(channel=channel, ts=ts, text=message.text, blocks=blocks),
        )

    def _post(self, channel: str, message: Message, stamp: dict[str, Any]) -> str:
        answer, _ = self._ask(
            "chat.postMessage",
            lambda: self._client.chat_postMessage(
                channel=channel,
                text=message.text,
                blocks=list(message.blocks) or None,
                metadata=stamp,
                unfurl_links=False,
                unfurl_media=False,
            ),
        )
        ts = answer.get("ts")
        if not isinstance(ts, str) or not ts or answer.get("channel") != channel:
            raise OutcomeUnknown("chat.postMessage: Slack said ok, but not where or when it posted.", reason="no_ts")
        return ts

    def look(self, channel: str, oldest: str) -> Mapping[str, str]:
        """Return what `Slack.look` says. One that was cut short, as by a rate limit, goes on where it stood."""
        reading = self._readings.get(channel)
        if reading is None or float(reading.oldest) > float(oldest):
            reading = self._readings[channel] = _Reading(oldest)
        try:
            for messages, following in self._history(channel, reading.oldest, reading.cursor):
                reading.found |= {id_: ts for message in messages for id_, ts in _stamps(message)}
                reading.cursor = following
        except DestinationRefused as error:
            del self._readings[channel]
            if error.reason == "invalid_cursor":  # it has expired meanwhile: once more from the beginning
                raise OutcomeUnknown(str(error), reason=error.reason) from None
            raise
        del self._readings[channel]
        return reading.found

    def newest(self, channel: str) -> str:
        messages, _ = self._history_page(channel, "0", None, limit=1)
        return str(messages[0].get("ts", "")) if messages and isinstance(messages[0], dict) else ""

    def call(self, method: str, **arguments: str) -> Mapping[str, Any]:
        """Call *method* and return Slack's answer, a JSON object with `ok` true. Raise SlackError."""
        return self._ask(method, lambda: self._client.api_call(method, params=arguments))[0]

    def identify(self) -> tuple[Mapping[str, Any], set[str]]:
        """Return whose token this is, and its scopes (empty: not told). Raise SlackError."""
        answer, headers = self._ask("auth.test", self._client.auth_test)
        return answer, {scope.strip() for scope in str(headers.get("x-oauth-scopes", "")).split(",") if scope.strip()}

    def _history(self, channel: str, oldest: str, cursor: str | None = None) -> Iterator[tuple[list[Any], str | None]]:
        """Yield the pages of the history from *cursor* on, newest first, each with the cursor of the next."""
        seen: set[str] = set()
        while True:
            messages, answer = self._history_page(channel, oldest, cursor, limit=_HISTORY_PAGE)
            more = answer.get("response_metadata")
            cursor = more.get("next_cursor") if isinstance(more, dict) else None
            if cursor in seen or (not cursor and answer.get("has_more")):
                raise OutcomeUnknown(
                    "conversations.history: Slack has more messages, but gives no cursor for them.", reason="no_cursor"
                )
            yield messages, cursor
            if not cursor:
                return
            seen.add(cursor)

    def _history_page(
        self, channel: str, oldest: str, cursor: str | None, *, limit: int
    ) -> tuple[list[Any], Mapping[str, Any]]:
        """Return the messages of one page, newest first, and the whole answer."""
        call = partial(
            self._client.conversations_history,
            channel=channel,
            oldest=oldest,
            include_all_metadata=True,
            limit=limit,
            cursor=cursor,
        )
        answer, _ = self._ask("conversations.history", call)
        messages = answer.get("messages")
        if not isinstance(messages, list):
            raise OutcomeUnknown("conversations.history: Slack said ok without messages.", reason="no_messages")
        return messages, answer


class SlackWebhook:
    """Slack with an incoming webhook: no ts and no history, so at least once."""

    def __init__(self, url: str, exchange: Exchange) -> None:
        self._client = Webhook(url, exchange)
        self._ask = partial(ask, secrets=(url, urlsplit(url).path))

    def post(self, channel: str, message: Message, ids: tuple[str, ...]) -> str:
        del channel  # the webhook leads to one
        body = {"text": message.text, "metadata": metadata(ids), "unfurl_links": False, "unfurl_media": False}
        if message.blocks:
            body["blocks"] = list(message.blocks)
        self._ask(WEBHOOK, lambda: self._client.send_dict(body))
        return ""

    def look(self, channel: str, oldest: str) -> NoReturn:
        del channel, oldest
        raise DestinationRefused("An incoming webhook cannot read the channel's history.", reason=WEBHOOK)

    def newest(self, channel: str) -> NoReturn:
        self.look(channel, oldest="0")


class CountedSlack:
    """A Slack whose calls are counted, by what became of them."""

    def __init__(self, slack: Slack, metrics: Metrics) -> None:
        self._slack = slack
        self._calls = metrics.slack_calls

    def post(self, channel: str, message: Message, ids: tuple[str, ...]) -> str:
        with self._counted("post"):
            return self._slack.post(channel, message, ids)

    def look(self, channel: str, oldest: str) -> Mapping[str, str]:
        with self._counted("look"):
            return self._slack.look(channel, oldest)

    def newest(self, channel: str) -> str:
        with self._counted("look"):
            return self._slack.newest(channel)

    @contextlib.contextmanager
    def _counted(self, method: str) -> Iterator[None]:
        outcome = "ok"
        try:
            yield
        except SlackError as error:
            outcome = _OUTCOMES[type(error)]
            raise
        finally:
            self._calls.labels(method, outcome).inc()


def _is_board(stamp: Mapping[str, Any], owner: str) -> bool:
    payload = stamp.get("event_payload")
    return stamp.get("event_type") == _BOARD and isinstance(payload, dict) and payload.get("owner") == owner


def _stamp(message: Any) -> Mapping[str, Any]:
    """Return the metadata of an entry of a channel's history."""
    stamp = message.get("metadata") if isinstance(message, dict) else None
    return stamp if isinstance(stamp, dict) else {}


def _stamps(message: Any) -> Iterator[tuple[str, str]]:
    """Yield (notice id, ts) for each notice that *message*, an entry of a channel's history, delivers."""
    stamp = _stamp(message)
    if stamp.get("event_type") != EVENT_TYPE:
        return
    payload, ts = stamp.get("event_payload"), message.get("ts")
    ids = payload.get("ids") if isinstance(payload, dict) else None
    if isinstance(ids, list) and isinstance(ts, str):
        yield from ((id_, ts) for id_ in ids if isinstance(id_, str))
