"""A real PostgreSQL on this machine, for tests: started in a temporary directory, reached by a socket in it."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from bot.secret import Secret

PASSWORD = "qZ7/w@k:3%x"
_OPTIONS = ("listen_addresses=", "fsync=off", "full_page_writes=off", "shared_buffers=16MB", "log_min_messages=fatal")
_REMEDY = "PostgreSQL's server is not installed here: `apt-get install postgresql` (Debian), then run the tests again"


class Server:
    """A server whose data and socket are in *directory*, and *programs* where initdb and pg_ctl are."""

    def __init__(self, directory: Path, programs: Path) -> None:
        self.directory = directory
        self._programs = programs
        self._administrator: psycopg.Connection[tuple[Any, ...]] | None = None
        # It refuses to run as root.
        self._user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}

    def create(self) -> None:
        """Make its data, and a user called bot."""
        password = self.directory / "password"
        password.write_text(PASSWORD)
        if self._user:
            shutil.chown(self.directory, "postgres")
            shutil.chown(password, "postgres")
        options = ["--username=bot", f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
        self._run("initdb", "--no-sync", *options)

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        options = [f"-k {self.directory}", *(f"-c {option}" for option in _OPTIONS)]
        self._run("pg_ctl", "start", "--wait", "--log", str(self.directory / "log"), "--options", " ".join(options))

    def stop(self) -> None:
        """End every session, and the server."""
        if self._administrator is not None:
            self._administrator.close()
        self._run("pg_ctl", "stop", "--wait", "--mode=fast")

    def url(
        self, schema: str = "public", *, password: str = PASSWORD, directory: Path | None = None, **more: str
    ) -> Secret:
        """Return the URL of *schema*. *directory*: where the socket is, if not the server's own. *more*: settings."""
        settings = " ".join(f"-c{name}={value}" for name, value in {"search_path": schema, **more}.items())
        host = quote(str(directory or self.directory), safe="")
        return Secret(f"postgresql://bot:{quote(password, safe='')}@/postgres?host={host}&options={quote(settings)}")

    def execute(self, query: str, *values: object, schema: str = "public") -> list[tuple[Any, ...]]:
        """Return the rows that *query* finds in *schema*, as an administrator."""
        if self._administrator is None or self._administrator.closed:
            self._administrator = psycopg.connect(self.url().value, autocommit=True)
        self._administrator.execute(f"set search_path to {schema}")
        cursor = self._administrator.execute(query, values or None)
        return cursor.fetchall() if cursor.description else []

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", str(self.directory / "data"), *arguments]
        # Not a pipe, which the server would keep open.
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(command, stdout=said, stderr=said, check=False, cwd="/", **self._user)  # type: ignore[call-overload]
            said.seek(0)
            assert done.returncode == 0, said.read().decode()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Yield the server, one for each process that runs tests."""
    if _programs() is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(_REMEDY)
    with a_server() as server:
        yield server


@contextlib.contextmanager
def a_server() -> Iterator[Server]:
    """Yield a server of its own. It ends with the block."""
    programs = _programs()
    assert programs, _REMEDY
    with tempfile.TemporaryDirectory(prefix="postgres-") as directory:
        server = Server(Path(directory), programs)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _programs() -> Path | None:
    places = [Path(found).resolve().parent] if (found := shutil.which("initdb")) else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    return next((place for place in places if (place / "pg_ctl").exists()), None)


class Proxy:
    """Stands between a client and the server, with a socket of its own in *directory*.

    `pid` replaces the server's word for the number of its process, as connection poolers do. While `mute`, what the
    server says is thrown away, and then the connection is closed.
    """

    def __init__(self, server: Server, directory: Path) -> None:
        self.pid: int | None = None
        self.mute = False
        self._to = str(server.directory / ".s.PGSQL.5432")
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(directory / ".s.PGSQL.5432"))
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._to)
                for one, other in ((client, server), (server, client)):
                    threading.Thread(
                        target=self._pass_on, args=(one, other), kwargs={"answers": one is server}, daemon=True
                    ).start()

    def _pass_on(self, one: socket.socket, other: socket.socket, *, answers: bool) -> None:
        with contextlib.suppress(OSError), contextlib.closing(one):
            while said := one.recv(1 << 16):
                if answers and self.mute:
                    break
                if answers and self.pid is not None and (at := said.find(b"K\0\0\0\x0c")) >= 0:
                    said = said[: at + 5] + self.pid.to_bytes(4) + said[at + 9 :]
                other.sendall(said)
            other.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listening.close()
