"""The configuration → a running bot: its parts, put together, and taken apart at the end."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING

from bot.archive.background import Copies
from bot.chanjing.tokens import fingerprinting
from bot.clients import Connections, MakeExchange, chanjing, connections, copies, slack
from bot.clock import Clock
from bot.config.accounts import DEFAULT, shown
from bot.config.sections import Config
from bot.domain import health
from bot.domain.health import Condition
from bot.domain.state import State
from bot.domain.task import Task
from bot.errors import ConfigError
from bot.events import Events, Labelled, Listeners
from bot.slack.blocks import Style
from bot.slack.client import SlackClient
from bot.store.places import Places, Store
from bot.watch.archive import Archive
from bot.watch.board import Board
from bot.watch.cycle import Poll
from bot.watch.deliver import Delivery
from bot.watch.lasting import LastingLinks
from bot.watch.pace import Buckets, Pace
from bot.watch.pages import Pages
from bot.watch.reader import Reader
from bot.watch.records import Records
from bot.watch.upkeep import Upkeep
from bot.watch.wake import Wake
from bot.web.health import Health
from bot.web.ping import TIMEOUT, Ping
from bot.web.standings import Standings

if TYPE_CHECKING:
    from bot.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Bot:
    """What the loop of one account runs, and who hears of what happens."""

    poll: Poll
    wake: Wake
    events: Events
    store: Store
    where: str  # the state is kept, for people


@dataclass(frozen=True, slots=True)
class _Account:
    """What the parts of one account are made of. `name` is "" if it has none."""

    name: str
    config: Config
    exchange: MakeExchange
    pace: Pace
    store: Store
    clock: Clock
    wake: Wake
    events: Events
    copies: Copies | None


@contextlib.contextmanager
def process(
    configs: Mapping[str, Config], clock: Clock, events: Events, *, trust_env: bool = True, listen: bool = True
) -> Iterator["Process"]:
    """Yield what runs the accounts in *configs*, which are by name. Raise ConfigError.

    *trust_env*: honour HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE. *listen*: answer on monitor.listen if it is set.
    """
    with contextlib.ExitStack() as stack:
        exchange = stack.enter_context(connections(trust_env=trust_env))
        yield Process(configs, clock, events, exchange, stack, listen=listen)


@contextlib.contextmanager
def assembled(
    config: Config, clock: Clock, events: Events, *, trust_env: bool = True, listen: bool = True
) -> Iterator[Bot]:
    """Yield the bot of an only account. Raises as `process` and `Process.bot` do."""
    only = {DEFAULT: config}
    with process(only, clock, events, trust_env=trust_env, listen=listen) as one, one.bot(DEFAULT) as bot:
        yield bot


class Process:
    """What all accounts of the process share, and the way to the bot of each. What it opens ends with *stack*."""

    def __init__(
        self,
        configs: Mapping[str, Config],
        clock: Clock,
        events: Events,
        exchange: Connections,
        stack: contextlib.ExitStack,
        *,
        listen: bool,
    ) -> None:
        self.accounts = tuple(configs)
        self._configs = configs
        self._clock = clock
        self._exchange = exchange
        self._stack = stack
        self._labels = () if [*configs] == [DEFAULT] else ("account",)
        self._places = stack.enter_context(Places())
        self._buckets: dict[str, Buckets] = {}  # by the secret that posts
        self._starting = threading.Lock()
        self._standings = Standings(self.accounts, named=bool(self._labels))
        first = next(iter(configs.values()))
        self._language = first.slack.language
        self._monitor = monitor = first.monitor  # the process's, so the same in each
        self._address = monitor.listen if listen else None
        self._metrics: Metrics | None = None
        self.events = events
        if self._address is not None:
            from bot import metrics

            self._metrics = metrics.Metrics(*self._labels)
            self.events = Listeners(self.events, self._metrics)
        if monitor.ping_url is not None:
            url = monitor.ping_url.value
            ping = Ping(url, exchange(url, TIMEOUT), clock, self._standings.ready, self.events)
            stack.callback(ping.close)
            self.events = Listeners(self.events, ping)
        self._wakes = {name: Wake(clock, self._events_of(name)) for name in configs}

    @contextlib.contextmanager
    def bot(self, name: str) -> Iterator[Bot]:
        """Yield the bot of the account *name*, holding the lock of its state. Raise StateError or ConfigError."""
        config, clock, wake = self._configs[name], self._clock, self._wakes[name]
        events = self._events_of(name)
        place = self._places.at(config.state, name)
        store = place.hold(clock.now(), events)
        with contextlib.ExitStack() as leaving:
            leaving.callback(store.release)
            last_read = health.last_read(store.before, store.last_alive)
            silence = health.max_silence(config.chanjing.timeout, config.slack.timeout)
            bare = Condition(config.poll.interval, silence, last_read=last_read)
            store.leave(health.to_leave(bare))
            store.save(_fitted(store.load(), config))
            own_health = Health(store, clock, bare)
            events = Listeners(events, own_health)
            exchange = partial(self._exchange.ending_with(leaving), settled=own_health.turned)
            archive = copies(config, self._exchange, events)
            leaving.callback(archive.close if archive else lambda: None)
            account = _Account(shown(name), config, exchange, self._pace(config), store, clock, wake, events, archive)
            poll = _poll(account, last_read)
            self._standings.runs(name, own_health, poll.records.progress, config.archive.public_url or "")
            self.listen()
            yield Bot(poll, wake, events, store, str(place))

    def stand_by(self, name: str, why: str) -> None:
        """Make known that the account *name* waits for a state that another copy holds."""
        self._standings.stands_by(name)
        self._events_of(name).emit("standing_by", detail=why)
        # An address that cannot be used is an error of the copy that works. This one can stand by without.
        with contextlib.suppress(ConfigError, RuntimeError):
            self.listen()

    def fail(self, name: str, why: str) -> None:
        """Make known that the account *name* does not run for now."""
        self._standings.failed(name, why)
        self._events_of(name).emit("account_failed", error=why)

    def broke(self, name: str, error: Exception) -> None:
        """Make known a fault of ours in the account *name*."""
        self._events_of(name).emit("cycle_failed", exception=error)

    def _events_of(self, name: str) -> Events:
        return Labelled(self.events, account=name) if self._labels else self.events

    def listen(self) -> None:
        """Answer on monitor.listen, if it is set, from the first call on. Raise ConfigError if that cannot be done."""
        with self._starting:
            if self._address is None or self._metrics is None:
                return
            from bot.answering import answering

            asks = {name: one.ask for name, one in self._wakes.items()}
            self._stack.enter_context(
                answering(
                    self._address,
                    self._monitor,
                    self._language,
                    self._standings,
                    asks,
                    self._metrics,
                    self._clock,
                    self.events,
                )
            )
            self._address = None

    def _pace(self, config: Config) -> Pace:
        secret = config.slack.webhook_url or config.slack.bot_token
        buckets = self._buckets.setdefault(secret.value if secret else "", Buckets())
        return Pace(config.slack.pace, self._clock, buckets)


def _fitted(state: State, config: Config) -> State:
    outbox = state.outbox.for_channels(config.slack.routes.values())
    to_archive = () if config.archive.path is None else state.to_archive
    if config.archive.public_url is None or config.slack.webhook_url:
        archived = {task.id for task in state.ended if task.archived}
        to_archive = tuple(one for one in to_archive if one.task_id not in archived)  # only their messages were to do
    return replace(state, instance=state.instance or token_hex(4), outbox=outbox, to_archive=to_archive)


def _poll(account: _Account, last_read: float | None) -> Poll:
    config, store, clock, events = account.config, account.store, account.clock, account.events
    pace, wake = account.pace, account.wake
    destination = slack(config, account.exchange, clock)
    delivery = Delivery(destination, store, clock, events, config.slack, pace=pace, wake=wake, account=account.name)
    fingerprint = fingerprinting(store.state.instance)
    source = chanjing(config, account.exchange, clock, events, fingerprint=fingerprint)
    size = store.state.profile.page_size or config.chanjing.page_size
    pages = Pages(source, clock, events, size=size, deliver=delivery.run)
    records = Records(store, clock, events, config, last_read=last_read)
    reader = Reader(pages, records, clock, events, config)
    upkeep = Upkeep(store, clock, config)
    archive = None
    if account.copies:
        lasting = _lasting_links(account, destination)
        archive = Archive(store, clock, events, account.copies, ask=pages.task, lasting=lasting)
    return Poll(
        reader, records, upkeep, delivery, clock, wake, show_board=_board(account, destination), archive=archive
    )


def _lasting_links(account: _Account, destination: SlackClient) -> LastingLinks | None:
    """Return what updates messages with the archive's links; None if there are none to give, or nothing can update."""
    settings, public_url = account.config.slack, account.config.archive.public_url
    if public_url is None or not destination.can_update:
        return None
    style = Style(settings.language, account=account.name)
    return LastingLinks(destination, account.store, account.clock, account.events, style=style, public_url=public_url)


def _board(account: _Account, destination: SlackClient) -> Callable[[Sequence[Task]], None] | None:
    """Return what shows the board, or takes down one that is no longer wanted; None if there is nothing to do."""
    settings, store, events = account.config.slack, account.store, account.events
    if not destination.can_update:
        if settings.board:
            detail = "slack.board needs a bot token: a webhook cannot update a message"
            events.emit("board_impossible", detail=detail)
        return None
    if not settings.board and not store.state.boards:
        return None
    channel = settings.routes["success"] if settings.board else ""
    style = Style(settings.language, account=account.name)
    return Board(destination, store, account.clock, events, channel=channel, style=style).show
