"""What is shipped: the wheel, and the requirements it is installed with."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.builds import build
from tests.locks import (
    BENCH,
    BROWSER,
    DEV,
    LOCKS,
    PYTHONS,
    RECORD,
    ROOT,
    RUNTIME,
    TEST,
    Environment,
    applies,
    environments,
    pins,
)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
OURS = PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["postgres"]
GROUPS = PROJECT["dependency-groups"]
DECLARED = {
    RUNTIME: OURS,
    TEST: OURS + GROUPS["test"],
    DEV: OURS + GROUPS["test"] + [line for line in GROUPS["dev"] if isinstance(line, str)],
    BENCH: OURS + GROUPS["bench"],
    BROWSER: OURS + GROUPS["test"] + [line for line in GROUPS["browser"] if isinstance(line, str)],
}
REQUIRED = json.loads(RECORD.read_text("utf-8"))


def unmet(lock: str, environment: Environment) -> set[str]:
    """Return what is required in *environment*, by us or by a package of *lock*, and is not pinned in *lock*."""
    here = [pin for pin in pins(lock) if applies(pin.requirement, environment)]
    pinned = {pin.name: pin for pin in here}
    required: list[tuple[str, str, set[str]]] = [("lipsync-bot", line, set()) for line in DECLARED[lock]]
    required += [(pin.key, line, pin.requirement.extras) for pin in here for line in REQUIRED.get(pin.key, [])]
    missing = {f"{pin.key} is not in {RECORD.name}: run make lock" for pin in here if pin.key not in REQUIRED}
    for who, line, extras in required:
        wanted = Requirement(line)
        pin = pinned.get(canonicalize_name(wanted.name))
        seen = pin and wanted.specifier.contains(pin.version) and wanted.extras <= pin.requirement.extras
        if applies(wanted, environment, extras) and not seen:
            missing.add(f"{who} requires {line}")
    return missing


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_everything_that_its_packages_require(lock, python):
    assert set().union(*(unmet(lock, environment) for environment in environments(python))) == set()


@pytest.mark.parametrize("lock", LOCKS)
def test_what_is_recorded_of_a_package_is_what_it_says_itself(lock):
    for pin in pins(lock):
        with contextlib.suppress(PackageNotFoundError):
            if version(pin.name) == pin.version:
                assert REQUIRED[pin.key] == pin.requires(requires(pin.name) or [])


@pytest.mark.parametrize("lock", LOCKS)
def test_each_locked_package_has_its_hashes(lock):
    assert all(pin.hashes for pin in pins(lock))


@pytest.mark.parametrize(("lock", "other"), [(RUNTIME, TEST), (TEST, DEV), (RUNTIME, BENCH), (TEST, BROWSER)])
def test_what_runs_the_bot_tests_it_and_what_tests_it_is_part_of_every_check(lock, other):
    assert {pin.key: pin.hashes for pin in pins(lock)}.items() <= {pin.key: pin.hashes for pin in pins(other)}.items()


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_host(lock):
    assert "://" not in (ROOT / lock).read_text("utf-8")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """Return the source distribution, unpacked by another user at another time."""
    folder = tmp_path_factory.mktemp("sdist")
    shutil.unpack_archive(build("sdist", folder / "dist"), folder, filter="data")
    (source,) = folder.glob("lipsync_bot-*")
    for path in source.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)
        os.utime(path, (1e9, 1e9))
    return source


def test_the_same_files_make_the_same_wheel_and_sdist_byte_for_byte(wheel, unpacked, tmp_path):
    assert build("wheel", tmp_path / "wheel", unpacked).read_bytes() == wheel.read_bytes()
    first, again = (build("sdist", tmp_path / name, unpacked) for name in ("first", "again"))
    assert first.read_bytes() == again.read_bytes()


def test_the_wheel_brings_what_shells_and_man_look_for(wheel):
    with ZipFile(wheel) as archive:
        data = {name.partition(".data/data/share/")[2] for name in archive.namelist()} - {""}
    assert data == {str(path.relative_to(ROOT / "share")) for path in (ROOT / "share").rglob("*") if path.is_file()}
    assert len(data) == 4


def test_the_sdist_has_what_it_takes_to_check_it(unpacked):
    for path in (
        "Makefile",
        "config.schema.json",
        "requirements-test.txt",
        "tests/package/test_packaging.py",
        "share",
        "docs",
    ):
        assert (unpacked / path).exists(), path


def test_the_wheel_holds_the_bot_and_nothing_else(wheel):
    with ZipFile(wheel) as archive:
        assert {Path(name).parts[0].partition("-")[0] for name in archive.namelist()} == {"bot", "lipsync_bot"}


def test_the_wheel_installs_the_program(wheel, tmp_path):
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(tmp_path)]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    ran = subprocess.run(
        [tmp_path / "bin" / "lipsync-bot", "--help"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "lipsync-bot" in ran.stdout


def example(where: Path) -> str:
    """Return what `config init -` prints of the program whose package is in *where*."""
    return subprocess.run(
        [sys.executable, "-m", "bot", "config", "init", "-"],
        cwd=where,
        env=os.environ | {"PYTHONPATH": str(where)},
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout


EXAMPLE = (ROOT / "config.example.yaml").read_text("utf-8")


def test_the_wheel_has_the_example_of_a_configuration(wheel, tmp_path):
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    assert example(tmp_path) == EXAMPLE


def test_a_checkout_has_the_example_of_a_configuration():
    assert example(ROOT) == EXAMPLE


def test_the_image_has_the_example_of_a_configuration(tmp_path):
    copied = re.findall(r"^COPY (\S+) /build(\S*)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    taken = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text("utf-8"), re.MULTILINE)
    for source, target in copied:
        assert source in taken
        place = tmp_path / target.strip("/")
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, place)
    assert example(tmp_path) == EXAMPLE


def test_the_project_names_its_addresses():
    assert PROJECT["project"]["urls"].keys() == {"Homepage", "Documentation", "Changelog", "Issues"}
    assert PROJECT["project"]["urls"]["Homepage"] in (ROOT / "README.md").read_text("utf-8")
