"""The long form of the proof for PostgreSQL: two copies that stand by for each other, and a database that goes away."""

import random
import signal
import subprocess
import threading
from dataclasses import dataclass, field

from bot.domain.state import State
from bot.store.database import Database
from bot.store.postgres import PostgresPlace
from tests.chaos import Chaos
from tests.store.postgres_server import Server

_PAUSE = 3.0  # seconds for which a copy is frozen, and by which the other has looked for what it posted


@dataclass(slots=True)
class Pair(Chaos):
    """Two copies of the program with one state in *server*; what a life ends with is not always the death of one."""

    server: Server | None = None
    copies: list[subprocess.Popen[bytes]] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=dict)
    _chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - to be repeated

    def environment(self) -> dict[str, str]:
        assert self.server
        # As the manual has it: a post that the old holder had under way is found by the looks of the new one.
        where = {"STATE_PATH": "", "STATE_URL": self.server.url().value, "SLACK_SETTLE": "2s"}
        return {**super(Pair, self).environment(), **where}

    def start(self) -> None:
        """Start as many copies as are missing."""
        while len(self.copies) < 2:
            self.copies.append(self.started("--standby"))

    def kill(self) -> None:
        """Kill a copy, freeze it for a while, cut all connections, or start the database anew."""
        for copy in self.copies:
            if copy.poll() is not None:
                raise SystemExit(f"The program ended by itself: {self.printed()[-2_000:]}")
        what, *_ = self._chance.choices(["killed", "frozen", "cut off", "database restarted"], [6, 2, 3, 0.2])
        self.done[what] = self.done.get(what, 0) + 1
        assert self.server
        match what:
            case "killed":
                copy = self.copies.pop(self._chance.randrange(2))
                copy.kill()
                copy.wait()
            case "frozen":
                self._freeze(self._chance.choice(self.copies))
            case "cut off":
                self._cut()
            case _:
                self.server.stop()
                self.server.start()

    def end(self) -> None:
        for copy in self.copies:
            copy.send_signal(signal.SIGCONT)
            copy.kill()
            copy.wait()

    def known(self) -> State | None:
        assert self.server
        database = Database(self.server.url())
        try:
            return PostgresPlace(database, "default").peek()
        finally:
            database.close()

    def _freeze(self, copy: subprocess.Popen[bytes]) -> None:
        """Freeze *copy*, end its session as the server does in the end, and let it go on later, in peace or not."""
        copy.send_signal(signal.SIGSTOP)
        self._cut()
        timer = threading.Timer(_PAUSE, copy.send_signal, [signal.SIGCONT])  # nothing if it was killed meanwhile
        timer.daemon = True
        timer.start()

    def _cut(self) -> None:
        assert self.server
        query = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lipsync-bot'"
        self.server.execute(query)
