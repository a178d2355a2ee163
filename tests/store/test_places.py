"""Where a state is kept, as the configuration says."""

import contextlib
import sys

import pytest

from bot.config.sections import State as Settings
from bot.domain.state import State
from bot.errors import ConfigError, StateError
from bot.secret import Secret
from bot.store.places import Places
from tests.fakes import NOON, RecordedEvents
from tests.store.states import LATER, SMALL

URL = Secret("postgresql://bot:secret@127.0.0.1:1/name")


@pytest.fixture(params=["a file", "PostgreSQL"])
def kept(request, tmp_path):
    """Return what gives the place of an account, each time to another copy of the bot."""
    url = None
    if request.param == "PostgreSQL":
        server = request.getfixturevalue("server")
        server.execute("create schema places")
        url = server.url("places")
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(Places()).at(Settings(path=tmp_path / "state.json", url=url), "default")
    if url is not None:
        server.execute("drop schema places cascade")


def test_whoever_uses_a_state_need_not_know_where_it_is_kept(kept):
    assert (kept().peek(), kept().left()) == (None, None)
    store = kept().hold(NOON)
    assert (store.load(), store.last_alive, store.before) == (State(), None, {})
    store.leave({"health": 1})
    for state in (SMALL, LATER):
        store.save(state)
        assert kept().peek() == store.state == state
    with pytest.raises(StateError, match=r"held by another copy of the bot .*Stop it first, or give this copy"):
        kept().hold(NOON)
    store.release()
    store = kept().hold(NOON)
    assert (store.load(), store.before["health"]) == (LATER, 1)
    assert store.last_alive
    store.release()


@pytest.mark.parametrize("state", [State(), SMALL])
def test_the_first_save_is_made_even_if_nothing_changed(kept, state):
    for _ in range(2):
        events = RecordedEvents()
        store = kept().hold(NOON, events)
        store.load()
        for _ in range(2):
            store.save(state)
        assert len(events.of("state_written")) == 1
        store.release()
        assert kept().peek() == state


def test_accounts_in_one_database_share_its_session():
    places = Places()
    one, other = (places.at(Settings(url=URL), account) for account in ("a", "b"))
    assert str(one) == "PostgreSQL at 127.0.0.1, port 1, database name, account a"
    assert one._database is other._database  # type: ignore[attr-defined]
    assert one._database is not Places().at(Settings(url=URL), "a")._database  # type: ignore[attr-defined]


def test_where_psycopg_is_missing_it_is_named(monkeypatch):
    for name in ("psycopg", "bot.store.database", "bot.store.postgres"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=r"pip install 'lipsync-bot\[postgres\]'"):
        Places().at(Settings(url=URL), "default")
