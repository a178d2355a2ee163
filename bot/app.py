"""Config → the parts, put together."""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from bot.chanjing.client import ATTEMPTS, Chanjing, Transport, mint
from bot.chanjing.tokens import FileToken, GivenToken, MintedToken, TokenSource, fingerprinting
from bot.clock import Clock
from bot.config.sections import Config, read_again
from bot.disk import beside, resolve
from bot.domain import health
from bot.domain.health import Condition
from bot.domain.outbox import Role
from bot.domain.task import Task
from bot.errors import ConfigError, StateError
from bot.events import NOBODY, Events, Listeners
from bot.http import transport as connection
from bot.http.client import Exchange
from bot.http.proxy import proxy_for
from bot.http.transport import Resolver
from bot.metrics import Metrics
from bot.secret import FileSecret, read_secret
from bot.slack.blocks import Style
from bot.slack.call import WEBHOOK
from bot.slack.client import CountedSlack, SlackBot, SlackClient, SlackWebhook
from bot.store import file as state
from bot.store.lock import Lock
from bot.watch.board import Board
from bot.watch.cycle import Poll, Settings
from bot.watch.deliver import Delivery
from bot.watch.ledger import Ledger
from bot.watch.pace import Pace
from bot.watch.pages import Pages, Shown
from bot.web.ping import TIMEOUT, Ping
from bot.web.probes import HealthCheck, LoopHealth, StateCollector, serving


class MakeExchange(Protocol):
    def __call__(
        self, url: str, timeout: float, *, keep_alive: bool = True, settled: Callable[[], None] = ...
    ) -> Exchange:
        """Return what sends requests to *url* and other addresses of its host. *timeout* is in seconds."""


@dataclass(frozen=True, slots=True)
class Bot:
    """What the loop runs: `cycle_ended` is to be told after each cycle whether it went well."""

    poll: Poll
    cycle_ended: Callable[[bool], None]


@contextlib.contextmanager
def bot(
    config: Config,
    clock: Clock,
    events: Events,
    *,
    progress: Shown,
    trust_env: bool = True,
    listen: bool = True,
) -> Iterator[Bot]:
    """Yield the bot that *config* describes, holding the lock of its state. Raise StateError or ConfigError.

    *trust_env*: honour HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE. *listen*: answer on monitor.listen where it is set.
    """
    path = resolve(config.state.path)
    lock = Lock(path)
    silence = health.max_silence(config.chanjing.timeout, config.slack.timeout)
    lock.take(clock.now(), health.to_leave(Condition(config.poll.interval, silence)))
    with contextlib.ExitStack() as stack:
        stack.callback(lock.release)
        metrics = Metrics()
        events = Listeners(events, metrics)
        loaded = state.load(path, lambda text: events.emit("state_recovered", detail=text))
        loaded = replace(
            loaded,
            instance=loaded.instance or token_hex(4),
            outbox=loaded.outbox.for_channels(routes(config).values()),
        )
        store = state.Store(path, loaded, verify=lock.verify, events=events)
        store.write(loaded)
        loop_health = LoopHealth(clock)
        metrics.registry.register(StateCollector(store, clock))
        health_check = HealthCheck(loop_health, store, clock, interval=config.poll.interval, max_silence=silence)
        if listen and config.monitor.listen:
            _listen(stack, config.monitor.listen, health_check, metrics, events)
        exchange = stack.enter_context(http(trust_env=trust_env))
        ping = None
        if config.monitor.ping_url is not None:
            url = config.monitor.ping_url.get_secret_value()
            ping = Ping(url, exchange(url, TIMEOUT), clock, health_check.ready, events)
            stack.callback(ping.close)
        # Several may follow one another before anything else says that the bot is alive.
        watched = partial(exchange, settled=loop_health.heartbeat)

        def heartbeat() -> None:
            lock.heartbeat()
            loop_health.heartbeat()
            lock.leave(health.to_leave(health_check.condition()))

        def cycle_ended(well: bool) -> None:  # noqa: FBT001 - the one thing there is to say of it
            loop_health.cycle_ended(well=well)
            lock.leave(health.to_leave(health_check.condition()))
            if ping is not None:
                ping.after_cycle(well=well)

        yield Bot(
            _poll(
                config,
                clock,
                events,
                watched,
                store,
                lock.last_alive,
                heartbeat=heartbeat,
                progress=progress,
            ),
            cycle_ended,
        )


def _listen(
    stack: contextlib.ExitStack,
    address: tuple[str, int],
    health_check: HealthCheck,
    metrics: Metrics,
    events: Events,
) -> None:
    try:
        port = stack.enter_context(serving(address, health_check, metrics.registry, events))
    except OSError as error:
        foreign = error.errno == errno.EADDRNOTAVAIL
        cure = "Set an address of this machine, such as 0.0.0.0:8080." if foreign else "Choose a free port."
        text = f"monitor.listen: cannot listen on {address[0]}:{address[1]}: {error.strerror or error}. {cure}"
        raise ConfigError(text) from None
    events.emit("monitor_listening", host=address[0], port=port)


def _poll(
    config: Config,
    clock: Clock,
    events: Events,
    exchange: MakeExchange,
    store: state.Store,
    last_alive: float | None,
    *,
    heartbeat: Callable[[], None],
    progress: Shown,
) -> Poll:
    destination = slack(config, exchange, clock)
    delivery = Delivery(
        CountedSlack(destination, events),
        Ledger(store, clock, events),
        clock,
        events,
        config.slack,
        route=routes(config),
        pace=Pace(config.slack.pace, clock),
        heartbeat=heartbeat,
    )
    settings = Settings(
        page_size=config.chanjing.page_size,
        interval=config.poll.interval,
        active_interval=config.poll.active_interval,
        first_run=config.poll.first_run,
        full_scan_interval=config.poll.full_scan_interval,
        stuck_after=config.poll.stuck_after,
        retention=config.state.retention,
        alerts_channel=routes(config)["alerts"],
        daily_summary=config.slack.daily_summary,
    )
    return Poll(
        chanjing(config, exchange, clock, events, fingerprint=fingerprinting(store.state.instance)),
        delivery,
        store,
        clock,
        events,
        settings,
        heartbeat=heartbeat,
        last_alive=last_alive,
        progress=progress,
        show_board=_board(config, destination, store, clock, events),
    )


@contextlib.contextmanager
def http(*, trust_env: bool = True) -> Iterator[MakeExchange]:
    """Yield what makes an Exchange for one address. All of them share one TLS context: each costs 40 ms.

    *trust_env*: honour HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE. Raise ConfigError, now or for an address, where they
    cannot be used.
    """
    try:
        context = httpx.create_ssl_context(trust_env=trust_env)
    except OSError:
        name = "SSL_CERT_FILE" if os.environ.get("SSL_CERT_FILE") else "SSL_CERT_DIR"
        text = f"{name}: must name certificates that can be read, in PEM format."
        raise ConfigError(text) from None
    resolver = Resolver()
    with contextlib.ExitStack() as stack:

        def make(
            url: str, timeout: float, *, keep_alive: bool = True, settled: Callable[[], None] = lambda: None
        ) -> Exchange:
            try:
                _ = httpx.URL(url).host
            except (httpx.InvalidURL, UnicodeError):
                text = f"the address with the host {urlsplit(url).hostname} cannot be used: is the name spelled right?"
                raise ConfigError(text) from None
            proxy = proxy_for(url, os.environ if trust_env else {})
            client = stack.enter_context(connection.client(context, resolver, proxy, timeout))
            return Exchange(client, timeout=timeout, keep_alive=keep_alive, proxy=proxy, settled=settled)

        yield make


def pages(config: Config, exchange: MakeExchange, clock: Clock, events: Events) -> Pages:
    """Return what reads the list for a command that watches nothing."""
    fetch = chanjing(config, exchange, clock).page
    return Pages(fetch, clock, events, size=config.chanjing.page_size, fetched=lambda _: None, wait=clock.wait)


def chanjing(
    config: Config,
    exchange: MakeExchange,
    clock: Clock,
    events: Events = NOBODY,
    *,
    attempts: int = ATTEMPTS,
    fingerprint: Callable[[str], str] = lambda _: "",
) -> Chanjing:
    """Return the client for Chanjing, with whichever way to a token is configured. *fingerprint*: see there."""
    settings = config.chanjing
    sender = exchange(settings.base_url, settings.timeout)
    pace = settings.max_requests_per_second
    transport = Transport(sender, max_requests_per_second=pace, clock=clock, events=events, attempts=attempts)
    tokens: TokenSource
    if settings.access_token_file is not None:
        file = settings.access_token_file
        tokens = FileToken(lambda: read_secret(file).get_secret_value(), clock)
    elif settings.app_id is not None and settings.secret_key is not None:
        app_id, secret_key = settings.app_id, settings.secret_key.get_secret_value()
        try:
            kept: Path | None = beside(resolve(config.state.path), ".token")
        except StateError:
            kept = None  # `check` has said so already
        base_url = settings.base_url
        tokens = MintedToken(lambda: mint(base_url, app_id, secret_key, transport), app_id, base_url, kept, clock)
    else:
        tokens = GivenToken(settings.access_token.get_secret_value() if settings.access_token else "")
    return Chanjing(settings.base_url, tokens, transport, fingerprint=fingerprint)


def slack(config: Config, exchange: MakeExchange, clock: Clock | None = None) -> SlackClient:
    """Return the client for Slack: a bot's, or a webhook's. With a *clock* it reads a secret's file again."""
    settings = config.slack
    # Each call on a connection of its own: on one that Slack has just closed, a post would be in doubt.
    url = settings.webhook_url.get_secret_value() if settings.webhook_url else settings.base_url
    sender = exchange(url, settings.timeout, keep_alive=False)
    if settings.webhook_url is not None:
        return SlackWebhook(url, sender, _in_file(config, "webhook_url", clock))
    token = settings.bot_token.get_secret_value() if settings.bot_token else ""
    return SlackBot(token, settings.base_url, sender, _in_file(config, "bot_token", clock))


def _in_file(config: Config, name: str, clock: Clock | None) -> FileSecret | None:
    """Return the secret *name* of the section slack where it stands in a file, else None."""
    if clock is None or getattr(config.slack, f"{name}_file") is None:
        return None
    secret = getattr(config.slack, name).get_secret_value()
    return FileSecret(secret, partial(read_again, config.slack, name), clock)


def _board(
    config: Config, destination: SlackClient, store: state.Store, clock: Clock, events: Events
) -> Callable[[Sequence[Task]], None] | None:
    wanted = config.slack.board
    if not destination.can_update:
        if wanted:
            events.emit("board_impossible", detail="slack.board needs a bot token: a webhook cannot update a message")
        return None
    if not wanted and not store.state.boards:
        return None
    return Board(
        destination,
        store,
        clock,
        events,
        channel=routes(config)["success"] if wanted else "",
        style=Style(config.slack.language),
    ).show


def routes(config: Config) -> dict[Role, str]:
    """Return the channel of each role."""
    settings = config.slack
    if settings.webhook_url is not None or settings.webhook_url_file is not None:
        return dict.fromkeys(("success", "failure", "alerts"), WEBHOOK)
    channel = settings.channel or ""
    return {
        "success": channel,
        "failure": settings.failure_channel or channel,
        "alerts": settings.alerts_channel or channel,
    }
