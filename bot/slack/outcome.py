"""Pure: what Slack answered → success, or the error that says what the caller does next.

Only Slack's own words are certain, and what a proxy says before it passes anything on: any other page of a gateway may
follow a message that was posted.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from bot.domain.destination import LONGEST_WAIT
from bot.errors import DestinationRefused, OutcomeUnknown, PayloadRefused, RateLimited, SlackError
from bot.http.redaction import plain
from bot.wording.slack_remedies import TOKEN_REFUSALS, slack_remedy

WEBHOOK = "webhook"  # in place of a method and of a channel, and the reason for what it cannot do
NO_CONNECTION = "no_connection"

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
_WEBHOOK_WORDS = {
    *_RATE_LIMITS,
    *_DOUBTFUL,
    *_PAYLOAD,
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
_RETRY_AFTER = 30.0  # seconds, if Slack does not say
_CODE = re.compile(r"[a-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Reply:
    """What Slack answered, without our secrets. `data` is empty for anything but a JSON object.

    Names in `headers` are lower case.
    """

    status: int
    headers: Mapping[str, str]
    data: Mapping[str, Any]
    text: str

    @property
    def is_success(self) -> bool:
        """Tell whether the status is 2xx."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


def error_in(method: str, reply: Reply, secrets: tuple[str, ...]) -> SlackError | None:
    """Return what *reply* means by the caller's next step, None for success. *secrets* are kept out of its text."""
    word = _word(method, reply)
    # A webhook of a server like Slack may say ok in other words, or in none.
    said_ok = reply.data.get("ok") is True or (method == WEBHOOK and word is None and reply.data.get("ok") is not False)
    if reply.is_success and said_ok:
        return None
    reason = word or f"http_{reply.status}"
    said = f"{method}: {reason}"
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS or reason in _RATE_LIMITS:
        return RateLimited(said, reason=reason, retry_after=_retry_after(reply.headers))
    if reply.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        text = f"{said}. A proxy is in between, and asks for a password: check HTTPS_PROXY."
        return DestinationRefused(text, reason=reason)
    certain = reply.is_success or HTTPStatus.BAD_REQUEST <= reply.status < HTTPStatus.INTERNAL_SERVER_ERROR
    if word is None or word in _DOUBTFUL or not certain or reply.status == HTTPStatus.REQUEST_TIMEOUT:
        foreign = word is None and reply.status < HTTPStatus.INTERNAL_SERVER_ERROR
        text = f"{said}{_UNCERTAIN if method in _POSTS else ''}{_FOREIGN if foreign else ''}"
        return OutcomeUnknown(text, reason=reason)
    # What a webhook of a server like Slack says beyond its word may be anything, part of its own address included.
    data = {} if method == WEBHOOK else reply.data
    if reason in _PAYLOAD:
        return PayloadRefused(f"{said}: {plain(_details(data), secrets)}", reason=reason)
    needed = data.get("needed")
    scope = f" (needed: {plain(needed, secrets)})" if isinstance(needed, str) else ""
    return DestinationRefused(f"{said}{scope}. {_remedy(method, reason)}", reason=reason)


def stops_every_call(reason: str) -> bool:
    """Tell whether no other call will fare better until *reason* is mended: the token or the way to Slack."""
    return reason in {*TOKEN_REFUSALS, NO_CONNECTION, "http_407"}


def _word(method: str, reply: Reply) -> str | None:
    """Return Slack's own word for why it refuses, None if there is none."""
    if reply.data.get("ok") is False:
        word = reply.data.get("error")
        return word if isinstance(word, str) and _CODE.fullmatch(word) else None
    return reply.text if method == WEBHOOK and reply.text in _WEBHOOK_WORDS else None


def _remedy(method: str, reason: str) -> str:
    if remedy := slack_remedy(reason):
        return remedy.say("en")
    manual = _WEBHOOK_MANUAL if method == WEBHOOK else f"https://docs.slack.dev/reference/methods/{method}#errors"
    return f"Slack's manual explains it: {manual}"


def _details(data: Mapping[str, Any]) -> str:
    errors = data.get("errors")
    return "; ".join(map(str, errors)) if isinstance(errors, list) else "Slack does not accept what is in the message"


def _retry_after(headers: Mapping[str, str]) -> float:
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return _RETRY_AFTER
    return min(seconds, LONGEST_WAIT) if seconds > 0 else _RETRY_AFTER
