"""One copy at a time: the lock, and what becomes of a copy that has lost it."""

import contextlib
import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.errors import StateError, StateHeldError
from bot.store.lock import Lock, left
from tests.fakes import NOON
from tests.irregular import KINDS


@pytest.fixture
def path(tmp_path):
    directory = tmp_path / "the bot’s 状态"
    directory.mkdir()
    return directory / "state of it.json"


def file_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def heartbeat(path: Path) -> float:
    found = left(path)
    assert found is not None
    return found[0]


HOLD = """
import sys, time
from pathlib import Path
from bot.store.lock import Lock
lock = Lock(Path(sys.argv[1]))
lock.take(1738670400.0)
print("held", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run another process that holds the lock."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_second_copy_is_shown_who_holds_the_state(path):
    with holder(path) as process, pytest.raises(StateHeldError) as caught:
        Lock(path).take(NOON)
    for word in (f"host {os.uname().nodename}", f"pid {process.pid}", "started 2025-02-04 12:00:00 UTC", "state.path"):
        assert word in str(caught.value)


def test_a_killed_copy_does_not_keep_the_lock_and_says_when_it_was_alive(path):
    with holder(path) as process:
        os.utime(file_of(path), (NOON, NOON))
        process.send_signal(signal.SIGKILL)
        process.wait()
    lock = Lock(path)
    lock.take(NOON + 60)
    assert lock.last_alive == NOON
    lock.release()


def test_a_lock_that_was_released_can_be_taken(path):
    for _ in range(2):
        lock = Lock(path)
        lock.take(NOON)
        with pytest.raises(StateHeldError):
            Lock(path).take(NOON)
        lock.release()


def test_a_lock_with_nothing_in_it_still_holds(path):
    with holder(path):
        file_of(path).write_bytes(b"")
        with pytest.raises(StateHeldError, match="held by another copy of the bot"):
            Lock(path).take(NOON)


def test_the_heartbeat_is_when_a_bot_was_last_alive(path):
    assert left(path) is None
    lock = Lock(path)
    lock.take(NOON)
    os.utime(file_of(path), (NOON, NOON))
    assert heartbeat(path) == NOON
    lock.heartbeat()
    assert heartbeat(path) > NOON
    lock.release()


@pytest.mark.parametrize("refused", [errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP])
def test_the_heartbeat_moves_where_times_cannot_be_set(path, monkeypatch, refused):
    lock = Lock(path)
    lock.take(NOON)
    os.utime(file_of(path), (NOON, NOON))
    monkeypatch.setattr(os, "utime", refusing(refused))
    lock.heartbeat()
    assert heartbeat(path) > NOON
    lock.leave({"health": 1})
    assert left(path) == (
        heartbeat(path),
        {"host": os.uname().nodename, "pid": os.getpid(), "started": NOON, "health": 1},
    )


def refusing(number: int) -> Callable[..., None]:
    """Return a call to the system that is refused."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize("refused", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
def test_a_file_system_without_locks_is_refused_with_a_remedy(path, monkeypatch, refused):
    monkeypatch.setattr(fcntl, "flock", refusing(refused))
    with pytest.raises(StateError, match=r"has no locks, .* Set state.path to a file on a local disk"):
        Lock(path).take(NOON)


# Lost


def delete(path: Path) -> None:
    file_of(path).unlink()


def make_another(path: Path) -> None:
    content = file_of(path).read_bytes()
    file_of(path).unlink()
    file_of(path).write_bytes(content)


def replace_the_directory(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))
    path.parent.mkdir()


def copy_the_directory_over(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))
    shutil.copytree(path.parent.with_name("elsewhere"), path.parent)


def delete_the_directory(path: Path) -> None:
    shutil.rmtree(path.parent)


def put_a_file_in_place_of_the_directory(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.touch()


def link_to_it(path: Path) -> None:
    file_of(path).rename(path.with_name("moved"))
    file_of(path).symlink_to("moved")


@pytest.mark.parametrize(
    "lose",
    [
        delete,
        make_another,
        replace_the_directory,
        copy_the_directory_over,
        delete_the_directory,
        put_a_file_in_place_of_the_directory,
        link_to_it,
    ],
)
def test_a_lock_that_was_removed_or_replaced_is_lost(path, lose):
    lock = Lock(path)
    lock.take(NOON)
    lock.verify()
    lose(path)
    with pytest.raises(StateHeldError, match=r"removed or replaced while the bot was running.* start the bot again"):
        lock.verify()
    others = file_of(path).read_bytes() if lose is make_another else b""
    lock.leave({"health": 1})
    assert (file_of(path).read_bytes() if lose is make_another else b"") == others


def test_a_directory_that_is_still_found_under_its_name_keeps_the_lock(path):
    lock = Lock(path)
    lock.take(NOON)
    path.parent.rename(path.parent.with_name("elsewhere"))
    path.parent.symlink_to("elsewhere")
    os.utime(file_of(path))
    lock.verify()


# Where something else stands


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_but_a_regular_file_is_taken_for_the_lock(path, kind):
    KINDS[kind](file_of(path))
    for use in (lambda: Lock(path).take(NOON), lambda: Lock(path).check(), lambda: left(path)):
        with pytest.raises(StateError, match=r"\.lock: it is a .*, where the bot keeps a file\. Remove it\."):
            use()


@pytest.mark.parametrize("content", [b"", b"precious", None], ids=["empty", "full", "dangling"])
def test_a_symbolic_link_is_not_followed(path, content):
    target = path.with_name("target")
    if content is not None:
        target.write_bytes(content)
    file_of(path).symlink_to(target)
    for use in (lambda: Lock(path).take(NOON), lambda: Lock(path).check(), lambda: left(path)):
        with pytest.raises(StateError, match=r"it is a symbolic link, where the bot keeps a file\. Remove it\."):
            use()
    assert (target.read_bytes() if target.exists() else None) == content


@pytest.mark.parametrize(
    "garbage", [b"\0\xff", b"[]", b"{" * 100_000, b'{"host": 1}', b'{"host":"h","pid":1,"started":"x"}']
)
def test_whatever_the_lock_file_holds_it_locks(path, garbage):
    with holder(path):
        file_of(path).write_bytes(garbage)
        with pytest.raises(StateHeldError, match="held by another copy of the bot\\. "):
            Lock(path).take(NOON)
        assert left(path) is not None


def test_a_lock_that_was_refused_is_let_go(path):
    with holder(path):
        lock = Lock(path)
        for _ in range(2):
            with pytest.raises(StateHeldError):
                lock.take(NOON)
    lock.take(NOON)
    lock.release()
