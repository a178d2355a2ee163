"""docs/operations.md, held to the alerts, the reasons for red, and the events of the log."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from bot import log, metrics

ROOT = Path(__file__).parents[2]
MANUAL = (ROOT / "docs/operations.md").read_text("utf-8")
ALERTS = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text("utf-8"))["groups"][0]["rules"]
REASONS = (
    "polls_failing",
    "notices_overdue",
    "slack_refused",
    "chanjing_refused",
    "archive_failing",
    "state_unavailable",
)


def section(heading):
    """Return the text below *heading*, down to the next heading of its rank or above."""
    marks = heading.partition(" ")[0]
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(marks)}}} |\Z)", MANUAL, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def rows(heading):
    lines = [line for line in section(heading).splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.fixture(scope="module")
def emitted():
    """Return event → the fields that each place of the source emits it with."""
    events: dict[str, list[set[str]]] = {}
    for path in (ROOT / "bot").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "emit":
                names = node.args[0]
                for name in (names.body, names.orelse) if isinstance(names, ast.IfExp) else (names,):
                    if isinstance(name, ast.Constant) and isinstance(name.value, str):
                        fields = {keyword.arg for keyword in node.keywords if keyword.arg}
                        events.setdefault(name.value, []).append(fields)
    return events


DOCUMENTED = {
    re.findall(r"`(\w+)`", event)[0]: (level.partition(",")[0], set(re.findall(r"`(\w+)`", keys)))
    for event, level, keys, _ in rows("## The log")
}
RECOVERIES = {recovery for _, _, recovery in log._LASTING.values()}


def test_the_manual_names_every_event_and_its_level():
    assert {event: level for event, (level, _) in DOCUMENTED.items()} == log.LEVELS


def test_what_is_logged_happens_somewhere(emitted):
    assert log.LEVELS.keys() - emitted.keys() <= RECOVERIES


@pytest.mark.parametrize("event", sorted(log.LEVELS))
def test_the_manual_names_the_keys_of_an_event(emitted, event):
    _, keys = DOCUMENTED[event]
    assert [fields for fields in emitted.get(event, []) if fields - log.NOT_LOGGED != keys] == []


def test_an_event_that_is_not_logged_has_another_listener(emitted):
    counted = set().union(*(row[1] for row in (*metrics._COUNTERS, *metrics._SPANS, *metrics._SUMS, *metrics._GAUGES)))
    heard = {"cycle_ended", "list_scanned", "page_read"}  # by the probes, the ping and the progress bar
    assert emitted.keys() - log.LEVELS.keys() <= counted | heard | {end for _, end, _ in log._LASTING.values()}


@pytest.mark.parametrize(
    "row", [*metrics._COUNTERS, *metrics._SPANS, *metrics._SUMS, *metrics._GAUGES], ids=lambda row: row[0]
)
def test_what_is_counted_happens_with_all_that_the_count_needs(emitted, row):
    _, events, _, needed = row
    needed = {needed} if isinstance(needed, str) else set(needed)
    for event in events:
        assert [fields for fields in emitted[event] if not needed <= fields] == []


def test_the_events_that_other_programs_may_count_on_are_there(emitted):
    assert {"poll_finished", "task_ended", "notice_dispatched", "notice_delivered", "notice_in_doubt"} <= emitted.keys()


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_the_manual_says_what_to_do_about_an_alert_to_which_its_runbook_points(rule):
    assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
    assert section(f"#### {rule['alert']}").strip()


def test_the_manual_says_what_each_reason_for_red_means():
    assert [re.findall(r"`(\w+)`", row[0])[0] for row in rows("### Reasons for red")] == list(REASONS)


@pytest.mark.parametrize(
    "way", ["docker run", "Compose", "Kubernetes", "systemd", "One poll at a time", "A virtual environment"]
)
def test_the_manual_has_a_recipe_for_each_way_to_run_it(way):
    assert section(f"### {way}").strip()


def test_each_file_of_deploy_that_the_manual_names_is_there():
    named = set(re.findall(r"\bdeploy/[\w./-]*\w", MANUAL))
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
