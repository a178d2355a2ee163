"""Each account in a thread of its own: what one of them suffers does not stop the others."""

import threading
from collections.abc import Callable

from bot.app import Process
from bot.clock import Clock
from bot.errors import ConfigError, LipsyncBotError, StateError, StateHeldError, StateLostError, Stopped

_RETRY = 30.0  # seconds between two tries of an account that cannot run
_DEAD = 60.0  # seconds after which a server certainly knows that a lost session has ended
_STANDBY = 1.0  # seconds between two looks whether a state is still held

Work = Callable[[str], None]  # runs the account of that name until it fails or the program is asked to end


class Supervisor:
    """Does *work* for each account of *process*, which *stop* ends. With several, each has a thread."""

    def __init__(self, process: Process, clock: Clock, stop: threading.Event, work: Work) -> None:
        self._process = process
        self._clock = clock
        self._stop = stop
        self._work = work
        self._failed: dict[str, LipsyncBotError] = {}

    def run_once(self) -> None:
        """Do the work of each account once. Raise LipsyncBotError for all that failed."""
        self._for_each(self._once)
        if self._failed:
            raise self._together()

    def run(self, *, standby: bool) -> None:
        """Do the work until the program is asked to end. Raise LipsyncBotError when no account is left that runs.

        One that fails is tried again after half a minute. *standby*: one whose state another copy holds waits for it.
        """
        self._for_each(lambda name: self._keep(name, standby=standby))
        if self._is_over():
            raise self._together()

    def _for_each(self, do: Work) -> None:
        names = self._process.accounts
        if len(names) == 1:
            do(names[0])
            return
        threads = [threading.Thread(target=do, args=(name,), name=name) for name in names]
        try:
            for thread in threads:
                thread.start()
        except RuntimeError:  # no further thread can be started: better none than some, unnoticed
            self._stop.set()
            raise
        finally:
            for thread in threads:
                if thread.ident is not None:
                    thread.join()

    def _once(self, name: str) -> None:
        if error := self._try(name):
            self._failed[name] = error

    def _keep(self, name: str, *, standby: bool) -> None:
        had_it = False  # the state was held, or stood by for: then a database that goes away comes back
        lost_at = float("-inf")
        while error := self._try(name):
            wait = _STANDBY
            if standby and isinstance(error, StateHeldError):
                had_it = True
                self._process.stand_by(name, str(error))
            elif isinstance(error, StateLostError):
                had_it, lost_at = True, self._clock.monotonic()
                self._process.fail(name, str(error))
            elif had_it and _may_pass(error, since_lost=self._clock.monotonic() - lost_at):
                self._process.fail(name, str(error))
            else:
                wait, self._failed[name] = _RETRY, error
                if self._is_over():
                    self._stop.set()
                    return
                self._process.fail(name, str(error))
            try:
                self._clock.wait(wait)
            except Stopped:
                return
            self._failed.pop(name, None)

    def _try(self, name: str) -> LipsyncBotError | None:
        """Do the work of one account, and return what ended it; None: the program was asked to end, or it is done."""
        try:
            self._work(name)
        except Stopped:
            return None
        except LipsyncBotError as error:
            return error
        except Exception as error:
            if len(self._process.accounts) == 1:
                raise
            # In a thread nobody would see it.
            self._process.broke(name, error)
            return LipsyncBotError(f"an error in the bot itself, {type(error).__name__}; its log says more.")
        return None

    def _is_over(self) -> bool:
        return len(self._failed) == len(self._process.accounts)

    def _together(self) -> LipsyncBotError:
        """Return one error that says how each account failed, of the kind that matters most."""
        errors = self._failed
        if len(self._process.accounts) == 1:
            return next(iter(errors.values()))
        lines = [f"account {name}: {line}" for name, error in errors.items() for line in str(error).splitlines()]
        kinds = (StateHeldError, StateError, ConfigError, LipsyncBotError)
        kind = next(kind for kind in kinds if any(isinstance(error, kind) for error in errors.values()))
        return kind("\n".join(lines))


def _may_pass(error: LipsyncBotError, *, since_lost: float) -> bool:
    """Tell whether the state may be had again: a server may hold it for a session that it does not know to be dead."""
    return isinstance(error, StateError) and (not isinstance(error, StateHeldError) or since_lost < _DEAD)
