"""One call over slack_sdk → what Slack answered, or a classified error.

slack_sdk shapes the calls; its transport is replaced by ours, because it follows redirects with the token, does not
bound a dripping reply, and retries. What an outcome means is decided in one place, `_classify`.
"""

import json
import logging
import re
from collections.abc import Callable, Mapping
from html import unescape
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request

import httpx
from slack_sdk.errors import SlackApiError
from slack_sdk.version import __version__ as slack_sdk_version
from slack_sdk.web import SlackResponse, WebClient
from slack_sdk.webhook import WebhookClient, WebhookResponse

from bot.errors import (
    NO_THREAD,
    ConfigError,
    DestinationRefused,
    OutcomeUnknown,
    PayloadRefused,
    RateLimited,
    SlackError,
)
from bot.http.client import Answer, Exchange, plain
from bot.http.redaction import holds, redacted
from bot.secret import FileSecret
from bot.wording.remedies import TOKEN_REFUSALS, slack_remedy

WEBHOOK = "webhook"  # what is called where it is no method, the channel it leads to, and why it shows no history

_RATE_LIMITS = {"ratelimited", "rate_limited", "message_limit_exceeded"}
_DOUBTFUL = {"fatal_error", "internal_error", "service_unavailable", "request_timeout", "rollup_error"}
_PAYLOAD = {
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_text",
    "metadata_too_large",
    "invalid_metadata_format",
    "invalid_metadata_schema",
    "metadata_must_be_sent_from_app",
}
# What a webhook answers in plain text; another word may be that of a proxy, such as `forbidden`.
_WEBHOOK_WORDS = _PAYLOAD | {
    "action_prohibited",
    "channel_is_archived",
    "channel_not_found",
    "invalid_payload",
    "invalid_token",
    "missing_text_or_fallback_or_attachments",
    "no_active_hooks",
    "no_service",
    "no_service_id",
    "no_team",
    "posting_to_general_channel_denied",
    "team_disabled",
    "too_many_attachments",
    "user_not_found",
}
_WEBHOOK_MANUAL = "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors"
_POSTS = {"chat.postMessage", "chat.update", WEBHOOK}
_UNCERTAIN = ": it is not known whether the message was posted"
_FOREIGN = ". This answer is not Slack's: check slack.base_url, and whether a proxy is in between."
_NO_CONNECTION = "no_connection"
_RETRY_AFTER = 30.0  # seconds, where Slack does not say
_LONGEST_RETRY_AFTER = 300.0
_CODE = re.compile(r"[a-z0-9_]+")


class Web(WebClient):
    """slack_sdk's client on our transport. `file` is where the token stands, if in one."""

    def __init__(self, token: str, base_url: str, exchange: Exchange, file: FileSecret | None = None) -> None:
        super().__init__(token=token, base_url=base_url, retry_handlers=[], logger=_silent())
        self._exchange = exchange
        self.file = file
        self.key = "slack.bot_token"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no error may hold."""
        return self.token or "", *self._exchange.secrets

    def renew(self, token: str) -> None:
        """Go on with another token."""
        self.token = token

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        answer = _send(self._exchange, url, req)
        return {"status": answer.status, "headers": dict(answer.headers), "body": _text(answer, self.secrets)}


class Webhook(WebhookClient):
    """slack_sdk's webhook client on our transport. `file` is where the URL stands, if in one."""

    def __init__(self, url: str, exchange: Exchange, file: FileSecret | None = None) -> None:
        super().__init__(url, retry_handlers=[], logger=_silent())
        self._exchange = exchange
        self.file = file
        self.key = "slack.webhook_url"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no error may hold."""
        return self.url, urlsplit(self.url).path, *self._exchange.secrets

    def renew(self, url: str) -> None:
        """Go on with another URL."""
        self.url = url

    def _perform_http_request_internal(self, url: str, req: Request) -> WebhookResponse:
        answer = _send(self._exchange, url, req)
        body = _text(answer, self.secrets)
        return WebhookResponse(url=url, status_code=answer.status, body=body, headers=dict(answer.headers))


def require(client: type, method: str) -> None:
    """Raise ConfigError where *client* has no *method* to replace: slack_sdk would use its own transport, unnoticed."""
    if not callable(getattr(client, method, None)):
        raise ConfigError(
            f"slack_sdk {slack_sdk_version}: {client.__name__} has no {method}, which the bot replaces. "
            "Install the versions in requirements.txt."
        )


require(WebClient, "_perform_urllib_http_request_internal")
require(WebhookClient, "_perform_http_request_internal")


def _silent() -> logging.Logger:
    # slack_sdk logs the webhook's URL and whole messages at debug. What matters is raised, so nobody listens to this.
    return logging.Logger("slack_sdk", level=logging.CRITICAL + 1)  # noqa: LOG001 - apart from the tree of loggers


def _send(exchange: Exchange, url: str, request: Request) -> Answer:
    content = request.data if isinstance(request.data, bytes) else b""
    return exchange.send(url, headers=dict(request.header_items()), content=content)


def _text(answer: Answer, secrets: tuple[str, ...]) -> str:
    # A gateway's page may be in any encoding; its status counts all the same.
    text = answer.body.decode("utf-8", "replace")
    if not holds(text, secrets):
        return text
    try:
        return json.dumps(redacted(json.loads(text), secrets))
    except (ValueError, RecursionError):
        return "***"


def ask(
    method: str, call: Callable[[], SlackResponse | WebhookResponse], client: Web | Webhook
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the JSON object that Slack answered with ok (a webhook: an empty one), and headers.

    Where Slack refuses, and the file that the secret stands in holds another one by now, *call* is made with that.
    Raise SlackError; its text never holds a secret.
    """
    try:
        return _ask(method, call, client.secrets)
    except DestinationRefused as error:
        if client.file is None or not error.mendable:
            raise
        text = str(error).replace(f"`{client.key}`", f"`{client.key}_file`")
        try:
            changed = client.file.changed()
        except ConfigError as problem:
            text = f"{text} {client.key}_file cannot be read again: {problem}."
            changed = False
        if not changed:
            raise DestinationRefused(text, reason=error.reason) from None
    client.renew(client.file.secret)
    return _ask(method, call, client.secrets)


def _ask(
    method: str, call: Callable[[], SlackResponse | WebhookResponse], secrets: tuple[str, ...]
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    try:
        response = call()
    except SlackApiError as error:
        if not httpx.codes.is_success(error.response.status_code) or _document(error.response).get("ok") is not True:
            raise _classify(method, error.response, secrets) from None
        response = error.response  # slack_sdk takes 200 alone for a success
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol) as error:
        remedy = "" if NO_THREAD in str(error) else " Check the network and slack.base_url."
        text = f"{method}: no connection to Slack: {error}.{remedy}"
        raise DestinationRefused(text, reason=_NO_CONNECTION, mendable=False) from None
    except Exception as error:  # noqa: BLE001 - whatever it was, the message may have been posted
        reason = type(error).__name__
        raise OutcomeUnknown(f"{method}: {reason}: {plain(error, secrets)}", reason=reason) from None
    if isinstance(response, SlackResponse):
        return (response.data if isinstance(response.data, dict) else {}), response.headers
    # A webhook of a server like Slack may say ok in other words, or in none.
    refused = _word(response) is not None or _document(response).get("ok") is False
    if refused or not httpx.codes.is_success(response.status_code):
        raise _classify(method, response, secrets)
    return {}, response.headers


def _classify(method: str, response: SlackResponse | WebhookResponse, secrets: tuple[str, ...]) -> SlackError:
    """Return what an answer other than success means, by the caller's next step.

    Only Slack's own words are certain, and what a proxy says before it passes anything on: any other page of a gateway
    may stand before a message that was posted.
    """
    status, word = response.status_code, _word(response)
    reason = word or f"http_{status}"
    said = f"{method}: {reason}"
    if status == httpx.codes.TOO_MANY_REQUESTS or reason in _RATE_LIMITS:
        return RateLimited(said, reason=reason, retry_after=_retry_after(response.headers))
    if status == httpx.codes.PROXY_AUTHENTICATION_REQUIRED:
        text = f"{said}. A proxy is in between, and asks for a password: check HTTPS_PROXY."
        return DestinationRefused(text, reason=reason)
    answered = httpx.codes.is_success(status) or httpx.codes.is_client_error(status)
    if word is None or reason in _DOUBTFUL or not answered or status == httpx.codes.REQUEST_TIMEOUT:
        foreign = word is None and not httpx.codes.is_server_error(status)
        text = f"{said}{_UNCERTAIN if method in _POSTS else ''}{_FOREIGN if foreign else ''}"
        return OutcomeUnknown(text, reason=reason)
    # What a webhook of a server like Slack says beyond its word may be anything.
    data = _document(response) if isinstance(response, SlackResponse) else {}
    if reason in _PAYLOAD:
        return PayloadRefused(f"{said}: {plain(_details(data), secrets)}", reason=reason)
    needed = f" (needed: {plain(data['needed'], secrets)})" if isinstance(data.get("needed"), str) else ""
    return DestinationRefused(f"{said}{needed}. {_remedy(method, reason)}", reason=reason)


def _document(response: SlackResponse | WebhookResponse) -> Mapping[str, Any]:
    """Return the JSON object that was answered, an empty one where it was something else."""
    if isinstance(response, SlackResponse):
        return response.data if isinstance(response.data, dict) else {}
    try:
        found = json.loads(response.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _word(response: SlackResponse | WebhookResponse) -> str | None:
    """Return Slack's own word for why it refuses, None where there is none."""
    data = _document(response)
    if data.get("ok") is False:
        word = data.get("error")
        return word if isinstance(word, str) and _CODE.fullmatch(word) else None
    said = response.body.strip() if isinstance(response, WebhookResponse) else ""
    return said if said in _WEBHOOK_WORDS | _RATE_LIMITS | _DOUBTFUL else None


def _remedy(method: str, reason: str) -> str:
    if remedy := slack_remedy(reason):
        return unescape(remedy.say("en"))
    manual = _WEBHOOK_MANUAL if method == WEBHOOK else f"https://docs.slack.dev/reference/methods/{method}#errors"
    return f"Slack's manual explains it: {manual}"


def stops_every_call(reason: str) -> bool:
    """Tell whether no other call will fare better until *reason* is mended: the token or the way to Slack."""
    return reason in {*TOKEN_REFUSALS, _NO_CONNECTION, "http_407"}


def _details(data: Mapping[str, Any]) -> str:
    errors = data.get("errors")
    return "; ".join(map(str, errors)) if isinstance(errors, list) else "Slack does not accept what is in the message"


def _retry_after(headers: Mapping[str, Any]) -> float:
    told = {str(name).lower(): value for name, value in headers.items()}.get("retry-after")
    try:
        seconds = float(str(told))
    except ValueError:
        return _RETRY_AFTER
    return min(seconds, _LONGEST_RETRY_AFTER) if seconds > 0 else _RETRY_AFTER
