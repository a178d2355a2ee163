"""The configuration → a running bot: its parts, put together, and taken apart at the end."""

import contextlib
import errno
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from bot.chanjing.tokens import fingerprinting
from bot.clients import MakeExchange, chanjing, connections, slack
from bot.clock import Clock
from bot.config.sections import Config
from bot.disk import resolve
from bot.domain import health
from bot.domain.health import Condition
from bot.domain.task import Task
from bot.errors import ConfigError
from bot.events import Events, Listeners
from bot.slack.blocks import Style
from bot.slack.client import SlackClient
from bot.store import file
from bot.store.file import Store
from bot.store.lock import Lock
from bot.watch.board import Board
from bot.watch.cycle import Poll
from bot.watch.deliver import Delivery
from bot.watch.ledger import Ledger
from bot.watch.pace import Pace
from bot.watch.pages import Pages
from bot.watch.reader import Reader
from bot.watch.records import Records
from bot.watch.upkeep import Upkeep
from bot.web.health import Health
from bot.web.ping import TIMEOUT, Ping

if TYPE_CHECKING:
    from bot.metrics import Metrics


@dataclass(frozen=True, slots=True)
class _Shared:
    """What an account needs and does not have for itself."""

    exchange: MakeExchange
    pace: Pace
    clock: Clock
    events: Events


@dataclass(frozen=True, slots=True)
class Bot:
    """The parts of one account: its poll, its state, how it is doing, and who hears of what happens to it."""

    poll: Poll
    store: Store
    health: Health
    events: Events


@contextlib.contextmanager
def assembled(
    config: Config, clock: Clock, events: Events, *, trust_env: bool = True, listen: bool = True
) -> Iterator[Bot]:
    """Yield the bot that *config* describes, holding the lock of its state. Raise StateError or ConfigError.

    *trust_env*: honour HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE. *listen*: answer on monitor.listen if it is set.
    """
    metrics = None
    if listen and config.monitor.listen:
        from bot.metrics import Metrics

        metrics = Metrics()
        events = Listeners(events, metrics)
    with connections(trust_env=trust_env) as exchange, contextlib.ExitStack() as parts:
        shared = _Shared(exchange, Pace(config.slack.pace, clock), clock, events)
        bot = parts.enter_context(_account(config, shared))
        if metrics and config.monitor.listen:
            _listen(parts, config.monitor.listen, bot, metrics, shared)
        if config.monitor.ping_url is not None:
            url = config.monitor.ping_url.value
            ping = Ping(url, exchange(url, TIMEOUT), clock, bot.health.ready, events)
            bot = replace(bot, events=Listeners(bot.events, parts.enter_context(contextlib.closing(ping))))
        yield bot


@contextlib.contextmanager
def _account(config: Config, shared: _Shared) -> Iterator[Bot]:
    """Yield the parts of one account, holding the lock of its state."""
    path = resolve(config.state.path)
    lock = Lock(path)
    lock.take(shared.clock.now())
    try:
        silence = health.max_silence(config.chanjing.timeout, config.slack.timeout)
        last_read = health.last_read(lock.before, lock.last_alive)
        bare = Condition(config.poll.interval, silence, last_read=last_read)
        lock.leave(health.to_leave(bare))
        store = _store(path, lock, config, shared.events)
        own_health = Health(store, lock, shared.clock, bare)
        events = Listeners(shared.events, own_health)
        exchange = partial(shared.exchange, settled=own_health.turned)
        poll = _poll(config, replace(shared, exchange=exchange, events=events), store, last_read)
        yield Bot(poll, store, own_health, events)
    finally:
        lock.release()


def _store(path: Path, lock: Lock, config: Config, events: Events) -> Store:
    """Return the store with what it held at *path*, fitted to *config* and saved."""
    loaded = file.load(path, lambda text: events.emit("state_recovered", detail=text))
    outbox = loaded.outbox.for_channels(config.slack.routes.values())
    loaded = replace(loaded, instance=loaded.instance or token_hex(4), outbox=outbox)
    store = Store(path, loaded, verify=lock.verify, events=events)
    store.write(loaded)
    return store


def _listen(
    parts: contextlib.ExitStack, address: tuple[str, int], bot: Bot, metrics: "Metrics", shared: _Shared
) -> None:
    """Answer on *address* for as long as the *parts* last. Raise ConfigError if it cannot be listened to."""
    from bot.web import probes

    metrics.registry.register(probes.StateCollector(bot.store, shared.clock))
    try:
        port = parts.enter_context(probes.serving(address, bot.health, metrics.registry, shared.events))
    except OSError as error:
        foreign = error.errno == errno.EADDRNOTAVAIL
        remedy = "Set an address of this machine, such as 0.0.0.0:8080." if foreign else "Choose a free port."
        text = f"monitor.listen: cannot listen on {address[0]}:{address[1]}: {error.strerror or error}. {remedy}"
        raise ConfigError(text) from None
    shared.events.emit("monitor_listening", host=address[0], port=port)


def _poll(config: Config, shared: _Shared, store: Store, last_read: float | None) -> Poll:
    clock, events = shared.clock, shared.events
    routes = config.slack.routes
    destination = slack(config, shared.exchange, clock)
    ledger = Ledger(store, clock, events)
    delivery = Delivery(destination, ledger, clock, events, config.slack, route=routes, pace=shared.pace)
    source = chanjing(config, shared.exchange, clock, events, fingerprint=fingerprinting(store.state.instance))
    size = store.state.profile.page_size or config.chanjing.page_size
    pages = Pages(source, clock, events, size=size, deliver=delivery.run)
    records = Records(store, clock, events, config, last_read=last_read)
    reader = Reader(pages, records, clock, events, config)
    upkeep = Upkeep(store, clock, config, alerts_channel=routes["alerts"])
    show_board = _board(config, shared, destination, store)
    return Poll(reader, records, upkeep, delivery, clock, show_board=show_board)


def _board(
    config: Config, shared: _Shared, destination: SlackClient, store: Store
) -> Callable[[Sequence[Task]], None] | None:
    """Return what shows the board, or takes down one that is no longer wanted; None if there is nothing to do."""
    wanted, style = config.slack.board, Style(config.slack.language)
    if not destination.can_update:
        if wanted:
            detail = "slack.board needs a bot token: a webhook cannot update a message"
            shared.events.emit("board_impossible", detail=detail)
        return None
    if not wanted and not store.state.boards:
        return None
    channel = config.slack.routes["success"] if wanted else ""
    return Board(destination, store, shared.clock, shared.events, channel=channel, style=style).show
