"""/healthz, /readyz and /metrics over HTTP."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.clock import Clock
from bot.domain.health import Reasons
from bot.domain.task import Status
from bot.events import NOBODY, Events
from bot.metrics import PREFIX
from bot.store.file import Store
from bot.web.health import Health
from bot.web.server import Response, listening


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
    health: Health,
    registry: CollectorRegistry,
    events: Events = NOBODY,
) -> AbstractContextManager[int]:
    """Answer on *address* while the block lasts, and yield the port. Raises as server.listening does."""

    def respond(method: str, path: str) -> Response:
        if method not in {"GET", "HEAD"}:
            return Response(b"GET or HEAD\n", status=HTTPStatus.NOT_IMPLEMENTED)
        match path:
            case "/healthz":
                return _answer(health.alive())
            case "/readyz":
                return _answer(health.ready())
            case "/metrics":
                return Response(generate_latest(registry), CONTENT_TYPE_LATEST)
        return Response(b"/healthz, /readyz or /metrics\n", status=HTTPStatus.NOT_FOUND)

    return listening(address, respond, events)


def _answer(found: Reasons) -> Response:
    reasons = [{"code": code, "detail": detail} for code, detail in found]
    body = json.dumps({"status": "failing" if reasons else "ok", "reasons": reasons}, ensure_ascii=False)
    status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
    return Response(body.encode(), "application/json", status)
