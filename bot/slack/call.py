"""One call to Slack → what Slack answered, or a classified error."""

import json
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx

from bot.errors import NO_THREAD, ConfigError, DestinationRefused, OutcomeUnknown
from bot.http.client import Answer
from bot.http.redaction import holds, plain, redacted
from bot.secret import FileSecret
from bot.slack.outcome import NO_CONNECTION, Reply, error_in


class Caller:
    """Calls Slack with *secret*, the bot token or webhook URL that stands at *key* of the configuration or in *file*.

    *others* are further secrets that no error may hold.
    """

    def __init__(self, key: str, secret: str, file: FileSecret | None, others: tuple[str, ...]) -> None:
        self.secret = secret
        self._key = key
        self._file = file
        self._others = others

    def call(self, method: str, send: Callable[[str], Answer]) -> Reply:
        """Return the reply to what *send* sends with the secret, if it says ok. Raise SlackError; it holds no secret.

        If Slack refuses, and the file holds another secret by now, it is sent once more with that.
        """
        try:
            return self._once(method, send)
        except DestinationRefused as error:
            if self._file is None or not error.mendable:
                raise
            text = str(error).replace(f"`{self._key}`", f"`{self._key}_file`")
            try:
                changed = self._file.changed()
            except ConfigError as problem:
                text = f"{text} {self._key}_file cannot be read again: {problem}."
                changed = False
            if not changed:
                raise DestinationRefused(text, reason=error.reason) from None
        self.secret = self._file.secret
        return self._once(method, send)

    def _once(self, method: str, send: Callable[[str], Answer]) -> Reply:
        path = urlsplit(self.secret).path if self.secret.startswith("http") else ""
        secrets = (self.secret, path, *self._others)
        try:
            reply = _reply(send(self.secret), secrets)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol) as error:
            remedy = "" if NO_THREAD in str(error) else " Check the network and slack.base_url."
            text = f"{method}: no connection to Slack: {error}.{remedy}"
            raise DestinationRefused(text, reason=NO_CONNECTION, mendable=False) from None
        except Exception as error:  # noqa: BLE001 - whatever it was, the message may have been posted
            reason = type(error).__name__
            raise OutcomeUnknown(f"{method}: {reason}: {plain(error, secrets)}", reason=reason) from None
        if refusal := error_in(method, reply, secrets):
            raise refusal
        return reply


def _reply(answer: Answer, secrets: tuple[str, ...]) -> Reply:
    # A gateway's page may be in any encoding; its status counts all the same.
    text = answer.body.decode("utf-8", "replace")
    echoed = holds(text, secrets)
    try:
        data = redacted(json.loads(text), secrets) if echoed else json.loads(text)
    except (ValueError, RecursionError):
        data = None
    return Reply(answer.status, answer.headers, data if isinstance(data, dict) else {}, "" if echoed else text.strip())
