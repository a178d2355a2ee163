"""The container engine that is here, and the containers that the tests run with it.

Tried in turn, until one builds and runs an image made of the Dockerfile's base: docker, podman, and buildah with podman
where neither may make namespaces of its own, as inside another container. To choose, say how to build in
IMAGE_TEST_BUILD ("podman build --format=docker"), how to do the rest in IMAGE_TEST_ENGINE ("podman --runtime=runc"),
and what every container needs, if anything, in IMAGE_TEST_OPTIONS ("--ulimit=nofile=1024:1024"). IMAGE_TEST_BASE names
another base than the Dockerfile's, where that one cannot be pulled.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

ROOT = Path(__file__).parents[2]
PINNED = re.findall(r"^ARG BASE=(\S+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)[0]
BASE = os.environ.get("IMAGE_TEST_BASE", PINNED)
IMAGE = "localhost/lipsync-bot:image-test"
BARE = "localhost/lipsync-bot:image-test-base"  # the base and nothing else
LOCKED_DOWN = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
PATIENCE = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class Engine:
    """How to build an image, how to do the rest, and what must be added where a container is run or made."""

    build: tuple[str, ...]
    command: tuple[str, ...]
    options: tuple[str, ...] = ()

    def __call__(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return _call((*self.command, *arguments), check=check)

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a container to its end, and remove it. *arguments* are options, the image and its command."""
        return self("run", "--rm", *self.options, *arguments, check=check)

    def inspect(self, what: str, name: str) -> Any:
        """Return what the engine knows of the image, container or volume *name*."""
        return json.loads(self(what, "inspect", name).stdout)[0]

    def build_image(self, directory: Path, name: str) -> None:
        """Build *directory*."""
        _call((*self.build, f"--build-arg=BASE={BASE}", "-t", name, str(directory)))


_CANDIDATES = (
    Engine(("docker", "build"), ("docker",)),
    Engine(("podman", "build", "--format=docker"), ("podman",), ("--read-only-tmpfs=false",)),
    Engine(
        ("buildah", "bud", "--format=docker", "--layers", "--isolation=chroot", "--network=host"),
        ("podman", "--runtime=runc", "--cgroup-manager=cgroupfs"),
        # Its defaults are more than a container may ask for inside another.
        ("--read-only-tmpfs=false", "--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096"),
    ),
)


def find(environ: Mapping[str, str]) -> Engine:
    """Return the first engine that works. RuntimeError says of each why it does not."""
    candidates: Iterable[Engine] = _CANDIDATES
    if "IMAGE_TEST_ENGINE" in environ:
        words = (shlex.split(environ.get(f"IMAGE_TEST_{name}", "")) for name in ("BUILD", "ENGINE", "OPTIONS"))
        build, command, options = map(tuple, words)
        candidates = [Engine(build or (command[0], "build"), command, options)]
    faults = []
    for engine in candidates:
        fault = _fault(engine)
        if not fault:
            return engine
        faults.append(f"{shlex.join(engine.build)}, {shlex.join(engine.command)}: {fault}")
    raise RuntimeError("no container engine works here.\n" + "\n".join(faults))


def _fault(engine: Engine) -> str:
    """Return why *engine* cannot build and run an image as the tests do; "" where it can."""
    missing = [program for program in (engine.build[0], engine.command[0]) if not shutil.which(program)]
    if missing:
        return f"{missing[0]} is not installed"
    try:
        with tempfile.TemporaryDirectory() as directory:
            (Path(directory) / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\nRUN true\n", "utf-8")
            engine.build_image(Path(directory), BARE)
        engine.run("--network=host", *LOCKED_DOWN, BARE, "true")
    except RuntimeError as error:
        return str(error)
    return ""


def _call(command: tuple[str, ...], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", check=False, stdin=subprocess.DEVNULL
    )
    if check and done.returncode:
        raise RuntimeError(
            f"{shlex.join(command)} ended with {done.returncode}:\n{(done.stderr or done.stdout).strip()}"
        )
    return done


class Container:
    """One container, locked down, on the machine's own network so that it reaches a server on loopback."""

    def __init__(self, engine: Engine, *arguments: str, environment: Mapping[str, str], volume: str) -> None:
        self.name = f"lipsync-bot-{uuid4().hex[:12]}"
        self._engine = engine
        variables = [f"--env={name}={value}" for name, value in environment.items()]
        engine(
            *("create", f"--name={self.name}", "--network=host", *LOCKED_DOWN, *engine.options),
            *(*variables, f"--volume={volume}:/data", IMAGE, *arguments),
        )
        engine("start", self.name)

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run *command* in the container."""
        return self._engine("exec", self.name, *command, check=False)

    def kill(self, signal: str = "KILL") -> None:
        """Send a signal to the container's first process."""
        self._engine("kill", f"--signal={signal}", self.name)

    def start_again(self) -> None:
        """Start it once more after its end, as a restart policy does."""
        self._engine("start", self.name)

    def wait(self) -> int:
        """Wait for its end and return its exit code."""
        return int(self._engine("wait", self.name).stdout)

    @property
    def logs(self) -> str:
        """What it has written so far, stdout and stderr."""
        output = self._engine("logs", self.name, check=False)
        return output.stdout + output.stderr

    def remove(self) -> None:
        """Remove it, whatever it does."""
        self._engine("rm", "--force", self.name, check=False)


def eventually(holds: Callable[[], bool], what: str, *, within: float = PATIENCE) -> None:
    """Wait until *holds*. AssertionError says *what* did not come true."""
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, f"not within {within:.0f} s: {what}"
        time.sleep(0.1)
