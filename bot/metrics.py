"""What is counted while the bot works, with prometheus-client. What the state holds is read from it: see web.probes."""

import platform
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from bot import __version__
from bot.domain.task import Status

PREFIX = "lipsync_bot"
_DELAYS = (1, 2, 5, 10, 30, 60, 300, 900, 3600, 86_400)  # seconds

# Each metric: its name, the events that change it, what it is, and the fields that are its labels or its value.
_COUNTERS = (
    ("polls", {"list_read", "list_not_read"}, "Polls of Chanjing's list.", ("result",)),
    ("chanjing_requests", {"chanjing_answered"}, "Requests to Chanjing.", ("operation", "code")),
    ("tasks_ended", {"task_ended"}, "Tasks seen to have ended.", ("status",)),
    ("notices_delivered", {"notice_delivered"}, "Notices with a receipt.", ("role",)),
    ("slack_calls", {"slack_called"}, "Calls to Slack.", ("method", "outcome")),
    ("looks", {"history_searched"}, "Looks into a channel's history for messages in doubt.", ("result",)),
    ("rate_limit_waits", {"rate_limited"}, "Times that Slack asked to wait.", ()),
    ("pings", {"ping_sent", "ping_failed"}, "Pings to monitor.ping_url.", ("result",)),
)
_SPANS = (
    ("poll_duration_seconds", {"list_read", "list_not_read"}, "From the start of a poll to its end.", "seconds"),
    ("notice_delay_seconds", {"notice_delivered"}, "From the poll that saw the end to the receipt.", "delay"),
    ("state_write_duration_seconds", {"state_written"}, "Saving the state.", "seconds"),
)
_GAUGES = (
    ("state_size_bytes", {"state_written"}, "Size of the state file.", "size"),
    ("last_good_poll_timestamp_seconds", {"list_read"}, "When a poll last went well.", "at"),
)


class Metrics:
    """Counts events, in a registry of its own, so that several bots may live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        common: Any = {"namespace": PREFIX, "registry": self.registry}
        self._counters = [
            (events, Counter(name, text, labels, **common), labels) for name, events, text, labels in _COUNTERS
        ]
        self._values: list[tuple[set[str], Callable[[float], None], str]] = [
            (events, Gauge(name, text, **common).set, field) for name, events, text, field in _GAUGES
        ]
        for name, events, text, field in _SPANS:
            buckets = _DELAYS if field == "delay" else Histogram.DEFAULT_BUCKETS
            self._values.append((events, Histogram(name, text, buckets=buckets, **common).observe, field))
        version = {"version": __version__, "python": platform.python_version()}
        Info("build", "What is running.", **common).info(version)

    def emit(self, event: str, /, **fields: Any) -> None:
        for events, counter, labels in self._counters:
            if event in events:
                values = (Status(fields[name]).name.lower() if name == "status" else fields[name] for name in labels)
                (counter.labels(*values) if labels else counter).inc()
        for events, take, field in self._values:
            if event in events:
                take(fields[field])
