"""The same surroundings for every test: nothing of the shell that starts them reaches the program."""

import contextlib
import importlib
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from bot.config.sections import KEYS
from bot.config.texts import environment_name
from tests.forked import Program

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_FOREIGN = {
    *(environment_name(key.name) for key in KEYS),
    *_PROXIES,
    *map(str.lower, _PROXIES),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("TERM", "COLORTERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS"),
    *("LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONCOERCECLOCALE"),
    *("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "PYTHON", "VENV"),  # of `make test PYTHON=…`
    *("TTY_COMPATIBLE", "TTY_INTERACTIVE", "PYTHONWARNINGS", "PYTHONDEVMODE", "PYTHONDONTWRITEBYTECODE"),
}

for name in _FOREIGN:
    os.environ.pop(name, None)

# What a shell starts in the background, or under nohup, ignores these, and the programs that the tests start would
# inherit that. They do not inherit a handler.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)


# Their tests look at different sides of one long run, which each process that has some of them would make.
_SHARE_A_RUN = {
    "tests/demo/test_story.py",
    "tests/faults/test_chanjing_faults.py",
    "tests/faults/test_slack_faults.py",
    "tests/package/test_packaging.py",
}


# They need a database's server, which takes long to start.
_SHARE_A_SERVER = {"tests/store/test_places.py", "tests/store/test_postgres.py", "tests/test_postgres.py"}

# These take long, most of it waiting. What begins last decides when all have ended.
_LONG = (
    "tests/cli/test_program.py",
    "tests/faults/test_crashes.py",
    "tests/faults/test_program.py",
    "tests/test_listing_model.py",
    "tests/test_no_secret_leaks.py",
    "tests/test_process.py",
)


# They take minutes, or need more than `make test` installs. Each has a target of its own.
_ON_DEMAND = {"browser", "image", "package"}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave those out of a run that does not name them."""
    own = collection_path.parent == Path(__file__).parent and collection_path.name in _ON_DEMAND
    named = {part for argument in config.args for part in Path(argument.partition("::")[0]).parts}
    return True if own and collection_path.name not in named else None


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """Gives each worker the next test, in all its cases, as soon as it is idle; those that share a run to one worker.

    What takes long goes case by case.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file in _SHARE_A_SERVER:
            return "server"
        if file in _SHARE_A_RUN:
            return file
        return nodeid if file in _LONG else nodeid.partition("[")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    assert all((config.rootpath / file).exists() for file in (*_SHARE_A_RUN, *_SHARE_A_SERVER, *_LONG))
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONG))


def pytest_xdist_auto_num_workers() -> int:
    """Return how many tests run at once where nobody says: half of the time they wait."""
    return 2 * (os.cpu_count() or 1)


def pytest_collection(session: pytest.Session) -> None:
    """Let each worker of a whole run begin to import elsewhere: what is not compiled yet, one compiles for all."""
    here = Path(__file__).parent
    if "PYTEST_XDIST_WORKER" not in os.environ or [Path(one).resolve() for one in session.config.args] != [here]:
        return
    modules = [
        ".".join(file.relative_to(here.parent).with_suffix("").parts)
        for file in here.rglob("test_*.py")
        if file.parent.name not in _ON_DEMAND
    ]
    worker, workers = int(os.environ["PYTEST_XDIST_WORKER"][2:]), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    first = len(modules) * worker // workers
    for module in (*modules[first:], *modules[:first]):
        with contextlib.suppress(Exception, pytest.skip.Exception):  # pytest imports it again, and reports that
            importlib.import_module(module)


@pytest.fixture(scope="session", autouse=True)
def _one_authority(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Trust one authority in place of all, which take 40 ms to load, for each of some hundred clients and programs."""
    store = tmp_path_factory.mktemp("trusted") / "one.pem"
    store.write_text(
        re.findall(r"-----BEGIN.*?END CERTIFICATE-----\n", Path(certifi.where()).read_text(), re.DOTALL)[0]
    )
    os.environ["SSL_CERT_FILE"] = str(store)


@pytest.fixture(scope="session")
def program() -> Iterator[Program]:
    """Yield the program: arguments, directory, environment → how it ended."""
    with Program() as program:
        yield program
