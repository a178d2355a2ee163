"""The wheel and the sdist, built with the locked tools as `make dist` builds them."""

import subprocess
import sys
from pathlib import Path

from tests.locks import ROOT


def build(target: str, folder: Path, source: Path = ROOT) -> Path:
    """Build the "wheel" or the "sdist" of *source* into the new *folder*, and return it."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (path,) = folder.iterdir()
    return path
