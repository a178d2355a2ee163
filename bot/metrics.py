"""What is counted while the bot works, with prometheus-client. What the state holds is read from it: see web.probes."""

import platform
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from bot import __version__
from bot.domain.task import Status

PREFIX = "lipsync_bot"
_DELAYS = (1, 2, 5, 10, 30, 60, 300, 900, 3600, 86_400)  # seconds

# Each metric: its name, the events that change it, what it is, and the fields that are its labels or its value.
_COUNTERS = (
    ("polls", {"list_read", "list_not_read"}, "Polls of Chanjing's list.", ("result",)),
    ("wakes", {"woken"}, "Polls that a wake-up asked for.", ()),
    ("chanjing_requests", {"chanjing_answered"}, "Requests to Chanjing.", ("operation", "code")),
    ("tasks_ended", {"task_ended"}, "Tasks seen to have ended.", ("status",)),
    ("notices_delivered", {"notice_delivered"}, "Notices with a receipt.", ("role",)),
    ("slack_calls", {"slack_called"}, "Calls to Slack.", ("method", "outcome")),
    ("looks", {"history_searched"}, "Looks into a channel's history for messages in doubt.", ("result",)),
    ("rate_limit_waits", {"rate_limited"}, "Times that Slack asked to wait.", ()),
    ("archived_files", {"file_archived"}, "Files copied to the archive.", ()),
    ("archive_failures", {"archive_failed"}, "Attempts to copy a task's files that failed.", ()),
    ("pings", {"ping_sent", "ping_failed"}, "Pings to monitor.ping_url.", ("result",)),
)
_SPANS = (
    ("poll_duration_seconds", {"list_read", "list_not_read"}, "From the start of a poll to its end.", "seconds"),
    ("notice_delay_seconds", {"notice_delivered"}, "From the poll that saw the end to the receipt.", "delay"),
    ("state_write_duration_seconds", {"state_written"}, "Saving the state.", "seconds"),
)
_SUMS = (("archived_bytes", {"file_archived"}, "Size of the files copied to the archive.", "size"),)
_GAUGES = (
    ("state_size_bytes", {"state_written"}, "Size of the state file.", "size"),
    ("last_good_poll_timestamp_seconds", {"list_read"}, "When a poll last went well.", "at"),
)


class Metrics:
    """Counts events, in a registry of its own. *labels* are fields that every event has, such as its account."""

    def __init__(self, *labels: str) -> None:
        self.registry = CollectorRegistry()
        self.labels = labels
        common: Any = {"namespace": PREFIX, "registry": self.registry}
        self._counters = [
            (events, Counter(name, text, (*labels, *own), **common), own) for name, events, text, own in _COUNTERS
        ]
        self._values: list[tuple[set[str], Counter | Gauge | Histogram, str]] = [
            (events, kind(name, text, labels, **common), field)
            for kind, rows in ((Gauge, _GAUGES), (Counter, _SUMS))
            for name, events, text, field in rows
        ]
        for name, events, text, field in _SPANS:
            buckets = _DELAYS if field == "delay" else Histogram.DEFAULT_BUCKETS
            self._values.append((events, Histogram(name, text, labels, buckets=buckets, **common), field))
        version = {"version": __version__, "python": platform.python_version()}
        Info("build", "What is running.", **common).info(version)

    def emit(self, event: str, /, **fields: Any) -> None:
        common = [fields.get(label, "") for label in self.labels]
        for events, counter, own in self._counters:
            if event in events:
                values = (Status(fields[name]).name.lower() if name == "status" else fields[name] for name in own)
                _child(counter, *common, *values).inc()
        for events, metric, field in self._values:
            if event in events:
                child = _child(metric, *common)
                match metric:
                    case Counter():
                        child.inc(fields[field])
                    case Gauge():
                        child.set(fields[field])
                    case _:
                        child.observe(fields[field])


def _child(metric: Any, *values: str) -> Any:
    """Return the series of *metric* with these *values* of its labels; itself if it has none."""
    return metric.labels(*values) if values else metric
