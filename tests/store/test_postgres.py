"""The state in PostgreSQL, on a real server: what is saved is what is loaded, and only the holder can save."""

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.domain.news import EndedTask, TaskRecord
from bot.domain.state import State
from bot.errors import ConfigError, StateError, StateHeldError, StateLostError
from bot.secret import Secret
from bot.store.database import Database
from bot.store.postgres import PostgresPlace, PostgresStore
from tests.fakes import NOON
from tests.store.postgres_server import PASSWORD, Proxy, Server
from tests.store.states import IDS, LATER, SMALL, every_state

_NUMBERS = itertools.count()
SESSIONS = "select pid from pg_stat_activity where application_name = 'lipsync-bot'"
LAST_HEARD = SESSIONS.replace("pid", "query_start")


class Room:
    """A schema of its own on *server*. `place` is a state in it, as another copy of the bot sees it each time."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.schema = f"room{next(_NUMBERS)}"
        server.execute(f"create schema {self.schema}")
        self._opened: list[Database] = []

    def database(self, url: Secret | None = None, **options: float) -> Database:
        database = Database(url or self.server.url(self.schema), **options)
        self._opened.append(database)
        return database

    def place(self, account: str = "default", url: Secret | None = None, **options: float) -> PostgresPlace:
        return PostgresPlace(self.database(url, **options), account)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        return self.server.execute(query, schema=self.schema)

    def end_sessions(self) -> None:
        """End the sessions of all bots, as an administrator can."""
        self.server.execute(SESSIONS.replace("pid", "pg_terminate_backend(pid, 10000)"))

    def close(self) -> None:
        for database in self._opened:
            database.close()


@pytest.fixture
def room(server):
    room = Room(server)
    with contextlib.closing(room):
        yield room


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def held(place: PostgresPlace) -> PostgresStore:
    """Hold the state as soon as it is free."""
    end = time.monotonic() + 60
    while True:
        try:
            store = place.hold(NOON)
        except StateError:
            assert time.monotonic() < end
            time.sleep(0.02)
        else:
            store.load()
            return store


def saved(place: PostgresPlace, *states: State) -> PostgresStore:
    store = held(place)
    for state in states:
        store.save(state)
    return store


# What is saved is what is loaded


@given(st.lists(every_state, min_size=1, max_size=3))
@example([State()])
@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_what_is_saved_is_what_is_loaded(room, states):
    database = room.database()
    place = PostgresPlace(database, f"account {next(_NUMBERS)}")
    store = saved(place, *states)
    assert place.peek() == states[-1]
    store.release()
    store = place.hold(NOON)
    assert store.load() == store.state == states[-1]
    store.release()
    database.close()


@pytest.mark.parametrize("record", [TaskRecord(10, 1, NOON), EndedTask(20, 1)])
def test_whatever_the_ids_are_like_the_tasks_are_loaded_as_they_were_saved(room, record):
    state = State(tasks=dict.fromkeys(IDS, record))
    store = saved(room.place(), state)
    assert room.place().peek() == state
    half = replace(state, tasks=dict.fromkeys(IDS[::2], record))
    store.save(half)
    assert room.place().peek() == half


def test_a_state_that_was_never_saved_is_new(room):
    assert room.place().peek() is None
    assert room.place().left() is None
    store = room.place().hold(NOON)
    assert store.load() == State()
    assert (store.last_alive, store.before) == (None, {})
    assert room.place().peek() is None


def test_a_save_writes_what_has_changed_and_nothing_else(room):
    tasks = {f"{number}": EndedTask(20, number) for number in range(5)}
    store = saved(room.place(), state := replace(SMALL, tasks=tasks))
    versions = dict(room.rows("select id, xmin::text from lipsync_bot_tasks"))
    store.save(replace(state, tasks={**tasks, "1": EndedTask(30, 1), "5": EndedTask(20, 5)}))
    after = dict(room.rows("select id, xmin::text from lipsync_bot_tasks"))
    assert {task_id for task_id, version in after.items() if versions.get(task_id) != version} == {"1", "5"}
    before = room.rows("select xmin::text from lipsync_bot_states")
    store.save(replace(store.state, tasks={**store.state.tasks}))
    assert room.rows("select xmin::text from lipsync_bot_states") == before


def test_accounts_and_schemas_have_states_of_their_own(room, server):
    database = room.database()
    one, other = (saved(PostgresPlace(database, name), state) for name, state in {"a": SMALL, "b": LATER}.items())
    one.save(replace(SMALL, delivered_count=7))
    other.release()
    elsewhere = Room(server)
    with contextlib.closing(elsewhere):
        assert saved(elsewhere.place("a")).state == State()
    assert room.place("a").peek() == replace(SMALL, delivered_count=7)
    assert room.place("b").peek() == LATER


def test_who_finds_the_same_table_by_another_search_path_holds_the_same_state(room, server):
    saved(room.place(), SMALL)
    other = room.place(url=server.url(f"nowhere,{room.schema}"))
    assert other.peek() == SMALL
    with pytest.raises(StateHeldError):
        other.hold(NOON)


# One copy at a time

HOLDER = """
import sys
from dataclasses import replace
from bot.errors import StateError
from bot.secret import Secret
from bot.store.database import Database
from bot.store.postgres import PostgresPlace

store = PostgresPlace(Database(Secret(sys.argv[1]), idle=float(sys.argv[2])), "default").hold(1738670400.0)
state = store.load()
print("held", flush=True)
for line in sys.stdin:
    try:
        state = replace(state, delivered_count=int(line))
        store.save(state)
        print("saved", flush=True)
    except StateError as error:
        print(type(error).__name__, flush=True)
"""


@contextlib.contextmanager
def holder(room: Room, idle: float = 30.0) -> Iterator[subprocess.Popen[str]]:
    """Run another process that holds the state and saves each count that it is given."""
    command, pipe = [sys.executable, "-c", HOLDER, room.server.url(room.schema).value, str(idle)], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert said(process) == "held"
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str], ask: str = "") -> str:
    assert process.stdin
    assert process.stdout
    process.stdin.write(ask)
    process.stdin.flush()
    return process.stdout.readline().strip()


def test_a_second_copy_is_shown_who_holds_the_state(room):
    with holder(room) as process, pytest.raises(StateHeldError) as caught:
        room.place().hold(NOON)
    for word in (f"host {os.uname().nodename}", f"pid {process.pid}", "started 2025-02-04 12:00:00 UTC"):
        assert word in str(caught.value)


@pytest.mark.parametrize("content", ["[]", "{}", "null", '{"host": 1}', '{"host": "h", "pid": 1, "started": "x"}'])
def test_whatever_is_written_of_the_holder_it_holds(room, content):
    saved(room.place())
    room.server.execute("update lipsync_bot_states set holder = %s", content, schema=room.schema)
    with pytest.raises(StateHeldError, match="held by another copy of the bot\\. "):
        room.place().hold(NOON)


def test_the_same_process_holds_a_state_once(room):
    place = room.place()
    place.hold(NOON)
    with pytest.raises(StateHeldError):
        place.hold(NOON)


def test_a_state_that_was_released_can_be_held_and_is_saved_by_its_new_holder_only(room):
    first, second = room.place(), room.place()
    store = saved(first, SMALL)
    store.release()
    with pytest.raises(StateLostError):
        store.save(LATER)
    other = saved(second)
    assert other.state == SMALL
    store.release()
    with pytest.raises(StateHeldError):
        first.hold(NOON)
    other.save(LATER)


def test_a_killed_copy_does_not_keep_the_state(room):
    with holder(room) as process:
        assert said(process, "5\n") == "saved"
        process.send_signal(signal.SIGKILL)
        process.wait()
        store = held(room.place())
    assert store.state.delivered_count == 5
    assert store.last_alive is not None


def test_a_copy_that_was_frozen_loses_the_state_and_can_save_nothing_when_it_goes_on(room):
    with holder(room, idle=2.0) as process:
        assert said(process, "5\n") == "saved"
        process.send_signal(signal.SIGSTOP)
        store = held(room.place())
        store.save(replace(store.state, delivered_count=6))
        process.send_signal(signal.SIGCONT)
        assert [said(process, ask) for ask in ("7\n", "8\n")] == ["StateLostError"] * 2
    assert room.place().peek() == store.state == replace(State(), delivered_count=6)


def test_a_copy_that_has_nothing_to_do_gives_signs_of_life(room):
    saved(room.place(idle=3.0))
    began = room.rows(LAST_HEARD)
    wait_for(lambda: room.rows(LAST_HEARD) != began)
    with pytest.raises(StateHeldError):
        room.place().hold(NOON)


def test_a_copy_whose_session_was_ended_can_save_nothing_until_it_holds_the_state_anew(room):
    place = room.place()
    store = saved(place, SMALL)
    room.end_sessions()
    for _ in range(2):
        with pytest.raises(StateLostError, match="the connection was lost, and with it the lock on the state"):
            store.save(LATER)
        assert store.state == SMALL
    with pytest.raises(StateLostError):
        store.load()
    other = held(room.place())
    other.save(replace(SMALL, delivered_count=9))
    with pytest.raises(StateHeldError):
        place.hold(NOON)
    other.release()
    again = held(place)
    assert again.state == replace(SMALL, delivered_count=9)
    with pytest.raises(StateLostError):
        store.save(LATER)
    again.save(LATER)


def test_all_accounts_of_a_process_lose_what_its_session_held(room):
    database = room.database()
    stores = [saved(PostgresPlace(database, name), SMALL) for name in ("a", "b")]
    room.end_sessions()
    with pytest.raises(StateLostError):
        stores[0].save(LATER)
    again = held(PostgresPlace(database, "a"))
    again.save(LATER)
    with pytest.raises(StateLostError):
        stores[1].save(LATER)
    assert room.place("b").peek() == SMALL


def test_of_two_that_were_given_the_lock_only_the_later_one_can_save(room):
    """No PostgreSQL does that, but what pretends to be one may."""
    database = room.database()
    store = saved(PostgresPlace(database, "default"), SMALL)
    with database.session() as connection:
        connection.execute("select pg_advisory_unlock_all()")
    other = held(room.place())
    with pytest.raises(StateLostError, match="another copy of the bot has taken the state over"):
        store.save(LATER)
    other.save(replace(SMALL, delivered_count=3))


STEPS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["hold", "save", "end", "release"])), max_size=15)


@given(STEPS)
@settings(
    deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_whatever_happens_only_the_holder_saves(room, steps):
    account = f"account {next(_NUMBERS)}"
    places = [room.place(account) for _ in range(3)]
    stores: dict[int, PostgresStore] = {}
    holding, last = None, State()
    for count, (copy, step) in enumerate(steps):
        match step:
            case "hold":
                with contextlib.suppress(StateHeldError):
                    stores[copy] = places[copy].hold(NOON)
                    assert holding is None
                    assert stores[copy].load() == last
                    holding = copy
            case "save" if copy in stores:
                state = replace(last, delivered_count=count + 1)
                with contextlib.suppress(StateLostError):
                    stores[copy].save(state)
                    assert holding == copy
                    last = state
            case "end":
                with places[copy]._database.session() as connection:
                    pid = connection.info.backend_pid
                room.server.execute("select pg_terminate_backend(%s, 10000)", pid)
                with contextlib.suppress(StateError), places[copy]._database.session() as connection:
                    connection.execute("select")  # it learns of it
                holding = None if holding == copy else holding
            case "release" if copy in stores:
                stores[copy].release()
                holding = None if holding == copy else holding
        assert (places[copy].peek() or State()) == last
    for place in places:
        place._database.close()


# The server


def test_while_the_server_is_away_nothing_is_saved_and_then_all_is_well_again(room, server):
    place = room.place()
    store = saved(place, SMALL)
    server.stop()
    try:
        with pytest.raises(StateLostError):
            store.save(LATER)
        with pytest.raises(StateError, match=r"Check state.url, and whether the server is running\.$") as caught:
            place.hold(NOON)
        assert not isinstance(caught.value, StateHeldError | StateLostError)
        store.heartbeat()
        store.release()
    finally:
        server.start()
    store = held(place)
    assert store.state == SMALL
    store.save(LATER)


def test_a_save_whose_end_nobody_knows_is_the_end_of_the_session(room, tmp_path):
    with contextlib.closing(Proxy(room.server, tmp_path)) as proxy:
        store = saved(room.place(url=room.server.url(room.schema, directory=tmp_path)), SMALL)
        proxy.mute = True
        with pytest.raises(StateLostError):
            store.save(LATER)
        assert store.state == SMALL
        assert held(room.place()).state == LATER


def test_a_server_that_does_not_answer_is_given_up(room):
    place = room.place()
    store = saved(place, SMALL)
    place._database._patience = 0.1
    ((pid,),) = room.rows(f"{SESSIONS} and query like '%json_each%'")
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(StateLostError):
            store.save(LATER)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert held(room.place()).state in (SMALL, LATER)


def test_a_connection_pooler_is_refused(room, tmp_path):
    with contextlib.closing(Proxy(room.server, tmp_path)) as proxy:
        proxy.pid = 7
        place = room.place(url=room.server.url(room.schema, directory=tmp_path))
        for _ in range(2):
            with pytest.raises(StateError, match=r"connection pooler.* Let state.url name the server itself"):
                place.hold(NOON)


def test_a_session_that_was_left_in_the_middle_of_something_has_ended(room):
    database = room.database()
    store = saved(PostgresPlace(database, "default"), SMALL)

    def leave() -> None:
        with database.session() as connection:
            connection.execute("begin")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave()
    with pytest.raises(StateLostError):
        store.save(LATER)


def refusing(room: Room, code: str) -> None:
    """Let the server refuse each save with the error *code*."""
    room.rows(
        "create function refuse() returns trigger language plpgsql as"
        f" $$ begin raise '%', 'no' using errcode = '{code}'; end $$;"
        " create trigger refuse before update on lipsync_bot_states execute function refuse()"
    )


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("53100", "disk is full: free some space"),
        ("25006", "let state.url name the primary"),
        ("55P03", "pg_stat_activity"),
        ("57014", "pg_stat_activity"),
        ("42501", "Let the user create tables"),
        ("40001", "tries again by itself"),
        ("XX000", "Check the database"),
    ],
)
def test_what_the_server_refuses_changes_nothing_and_the_next_save_may_work(room, code, remedy):
    store = saved(room.place(), SMALL)
    refusing(room, code)
    with pytest.raises(StateError, match=remedy) as caught:
        store.save(LATER)
    assert not isinstance(caught.value, StateLostError)
    assert store.state == SMALL
    room.rows("drop function refuse cascade")
    store.save(LATER)
    assert room.place().peek() == LATER


def test_a_state_that_is_refused_to_its_holder_is_let_go(room):
    saved(place := room.place(), SMALL).release()
    refusing(room, "53100")
    with pytest.raises(StateError, match="disk is full"):
        place.hold(NOON)
    room.rows("drop function refuse cascade")
    assert saved(room.place()).state == SMALL


# The tables


def test_copies_that_start_at_once_make_the_tables_together(room):
    ready, held_by = threading.Barrier(4), []

    def start(name: str) -> None:
        place = room.place(name)
        with place._database.session():
            ready.wait()
        held_by.append(place.hold(NOON))

    threads = [threading.Thread(target=start, args=(f"account {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(held_by) == 4


def test_a_user_who_may_not_create_tables_uses_those_that_are_there(room, server):
    user = f"user_{room.schema}"
    room.rows(f"create role {user} login password 'other'; grant usage on schema {room.schema} to {user}")
    url = Secret(server.url(room.schema, password="other").value.replace("//bot:", f"//{user}:"))
    assert room.place(url=url).peek() is None
    with pytest.raises(StateError, match=r"permission denied.* Let the user create tables"):
        room.place(url=url).hold(NOON)
    room.place("another").hold(NOON)
    room.rows(f"grant select, insert, update, delete on all tables in schema {room.schema} to {user}")
    saved(room.place(url=url), SMALL, LATER)
    assert room.place(url=url).peek() == LATER


def test_a_schema_that_is_not_there_is_named_with_a_remedy(room, server):
    with pytest.raises(StateError, match="Create the schema"):
        room.place(url=server.url("nowhere")).hold(NOON)


def test_a_database_that_cannot_hold_every_text_is_refused(room, server):
    name = f"ascii_{room.schema}"
    server.execute(f"create database {name} encoding 'SQL_ASCII' template template0")
    url = Secret(server.url().value.replace("/postgres?", f"/{name}?"))
    with pytest.raises(StateError, match=r"its encoding is SQL_ASCII\. Create a database with ENCODING 'UTF8'"):
        room.place(url=url).hold(NOON)


CORRUPT = {
    "a task is missing": "delete from lipsync_bot_tasks",
    "a task too many": "insert into lipsync_bot_tasks select account, 'b', record from lipsync_bot_tasks",
    "a task is none": "update lipsync_bot_tasks set record = '5'",
    "a task with another key": """update lipsync_bot_tasks set record = '{"status": 10}'""",
    "an id that is none": """update lipsync_bot_tasks set id = 'a"b'""",
    "nothing but tasks": "update lipsync_bot_states set document = null",
    "null": "update lipsync_bot_states set document = 'null', task_count = 1",
    "a list": "update lipsync_bot_states set document = '[]'",
    "an empty object": "update lipsync_bot_states set document = '{}'",
    "a version": """update lipsync_bot_states set document = '{"version": 3}'""",
    "tasks twice": """update lipsync_bot_states
        set document = (rtrim(document::text, '}') || ', "tasks": {}}')::json""",
    "a text for a number": """update lipsync_bot_states
        set document = replace(document::text, '"delivered_count":1', '"delivered_count":"1"')::json""",
}


@pytest.mark.parametrize("spoil", CORRUPT.values(), ids=CORRUPT)
def test_what_is_not_a_state_is_refused_and_left_alone(room, spoil):
    saved(room.place(), SMALL).release()
    room.rows(spoil)
    everything = (
        "select document::text, task_count, id, record::text"
        " from lipsync_bot_states left join lipsync_bot_tasks using (account)"
    )
    before = room.rows(everything)
    for read in (room.place().hold(NOON).load, room.place().peek):
        with pytest.raises(StateError, match=r"not a state: .*\. Restore the tables from a backup\."):
            read()
    assert room.rows(everything) == before


def test_a_newer_format_is_refused(room):
    saved(room.place(), SMALL).release()
    room.rows(
        "update lipsync_bot_states set document = replace(document::text, '\"version\":3', '\"version\":4')::json"
    )
    for read in (room.place().hold(NOON).load, room.place().peek):
        with pytest.raises(
            StateError, match=r"newer version of the bot \(format 4, this one reads 3\)\. Run that version"
        ):
            read()


def test_the_state_of_the_second_version_is_read_as_it_is_and_saved_as_this_one(room):
    saved(room.place(), LATER).release()
    room.rows(
        """update lipsync_bot_states set document = (select json_object_agg(key, value)
            from json_each(replace(document::text, '"version":3', '"version":2')::json)
            where key not in ('chart', 'ended', 'to_archive'))"""
    )
    assert room.place().peek() == LATER
    store = held(room.place())
    store.save(store.state)
    assert room.rows("select document->>'version' from lipsync_bot_states") == [("3",)]
    assert room.place().peek() == LATER


def test_whoever_edits_the_document_may_lay_it_out(room):
    saved(room.place(), SMALL).release()
    room.rows("update lipsync_bot_states set document = jsonb_pretty(document::jsonb)::json")
    assert room.place().peek() == SMALL


# Signs of life


def test_the_heartbeat_and_the_note_are_written_by_themselves(room):
    store = saved(room.place(idle=3.0))
    room.rows("update lipsync_bot_states set heartbeat = 'epoch'")
    store.leave({"health": 1})
    wait_for(lambda: room.place().left() == (0.0, {"health": 1}))
    store.heartbeat()
    wait_for(lambda: (room.place().left() or (0.0, {}))[0] > 0)
    assert room.place().left()[1] == {"health": 1}


def test_what_a_copy_has_left_is_known_to_the_next(room):
    store = saved(room.place())
    room.rows("update lipsync_bot_states set heartbeat = 'epoch'")
    store.leave({"health": 1})
    store.leave({"health": 2})
    store.release()
    following = room.place().hold(NOON)
    assert (following.last_alive, following.before) == (0.0, {"health": 2})
    assert room.place().left()[0] > 0.0


def test_a_copy_that_holds_the_state_no_longer_is_not_alive(room):
    place = room.place()
    store = saved(place)
    store.release()
    saved(room.place())
    room.rows("update lipsync_bot_states set heartbeat = 'epoch'")
    store.heartbeat()
    store.leave({"health": "stale"})
    with place._database.session() as connection:
        place._database.heartbeats.write(connection)
    assert room.place().left() == (0.0, {})


# No error holds the password


@pytest.mark.parametrize("change", ["a wrong password", "a wrong host", "a wrong option"])
def test_no_error_holds_the_password(room, server, change):
    url = server.url(room.schema, password=f"{PASSWORD}wrong" if change == "a wrong password" else PASSWORD).value
    if change == "a wrong host":
        url = url.replace("@/postgres?host=", "@127.0.0.1:1/postgres?application_name=")
    elif change == "a wrong option":
        url += "&sslmode=nonsense"
    with pytest.raises(StateError) as caught:
        room.place(url=Secret(url)).hold(NOON)
    for spelled in (PASSWORD, PASSWORD[:4], "qZ7%2F", "%40k"):
        assert spelled not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://bot:sec/ret@host/db",
        "postgresql://bot:sec@ret@host/db",
        "postgresql://bot:12/ret@host/db",
        "postgresql://bot:se%ret@host/db",
        "postgresql://bot:sec@ret?x@host/db",
        "postgresql://bot:sec@a:ret@host/db",
        "postgresql://bot:sec ret@[host/db",
        "mysql://bot:secret@host/db",
        "host=h password=secret",
        "secret",
        "",
    ],
)
def test_a_url_that_is_none_is_refused_without_quoting_it(url):
    with pytest.raises(ConfigError, match=r"^state.url: must be postgresql://") as caught:
        Database(Secret(url))
    assert not {"sec", "ret"} & set(str(caught.value).replace(":", " ").replace("/", " ").split())
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_database_is_named_without_its_password():
    database = Database(Secret("postgres://bot:secret@one:1,two:2/name"))
    assert str(database) == "PostgreSQL at one,two, port 1,2, database name"
    assert "secret" not in json.dumps([str(database), repr(database)])


def test_a_release_gives_the_lock_back_though_a_note_cannot_be_written_and_that_is_written_later(room):
    database = room.database()
    one, other = (held(PostgresPlace(database, name)) for name in ("one", "other"))
    with psycopg.connect(room.server.url(room.schema).value) as blocking:
        blocking.execute("select from lipsync_bot_states where account = 'other' for update")
        other.leave({"health": "noted"})
        one.release()
    held(room.place("one"))
    place = room.place("other")
    wait_for(lambda: (place.left() or (0.0, {}))[1] == {"health": "noted"})
