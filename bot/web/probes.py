"""/healthz, /readyz and /metrics over HTTP."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.clock import Clock
from bot.domain import health
from bot.domain.health import Condition, Reasons
from bot.domain.task import Status
from bot.events import NOBODY, Events
from bot.metrics import PREFIX
from bot.store.file import Store
from bot.web.server import Response, listening


class LoopHealth:
    """How the loop is doing, as told by the loop. Written by one thread; what others read is a single value."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turned = clock.monotonic()
        self._failing_since: float | None = None

    def heartbeat(self) -> None:
        """Take note that the loop turns."""
        self._turned = self._clock.monotonic()

    def cycle_ended(self, *, well: bool) -> None:
        """Take note of how a cycle ended."""
        self.heartbeat()
        if well:
            self._failing_since = None
        elif self._failing_since is None:
            self._failing_since = self._turned

    @property
    def silent_for(self) -> float:
        """Seconds since the loop was last seen to turn."""
        return self._clock.monotonic() - self._turned

    @property
    def failing_for(self) -> float:
        """Seconds for which no cycle has gone well."""
        since = self._failing_since
        return 0.0 if since is None else self._clock.monotonic() - since


class HealthCheck:
    """Answers whether the bot is alive, and whether it is well."""

    def __init__(
        self, loop_health: LoopHealth, store: Store, clock: Clock, *, interval: float, max_silence: float = 0.0
    ) -> None:
        self._vitals = loop_health
        self._store = store
        self._clock = clock
        self._interval = interval
        self._patience = max_silence

    def alive(self) -> Reasons:
        """Return nothing while the loop turns, however badly it fares: a restart would not help."""
        bare = Condition(self._interval, self._patience)
        return health.reasons(bare, silent_for=self._vitals.silent_for, now=self._clock.now())

    def ready(self) -> Reasons:
        """Return why the bot does not do its work; nothing: it does."""
        return health.reasons(self.condition(), silent_for=self._vitals.silent_for, now=self._clock.now())

    def condition(self) -> Condition:
        """Return how the bot is doing."""
        now, failing_for = self._clock.now(), self._vitals.failing_for
        return health.condition(
            self._store.state,
            interval=self._interval,
            max_silence=self._patience,
            failing_since=round(now - failing_for) if failing_for else None,
            now=now,
        )


class StateCollector(Collector):
    """What the state holds, read when it is asked for."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        state, now = self._store.state, self._clock.now()
        counts: dict[str, int] = {}
        for known in state.tasks.values():
            name = Status(known.status).name.lower() if known.status in set(Status) else "other"
            counts[name] = counts.get(name, 0) + 1
        tasks = GaugeMetricFamily(f"{PREFIX}_tasks", "Tasks that are remembered.", labels=["status"])
        for status, count in sorted(counts.items()):
            tasks.add_metric([status], count)
        yield tasks
        notices = state.outbox.notices
        oldest = max((now - notice.since for notice in notices), default=0.0)
        yield GaugeMetricFamily(f"{PREFIX}_notices_owed", "Notices without a receipt yet.", len(notices))
        yield GaugeMetricFamily(f"{PREFIX}_notice_oldest_age_seconds", "How long the oldest has been owed.", oldest)


def serving(
    address: tuple[str, int],
    health_check: HealthCheck,
    registry: CollectorRegistry,
    events: Events = NOBODY,
) -> AbstractContextManager[int]:
    """Answer on *address* while the block lasts, and yield the port. Raises as server.listening does."""

    def respond(method: str, path: str) -> Response:
        if method not in {"GET", "HEAD"}:
            return Response(b"GET or HEAD\n", status=HTTPStatus.NOT_IMPLEMENTED)
        match path:
            case "/healthz":
                return _told(health_check.alive())
            case "/readyz":
                return _told(health_check.ready())
            case "/metrics":
                return Response(generate_latest(registry), CONTENT_TYPE_LATEST)
        return Response(b"/healthz, /readyz or /metrics\n", status=HTTPStatus.NOT_FOUND)

    return listening(address, respond, events)


def _told(found: Reasons) -> Response:
    reasons = [{"code": code, "detail": detail} for code, detail in found]
    body = json.dumps({"status": "failing" if reasons else "ok", "reasons": reasons}, ensure_ascii=False)
    status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
    return Response(body.encode(), "application/json", status)
