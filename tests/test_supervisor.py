"""What becomes of the others when one account cannot run."""

import os
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot import app
from bot.clock import Stop, SystemClock
from bot.config.load import load
from bot.errors import ConfigError, LipsyncBotError, StateError, StateHeldError, StateLostError, Stopped
from bot.events import NOBODY
from bot.http import transport as connection
from bot.http.proxy import Proxy
from bot.supervisor import Supervisor


class Quick(SystemClock):
    """A clock with which nobody waits for long."""

    def wait(self, seconds: float, sooner: threading.Event | None = None) -> None:
        super().wait(min(seconds, 0.01), sooner)


class Process:
    """Accounts, and what was made known of them, in order."""

    def __init__(self, *accounts: str) -> None:
        self.accounts = accounts
        self.said: list[tuple[str, str]] = []

    def stand_by(self, name: str, _why: str) -> None:
        self.said.append((name, "stands by"))

    def fail(self, name: str, _why: str) -> None:
        self.said.append((name, "fails"))

    def broke(self, name: str, error: Exception) -> None:
        self.said.append((name, type(error).__name__))


def supervised(process: Process, work: Callable[[str], None], stop: Stop, *, standby: bool = False) -> None:
    Supervisor(process, Quick(stop), stop, work).run(standby=standby)  # type: ignore[arg-type]


def in_turn(stop: Stop, *ends: BaseException | None) -> Callable[[str], None]:
    """Return the work of one account: it ends in each of *ends*, and then asks the program to end."""
    left = list(ends)

    def work(_name: str) -> None:
        if not left:
            stop.set()
            raise Stopped
        if (end := left.pop(0)) is not None:
            raise end

    return work


@pytest.mark.parametrize("error", [StateError("x"), StateHeldError("x"), ConfigError("x"), ZeroDivisionError("x")])
def test_an_account_that_fails_in_whatever_way_is_tried_again_and_the_others_go_on(error):
    stop, process = Stop(), Process("a", "b")
    ill = in_turn(stop, error, error)
    supervised(process, lambda name: ill(name) if name == "a" else waits(stop), stop)
    assert [name for name, what in process.said if what == "fails"] == ["a", "a"]


def waits(stop: Stop) -> None:
    assert stop.wait(60)
    raise Stopped


def test_when_none_is_left_that_runs_the_program_ends_with_what_matters_most():
    errors = {"a": StateError("one"), "b": StateHeldError("two"), "c": LipsyncBotError("three")}

    def work(name: str) -> None:
        raise errors[name]

    with pytest.raises(StateHeldError) as ended:
        supervised(Process(*errors), work, Stop())
    assert sorted(str(ended.value).splitlines()) == ["account a: one", "account b: two", "account c: three"]


def test_an_only_account_ends_with_its_own_error():
    stop = Stop()
    with pytest.raises(StateHeldError, match=r"^held$"):
        supervised(Process("default"), in_turn(stop, StateHeldError("held")), stop)


def test_a_state_that_was_lost_may_be_held_for_a_while_by_the_session_that_is_dead():
    stop, process = Stop(), Process("default")
    supervised(process, in_turn(stop, StateLostError("x"), StateHeldError("x")), stop)
    assert process.said == [("default", "fails")] * 2


@pytest.mark.parametrize("standby", [True, False])
def test_a_state_that_was_lost_is_taken_again_however_long_the_database_is_away(standby):
    stop, process = Stop(), Process("default")
    supervised(process, in_turn(stop, StateLostError("x"), StateError("x"), StateError("x")), stop, standby=standby)
    assert process.said == [("default", "fails")] * 3


def test_a_standby_waits_for_whoever_holds_the_state_and_through_a_database_that_goes_away():
    stop, process = Stop(), Process("default")
    held, away = StateHeldError("x"), StateError("x")
    supervised(process, in_turn(stop, held, away, held), stop, standby=True)
    assert [what for _, what in process.said] == ["stands by", "fails", "stands by"]


def test_where_not_all_accounts_can_have_a_thread_none_runs_unnoticed(monkeypatch):
    stop = Stop()
    begun: list[threading.Thread] = []
    start = threading.Thread.start

    def first_only(thread: threading.Thread) -> None:
        if begun:
            raise RuntimeError("can't start new thread")
        begun.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", first_only)
    with pytest.raises(RuntimeError, match="new thread"):
        supervised(Process("a", "b"), lambda _: waits(stop), stop)
    assert not begun[0].is_alive()


def test_an_account_that_is_taken_up_again_leaves_no_connections_behind(monkeypatch, tmp_path):
    made: list[httpx.HTTPTransport] = []
    ended: list[httpx.HTTPTransport] = []
    begin, end = connection.transport, httpx.HTTPTransport.__exit__

    def counted(context: ssl.SSLContext, resolver: connection.Resolver, proxy: Proxy | None) -> httpx.HTTPTransport:
        made.append(begin(context, resolver, proxy))
        return made[-1]

    def counted_end(transport: httpx.HTTPTransport, *why: Any) -> None:
        ended.append(transport)
        end(transport, *why)

    monkeypatch.setattr(connection, "transport", counted)
    monkeypatch.setattr(httpx.HTTPTransport, "__exit__", counted_end)
    environ = {
        "CHANJING_ACCESS_TOKEN": "token",
        "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T0/B0/x",
        "STATE_PATH": str(tmp_path / "state.json"),
    }
    configs = load(Path(os.devnull), environ, secrets_dir=tmp_path / "none")
    with app.process(configs, Quick(Stop()), NOBODY, trust_env=False) as process:
        for _ in range(2):
            with process.bot("default"):
                assert len(made) > len(ended)
            assert set(made) == set(ended)
