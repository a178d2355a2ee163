"""The configuration → what speaks to Chanjing, Slack and other servers."""

import contextlib
import os
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from bot.archive.background import Background, Copies
from bot.archive.copier import Copier
from bot.archive.download import LONGEST, SILENCE, Limits, Open
from bot.archive.files import Files
from bot.chanjing.client import Chanjing, mint
from bot.chanjing.tokens import GivenToken, MintedToken, TokenSource
from bot.chanjing.transport import ATTEMPTS, Transport
from bot.clock import Clock
from bot.config.sections import Config
from bot.disk import beside, resolve
from bot.errors import ArchiveError, ConfigError, StateError
from bot.events import NOBODY, Events
from bot.host import is_host, is_ip, is_public
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
def connections(*, trust_env: bool = True) -> Iterator["Connections"]:
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
    with Deadlines() as deadlines, contextlib.ExitStack() as stack:
        yield Connections(context, deadlines, os.environ if trust_env else {}, stack)


class Connections:
    """Makes Exchanges, as MakeExchange says. What it opens ends with *stack*."""

    def __init__(
        self, context: ssl.SSLContext, deadlines: Deadlines, environ: Mapping[str, str], stack: contextlib.ExitStack
    ) -> None:
        self._context = context
        self._deadlines = deadlines
        self._environ = environ
        self._stack = stack
        self._resolver = Resolver()

    def __call__(
        self, url: str, timeout: float, *, keep_alive: bool = True, settled: Callable[[], None] = lambda: None
    ) -> Exchange:
        host_of(url)
        proxy = proxy_for(url, self._environ)
        transport = self._stack.enter_context(connection.transport(self._context, self._resolver, proxy))
        return Exchange(
            transport, self._deadlines, timeout=timeout, keep_alive=keep_alive, proxy=proxy, settled=settled
        )

    def ending_with(self, stack: contextlib.ExitStack) -> "Connections":
        """Return what makes the same, but what it opens ends with *stack*."""
        made = copy(self)
        made._stack = stack  # noqa: SLF001 - our own
        return made

    def for_downloads(self, base_url: str) -> Open:
        """Return what opens a connection of its own for one address, which need not be one of ours.

        Only public addresses are connected to, unless *base_url*, which somebody has configured, is not public either.
        What a proxy connects to is left to the proxy, but for an address in numbers.
        """

        def allowed(address: str) -> bool:
            if is_public(address):
                return True
            try:
                return not all(map(is_public, self._resolver.addresses(host_of(base_url), SILENCE)))
            except OSError:  # behind a proxy there may be no names at all
                return False

        @contextlib.contextmanager
        def open_(url: str) -> Iterator[Exchange]:
            try:
                host, proxy = host_of(url), proxy_for(url, self._environ)
            except ConfigError as error:
                raise ArchiveError(str(error)) from None
            # Names that end in a number, such as 127.1, are addresses to most proxies.
            if proxy and not (allowed(host) if is_ip(host) else is_host(httpx.URL(url).raw_host.decode())):
                raise ArchiveError(f"{host}: its address is not a public one")
            only = (lambda _: True) if proxy else allowed
            with connection.transport(self._context, self._resolver, proxy, only) as transport:
                yield Exchange(
                    transport, self._deadlines, timeout=LONGEST, silence=SILENCE, keep_alive=False, proxy=proxy
                )

        return open_


def host_of(url: str) -> str:
    """Return the host of *url*. Raise ConfigError if it cannot be used."""
    try:
        return httpx.URL(url).host
    except (httpx.InvalidURL, UnicodeError):
        text = f"the address with the host {urlsplit(url).hostname} cannot be used: is the name spelled right?"
        raise ConfigError(text) from None


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


def folder(config: Config) -> Path:
    """Return the folder of the archive, where there is one."""
    return Path(os.path.realpath((config.archive.path or Path()).expanduser()))


def copier(config: Config, connections: Connections, stop: threading.Event, events: Events = NOBODY) -> Copier:
    """Return what copies files to the archive, until *stop* is set."""
    limits = Limits(config.archive.max_size, stop.is_set)
    return Copier(Files(folder(config)), connections.for_downloads(config.chanjing.base_url), limits, events)


def copies(config: Config, connections: Connections, events: Events) -> Copies | None:
    """Return what does that in the background; None: there is no archive."""
    if config.archive.path is None:
        return None
    stop = threading.Event()
    return Background(copier(config, connections, stop, events), stop, events)
