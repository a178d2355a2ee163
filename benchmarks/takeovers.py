"""Two copies of the bot: how soon one takes over from the other, and what is lost or repeated by that."""

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from benchmarks import paper
from benchmarks.accounts import sections, started
from benchmarks.footprint import until
from bot.demo.chanjing import ChanjingServer
from bot.demo.slack import SlackServer
from tests.store.postgres_server import a_server

_COUNT = 50  # for each place of a state


def main() -> None:
    """Measure, and write the section `takeovers`."""
    with a_server() as server:
        rows = [_row("a file", {}), _row("PostgreSQL", {"STATE_URL": server.url().value})]
    head = ["state in", "takeovers", "kill -9: p50", "longest", "orderly stop: p50", "longest", "lost", "repeated"]
    paper.write(
        "takeovers",
        "From the end of the copy that holds the state to the first poll of the one that stands by. Before each a task "
        f"ends, so that it is the next copy's to announce, or to find announced.\n\n{paper.table(head, rows)}",
    )


def _row(name: str, where: dict[str, str]) -> list[str]:
    """Return what happened when one copy after another took over the state that *where* names."""
    seconds: dict[str, list[float]] = {"kill": [], "terminate": []}
    tasks = []
    with ChanjingServer() as chanjing, SlackServer() as slack, ExitStack() as parts:
        directory = parts.enter_context(tempfile.TemporaryDirectory())

        def copy(*options: str) -> subprocess.Popen[bytes]:
            return parts.enter_context(_copy(directory, sections({"a": chanjing}, slack), where, *options))

        def counts() -> list[int]:
            said = [message.text for message in slack.messages]
            return [sum(task in text for text in said) for task in tasks]

        holder = copy()
        until(lambda: len(slack.messages), 1)
        for number in range(_COUNT):
            standby = copy("--standby")
            tasks.append(chanjing.add(status=20))
            way = ("kill", "terminate")[number % 2]
            began, polls = time.monotonic(), len(chanjing.calls)
            getattr(holder, way)()
            holder.wait()
            until(chanjing.calls.__len__, polls + 1)
            seconds[way].append(time.monotonic() - began)
            holder = standby
        until(lambda: sum(map(bool, counts())), _COUNT)
        spans = [paper.span(one(each)) for each in seconds.values() for one in (statistics.median, max)]
        lost, repeated = counts().count(0), sum(max(0, count - 1) for count in counts())
    return [name, str(_COUNT), *spans, str(lost), str(repeated)]


@contextmanager
def _copy(
    directory: str, given: dict[str, object], where: dict[str, str], *options: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a copy of the bot, which stands by by now if it is to."""
    read, written = os.pipe()
    with os.fdopen(read) as log, started(directory, given, where, written, *options) as process:
        os.close(written)
        try:
            if options:
                next(line for line in log if "standing_by" in line)
            yield process
        finally:
            process.kill()


if __name__ == "__main__":
    main()
