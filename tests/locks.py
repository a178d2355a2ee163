"""The locks, and what each package in them requires by its own metadata.

`make lock` records the latter in locked.json: of a released version it never changes, and so the tests need no network.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
_PARTS = ("", "-test", "-dev", "-bench", "-browser")
RUNTIME, TEST, DEV, BENCH, BROWSER = LOCKS = tuple(f"requirements{part}.txt" for part in _PARTS)
RECORD = Path(__file__).parent / "locked.json"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = (("linux", "Linux", "x86_64"), ("linux", "Linux", "aarch64"), ("darwin", "Darwin", "arm64"))

Environment = dict[str, str]


def environments(*pythons: str) -> Iterator[Environment]:
    """Yield what markers are evaluated in: each of *pythons* on each platform that we support."""
    for python in pythons:
        for sys_platform, system, machine in PLATFORMS:
            here = {name: str(value) for name, value in default_environment().items()}
            here |= {"python_version": python, "python_full_version": f"{python}.9", "implementation_version": python}
            here |= {"sys_platform": sys_platform, "platform_system": system, "platform_machine": machine}
            yield here


def applies(requirement: Requirement, environment: Environment, extras: Iterable[str] = ()) -> bool:
    """Tell whether *requirement* holds in *environment*, for a package of which *extras* are asked for."""
    marker = requirement.marker
    return marker is None or any(marker.evaluate(environment | {"extra": extra}) for extra in ("", *extras))


@dataclass(frozen=True, slots=True)
class Pin:
    """One entry of a lock: `coverage[toml]==7.17.4 ; python_version < "3.12"` and its hashes."""

    requirement: Requirement
    hashes: frozenset[str]

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        return str(self.requirement.specifier).removeprefix("==")

    @property
    def key(self) -> str:
        """The requirement without its marker."""
        extras = f"[{','.join(sorted(self.requirement.extras))}]" if self.requirement.extras else ""
        return f"{self.name}{extras}=={self.version}"

    def requires(self, metadata: Iterable[str]) -> list[str]:
        """Return those lines of its *metadata* that hold somewhere, with the extras that are asked for."""
        here = list(environments(*PYTHONS))
        return sorted(
            line for line in metadata if any(applies(Requirement(line), one, self.requirement.extras) for one in here)
        )


def pins(lock: str) -> list[Pin]:
    text = (ROOT / lock).read_text("utf-8")
    blocks = re.findall(r"^(?!#)(\S.*?)( \\\n.*?)?$(?=\n\S|\Z|\n    #)", text, re.MULTILINE | re.DOTALL)
    return [Pin(Requirement(line), frozenset(re.findall(r"--hash=(sha256:\w{64})", rest))) for line, rest in blocks]


def _metadata(keys: list[str], python: str) -> dict[str, list[str]]:
    """Return name → what it requires, as pip finds it in the wheels for *python*."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps", "--only-binary", ":all:"]
        options = ["--target", folder, "--python-version", python, "--report", str(report)]
        subprocess.run([*pip, *options, *keys], check=True)
        found = [entry["metadata"] for entry in json.loads(report.read_text("utf-8"))["install"]]
    return {canonicalize_name(one["name"]): one.get("requires_dist", []) for one in found}


def main() -> None:
    """Record what the packages in all locks require."""
    record: dict[str, list[str]] = {}
    for lock in LOCKS:
        for python in PYTHONS:
            here = list(environments(python))
            new = [p for p in pins(lock) if p.key not in record and any(applies(p.requirement, one) for one in here)]
            metadata = _metadata([pin.key for pin in new], python) if new else {}
            record |= {pin.key: pin.requires(metadata[pin.name]) for pin in new}
    RECORD.write_text(json.dumps(dict(sorted(record.items())), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
