"""The workflows in .github, held to what the project says of itself."""

import re
from pathlib import Path

import yaml

from tests.locks import PYTHONS

ROOT = Path(__file__).parents[2]
WORKFLOWS = {path.stem: path.read_text("utf-8") for path in ROOT.glob(".github/workflows/*.yml")}


def test_the_gate_runs_on_each_python_that_the_locks_are_for():
    assert yaml.safe_load(WORKFLOWS["gate"])["jobs"]["gate"]["strategy"]["matrix"]["python"] == [*PYTHONS]


def test_each_action_is_pinned_by_its_commit_with_its_version_beside_it():
    used = [line for text in WORKFLOWS.values() for line in re.findall(r"uses: ([^.].*)", text)]
    assert len(used) > 10
    assert [line for line in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


def test_a_step_makes_only_what_the_makefile_has():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    made = re.findall(r"run: make ([a-z -]+?)(?: [A-Z]+=\S*)*$", "\n".join(WORKFLOWS.values()), re.MULTILINE)
    assert {target for line in made for target in line.split()} == {"gate", "dist", "package-test", "image-test"}
    assert {target for line in made for target in line.split()} <= targets
