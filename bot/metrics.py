"""What is counted while the bot works, with prometheus-client. What the state holds is read from it: see web.probes."""

import platform
from collections.abc import Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from bot import __version__
from bot.domain.task import Status

PREFIX = "lipsync_bot"
_DELAYS = (1, 2, 5, 10, 30, 60, 300, 900, 3600, 86_400)  # seconds


class Metrics:
    """Counts events, in a registry of its own, so that several bots may live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._polls = self._counter("polls", "Polls of Chanjing's list.", "result")
        self._poll_duration = self._histogram("poll_duration_seconds", "From the start of a poll to its end.")
        self._chanjing_requests = self._counter("chanjing_requests", "Requests to Chanjing.", "operation", "code")
        self._tasks_ended = self._counter("tasks_ended", "Tasks seen to have ended.", "status")
        self._notices_delivered = self._counter("notices_delivered", "Notices with a receipt.", "role")
        self._notice_delay = self._histogram(
            "notice_delay_seconds", "From the poll that saw the end to the receipt.", _DELAYS
        )
        self._slack_calls = self._counter("slack_calls", "Calls to Slack.", "method", "outcome")
        self._looks = self._counter("looks", "Looks into a channel's history for messages in doubt.", "result")
        self._rate_limit_waits = self._counter("rate_limit_waits", "Times that Slack asked to wait.")
        self._pings = self._counter("pings", "Pings to monitor.ping_url.", "result")
        self._write_duration = self._histogram("state_write_duration_seconds", "Saving the state.")
        self._state_size = self._gauge("state_size_bytes", "Size of the state file.")
        self._last_good_poll = self._gauge("last_good_poll_timestamp_seconds", "When a poll last went well.")
        Info("build", "What is running.", namespace=PREFIX, registry=self.registry).info(
            {"version": __version__, "python": platform.python_version()}
        )

    def emit(self, event: str, /, **fields: Any) -> None:  # noqa: C901 - a flat table: one case an event
        match event:
            case "list_read":
                self._last_good_poll.set(fields["at"])
                self._polls.labels("ok").inc()
                self._poll_duration.observe(fields["seconds"])
            case "list_not_read":
                self._polls.labels("failed").inc()
                self._poll_duration.observe(fields["seconds"])
            case "chanjing_answered":
                self._chanjing_requests.labels(fields["operation"], fields["code"]).inc()
            case "task_ended":
                self._tasks_ended.labels(Status(fields["status"]).name.lower()).inc()
            case "notice_delivered":
                self._notices_delivered.labels(fields["role"]).inc()
                self._notice_delay.observe(fields["delay"])
            case "notice_postponed" if fields["rate_limited"]:
                self._rate_limit_waits.inc()
            case "slack_called":
                self._slack_calls.labels(fields["method"], fields["outcome"]).inc()
            case "history_searched":
                self._looks.labels(fields["result"]).inc()
            case "ping_sent" | "ping_failed":
                self._pings.labels("ok" if event == "ping_sent" else "failed").inc()
            case "state_written":
                self._write_duration.observe(fields["seconds"])
                self._state_size.set(fields["size"])

    def _counter(self, name: str, help_: str, *labels: str) -> Counter:
        return Counter(name, help_, labels, namespace=PREFIX, registry=self.registry)

    def _gauge(self, name: str, help_: str) -> Gauge:
        return Gauge(name, help_, namespace=PREFIX, registry=self.registry)

    def _histogram(self, name: str, help_: str, buckets: Sequence[float] = Histogram.DEFAULT_BUCKETS) -> Histogram:
        return Histogram(name, help_, namespace=PREFIX, registry=self.registry, buckets=buckets)
