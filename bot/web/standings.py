"""How each account of the process is doing, for /healthz, /readyz, /metrics and the ping."""

import threading
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bot.domain.health import Reasons
from bot.domain.state import State
from bot.web.health import Health


class Reason(NamedTuple):
    """Why an account is not well: one of the codes of /readyz, and the account if it has a name."""

    code: str
    detail: str
    account: str = ""


class Standings:
    """Is told by each account's thread how it is, and asked by any.

    *named*: the accounts have names that mean something to a reader.
    """

    def __init__(self, accounts: Iterable[str], *, named: bool) -> None:
        self._accounts = tuple(accounts)
        self._named = named
        self._changing = threading.Lock()
        self._running: dict[str, Health] = {}
        self._failed: dict[str, str] = {}
        self._standing_by: set[str] = set()

    def runs(self, account: str, health: Health) -> None:
        """Take note that *account* holds its state and does its work."""
        with self._changing:
            self._forget(account)
            self._running[account] = health

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

    def all_stand_by(self) -> bool:
        """Tell whether all that this process does is to wait for another copy to end."""
        return len(self._standing_by) == len(self._accounts)

    def states(self) -> Iterator[tuple[str, State]]:
        """Yield the state of each account that runs."""
        for account, health in self._now():
            yield account, health.state

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
            return list(self._running.items())

    def _forget(self, account: str) -> None:
        self._running.pop(account, None)
        self._failed.pop(account, None)
        self._standing_by.discard(account)

    def _of(self, account: str, reasons: Reasons) -> list[Reason]:
        return [Reason(code, detail, self._shown(account)) for code, detail in reasons]

    def _shown(self, account: str) -> str:
        return account if self._named else ""
