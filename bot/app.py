"""The configuration → a running bot: its parts, put together, and taken apart at the end."""

import contextlib
import errno
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from secrets import token_hex

from bot.chanjing.tokens import fingerprinting
from bot.clients import MakeExchange, chanjing, http, slack
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
from bot.store import file as state
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


@dataclass(frozen=True, slots=True)
class Bot:
    """What the loop runs, and who hears of what happens."""

    poll: Poll
    events: Events


@contextlib.contextmanager
def bot(
    config: Config,
    clock: Clock,
    events: Events,
    *,
    trust_env: bool = True,
    listen: bool = True,
) -> Iterator[Bot]:
    """Yield the bot that *config* describes, holding the lock of its state. Raise StateError or ConfigError.

    *trust_env*: honour HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE. *listen*: answer on monitor.listen if it is set.
    """
    path = resolve(config.state.path)
    lock = Lock(path)
    lock.take(clock.now())
    with contextlib.ExitStack() as stack:
        stack.callback(lock.release)
        last_read = health.last_read(lock.before, lock.last_alive)
        silence = health.max_silence(config.chanjing.timeout, config.slack.timeout)
        bare = Condition(config.poll.interval, silence, last_read=last_read)
        lock.leave(health.to_leave(bare))
        address = config.monitor.listen if listen else None
        if address:
            from bot.metrics import Metrics

            metrics = Metrics()
            events = Listeners(events, metrics)
        loaded = state.load(path, lambda text: events.emit("state_recovered", detail=text))
        outbox = loaded.outbox.for_channels(config.slack.routes.values())
        loaded = replace(loaded, instance=loaded.instance or token_hex(4), outbox=outbox)
        store = state.Store(path, loaded, verify=lock.verify, events=events)
        store.write(loaded)
        own_health = Health(store, lock, clock, bare)
        if address:
            from bot.web import probes

            metrics.registry.register(probes.StateCollector(store, clock))
            _listen(stack, probes.serving(address, own_health, metrics.registry, events), address, events)
        exchange = stack.enter_context(http(trust_env=trust_env))
        events = Listeners(events, own_health)
        if config.monitor.ping_url is not None:
            url = config.monitor.ping_url.value
            ping = Ping(url, exchange(url, TIMEOUT), clock, own_health.ready, events)
            stack.callback(ping.close)
            events = Listeners(events, ping)
        watched = partial(exchange, settled=own_health.turned)
        yield Bot(_poll(config, clock, events, watched, store, last_read), events)


def _listen(
    stack: contextlib.ExitStack,
    serving: contextlib.AbstractContextManager[int],
    address: tuple[str, int],
    events: Events,
) -> None:
    try:
        port = stack.enter_context(serving)
    except OSError as error:
        foreign = error.errno == errno.EADDRNOTAVAIL
        remedy = "Set an address of this machine, such as 0.0.0.0:8080." if foreign else "Choose a free port."
        text = f"monitor.listen: cannot listen on {address[0]}:{address[1]}: {error.strerror or error}. {remedy}"
        raise ConfigError(text) from None
    events.emit("monitor_listening", host=address[0], port=port)


def _poll(
    config: Config,
    clock: Clock,
    events: Events,
    exchange: MakeExchange,
    store: state.Store,
    last_read: float | None,
) -> Poll:
    destination = slack(config, exchange, clock)
    delivery = Delivery(
        destination,
        Ledger(store, clock, events),
        clock,
        events,
        config.slack,
        route=config.slack.routes,
        pace=Pace(config.slack.pace, clock),
    )
    pages = Pages(
        chanjing(config, exchange, clock, events, fingerprint=fingerprinting(store.state.instance)),
        clock,
        events,
        size=store.state.profile.page_size or config.chanjing.page_size,
        deliver=delivery.run,
    )
    records = Records(store, clock, events, config, last_read=last_read)
    return Poll(
        Reader(pages, records, clock, events, config),
        records,
        Upkeep(store, clock, config, alerts_channel=config.slack.routes["alerts"]),
        delivery,
        clock,
        show_board=_board(config, destination, store, clock, events),
    )


def _board(
    config: Config, destination: SlackClient, store: state.Store, clock: Clock, events: Events
) -> Callable[[Sequence[Task]], None] | None:
    wanted = config.slack.board
    if not destination.can_update:
        if wanted:
            detail = "slack.board needs a bot token: a webhook cannot update a message"
            events.emit("board_impossible", detail=detail)
        return None
    if not wanted and not store.state.boards:
        return None
    channel = config.slack.routes["success"] if wanted else ""
    return Board(destination, store, clock, events, channel=channel, style=Style(config.slack.language)).show
