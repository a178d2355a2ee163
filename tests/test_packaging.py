"""What is shipped: the wheel, and the requirements it is installed with."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
RUNTIME, DEV = "requirements.txt", "requirements-dev.txt"


def locked(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Return the version and the hashes of each package in the requirements file *name*."""
    text = (ROOT / name).read_text("utf-8")
    blocks = re.findall(r"^([\w.-]+)==(\S+)(.*?)(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    return {
        canonicalize_name(package): (version, frozenset(re.findall(r"--hash=(sha256:\w{64})", rest)))
        for package, version, rest in blocks
    }


@pytest.mark.parametrize(
    ("name", "declared"),
    [(RUNTIME, PROJECT["project"]["dependencies"]), (DEV, PROJECT["dependency-groups"]["dev"])],
    ids=[RUNTIME, DEV],
)
def test_each_dependency_is_locked_to_a_version_that_pyproject_allows(name, declared):
    versions = {package: version for package, (version, _) in locked(name).items()}
    for requirement in map(Requirement, declared):
        assert requirement.specifier.contains(versions.get(canonicalize_name(requirement.name), "none")), requirement


@pytest.mark.parametrize("name", [RUNTIME, DEV])
def test_each_locked_package_has_its_hashes(name):
    assert all(hashes for _, hashes in locked(name).values())


def test_the_checks_run_with_what_the_bot_runs_with():
    assert locked(RUNTIME).items() <= locked(DEV).items()


@pytest.mark.parametrize("name", [RUNTIME, DEV])
def test_a_lock_names_no_host(name):
    assert "://" not in (ROOT / name).read_text("utf-8")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.iterdir()
    return path


@pytest.mark.xdist_group("wheel")
def test_the_wheel_holds_the_bot_and_nothing_else(wheel):
    with ZipFile(wheel) as archive:
        assert {Path(name).parts[0].partition("-")[0] for name in archive.namelist()} == {"bot", "lipsync_bot"}


@pytest.mark.xdist_group("wheel")
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
