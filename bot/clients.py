"""The configuration → what speaks to Chanjing, Slack and other servers."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from bot.chanjing.client import Chanjing, mint
from bot.chanjing.tokens import GivenToken, MintedToken, TokenSource
from bot.chanjing.transport import ATTEMPTS, Transport
from bot.clock import Clock
from bot.config.sections import Config
from bot.disk import beside, resolve
from bot.errors import ConfigError, StateError
from bot.events import NOBODY, Events
from bot.http import transport as connection
from bot.http.client import Exchange
from bot.http.deadlines import Deadlines
from bot.http.proxy import proxy_for
from bot.http.transport import Resolver
from bot.secret import FileSecret, Secret
from bot.slack.client import SlackBot, SlackClient, SlackWebhook


class MakeExchange(Protocol):
    def __call__(
        self, url: str, timeout: float, *, keep_alive: bool = True, settled: Callable[[], None] = ...
    ) -> Exchange:
        """Return what sends requests to *url* and other addresses of its host. *timeout* is in seconds."""


@contextlib.contextmanager
def connections(*, trust_env: bool = True) -> Iterator[MakeExchange]:
    """Yield what makes an Exchange for one address. All of them share one TLS context: each costs 40 ms.

    *trust_env*: honour HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE. Raise ConfigError, now or for an address, if they
    cannot be used.
    """
    try:
        context = httpx.create_ssl_context(trust_env=trust_env)
    except OSError:
        name = "SSL_CERT_FILE" if os.environ.get("SSL_CERT_FILE") else "SSL_CERT_DIR"
        text = f"{name}: must name certificates that can be read, in PEM format."
        raise ConfigError(text) from None
    resolver = Resolver()
    with Deadlines() as deadlines, contextlib.ExitStack() as stack:

        def make(
            url: str, timeout: float, *, keep_alive: bool = True, settled: Callable[[], None] = lambda: None
        ) -> Exchange:
            try:
                _ = httpx.URL(url).host
            except (httpx.InvalidURL, UnicodeError):
                text = f"the address with the host {urlsplit(url).hostname} cannot be used: is the name spelled right?"
                raise ConfigError(text) from None
            proxy = proxy_for(url, os.environ if trust_env else {})
            transport = stack.enter_context(connection.transport(context, resolver, proxy))
            return Exchange(transport, deadlines, timeout=timeout, keep_alive=keep_alive, proxy=proxy, settled=settled)

        yield make


def chanjing(
    config: Config,
    exchange: MakeExchange,
    clock: Clock,
    events: Events = NOBODY,
    *,
    attempts: int = ATTEMPTS,
    fingerprint: Callable[[str], str] = lambda _: "",
) -> Chanjing:
    """Return the client for Chanjing, with whichever way to a token is configured. *fingerprint*: see `Chanjing`."""
    settings = config.chanjing
    sender = exchange(settings.base_url, settings.timeout)
    pace = settings.max_requests_per_second
    transport = Transport(
        sender, settings.base_url, max_requests_per_second=pace, clock=clock, events=events, attempts=attempts
    )
    return Chanjing(_tokens(config, transport, clock), transport, fingerprint=fingerprint)


def _tokens(config: Config, transport: Transport, clock: Clock) -> TokenSource:
    settings = config.chanjing
    if settings.app_id is None or settings.secret_key is None:
        token = settings.access_token or Secret("")
        return GivenToken(token.value, FileSecret(token.value, token.read_again, clock) if token.read_again else None)
    app_id, secret_key = settings.app_id, settings.secret_key.value
    kept: Path | None = None
    with contextlib.suppress(StateError):  # `check` has said so already
        # No secret comes into the database.
        kept = None if config.state.url else beside(resolve(config.state.path), ".token")
    return MintedToken(lambda: mint(app_id, secret_key, transport), app_id, settings.base_url, kept, clock)


def slack(config: Config, exchange: MakeExchange, clock: Clock | None = None) -> SlackClient:
    """Return the client for Slack: a bot's, or a webhook's. With a *clock* it reads a secret's file again."""
    settings = config.slack
    given = settings.webhook_url or settings.bot_token or Secret("")
    secret = given.value
    file = FileSecret(secret, given.read_again, clock) if clock and given.read_again else None
    # Each call on a connection of its own: on one that Slack has just closed, a post would be in doubt.
    sender = exchange(secret if settings.webhook_url else settings.base_url, settings.timeout, keep_alive=False)
    if settings.webhook_url:
        return SlackWebhook(secret, sender, file)
    return SlackBot(secret, settings.base_url, sender, file)
