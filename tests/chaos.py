"""The long form of the proof: the real process, killed at random, between a Chanjing and a Slack that fail at random.

Run it with `python -m tests.chaos --minutes 10 --seed 1`, or `--webhook`. It ends with 1 when an end was lost or
announced twice (webhook: lost, or announced again more often than outcomes were in doubt), and with 2 when it fell
short of its aims.
"""

import argparse
import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bot.demo.chanjing import ChanjingServer
from bot.demo.server import Call
from bot.demo.slack import CHANNEL, SlackServer
from bot.domain.state import State
from bot.store import file as state
from tests.faults import wire
from tests.faults.wire import Fault

_ROOT = Path(__file__).parents[1]
_FAILURES = "C0FAILURE01"
_ID = re.compile(r"[0-9a-f]{32}")
_SHARES = {"Chanjing": 0.3, "Slack": 0.4}  # of the calls that meet a fault
_AT_WORK = 0.5  # of the lives end after their first request to Chanjing, the others while the program starts
_LONGEST_START = 5.0  # seconds
_BACKOFF = 330.0  # seconds that the last of it may take: a channel that failed often is left alone for 300
_SETTINGS = {
    "CHANJING_ACCESS_TOKEN": "secret-chanjing",
    "CHANJING_PAGE_SIZE": "20",
    "CHANJING_MAX_REQUESTS_PER_SECOND": "1000",
    "CHANJING_TIMEOUT": "1s",
    "POLL_INTERVAL": "100ms",
    "POLL_ACTIVE_INTERVAL": "100ms",
    "POLL_FULL_SCAN_INTERVAL": "60s",
    "SLACK_TIMEOUT": "1s",
    "SLACK_PACE": "10ms",
    "SLACK_SETTLE": "700ms",
    "SLACK_DIGEST_AFTER": "3",
    "LOG_LEVEL": "warning",
}
_SLACK_FAULTS: dict[str, Fault] = {
    "reply lost": wire.reply_lost,
    "closed": wire.closed,
    "reset": wire.reset,
    "429": wire.says("", 429, Retry_After="0.2"),
    "502, not processed": wire.says(wire.HTML, 502),
    "503, processed": wire.says(wire.HTML, 503, processed=True),
    "HTML": wire.says(wire.HTML, processed=True),
    "half a JSON": wire.half_a_json,
    "fatal_error": wire.says_json({"ok": False, "error": "fatal_error"}, processed=True),
    "hang": wire.hang_after_processing,
}
_CHANJING_FAULTS: dict[str, Fault] = {
    "closed": wire.closed,
    "reset": wire.reset,
    "50000": wire.says_json({"code": 50000, "data": None}),
    "code null": wire.says_json({"code": None, "data": None}),
    "HTML": wire.says(wire.HTML, 502),
    "half a JSON": wire.half_a_json,
    "data null": wire.says_json({"code": 0, "data": None}),
    "list null": wire.says_json({"code": 0, "data": {"list": None}}),
}


class Saboteur:
    """Lets some calls to a server meet a fault, and counts them by kind, until it has to rest."""

    def __init__(self, side: str, faults: dict[str, Fault], chance: random.Random) -> None:
        self._side = side
        self._faults = faults
        self._chance = chance
        self._lock = threading.Lock()
        self.injected: Counter[str] = Counter()
        self.resting = True

    def __call__(self, call: Call) -> bool | None:
        with self._lock:
            if self.resting or self._chance.random() > _SHARES[self._side]:
                return False
            name = self._chance.choice(sorted(self._faults))
            self.injected[f"{self._side}: {name}"] += 1
        return self._faults[name](call)


@dataclass(slots=True)
class Chaos:
    """One run: the servers, the program between them, and what was done to both."""

    seed: int
    webhook: bool
    directory: Path
    chanjing: ChanjingServer
    slack: SlackServer
    ids: list[str] = field(default_factory=list)
    kills: int = 0
    doubts: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = self.started()

    def environment(self) -> dict[str, str]:
        """Return what the program is started with."""
        slack = {"SLACK_BOT_TOKEN": self.slack.token, "SLACK_CHANNEL": CHANNEL, "SLACK_FAILURE_CHANNEL": _FAILURES}
        if self.webhook:
            slack = {"SLACK_WEBHOOK_URL": self.slack.webhook_url}
        places = {
            "CHANJING_BASE_URL": self.chanjing.url,
            "SLACK_BASE_URL": self.slack.base_url,
            "STATE_PATH": str(self.path),
            "PYTHONPATH": str(_ROOT),
            "PATH": os.environ["PATH"],
        }
        return {**_SETTINGS, **slack, **places}

    def started(self, *options: str) -> subprocess.Popen[bytes]:
        """Return the program, started with *options*."""
        with (self.directory / "stderr").open("ab") as stderr:
            return subprocess.Popen(
                [sys.executable, "-m", "bot", "run", *options],
                cwd=self.directory,
                env=self.environment(),
                stdout=stderr,
                stderr=stderr,
            )

    def end(self) -> None:
        """Kill the program for good."""
        self.kill()

    def known(self) -> State | None:
        """Return the state as it is saved."""
        return state.peek(self.path)

    @property
    def path(self) -> Path:
        return self.directory / "state.json"

    def kill(self) -> None:
        if self.process is not None:
            if self.process.poll() not in {None, -signal.SIGKILL}:
                raise SystemExit(f"The program ended by itself: {self.printed()[-2_000:]}")
            self.process.kill()
            self.process.wait()
            self.process = None
            known = self.known()
            intents = [one.intent for one in known.outbox.destinations.values()] if known else []
            # Killed between an intent and its outcome. A doubt that was seen is counted where it is printed.
            self.doubts += sum(intent is not None and not intent.in_doubt for intent in intents)

    def printed(self) -> str:
        return (self.directory / "stderr").read_text("utf-8", "replace")

    def owed(self) -> int:
        known = self.known()
        return len(known.outbox.notices) if known else 1

    def announced(self) -> list[set[str]]:
        """Return for each message the tasks that it announces; every message names the full id of each."""
        ended = set(self.ids)
        return [ended & set(_ID.findall(message.text + repr(message.blocks))) for message in self.slack.messages]


def run(chaos: Chaos, *, minutes: float, kills: int, tasks: int, faults: int, saboteurs: Sequence[Saboteur]) -> None:
    """Kill and sabotage for at most *minutes*, and then let it finish in peace."""
    chance = random.Random(chaos.seed)  # noqa: S311 - to be repeated, not to be secret
    chaos.start()
    # Greeted: the first run is over. What ends before that is taken note of in silence.
    _wait(lambda: bool(chaos.slack.messages), 30)
    for saboteur in saboteurs:
        saboteur.resting = False
    end = time.monotonic() + minutes * 60 * 0.9

    def injected() -> int:
        return sum(sum(saboteur.injected.values()) for saboteur in saboteurs)

    while time.monotonic() < end and (chaos.kills < kills or len(chaos.ids) < tasks or injected() < faults):
        _live(chaos, chance, pause=minutes * 60 * 0.8 / tasks)
        chaos.kill()
        chaos.kills += 1
        chaos.start()
    for saboteur in saboteurs:
        saboteur.resting = True
    _wait(lambda: len(set().union(*chaos.announced())) == len(chaos.ids) and not chaos.owed(), _BACKOFF)
    time.sleep(1)


def _live(chaos: Chaos, chance: random.Random, *, pause: float) -> None:
    """Let tasks end until this life of the program is to end: while it starts, or at work, mostly soon."""
    asked, at_work = len(chaos.chanjing.calls), chance.random() < _AT_WORK
    end = time.monotonic() + (_LONGEST_START if at_work else chance.uniform(0.0, 0.4))
    while time.monotonic() < end:
        if at_work and len(chaos.chanjing.calls) > asked:
            at_work = False
            end = time.monotonic() + chance.choice([0.05, 0.1, 0.2, 0.4, 0.7, 1.8]) * chance.uniform(0.5, 1.0)
        task_id = f"{chance.getrandbits(128):032x}"
        chaos.ids.append(chaos.chanjing.add(task_id, chance.choice([20, 20, 20, 30])))
        time.sleep(pause * chance.uniform(0.0, 2.0))


def _wait(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=10.0, help="an upper bound (default: 10)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--tasks", type=int, default=2_000)
    parser.add_argument("--faults", type=int, default=500)
    parser.add_argument("--webhook", action="store_true")
    parser.add_argument("--postgres", action="store_true", help="two copies on one state in PostgreSQL")
    asked = parser.parse_args()
    began = time.monotonic()
    saboteurs = [
        Saboteur("Slack", _SLACK_FAULTS, random.Random(f"slack {asked.seed}")),  # noqa: S311 - to be repeated
        Saboteur("Chanjing", _CHANJING_FAULTS, random.Random(f"chanjing {asked.seed}")),  # noqa: S311 - the same
    ]
    with (
        contextlib.ExitStack() as stack,
        tempfile.TemporaryDirectory() as directory,
        ChanjingServer("secret-chanjing") as chanjing,
        SlackServer("xoxb-secret-slack") as slack,
    ):
        slack.channels[_FAILURES] = type(slack.channels[CHANNEL])("failures")
        slack.intercept, chanjing.intercept = saboteurs
        chaos = Chaos(asked.seed, asked.webhook, Path(directory), chanjing, slack)
        if asked.postgres:
            from tests.chaos_postgres import Pair  # noqa: PLC0415 - it stands on this module
            from tests.store.postgres_server import a_server  # noqa: PLC0415 - others need no psycopg

            server = stack.enter_context(a_server())
            chaos = Pair(asked.seed, asked.webhook, Path(directory), chanjing, slack, server=server)
        aims = {"kills": asked.kills, "tasks": asked.tasks, "faults": asked.faults}
        try:
            run(chaos, minutes=asked.minutes, **aims, saboteurs=saboteurs)
        finally:
            chaos.end()
        announced, printed, owed = chaos.announced(), chaos.printed(), chaos.owed()
    injected = saboteurs[0].injected + saboteurs[1].injected
    times = Counter(task_id for message in announced for task_id in message)
    lost = [task_id for task_id in chaos.ids if not times[task_id]]
    # Messages, not tasks: a digest that comes twice is one outcome that was in doubt.
    repeats = sum(
        any(task_id in earlier for earlier in announced[:n] for task_id in message)
        for n, message in enumerate(announced)
    )
    doubts = printed.count("notice_in_doubt") + chaos.doubts
    figures = {
        "seed": asked.seed,
        "destination": "webhook" if asked.webhook else "bot token, two channels",
        "state": "PostgreSQL, two copies" if asked.postgres else "file",
        "minutes": f"{(time.monotonic() - began) / 60:.1f}",
        "kills": chaos.kills,
        "faults injected": sum(injected.values()),
        **{f"  {name}": count for name, count in sorted((injected | Counter(getattr(chaos, "done", {}))).items())},
        "tasks ended": len(chaos.ids),
        "announced": len(times),
        "messages": len(slack.messages),
        "owed at the end": owed,
        "outcomes in doubt": doubts,
        "lost": len(lost),
        "messages repeated": repeats,
    }
    sys.stdout.write("".join(f"{name:<32}{value}\n" for name, value in figures.items()))
    if "Traceback" in printed:
        sys.stdout.write(f"A traceback was printed:\n{printed[printed.index('Traceback') :][:2_000]}\n")
        return 1
    if lost or owed or (repeats and not asked.webhook):
        sys.stdout.write(f"lost: {lost[:5]}; repeated: {[one for one, count in times.items() if count > 1][:5]}\n")
        return 1
    if asked.webhook and repeats > doubts:
        return 1
    reached = (chaos.kills, asked.kills), (len(chaos.ids), asked.tasks), (sum(injected.values()), asked.faults)
    return 0 if all(done >= aim for done, aim in reached) else 2


if __name__ == "__main__":
    sys.exit(main())
