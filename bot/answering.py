"""What answers on monitor.listen, put together: the page, the probes, the metrics, and wake-ups."""

import errno
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from bot.clock import Clock
from bot.config.sections import Monitor
from bot.errors import ConfigError
from bot.events import Events
from bot.language import Language
from bot.metrics import Metrics
from bot.web import probes
from bot.web.access import Access
from bot.web.page import Page
from bot.web.standings import Standings
from bot.web.wake import Wakes


@contextmanager
def answering(
    address: tuple[str, int],
    settings: Monitor,
    language: Language,
    standings: Standings,
    asks: Mapping[str, Callable[[], None]],
    metrics: Metrics,
    clock: Clock,
    events: Events,
) -> Iterator[None]:
    """Answer on *address* while the block lasts. Raise ConfigError if it cannot be listened to. *asks*: see `Wakes`."""
    host, port = address
    page = Page(standings.all, clock, language, Access(host, settings.password))
    wakes = Wakes(settings.wake_token, asks, standings.standing_by)
    with ExitStack() as stack:
        try:
            port = stack.enter_context(
                probes.serving(address, standings, metrics.registry, events, wake=wakes.respond, page=page.respond)
            )
        except OSError as error:
            foreign = error.errno == errno.EADDRNOTAVAIL
            remedy = "Set an address of this machine, such as 0.0.0.0:8080." if foreign else "Choose a free port."
            text = f"monitor.listen: cannot listen on {host}:{port}: {error.strerror or error}. {remedy}"
            raise ConfigError(text) from None
        metrics.registry.register(probes.StateCollector(standings, clock, *metrics.labels))
        events.emit("monitor_listening", host=host, port=port)
        yield
