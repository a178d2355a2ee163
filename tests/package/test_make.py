"""The Makefile and .ci/run, with a Python that writes down what it is asked to do."""

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REAL = f"exec '{sys.executable}'"
MAKES, INSTALLS, CHECKS = "-m venv --clear .venv", "-m pip install", "-m bot check"

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="needs make")


class Room:
    """A directory with the Makefile and a Python of its own."""

    def __init__(self, path: Path) -> None:
        self.path, self.asked, self.venv = path, path / "asked", path / ".venv"
        path.mkdir()
        shutil.copy(ROOT / "Makefile", path)
        for lock in ("requirements.txt", "requirements-test.txt", "requirements-dev.txt"):
            (path / lock).touch()
        self.python(path / "bin" / "python3")

    def python(self, path: Path, answers: str = f'{REAL} "$@"') -> Path:
        """Make a Python that *answers* to `-c` as that shell line does, and only notes the rest."""
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"""#!/bin/sh
case $* in
  "-c "*) {answers} ;;
  "-m venv"*)
    for made; do :; done
    [ ! -d "$made" ] || rm -rf "$made"
    mkdir -p "$made/bin" && cp "$0" "$made/bin/python" && touch "$made/pyvenv.cfg" ;;
esac
echo "$@" >>asked
""")
        path.chmod(0o755)
        return path

    def make(self, *arguments: str, umask: int = 0o022) -> None:
        env = os.environ | {"PATH": f"{self.path / 'bin'}:{os.environ['PATH']}"}
        subprocess.run(["make", *arguments], cwd=self.path, env=env, umask=umask, check=True, capture_output=True)  # noqa: S607 - wherever it is

    def check(self, *arguments: str) -> list[str]:
        """Return what Python was asked to do by `make check`."""
        self.asked.unlink(missing_ok=True)
        self.make("check", *arguments)
        return [line for line in self.asked.read_text().splitlines() if not line.startswith("-c ")]

    def steps(self, *arguments: str) -> list[str]:
        return [step for line in self.check(*arguments) for step in (MAKES, INSTALLS, CHECKS) if line.startswith(step)]


@pytest.fixture
def room(tmp_path):
    return Room(tmp_path / "my 视频 bot")


def test_the_first_command_makes_the_environment_and_the_second_uses_it(room):
    assert room.steps() == [MAKES, INSTALLS, CHECKS]
    assert room.steps() == [CHECKS]


def test_nothing_is_installed_but_what_is_locked(room):
    (install,) = [line for line in room.check() if line.startswith(INSTALLS)]
    assert all(f" {option} " in install for option in ("--require-hashes", "--no-deps", "--only-binary :all:"))


def its_python_is_gone(room):
    (room.venv / "bin" / "python").unlink()
    (room.venv / "bin" / "python").symlink_to(room.path / "gone")


def half_made(room):
    shutil.rmtree(room.venv / "bin")


def without_pip(room):
    room.python(room.venv / "bin" / "python", f'{REAL} -I -S "$@"')


def a_python_too_old(room):
    room.python(room.venv / "bin" / "python", "exit 1")


def no_directory(room):
    shutil.rmtree(room.venv)
    room.venv.touch()


def a_link_to_nowhere(room):
    shutil.rmtree(room.venv)
    room.venv.symlink_to(room.path / "gone")


def test_an_environment_that_cannot_be_used_is_made_anew(room):
    room.check()
    for breaks in (its_python_is_gone, half_made, without_pip, a_python_too_old, no_directory, a_link_to_nowhere):
        breaks(room)
        assert room.steps() == [MAKES, INSTALLS, CHECKS], breaks


def test_an_environment_of_another_python_than_the_one_that_is_named_is_made_anew(room):
    room.check()
    assert room.steps(f"PYTHON={room.path / 'bin' / 'python3'}") == [CHECKS]
    another = room.python(room.path / "another", f'case $* in *print*) echo 3.99 ;; *) {REAL} "$@" ;; esac')
    assert room.steps(f"PYTHON={another}") == [MAKES, INSTALLS, CHECKS]


def test_an_installation_that_was_interrupted_is_done_again(room):
    room.check()
    (room.venv / ".runtime").unlink()
    assert room.steps() == [INSTALLS, CHECKS]


def test_every_user_can_run_what_was_installed(room):
    place = room.path / "opt" / "lipsync-bot"
    room.make("install", f"PREFIX={place}", umask=0o077)
    assert (place / "bin").stat().st_mode & 0o777 == 0o755


def test_what_ci_runs_finds_a_python_in_any_path(tmp_path):
    python = tmp_path / "my  视频" / "versions" / "3.99" / "bin" / "python3"
    python.parent.mkdir(parents=True)
    python.symlink_to(Path(sys.executable).resolve())
    functions = re.findall(r"^SUPPORTED=.*?^}$", (ROOT / ".ci/run").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    env = os.environ | {"PATH": os.defpath, "PYENV_ROOT": str(tmp_path / "my  视频")}
    bash = ["bash", "-euo", "pipefail", "-c", f"{functions[0]}\npythons"]
    found = subprocess.run(bash, env=env, check=True, capture_output=True, encoding="utf-8").stdout
    assert f"{platform.python_version()} {python}" in found.splitlines()
