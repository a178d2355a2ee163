"""slack_sdk's two clients on our transport: they shape each request; what was answered is judged in `outcome`.

Why not on its own transport: docs/decisions/0004-slack-sdk-on-our-transport.md.
"""

import logging
from typing import Any
from urllib.request import Request

from slack_sdk.version import __version__ as version
from slack_sdk.web import WebClient
from slack_sdk.webhook import WebhookClient, WebhookResponse

from bot.errors import ConfigError
from bot.http.client import Answer, Exchange


class Web(WebClient):
    """Calls a method as slack_sdk would, and returns what was answered as it came."""

    def __init__(self, base_url: str, exchange: Exchange) -> None:
        super().__init__(base_url=base_url, retry_handlers=[], logger=_silent())
        self._exchange = exchange

    def send(self, token: str, method: str, **arguments: Any) -> Answer:
        """Call *method* with *token*. *arguments* are `json` or `params`, as `api_call` takes them."""
        self.token = token
        self.api_call(method, **arguments)
        return self._answer

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        self._answer = _send(self._exchange, url, req)
        # slack_sdk would make an ordinary refusal of a proxy's page.
        return {"status": 200, "headers": {}, "body": '{"ok": true}'}


class Webhook(WebhookClient):
    """Posts to an incoming webhook as slack_sdk would, and returns what was answered as it came."""

    def __init__(self, url: str, exchange: Exchange) -> None:
        super().__init__(url, retry_handlers=[], logger=_silent())
        self._exchange = exchange

    def post(self, url: str, body: dict[str, Any]) -> Answer:
        """Post *body* to *url*."""
        self.url = url
        self.send_dict(body)
        return self._answer

    def _perform_http_request_internal(self, url: str, req: Request) -> WebhookResponse:
        self._answer = _send(self._exchange, url, req)
        return WebhookResponse(url=url, status_code=200, body="ok", headers={})


def _send(exchange: Exchange, url: str, request: Request) -> Answer:
    content = request.data if isinstance(request.data, bytes) else b""
    return exchange.send(url, headers=dict(request.header_items()), content=content)


def _silent() -> logging.Logger:
    # slack_sdk logs the webhook's URL and whole messages at debug. What matters is raised, so nobody listens to this.
    return logging.Logger("slack_sdk", level=logging.CRITICAL + 1)  # noqa: LOG001 - apart from the tree of loggers


def require(client: type, method: str) -> None:
    """Raise ConfigError if *client* has no *method* to replace: slack_sdk would use its own transport, unnoticed."""
    if not callable(getattr(client, method, None)):
        raise ConfigError(
            f"slack_sdk {version}: {client.__name__} has no {method}, which the bot replaces. "
            "Install the versions in requirements.txt."
        )


require(WebClient, "_perform_urllib_http_request_internal")
require(WebhookClient, "_perform_http_request_internal")
