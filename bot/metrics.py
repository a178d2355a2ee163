"""What is counted while the bot works, with prometheus-client. What the state holds is read from it: see monitor."""

import platform
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

_PREFIX = "lipsync_bot"
_DELAYS = (1, 2, 5, 10, 30, 60, 300, 900, 3600, 86_400)  # seconds


class Metrics:
    """Counters in a registry of their own, so that several bots may live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        kind = {"namespace": _PREFIX, "registry": self.registry}
        self.polls = Counter("polls", "Polls of Chanjing's list.", ["result"], **kind)
        self.poll_duration = Histogram("poll_duration_seconds", "From the start of a cycle to its end.", **kind)
        self.last_good_poll = Gauge("last_good_poll_timestamp_seconds", "When a poll last went well.", **kind)
        self.chanjing_requests = Counter("chanjing_requests", "Requests to Chanjing.", ["operation", "code"], **kind)
        self.tasks_ended = Counter("tasks_ended", "Tasks seen to have ended.", ["status"], **kind)
        self.notices_delivered = Counter("notices_delivered", "Notices with a receipt.", ["role"], **kind)
        self.notice_delay = Histogram(
            "notice_delay_seconds", "From the poll that saw the end to the receipt.", buckets=_DELAYS, **kind
        )
        self.slack_calls = Counter("slack_calls", "Calls to Slack.", ["method", "outcome"], **kind)
        self.looks = Counter("looks", "Looks into a channel's history for messages in doubt.", ["result"], **kind)
        self.rate_limit_waits = Counter("rate_limit_waits", "Times Slack asked to wait.", **kind)
        self.state_write_duration = Histogram("state_write_duration_seconds", "Saving the state.", **kind)
        build = {"version": _version(), "python": platform.python_version()}
        Info("build", "What is running.", **kind).info(build)
        for result in ("ok", "failed"):
            self.polls.labels(result)


def _version() -> str:
    try:
        return version("lipsync-bot")
    except PackageNotFoundError:
        return "source"  # run from a checkout
