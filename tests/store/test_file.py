import contextlib
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from bot.disk import Disk, resolve
from bot.domain.news import EndedTask, TaskRecord
from bot.domain.state import VERSION, State
from bot.errors import StateError, StateHeldError
from bot.store import document, version_1
from bot.store import file as states
from bot.store.file import Store
from bot.store.lock import Lock
from tests.fakes import NOON
from tests.irregular import KINDS
from tests.store.states import IDS, LATER, SMALL, every_state


@pytest.fixture
def path(tmp_path):
    directory = tmp_path / "the bot’s 状态"
    directory.mkdir()
    return directory / "state of it.json"


def written(state: State) -> bytes:
    return b"".join(document.encode(state, document.encode_tasks(state.tasks)))


def refuse_warnings(text: str) -> None:
    pytest.fail(f"warned: {text}")


def load(path: Path) -> State:
    """Return the state, which must be read without a warning."""
    return states.load(path, refuse_warnings)


def start(path: Path) -> State:
    """Do what a bot does first."""
    Lock(path).take(NOON)
    return load(path)


def saved(path: Path, *generations: State) -> Store:
    store = Store(path, State())
    for state in generations:
        store.save(state)
    return store


def names(path: Path) -> set[str]:
    return {file.name.removeprefix(path.name) for file in path.parent.iterdir()}


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.parent.iterdir()}


# What is saved is what is loaded


@given(every_state)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_what_is_saved_is_what_is_loaded(tmp_path, state):
    path = tmp_path / "state.json"
    Store(path, State()).write(state)
    assert load(path) == state


@pytest.mark.parametrize("record", [TaskRecord(10, 1, NOON), EndedTask(20, 1)])
@pytest.mark.parametrize("ids", [IDS, ["a", "b],", "c"], ["a", "b},", "c"]], ids=str)
def test_whatever_the_ids_are_like_the_tasks_are_loaded_as_they_were_saved(path, ids, record):
    state = State(tasks=dict.fromkeys(ids, record))
    saved(path, state)
    assert load(path) == state


def test_each_task_has_a_line_of_its_own(path):
    saved(path, State(tasks={"a": EndedTask(20, 1), "b": TaskRecord(10, 1, NOON), "c": EndedTask(30, 1)}))
    assert [line.strip()[1:2] for line in path.read_text("utf-8").splitlines()[-4:-1]] == ["t", "b", "c"]


def test_a_state_that_was_never_saved_is_new(path):
    assert load(path) == State()
    assert states.peek(path) is None


def test_the_file_is_readable_and_for_its_owner_only(path):
    saved(path, SMALL)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(json.loads(path.read_text("utf-8"))) == [field.name for field in fields(State)]


def test_the_generation_before_is_kept_and_nothing_else(path):
    saved(path, SMALL, LATER)
    assert load(path) == LATER
    assert load(path.with_name(path.name + ".bak")) == SMALL
    assert names(path) == {"", ".bak"}


def test_nothing_is_written_when_nothing_changed(path):
    store = saved(path, SMALL)
    before = path.stat()
    store.save(replace(SMALL))
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert names(path) == {""}


def test_a_symbolic_link_stays_one(path):
    link = path.with_name("link.json")
    link.symlink_to(path)
    saved(resolve(link), SMALL)
    assert link.is_symlink()
    assert load(path) == SMALL


# A crash leaves the old state or the new one

CRASHES = """
import os, sys
from dataclasses import fields, replace
from pathlib import Path
from bot import disk
from bot.domain import notice as notices
from bot.store import file as states
from bot.store import document, version_1
from bot.domain.news import TaskRecord

path = Path(sys.argv[1])
old = states.State(baseline_at=1.0, tasks={"a": TaskRecord(10, 1, 1.0)})
new = replace(old, baseline_at=2.0)

def die_at(line):
    def trace(frame, event, arg):
        nonlocal line
        if frame.f_code.co_filename not in (states.__file__, disk.__file__):
            return None
        line -= event == "line"
        if line < 0:
            os._exit(1)
        return trace
    return trace

line = survived = 0
while not survived:
    for file in path.parent.iterdir():
        file.unlink()
    store = states.Store(path, states.State())
    store.save(replace(old, baseline_at=0.0))
    store.save(old)
    child = os.fork()
    if not child:
        sys.settrace(die_at(line))
        store.save(new)
        os._exit(0)
    survived = os.waitpid(child, 0)[1] == 0
    found = states.load(path, lambda text: print("warned:", text))
    assert found in (old, new), (line, found)
    assert found == new or not survived
    states.Store(path, found).save(replace(found, baseline_at=3.0))
    assert states.load(path, print).baseline_at == 3.0
    line += 1
print(line)
"""


def test_a_crash_at_any_line_leaves_the_old_state_or_the_new_one(path):
    done = subprocess.run(
        [sys.executable, "-c", CRASHES, path], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    assert int(done.stdout) > 20


@contextlib.contextmanager
def no_more_than(size: int) -> Iterator[None]:
    """Let no file grow beyond *size* bytes: a full disk that needs no disk of its own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_is_full_leaves_all_as_it_was_and_on_it_goes_when_there_is_space(path):
    store = saved(path, SMALL)
    before = contents(path)
    with no_more_than(100), pytest.raises(StateError, match=r"cannot be written: .*\. .*disk"):
        store.save(LATER)
    assert contents(path) == before
    assert store.state == SMALL
    store.save(LATER)
    assert load(path) == LATER


@pytest.fixture
def small_disk(tmp_path):
    """Return a directory on a file system of 64 KiB."""
    directory = tmp_path / "disk"
    directory.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", directory],  # noqa: S607 - wherever it is
        capture_output=True,
        check=False,
    )
    if mount.returncode:
        pytest.skip("only root may mount a small disk")
    yield directory
    subprocess.run(["umount", directory], check=True)  # noqa: S607 - wherever it is


def test_a_full_disk_is_named_as_such(small_disk):
    store = saved(small_disk / "state.json", SMALL)
    filler = small_disk / "filler"
    with contextlib.suppress(OSError):
        filler.write_bytes(bytes(1024**2))
    with pytest.raises(StateError, match="The disk is full: free some space"):
        store.save(LATER)
    filler.unlink()
    store.save(LATER)
    assert load(small_disk / "state.json") == LATER


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_is_not_writable_is_named_with_a_remedy(path):
    path.parent.chmod(0o500)
    with pytest.raises(StateError, match="Give the bot's user write"):
        Lock(path).take(NOON)
    with pytest.raises(StateError, match="Give the bot's user write"):
        saved(path, SMALL)


def test_a_read_only_file_system_is_named_with_a_remedy(small_disk):
    path = small_disk / "state.json"
    store = saved(path, SMALL)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)  # noqa: S607 - wherever it is
    with pytest.raises(StateError, match="mount a writable volume"):
        store.save(LATER)
    with pytest.raises(StateError, match="mount a writable volume"):
        Lock(path).take(NOON)
    assert load(path) == SMALL


def test_a_file_that_is_mounted_alone_is_named_with_a_remedy(path):
    store = saved(path, SMALL)
    mount = subprocess.run(["mount", "--bind", path, path], capture_output=True, check=False)  # noqa: S607 - wherever it is
    if mount.returncode:
        pytest.skip("only root may mount a file")
    try:
        with pytest.raises(StateError, match="mount its directory"):
            store.save(LATER)
    finally:
        subprocess.run(["umount", path], check=True)  # noqa: S607 - wherever it is
    assert load(path) == SMALL


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everywhere")
def test_a_file_that_may_not_be_read_is_reported_with_a_remedy(path):
    saved(path, SMALL)
    path.chmod(0)
    with pytest.raises(StateError, match=r"cannot be read: Permission denied\. Give the bot's user read access"):
        states.peek(path)


# What cannot be read


def good() -> dict[str, object]:
    found: dict[str, object] = json.loads(written(SMALL))
    return found


GARBAGE = {
    "nothing": b"",
    "NULs": bytes(500),
    "noise": bytes(range(256)) * 20_000,
    "text": b"hello",
    "null": b"null",
    "list": b"[]",
    "string": b'"state"',
    "empty object": b"{}",
    "no version": json.dumps({key: value for key, value in good().items() if key != "version"}).encode(),
    "version null": json.dumps(good() | {"version": None}).encode(),
    "version true": json.dumps(good() | {"version": True}).encode(),
    "version text": json.dumps(good() | {"version": "1"}).encode(),
    "version 0": json.dumps(good() | {"version": 0}).encode(),
    "tasks a list": json.dumps(good() | {"tasks": []}).encode(),
    "tasks null": json.dumps(good() | {"tasks": None}).encode(),
    "a task a number": json.dumps(good() | {"tasks": {"a": 5}}).encode(),
    "a status as text": json.dumps(
        good() | {"tasks": {"a": {"status": "20", "create_time": 1, "first_seen": 1}}}
    ).encode(),
    "time as text": json.dumps(good() | {"baseline_at": "2025-02-04"}).encode(),
    "outbox null": json.dumps(good() | {"outbox": None}).encode(),
    "unknown content": json.dumps(good() | {"outbox": {"notices": [{"content": {"kind": "?"}}]}}).encode(),
    "doubled key": json.dumps(good()).replace('"tasks":', '"tasks": {}, "tasks":').encode(),
    "NaN": json.dumps(good() | {"baseline_at": float("nan")}).encode(),
    "infinity": json.dumps(good() | {"baseline_at": float("inf")}).encode(),
    "1e999": json.dumps(good()).replace(f"{NOON}", "1e999").encode(),
    "an integer beyond all floats": json.dumps(good()).replace(f"{NOON}", "9" * 400).encode(),
    "an integer too long to parse": json.dumps(good()).replace(f"{NOON}", "9" * 5000).encode(),
    "version 2.0": json.dumps(good() | {"version": 2.0}).encode(),
    "UTF-16": json.dumps(good()).encode("utf-16"),
    "latin-1": json.dumps(good() | {"x": "é"}, ensure_ascii=False).encode("latin-1"),
    "two documents": json.dumps(good()).encode() * 2,
    "deep": b"[" * 100_000,
    "deep inside": b'{"version": 1, "tasks": ' + b'{"a":' * 50_000,
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_a_file_that_is_no_state_is_put_aside_and_the_one_before_is_used(path, garbage):
    saved(path, SMALL, LATER)
    path.write_bytes(garbage)
    warnings: list[str] = []
    assert states.load(path, warnings.append) == SMALL
    put_aside = [file for file in path.parent.iterdir() if re.search(r"\.corrupt-\d{8}T\d{6}Z$", file.name)]
    assert [file.read_bytes() for file in put_aside] == [garbage]
    assert len(warnings) == 1
    assert put_aside[0].name in warnings[0]
    assert len(warnings[0]) < 600


@pytest.mark.parametrize("garbage", [GARBAGE["deep"], GARBAGE["two documents"], GARBAGE["UTF-16"]], ids=len)
def test_when_the_one_before_cannot_be_read_either_nothing_is_touched_and_nothing_begins_anew(path, garbage):
    for name in (path.name, path.name + ".bak"):
        path.with_name(name).write_bytes(garbage)
    before = contents(path)
    for read in (load, states.peek):
        with pytest.raises(StateError, match="Put a good copy of either back") as caught:
            read(path)
        assert str(path) in str(caught.value)
        assert len(str(caught.value)) < 900
    assert contents(path) == before


def test_a_file_cut_short_anywhere_is_never_taken_for_a_state(path):
    document = written(SMALL).rstrip()
    for length in range(len(document)):
        path.write_bytes(document[:length])
        with pytest.raises(StateError):
            load(path)


def test_peeking_at_a_file_that_cannot_be_read_shows_the_one_before_and_touches_nothing(path):
    saved(path, SMALL, LATER)
    path.write_bytes(b"{")
    before = contents(path)
    assert states.peek(path) == SMALL
    assert contents(path) == before


def test_a_missing_file_beside_the_one_before_is_no_first_run(path):
    saved(path, SMALL, LATER)
    path.unlink()
    warnings: list[str] = []
    assert states.load(path, warnings.append) == SMALL
    assert warnings == [f"{path}: missing; {path.name}.bak is used"]


@pytest.mark.parametrize("read", [load, states.peek])
def test_a_missing_file_beside_one_that_cannot_be_read_is_no_first_run(path, read):
    path.with_name(path.name + ".bak").write_bytes(b"{")
    with pytest.raises(StateError, match=r"missing; .* Put a good copy"):
        read(path)


@pytest.mark.parametrize("where", ["", ".bak"])
def test_a_newer_format_is_refused_and_left_alone(path, where):
    path.write_bytes(b"{")
    path.with_name(path.name + where).write_text(json.dumps(good() | {"version": 4, "tasks": "something new"}))
    before = contents(path)
    with pytest.raises(StateError, match=r"newer version of the bot \(format 4, this one reads 3\)\. Run that version"):
        load(path)
    assert contents(path) == before


def test_a_corrupt_state_is_saved_over_only_after_it_was_put_aside(path):
    saved(path, SMALL, LATER)
    path.write_bytes(b"{")
    Store(path, states.load(path, lambda _: None)).save(LATER)
    assert load(path) == LATER
    assert len(names(path)) == 3


# What is in it, all of it

VERSION_1 = (Path(__file__).parent / "state-version-1.json").read_bytes()  # written by the first version that had one
_FREE = {
    "tasks",
    "destinations",
    "troubles",
    "days",
    "failed",
    "boards",
    "boards_posted",
    "found",
}  # objects whose keys are data


def translated() -> dict[str, Any]:
    """Return the same state as this version writes it."""
    return version_1.translated(json.loads(VERSION_1))


def newest() -> bytes:
    """Return the same state with what version 1 could not have."""
    content = next(one["content"] for one in translated()["outbox"]["notices"] if one["content"]["kind"] == "task")
    archived = {"video": "2025/02/a.mp4", "cover": ""}
    copy = {"task_id": "a", "since": 1.5, "attempts": 1, "next_attempt": 2.5, "last_error": "no", "problem": ""}
    ended = {"content": content, "seen_at": 1.5, "archived": archived, "given_up": ""}
    return json.dumps(translated() | {"ended": [ended], "to_archive": [copy]}).encode()


def objects(value: Any, name: str = "") -> Iterator[dict[str, Any]]:
    """Yield each object in *value* whose keys are the format's."""
    if isinstance(value, dict):
        if name not in _FREE:
            yield value
        for key, inner in value.items():
            yield from objects(inner, "" if name in _FREE else key)
    elif isinstance(value, list):
        for inner in value:
            yield from objects(inner)


def test_the_state_of_the_first_version_is_read_and_saved_as_this_one(path):
    path.write_bytes(VERSION_1)
    read = load(path)
    assert json.loads(written(read)) == translated()
    Store(path, State()).write(read)
    assert load(path) == read
    assert json.loads(path.read_bytes())["version"] == VERSION


@pytest.mark.parametrize("document", [VERSION_1, newest()], ids=["version 1", "this version"])
def test_a_document_that_lacks_a_key_or_has_another_or_both_is_no_state_at_any_depth(path, document):
    broken = 0
    for number in range(len(list(objects(json.loads(document))))):
        keys = list(list(objects(json.loads(document)))[number])
        for key, name in [*((key, None) for key in keys), *((key, f"{key}2") for key in keys), (None, "another")]:
            parsed = json.loads(document)
            chosen = list(objects(parsed))[number]
            value = chosen.pop(key) if key else 1
            if name:
                chosen[name] = value
            path.write_text(json.dumps(parsed), "utf-8")
            with pytest.raises(StateError, match="not a state file: "):
                states.peek(path)
            broken += 1
    assert broken > 150


def test_the_state_of_the_second_version_is_read_as_it_is(path):
    newer = {key: value for key, value in translated().items() if key not in {"chart", "ended", "to_archive"}}
    path.write_text(json.dumps(newer | {"version": 2}))
    assert json.loads(written(load(path))) == translated()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"ended": [], ', "ended: the key is not known"),
        ('{"instance": "b", ', "a key is missing or appears twice"),
        ('{"instance2": "b", ', "instance2: a key is missing or not known"),
    ],
)
def test_a_document_of_the_second_version_is_read_as_strictly(path, text, why):
    older = {key: value for key, value in translated().items() if key not in {"chart", "ended", "to_archive"}}
    path.write_text(json.dumps(older | {"version": 2}).replace("{", text, 1))
    with pytest.raises(StateError, match=f"not a state file: {why}"):
        states.peek(path)


def number_places(parsed: Any) -> Iterator[tuple[Any, Any]]:
    """Yield where in *parsed* a whole number stands, but its version, as (what holds it, key or index)."""
    for key, value in parsed.items() if isinstance(parsed, dict) else enumerate(parsed):
        if isinstance(value, dict | list):
            yield from number_places(value)
        elif type(value) is int and key != "version":
            yield parsed, key


@pytest.mark.parametrize("number", [2**64, -(10**30), 10**400, 10**4000], ids=["2^64", "-10^30", "10^400", "10^4000"])
def test_a_whole_number_that_nobody_can_have_written_is_no_state_wherever_it_stands(path, number):
    parsed = json.loads(newest())
    places = list(number_places(parsed))
    assert len(places) > 20
    for holder, key in places:
        before, holder[key] = holder[key], number
        path.write_text(json.dumps(parsed), "utf-8")
        holder[key] = before
        with pytest.raises(StateError, match="not a state file: "):
            states.peek(path)


def test_a_document_of_version_1_with_any_text_empty_is_a_state_or_none_and_no_fault(path):
    texts = [text for text in re.findall(rb'": ("[^"]+")', VERSION_1) if text != b'"version"']
    assert len(texts) > 20
    outcomes: set[object] = set()
    for text in texts:
        path.write_bytes(VERSION_1.replace(b": " + text, b': ""', 1))
        try:
            outcomes.add(type(states.peek(path)))
        except StateError:
            outcomes.add(StateError)
    assert outcomes == {State, StateError}


@pytest.mark.parametrize("version", [1, VERSION])
def test_a_version_and_nothing_else_is_no_empty_state(path, version):
    path.write_text(json.dumps({"version": version}))
    with pytest.raises(StateError, match=r"not a state file: .*key is missing"):
        load(path)


def test_what_version_1_owed_or_delivered_keeps_the_id_that_its_message_has(path):
    path.write_bytes(VERSION_1)
    old = json.loads(VERSION_1)
    read = load(path)
    kept = {
        (one["subject"], one["status"], one["role"])
        for one in old["outbox"]["notices"]
        if "greeting" not in one["subject"]
    }
    assert {one.key for one in read.outbox.notices} >= kept
    assert [one.id for one in read.delivered] == [one["id"] for one in old["delivered"]]


def test_what_an_older_version_left_of_a_summarised_day_is_not_summarised_again(path):
    old = json.loads(VERSION_1)
    day = old["days"]["2025-02-04"]
    path.write_text(json.dumps({**old, "days": {"2025-02-03": day, "2025-02-04": day}, "summarised": "2025-02-03"}))
    diary = load(path).diary
    assert (list(diary.days), diary.summarised) == (["2025-02-04"], ("2025-02-03",))


@pytest.mark.parametrize("key", ["account", "boards_posted", "profile"])
def test_a_key_that_version_1_did_not_have_must_not_be_there(path, key):
    path.write_text(json.dumps({**json.loads(VERSION_1), key: {}}))
    with pytest.raises(StateError, match=f"not a state file: {key}: the key is not known"):
        load(path)


# Only where there is a file


@pytest.mark.parametrize("where", ["", ".bak"])
@pytest.mark.parametrize("kind", KINDS)
def test_only_a_regular_file_is_read(path, where, kind):
    if where:
        path.write_bytes(b"{")
    KINDS[kind](path.with_name(path.name + where))
    for read in (load, states.peek):
        with pytest.raises(StateError, match=f"not a state file: it is {kind}"):
            read(path)


# Only while the lock is held


def test_a_copy_that_has_lost_its_lock_saves_nothing(path):
    store = saved(path, SMALL)
    before = contents(path)

    class Lost(Lock):
        def verify(self) -> None:
            raise StateHeldError("lost")

    held = Store(path, store.state, lock=Lost(path))
    for state in (LATER, SMALL):
        with pytest.raises(StateHeldError):
            held.save(state)
    assert contents(path) == before


class Late(Disk):
    """A disk on which the lock is lost while the new file is being written."""

    lost = False

    def sync(self, path: Path) -> None:
        super().sync(path)
        self.lost = True


def test_a_copy_that_loses_its_lock_while_it_saves_does_not_replace_the_state(path):
    saved(path, SMALL)
    disk = Late()

    class LostWithIt(Lock):
        def verify(self) -> None:
            if disk.lost:
                raise StateHeldError("lost")

    with pytest.raises(StateHeldError):
        Store(path, SMALL, disk, lock=LostWithIt(path)).save(LATER)
    assert load(path) == SMALL
