"""CPU and memory of the real process, beside the least that Python can do and the sample of Chanjing's own page."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import clients, paper
from benchmarks.simulation import A_DAY
from bot.demo.chanjing import ChanjingServer
from bot.demo.server import Call
from bot.demo.slack import CHANNEL, SlackServer
from bot.domain.listing import ListProfile
from bot.domain.news import EndedTask
from bot.domain.state import State
from bot.domain.task import Status
from bot.store.file import Store

_POLLS = 10_000
_SAMPLE = 2_000  # polls of the clients beside it
_IDLE = 150  # polls of the real process
_MESSAGES = 20
_KNOWN = (0, 3_500, 100_000)  # ids in the state; 3,500 are a week of 500 tasks a day
_TICK = os.sysconf("SC_CLK_TCK")
_TARGETS = {"start": 1.0, "poll": 0.005, "memory": 60.0}


def main() -> None:
    """Measure, and write the section `footprint`."""
    with ChanjingServer() as chanjing, SlackServer() as slack, tempfile.TemporaryDirectory() as directory:
        started = time.time()
        for number in range(max(_KNOWN)):
            age = (max(_KNOWN) - number) * 86_400 // A_DAY
            chanjing.add(f"{number:032x}", Status.SUCCEEDED.value, create_time=int(started) - age)
        least = _client("http.client", chanjing)
        sample = _client("requests", chanjing)
        bots = []
        for count in _KNOWN[1:]:
            home = Path(directory, str(count))
            home.mkdir()
            _remember(home / "state.json", chanjing, count, started)
            bots.append((count, _loop(home, chanjing, slack), _process(home, chanjing, slack)))
        health = _health(Path(directory, str(max(_KNOWN)), "config.yaml"))
    paper.write("footprint", f"{_words(least, sample, bots)}\n\n{health}")


def _remember(path: Path, chanjing: ChanjingServer, count: int, now: float) -> None:
    """Save a state that knows the newest *count* tasks of the account, its full scan just done."""
    newest = chanjing.tasks[-count:]
    tasks = {task["id"]: EndedTask(task["status"], task["create_time"]) for task in newest}
    profile = ListProfile(
        order="newest_first",
        total_count=len(chanjing.tasks),
        asked=50,
        per_page=50,
        last_page=len(chanjing.tasks) // 50,
        floor=newest[0]["create_time"],
        full_scan_at=now,
    )
    Store(path, State()).write(State(baseline_at=now, profile=profile, tasks=tasks))


def _config(home: Path, chanjing: ChanjingServer, slack: SlackServer) -> Path:
    sections = {
        "chanjing": {"base_url": chanjing.url, "access_token": chanjing.token, "max_requests_per_second": 1000},
        "slack": {"base_url": slack.base_url, "bot_token": slack.token, "channel": CHANNEL, "pace": "0s"},
        "poll": {"interval": "100ms", "active_interval": "100ms", "full_scan_interval": "3000d"},
        "state": {"path": str(home / "state.json"), "retention": "3000d"},
    }
    file = home / "config.yaml"
    file.write_text(json.dumps(sections), "utf-8")  # JSON is YAML
    return file


def _client(name: str, chanjing: ChanjingServer) -> dict[str, Any]:
    arguments = ["-m", "benchmarks.clients", name, chanjing.url, chanjing.token, str(_SAMPLE)]
    figures: dict[str, Any] = _printed(arguments)
    return figures


def _loop(home: Path, chanjing: ChanjingServer, slack: SlackServer) -> dict[str, Any]:
    figures: dict[str, Any] = _printed(["-m", "benchmarks.resident", str(_config(home, chanjing, slack)), str(_POLLS)])
    return figures


def _printed(arguments: list[str]) -> Any:
    done = subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=environment())
    return json.loads(done.stdout)


def environment() -> dict[str, str]:
    # The allocator as the container sets it.
    malloc = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "131072", "MALLOC_MMAP_THRESHOLD_": "131072"}
    return {"PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1", **malloc}


def _process(home: Path, chanjing: ChanjingServer, slack: SlackServer) -> dict[str, float]:
    """Return CPU seconds of `lipsync-bot run`: to its first request, for an idle poll, for a message."""
    with _running(_config(home, chanjing, slack)) as pid, _watched(chanjing, pid) as seen:
        until(seen.__len__, 1)
        start = seen[0]
        until(seen.__len__, 20)
        before = cpu(pid)
        polls = len(seen)
        until(seen.__len__, polls + _IDLE)
        idle = (cpu(pid) - before) / (len(seen) - polls)
        posted = len(slack.messages)
        before, polls = cpu(pid), len(seen)
        for number in range(1, _MESSAGES + 1):
            chanjing.add(status=Status.SUCCEEDED.value)
            until(lambda: len(slack.messages), posted + number)
        message = (cpu(pid) - before - idle * (len(seen) - polls)) / _MESSAGES
        return {"start": start, "poll": idle, "message": message, "memory": clients.resident(pid)}


_ASK = """
import json, resource, subprocess, sys
subprocess.run([sys.executable, "-m", "bot", "health", "--config", sys.argv[1]], stdout=subprocess.DEVNULL)
spent = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([spent.ru_utime + spent.ru_stime, spent.ru_maxrss / 1024]))
"""


def _health(config: Path) -> str:
    """Return a table of what the command `health` costs beside a large state: the median of nine."""
    # From a small process: what is measured begins with the memory of its parent.
    costs = [_printed(["-c", _ASK, str(config)]) for _ in range(9)]
    cpu, memory = (statistics.median(figures) for figures in zip(*costs, strict=True))
    name = f"`lipsync-bot health`, {max(_KNOWN):,} ids in the state"
    rows = [[name, f"{cpu:.2f} s", f"{memory:.1f} MiB"], ["target", "≤ 0.15 s", "≤ 30 MiB"]]
    return paper.table(["", "CPU", "resident at most"], rows)


@contextmanager
def _running(config: Path) -> Iterator[int]:
    """Run the real program for as long as the block lasts, and yield its process id."""
    command = [sys.executable, "-m", "bot", "run", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment()) as process:
        try:
            yield process.pid
        finally:
            process.terminate()


@contextmanager
def _watched(chanjing: ChanjingServer, pid: int) -> Iterator[list[float]]:
    """Yield the CPU seconds that the process had spent at each of its requests; the list grows."""
    seen: list[float] = []

    def note(_call: Call) -> None:
        seen.append(cpu(pid))

    chanjing.intercept = note
    try:
        yield seen
    finally:
        chanjing.intercept = None


def until(count: Any, least: int) -> None:
    late = time.monotonic() + 120
    while count() < least:
        if time.monotonic() > late:
            raise SystemExit("the bot did not get there within two minutes")
        threading.Event().wait(0.005)


def cpu(pid: int) -> float:
    """Return the CPU seconds that a process has spent so far, to a hundredth."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _words(
    least: dict[str, Any], sample: dict[str, Any], bots: list[tuple[int, dict[str, Any], dict[str, float]]]
) -> str:
    head = ["", "CPU, start to first request", "CPU, idle poll", "× least", "CPU, message", "resident"]
    rows = [
        _row("least: `http.client`, one connection", least, least),
        _row("Chanjing's sample: `requests`", sample, least),
    ]
    rows += [_row(f"`lipsync-bot run`, {count:,} ids in the state", process, least) for count, _, process in bots]
    rows.append(["target", "≤ 1 s", "≤ 5 ms", "", "", "≤ 60 MiB"])
    later = [
        [f"{count:,}", f"{1000 * loop['poll']:.2f} ms", *(f"{mib:.1f} MiB" for mib in loop["memory"])]
        for count, loop, _ in bots
    ]
    return (
        f"All in one run, against a Chanjing on loopback, 50 tasks a page:\n\n{paper.table(head, rows)}\n\n"
        f"The polls of `run`, one after the other without a pause; resident memory after so many of them:\n\n"
        + paper.table(["ids in the state", "CPU, poll", "1", f"{_POLLS // 10:,}", f"{_POLLS:,}"], later)
    )


def _row(name: str, figures: dict[str, Any], least: dict[str, Any]) -> list[str]:
    message = f"{1000 * figures['message']:.0f} ms" if "message" in figures else ""
    return [
        name,
        f"{figures['start']:.2f} s",
        f"{1000 * figures['poll']:.2f} ms",
        f"{figures['poll'] / least['poll']:.1f}",
        message,
        f"{figures['memory']:.1f} MiB",
    ]
