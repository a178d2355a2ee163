"""The program in a process of its own, without the time that its imports take: it is forked from one that has them."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_FORKS = """
import json, os, signal, sys, time
from bot.cli import check, explain, preview, program, replay, run, status
from bot.slack import terminal
from bot.__main__ import main

for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if child == 0:
        os.environ.clear()
        os.environ.update(asked["environ"])
        time.tzset()
        os.chdir(asked["directory"])
        for number, path in enumerate([os.devnull, *asked["streams"]]):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), number)
        sys.argv = ["lipsync-bot", *asked["arguments"]]
        signal.alarm(60)
        sys.exit(main())
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@dataclass(frozen=True)
class Ended:
    """How the program ended, and what it printed."""

    code: int
    out: str
    err: str


class Program:
    """Starts the program as often as it is asked to, one at a time."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        self._forks = subprocess.Popen(
            [sys.executable, "-c", _FORKS], stdin=pipe, stdout=pipe, text=True, cwd=Path(__file__).parents[1]
        )
        self._streams = tempfile.TemporaryDirectory()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._forks.communicate(timeout=60)
        self._streams.cleanup()

    def __call__(self, *arguments: str, directory: Path, environ: Mapping[str, str]) -> Ended:
        out, err = (Path(self._streams.name) / name for name in ("out", "err"))
        asked = {"arguments": arguments, "directory": str(directory), "environ": os.environ | environ}
        assert self._forks.stdin
        assert self._forks.stdout
        print(json.dumps(asked | {"streams": [str(out), str(err)]}), file=self._forks.stdin, flush=True)
        return Ended(int(self._forks.stdout.readline()), out.read_text("utf-8"), err.read_text("utf-8"))
