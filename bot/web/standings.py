"""How each account of the process is doing, for the page, /healthz, /readyz, /metrics and the ping."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from bot.domain.health import Reasons
from bot.domain.standing import Standing
from bot.domain.state import State
from bot.domain.task import Task
from bot.web.health import Health


class Reason(NamedTuple):
    """Why an account is not well: one of the codes of /readyz, and the account if it has a name."""

    code: str
    detail: str
    account: str = ""


class _Running(NamedTuple):
    health: Health
    progress: Callable[[], Mapping[str, Task]]
    public_url: str


class Standings:
    """Learns from each account's thread how it is; any thread may ask.

    *named*: the accounts have names that mean something to a reader.
    """

    def __init__(self, accounts: Iterable[str], *, named: bool) -> None:
        self._accounts = tuple(accounts)
        self._named = named
        self._changing = threading.Lock()
        self._running: dict[str, _Running] = {}
        self._failed: dict[str, str] = {}
        self._standing_by: set[str] = set()

    def runs(
        self,
        account: str,
        health: Health,
        progress: Callable[[], Mapping[str, Task]] = dict,
        public_url: str = "",
    ) -> None:
        """Take note that *account* holds its state and does its work.

        *progress* returns its unfinished tasks as they were last listed, whatever the thread. *public_url* is where
        people reach its archive ("": they do not).
        """
        with self._changing:
            self._forget(account)
            self._running[account] = _Running(health, progress, public_url)

    def stands_by(self, account: str) -> None:
        """Take note that *account* waits for a state that another copy holds."""
        with self._changing:
            self._forget(account)
            self._standing_by.add(account)

    def failed(self, account: str, why: str) -> None:
        """Take note that *account* does not run."""
        with self._changing:
            self._forget(account)
            self._failed[account] = why

    def standing_by(self) -> frozenset[str]:
        """Return the accounts that wait for another copy to end."""
        with self._changing:
            return frozenset(self._standing_by)

    def all_stand_by(self) -> bool:
        """Tell whether all that this process does is to wait for another copy to end."""
        return len(self._standing_by) == len(self._accounts)

    def states(self) -> Iterator[tuple[str, State]]:
        """Yield the state of each account that runs."""
        for account, health in self._now():
            yield account, health.state

    def all(self) -> list[Standing]:
        """Return how each account is, as the page shows it."""
        with self._changing:
            running, failed, standing_by = dict(self._running), dict(self._failed), set(self._standing_by)
        found = []
        for name in self._accounts:
            shown = self._shown(name)
            if name in running:
                health, progress, public_url = running[name]
                found.append(Standing(shown, health.state, health.ready(), progress(), health.last_read, public_url))
            else:
                reasons = [("state_unavailable", failed[name])] if name in failed else []
                found.append(Standing(shown, reasons=reasons, standing_by=name in standing_by))
        return found

    def alive(self) -> list[Reason]:
        """Return nothing while the loops turn, however badly they fare: a restart would not help."""
        return [reason for account, health in self._now() for reason in self._of(account, health.alive())]

    def ready(self) -> list[Reason]:
        """Return why the accounts do not do their work; nothing: they do, or stand by."""
        with self._changing:
            failed = dict(self._failed)
        unavailable = [Reason("state_unavailable", why, self._shown(name)) for name, why in failed.items()]
        return [*unavailable, *(reason for name, health in self._now() for reason in self._of(name, health.ready()))]

    def _now(self) -> list[tuple[str, Health]]:
        with self._changing:
            return [(account, one.health) for account, one in self._running.items()]

    def _forget(self, account: str) -> None:
        self._running.pop(account, None)
        self._failed.pop(account, None)
        self._standing_by.discard(account)

    def _of(self, account: str, reasons: Reasons) -> list[Reason]:
        return [Reason(code, detail, self._shown(account)) for code, detail in reasons]

    def _shown(self, account: str) -> str:
        return account if self._named else ""
