"""The same surroundings for every test: nothing of the shell that starts them reaches the program."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest

from bot.config import KEYS
from tests.forked import Program

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_FOREIGN = {
    *(key.environment for key in KEYS),
    *_PROXIES,
    *map(str.lower, _PROXIES),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("TERM", "COLORTERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS"),
    *("LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONCOERCECLOCALE"),
    *("TTY_COMPATIBLE", "TTY_INTERACTIVE", "PYTHONWARNINGS", "PYTHONDEVMODE", "PYTHONDONTWRITEBYTECODE"),
}

for name in _FOREIGN:
    os.environ.pop(name, None)

# What a shell starts in the background, or under nohup, ignores these, and the programs that the tests start would
# inherit that. They do not inherit a handler.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)


def pytest_xdist_auto_num_workers() -> int:
    """Return how many tests run at once where nobody says: half of the time they wait."""
    return 2 * (os.cpu_count() or 1)


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
