"""An environment that has the locked libraries, and nothing of this checkout."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.locks import ROOT, RUNTIME


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of that environment."""
    place = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    installed = place / "bin" / "python"
    options = [
        "--quiet",
        "--require-hashes",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--requirement",
        str(ROOT / RUNTIME),
    ]
    subprocess.run([installed, "-m", "pip", "install", *options], check=True)
    return installed
