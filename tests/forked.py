"""The program in a process of its own, without the time that its imports take: it is forked from one that has them."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_FORKS = """
import gc, json, os, socket, sys, time
from bot.cli import check, config, demo, explain, health, preview, program, replay, run, status
from bot.slack import terminal
from bot.__main__ import main

asking = socket.socket(fileno=int(sys.argv[1]))
gc.collect()
gc.freeze()  # else the last collection of each program copies all of this one's memory
waiting = set()
while True:
    line, files, _, _ = socket.recv_fds(asking, 1 << 20, 4)
    if not line:
        break
    waiting -= {one for one in waiting if os.waitpid(one, os.WNOHANG)[0]}
    # One that waits for the program, so that several can run at once.
    if waits := os.fork():
        waiting.add(waits)
    else:
        asking.close()
        *streams, said = files
        child = os.fork()
        if child == 0:
            asked = json.loads(line)
            for number, file in enumerate(streams):
                os.dup2(file, number)
            for file in files:
                os.close(file)
            os.environ.clear()
            os.environ.update(asked["environ"])
            time.tzset()
            os.chdir(asked["directory"])
            sys.argv = ["lipsync-bot", *asked["arguments"]]
            exec(asked["before"])
            sys.exit(main())
        for file in streams:
            os.close(file)
        os.write(said, f"{child}\\n".encode())
        os.write(said, f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\\n".encode())
        os._exit(0)
    for file in files:
        os.close(file)
asking.close()
for one in waiting:
    os.waitpid(one, 0)
"""


@dataclass(frozen=True)
class Ended:
    """How the program ended, and what it printed."""

    code: int
    out: str
    err: str


class Running:
    """The program while it runs, with what subprocess.Popen offers."""

    def __init__(self, said: int) -> None:
        self._said = os.fdopen(said, encoding="ascii")
        self.pid = int(self._said.readline())
        self.returncode: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.wait()

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._said], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout: float = 60) -> int:
        if self.returncode is None:
            assert select.select([self._said], [], [], timeout)[0], f"the program still runs after {timeout} s"
            with self._said:
                self.returncode = int(self._said.readline())
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Program:
    """Starts the program as often as it is asked to, under a Python that was started with *environ*."""

    def __init__(self, **environ: str) -> None:
        self._forks, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "error", "-c", _FORKS, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,  # what it is when Python starts decides how Python writes
                cwd=Path(__file__).parents[1],
                env=os.environ | environ,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._forks.close()
        self._process.communicate(timeout=60)

    def start(
        self, *arguments: str, directory: Path, environ: Mapping[str, str], out: int, err: int, before: str = ""
    ) -> Running:
        """Start it with no input; *out* and *err* are where it prints, *before* is Python code to run first."""
        ours, theirs = os.pipe()
        asked = {"arguments": arguments, "directory": str(directory), "environ": {**os.environ, **environ}}
        with Path(os.devnull).open() as nothing:
            files = [nothing.fileno(), out, err, theirs]
            socket.send_fds(self._forks, [json.dumps(asked | {"before": before}).encode()], files)
        os.close(theirs)
        return Running(ours)

    def __call__(
        self,
        *arguments: str,
        directory: Path,
        environ: Mapping[str, str],
        out: int | None = None,
        err: int | None = None,
        before: str = "",
    ) -> Ended:
        """Run it, and return what it printed where *out* and *err* say nothing else."""
        with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as complained:
            streams = {
                "out": printed.fileno() if out is None else out,
                "err": complained.fileno() if err is None else err,
            }
            with self.start(*arguments, directory=directory, environ=environ, before=before, **streams) as running:
                code = running.wait(100)
            for file in (printed, complained):
                file.seek(0)
            return Ended(code, printed.read().decode("utf-8", "replace"), complained.read().decode("utf-8", "replace"))
