"""Where the state can be, and what the disk does not do everywhere."""

import errno
import os
import stat
import tempfile
from pathlib import Path

import pytest

from bot import disk
from bot.cli.check import state_directory
from bot.disk import Disk, rehearse, resolve
from bot.domain.state import State
from bot.errors import StateError
from bot.store.file import Store, load
from bot.store.lock import Lock
from tests.fakes import NOON
from tests.irregular import KINDS


def begin(path: Path) -> None:
    """Do with *path* what `run` does first."""
    found = resolve(path)
    Lock(found).take(NOON)
    Store(found, State()).write(State())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing/state.json", "Create the directory"),
        (".", "it is a directory, not a file. Set state.path to a file"),
        ("file/state.json", "Set state.path to a file in a directory"),
        ("file/deeper/state.json", "Set state.path to a file in a directory"),
        ("x" * 240, "shorter name"),
        ("x" * 256, "shorter name"),
        ("视" * 90, "shorter name"),
        ("x" * 300 + "/state.json", "shorter name"),
        ("d/" * 2_100 + "state.json", "shorter name"),
        ("/", "it is a directory, not a file. Set state.path to a file"),
        ("circle", "form a loop: set state.path to a file"),
        ("circle/state.json", "form a loop: set state.path to a file"),
        ("a\0b", "Set state.path to a file in a directory"),
        ("/dev/zero", "it is a device, not a file. Set state.path to a file"),
        ("/dev/null", "it is a device, not a file. Set state.path to a file"),
        ("to a device", "it is a device, not a file. Set state.path to a file"),
        ("/proc/self/state.json", "Create the directory|write access"),
    ],
)
def test_a_path_that_cannot_hold_a_state_is_named_with_a_remedy_by_run_and_check_alike(tmp_path, name, words):
    (tmp_path / "file").touch()
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "to a device").symlink_to("/dev/zero")
    with pytest.raises(StateError, match=words):
        begin(tmp_path / name)
    finding = state_directory(tmp_path / name)
    assert finding.severity == "bad"
    with pytest.raises(StateError, match=words):
        raise StateError(finding.text)


@pytest.fixture
def nobody():
    """Be a user whom permissions bind: root may do everything."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield
    if root:
        os.seteuid(0)


@pytest.mark.parametrize("mode", [0o000, 0o600, 0o500])
@pytest.mark.usefixtures("nobody")
def test_a_directory_that_may_not_be_entered_or_written_to_is_named_with_a_remedy_and_our_user(mode):
    with tempfile.TemporaryDirectory() as name:  # of our own, unlike tmp_path
        home = Path(name, "state")
        home.mkdir()
        home.chmod(mode)
        words = rf"Give the bot's user write access to the directory\. It runs as uid {os.geteuid()}\."
        with pytest.raises(StateError, match=words):
            begin(home / "state.json")
        finding = state_directory(home / "state.json")
        assert finding.severity == "bad"
        with pytest.raises(StateError, match=words):
            raise StateError(finding.text)
        home.chmod(0o700)


@pytest.mark.usefixtures("nobody")
def test_a_lock_file_of_another_user_is_found_by_check(monkeypatch):
    with tempfile.TemporaryDirectory() as name:
        lock = Path(name, "state.json.lock")
        lock.touch()
        lock.chmod(0)
        finding = state_directory(Path(name, "state.json"))
    assert finding.severity == "bad"
    # The directory is his: `sudo lipsync-bot run` left the file there.
    assert "state.json.lock: cannot be locked: Permission denied. Give the bot's user write access to the file." in (
        finding.text
    )


@pytest.mark.parametrize("kind", KINDS)
def test_only_a_regular_file_can_be_the_state(tmp_path, kind):
    path = tmp_path / "state.json"
    KINDS[kind](path)
    with pytest.raises(StateError, match=f"it is {kind}, not a file"):
        resolve(path)
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]


def test_a_stream_that_was_handed_over_is_no_state(tmp_path):
    reading, writing = os.pipe()
    with pytest.raises(StateError, match="it is a pipe, not a file"):
        resolve(Path(f"/dev/fd/{reading}"))
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_but_a_regular_file_is_read(tmp_path, kind):
    KINDS[kind](tmp_path / "file")
    with pytest.raises(ValueError, match=f"it is {kind}"):
        disk.read(tmp_path / "file")


def test_a_file_too_large_for_the_memory_is_not_read(tmp_path):
    path = tmp_path / "state.json"
    with path.open("wb") as file:
        file.truncate(2 * 1024**3)
    with pytest.raises(StateError, match="it is larger than 1 GiB"):
        load(path, print)


def test_the_home_directory_of_an_unknown_user_is_named_with_a_remedy():
    with pytest.raises(StateError, match=r"home directory\. Set state\.path to a file in a directory\.$"):
        resolve(Path("~nobody-of-this-name/state.json"))


def test_a_path_in_the_home_directory_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve(Path("~/state.json")) == tmp_path / "state.json"


def test_a_state_that_may_be_there_or_not_can_be_used_and_check_leaves_nothing_behind(tmp_path):
    finding = state_directory(tmp_path / "state.json")
    assert (finding.severity, finding.text) == ("good", f"{tmp_path / 'state.json'} can be written")
    assert list(tmp_path.iterdir()) == []
    begin(tmp_path / "state.json")
    names = {file.name for file in tmp_path.iterdir()}
    assert state_directory(tmp_path / "state.json").severity == "good"
    assert {file.name for file in tmp_path.iterdir()} == names


@pytest.mark.parametrize("suffix", [".new", ".bak", ".bak.new"])
def test_a_directory_in_the_place_of_a_file_beside_the_state_is_named(tmp_path, suffix):
    path = tmp_path / "state.json"
    begin(path)
    (tmp_path / f"state.json{suffix}").mkdir()
    with pytest.raises(
        StateError, match=rf"state\.json{suffix}: cannot be written: Is a directory\. .* remove that dir"
    ):
        Store(path, State()).write(State())


# What a file system may refuse


def test_a_directory_that_cannot_be_synced_is_no_reason_to_stop():
    local = Disk()
    local.sync(Path("/proc"))  # it refuses, with EINVAL
    assert not local.syncs_directories


def test_a_file_that_cannot_be_synced_is():
    with pytest.raises(OSError, match="Invalid argument"):
        Disk().sync(Path("/dev/null"))


@pytest.fixture
def refuse_directories(monkeypatch):
    """Return a function: errno → from now on fsync of a directory is refused with it."""
    sync = os.fsync

    def refuse(number: int) -> None:
        def refusing(handle: int) -> None:
            if stat.S_ISDIR(os.fstat(handle).st_mode):
                raise OSError(number, os.strerror(number))
            sync(handle)

        monkeypatch.setattr(os, "fsync", refusing)

    return refuse


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS])
def test_where_a_directory_cannot_be_synced_run_does_without_and_check_says_so(tmp_path, refuse_directories, number):
    refuse_directories(number)
    path = tmp_path / "state.json"
    begin(path)
    Store(path, State()).save(State(delivered_count=1))
    assert load(path, print).delivered_count == 1
    finding = state_directory(path)
    assert finding.severity == "warning"
    assert "cannot sync a directory: a power cut may undo the last change" in finding.text


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_sync_that_fails_is_still_an_error(tmp_path, refuse_directories, number):
    refuse_directories(number)
    with pytest.raises(StateError, match="cannot be written"):
        begin(tmp_path / "state.json")
    assert state_directory(tmp_path / "state.json").severity == "bad"


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK])
def test_where_there_are_no_hard_links_the_generation_before_is_a_copy_for_its_owner_only(
    tmp_path, monkeypatch, number
):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "state.json"
    before = os.umask(0)
    try:
        for count in (1, 2):
            Store(path, State()).save(State(delivered_count=count))
    finally:
        os.umask(before)
    backup = tmp_path / "state.json.bak"
    assert load(backup, print).delivered_count == 1
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert rehearse(path)
