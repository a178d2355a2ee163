"""slack_sdk's client on our transport: it shapes each request; what was answered is judged in `outcome`.

Why not on its own transport: docs/decisions/0004-slack-sdk-on-our-transport.md.
"""

import logging
from typing import Any
from urllib.request import Request

from slack_sdk.version import __version__ as version
from slack_sdk.web import WebClient

from bot.errors import ConfigError
from bot.http.client import Answer, Exchange


class Web(WebClient):
    """Calls a method as slack_sdk would, and returns what was answered as it came."""

    def __init__(self, base_url: str, exchange: Exchange) -> None:
        # slack_sdk logs whole messages at debug. What matters is raised, so nobody listens to this.
        silent = logging.Logger("slack_sdk", level=logging.CRITICAL + 1)  # noqa: LOG001 - apart from the tree of loggers
        super().__init__(base_url=base_url, retry_handlers=[], logger=silent)
        self._exchange = exchange

    def send(self, token: str, method: str, **arguments: Any) -> Answer:
        """Call *method* with *token*. *arguments* are `json` or `params`, as `api_call` takes them."""
        self.token = token
        self.api_call(method, **arguments)
        return self._answer

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        content = req.data if isinstance(req.data, bytes) else b""
        self._answer = self._exchange.send(url, headers=dict(req.header_items()), content=content)
        # slack_sdk would make an ordinary refusal of a proxy's page.
        return {"status": 200, "headers": {}, "body": '{"ok": true}'}


def require(client: type, method: str) -> None:
    """Raise ConfigError if *client* has no *method* to replace: slack_sdk would use its own transport, unnoticed."""
    if not callable(getattr(client, method, None)):
        raise ConfigError(
            f"slack_sdk {version}: {client.__name__} has no {method}, which the bot replaces. "
            "Install the versions in requirements.txt."
        )


require(WebClient, "_perform_urllib_http_request_internal")
