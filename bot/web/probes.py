"""The page, /healthz, /readyz and /metrics over HTTP."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.clock import Clock
from bot.domain.task import Status
from bot.events import NOBODY, Events
from bot.metrics import PREFIX
from bot.web.server import Request, Respond, Response, listening
from bot.web.standings import Reason, Standings
from bot.web.wake import PATH

_NAMES = {int(status): status.name.lower() for status in Status}


class StateCollector(Collector):
    """What the states hold, read when it is asked for; of each account if *labels* says so."""

    def __init__(self, standings: Standings, clock: Clock, *labels: str) -> None:
        self._standings = standings
        self._clock = clock
        self._labels = labels

    def collect(self) -> Iterator[Metric]:
        now, labels = self._clock.now(), self._labels
        tasks = GaugeMetricFamily(f"{PREFIX}_tasks", "Tasks that are remembered.", labels=[*labels, "status"])
        owed = GaugeMetricFamily(f"{PREFIX}_notices_owed", "Notices without a receipt yet.", labels=labels)
        oldest = GaugeMetricFamily(
            f"{PREFIX}_notice_oldest_age_seconds", "How long the oldest has been owed.", labels=labels
        )
        queue = GaugeMetricFamily(f"{PREFIX}_archive_queue", "Tasks that are still to be archived.", labels=labels)
        for account, state in self._standings.states():
            common = [account] if labels else []
            counts = Counter(_NAMES.get(task.status, "other") for task in state.tasks.values())
            for status, count in sorted(counts.items()):
                tasks.add_metric([*common, status], count)
            notices = state.outbox.notices
            owed.add_metric(common, len(notices))
            queue.add_metric(common, len(state.to_archive))
            oldest.add_metric(common, max((now - notice.since for notice in notices), default=0.0))
        yield from (tasks, owed, oldest, queue)


def serving(
    address: tuple[str, int],
    standings: Standings,
    registry: CollectorRegistry,
    events: Events = NOBODY,
    *,
    wake: Respond,
    page: Respond | None = None,
) -> AbstractContextManager[int]:
    """Answer on *address* while the block lasts, and yield the port. *wake* answers below `/wake/`, *page* at `/`.

    Raises as server.listening does.
    """

    def respond(request: Request) -> Response:
        if request.path.startswith(PATH):
            return wake(request)
        if request.method not in {"GET", "HEAD"}:
            return Response(b"GET or HEAD\n", status=HTTPStatus.NOT_IMPLEMENTED)
        match request.path:
            case "/" if page is not None:
                answer = page(request)
            case "/healthz":
                answer = _answer(standings.alive())
            case "/readyz":
                answer = _answer(standings.ready(), standby=standings.all_stand_by())
            case "/metrics":
                answer = Response(generate_latest(registry), CONTENT_TYPE_LATEST)
            case _:
                answer = Response(b"/, /healthz, /readyz or /metrics\n", status=HTTPStatus.NOT_FOUND)
        return answer

    return listening(address, respond, events)


def _answer(found: list[Reason], *, standby: bool = False) -> Response:
    reasons = [{key: value for key, value in reason._asdict().items() if value or key != "account"} for reason in found]
    answer = {"status": "failing" if reasons else "ok", "reasons": reasons, **({"standby": True} if standby else {})}
    status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
    return Response(json.dumps(answer, ensure_ascii=False).encode(), "application/json", status)
