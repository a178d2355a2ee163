"""What is counted while the bot works, with prometheus-client. What the state holds is read from it: see monitor."""

import platform
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from bot import __version__

PREFIX = "lipsync_bot"
OTHER = "other"  # for what others made up: each value of a label is a series, kept for ever
_DELAYS = (1, 2, 5, 10, 30, 60, 300, 900, 3600, 86_400)  # seconds


class Metrics:
    """Counters in a registry of their own, so that several bots may live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.polls = self._counter("polls", "Polls of Chanjing's list.", "result")
        self.poll_duration = self._histogram("poll_duration_seconds", "From the start of a poll to its end.")
        self.chanjing_requests = self._counter("chanjing_requests", "Requests to Chanjing.", "operation", "code")
        self.tasks_ended = self._counter("tasks_ended", "Tasks seen to have ended.", "status")
        self.notices_delivered = self._counter("notices_delivered", "Notices with a receipt.", "role")
        self.notice_delay = self._histogram(
            "notice_delay_seconds", "From the poll that saw the end to the receipt.", _DELAYS
        )
        self.slack_calls = self._counter("slack_calls", "Calls to Slack.", "method", "outcome")
        self.looks = self._counter("looks", "Looks into a channel's history for messages in doubt.", "result")
        self.rate_limit_waits = self._counter("rate_limit_waits", "Times that Slack asked to wait.")
        self.pings = self._counter("pings", "Pings to monitor.ping_url.", "result")
        self.state_write_duration = self._histogram("state_write_duration_seconds", "Saving the state.")
        self.last_good_poll = Gauge(
            "last_good_poll_timestamp_seconds", "When a poll last went well.", namespace=PREFIX, registry=self.registry
        )
        Info("build", "What is running.", namespace=PREFIX, registry=self.registry).info(
            {"version": __version__, "python": platform.python_version()}
        )

    def _counter(self, name: str, help_: str, *labels: str) -> Counter:
        return Counter(name, help_, labels, namespace=PREFIX, registry=self.registry)

    def _histogram(self, name: str, help_: str, buckets: Sequence[float] = Histogram.DEFAULT_BUCKETS) -> Histogram:
        return Histogram(name, help_, namespace=PREFIX, registry=self.registry, buckets=buckets)
