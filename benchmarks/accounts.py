"""Many accounts in one process: memory, CPU, the delay of news, and what one account's trouble does to the others."""

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from benchmarks import clients, paper
from benchmarks.footprint import cpu, environment, until
from bot.demo.chanjing import ChanjingServer
from bot.demo.server import Call
from bot.demo.slack import CHANNEL, Message, SlackServer

_COUNTS = (1, 10, 200, 1_000)
_WINDOW = 45.0  # seconds over which idle polls are measured
_ACTIVE = 20  # one account in so many has tasks that end
_ROUNDS = 3  # of tasks in each active account
_NEIGHBOURS = 20


def main() -> None:
    """Measure, and write the section `accounts`."""
    alone, rows = 0.0, []
    for count in _COUNTS:
        with _Fleet(count, max(1, count // _ACTIVE)) as fleet:
            share, each = fleet.idle()
            memory = clients.resident(fleet.pid)
            delays = fleet.delays(1)
        alone = alone or memory
        one = f"{(memory - alone) / (count - 1):.2f}" if count > 1 else ""
        rows.append([f"{count:,}", f"{memory:.0f} MiB", one, f"{1000 * each:.1f} ms", f"{share:.1%}", *_spread(delays)])
    beside = []
    for name, trouble in (("no account in trouble", False), ("one whose Chanjing does not answer", True)):
        with _Fleet(_NEIGHBOURS, _NEIGHBOURS, trouble=trouble) as fleet:
            beside.append([name, *_spread(fleet.delays(_ROUNDS))])
    head = ["accounts", "resident", "MiB for each", "CPU, idle poll", "of a core", "delay p50", "delay p95"]
    paper.write(
        "accounts",
        "Idle at 30 s; then tasks end in one account of "
        f"{_ACTIVE}, which polls every 5 s:\n\n{paper.table(head, rows)}\n\n"
        f"{_NEIGHBOURS} accounts with tasks that end, and beside them:\n\n"
        f"{paper.table(['', 'delay p50', 'delay p95'], beside)}",
    )


def _spread(delays: list[float]) -> list[str]:
    """Return the median and the 95th percentile in words."""
    most = statistics.quantiles(delays, n=20)[-1] if len(delays) > 1 else delays[0]
    return [paper.span(statistics.median(delays)), paper.span(most)]


class _Fleet:
    """`lipsync-bot run` with *count* accounts, of which the first *active* have a list of their own.

    *trouble*: one more, whose Chanjing takes requests and does not answer.
    """

    def __init__(self, count: int, active: int, *, trouble: bool = False) -> None:
        self._parts = ExitStack()
        self._slack = self._parts.enter_context(SlackServer())
        self._active = [self._parts.enter_context(ChanjingServer()) for _ in range(active)]
        idle = self._parts.enter_context(ChanjingServer())
        self._polls = 0
        for server in (idle, *self._active):
            server.limit_rate = False
            server.intercept = self._count
        self._waiting: tuple[str, ...] = ()
        self._arrived: dict[str, float] = {}
        self._slack.on_message = self._note
        servers = {f"a{n}": self._active[n] if n < active else idle for n in range(count)}
        if trouble:
            servers["trouble"] = stuck = self._parts.enter_context(ChanjingServer())
            ended = threading.Event()
            stuck.intercept = lambda _: ended.wait()
            self._parts.callback(ended.set)
        directory = self._parts.enter_context(tempfile.TemporaryDirectory())
        self.pid = self._parts.enter_context(_running(directory, sections(servers, self._slack))).pid
        until(lambda: len(self._slack.messages), count)  # the greetings

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()

    def _count(self, call: Call) -> None:
        self._polls += call.path.endswith("/list")

    def _note(self, message: Message) -> None:
        for task_id in [*self._waiting]:
            if task_id in message.text:
                self._arrived[task_id] = time.monotonic()

    def idle(self) -> tuple[float, float]:
        """Return what share of a core idle polls take, and the CPU seconds of one."""
        time.sleep(10)
        before, began, polls = cpu(self.pid), time.monotonic(), self._polls
        time.sleep(_WINDOW)
        spent = cpu(self.pid) - before
        return spent / (time.monotonic() - began), spent / (self._polls - polls)

    def delays(self, rounds: int) -> list[float]:
        """Return the seconds from the end of a task to its message: one task an active account and round."""
        found = []
        for _ in range(rounds):
            tasks = {server.add(status=10): server for server in self._active}
            time.sleep(32)  # seen by now, so that the account polls at the faster pace
            self._waiting, self._arrived = tuple(tasks), {}
            ended = {}
            for task_id, server in tasks.items():
                ended[task_id] = time.monotonic()
                server.finish(task_id)
                time.sleep(5 / len(tasks))
            until(self._arrived.__len__, len(tasks))
            found += [self._arrived[task_id] - at for task_id, at in ended.items()]
        return found


def sections(servers: dict[str, ChanjingServer], slack: SlackServer) -> dict[str, object]:
    return {
        "slack": {
            "base_url": slack.base_url, "bot_token": slack.token, "channel": CHANNEL, "pace": "0s", "digest_after": 0,
        },
        "accounts": {
            name: {"chanjing": {"base_url": one.url, "access_token": one.token}} for name, one in servers.items()
        },
    }  # fmt: skip


@contextmanager
def _running(directory: str, given: dict[str, object]) -> Iterator[subprocess.Popen[bytes]]:
    process = started(directory, given, {}, subprocess.DEVNULL)
    with process:
        try:
            yield process
        finally:
            process.terminate()


def started(
    directory: str, given: dict[str, object], where: dict[str, str], log: int, *options: str
) -> subprocess.Popen[bytes]:
    file = Path(directory, "config.yaml")
    file.write_text(json.dumps(given), "utf-8")  # JSON is YAML
    command = [sys.executable, "-m", "bot", "run", "--config", str(file), *options]
    own = {"STATE_PATH": str(Path(directory, "state.json"))}
    return subprocess.Popen(command, stderr=log, env={**environment(), **own, **where})


if __name__ == "__main__":
    main()
