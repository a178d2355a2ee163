"""docs/operations.md, held to the alerts, the reasons for red, and the events of the log."""

import ast
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MANUAL = (ROOT / "docs/operations.md").read_text("utf-8")
ALERTS = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text("utf-8"))["groups"][0]["rules"]
LEVELS = {"debug", "info", "warning", "error", "exception"}
REASONS = ("polls_failing", "notices_overdue", "slack_refused", "chanjing_refused")


def section(heading):
    """Return the text below *heading*, down to the next heading of its rank or above."""
    marks = heading.partition(" ")[0]
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(marks)}}} |\Z)", MANUAL, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def rows(heading):
    lines = [line for line in section(heading).splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def logged():
    """Return event → the keys it is logged with, as far as the source names them."""
    events: dict[str, set[str]] = {}
    for path in (ROOT / "bot").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and node.args and _is_event(node):
                event = ast.literal_eval(node.args[0])
                events.setdefault(event, set()).update(keyword.arg for keyword in node.keywords if keyword.arg)
    return events


def _is_event(call):
    """Tell whether *call* logs: log.info("…"), (log.debug if again else log.warning)("…"), level("…")."""
    functions = [call.func.body, call.func.orelse] if isinstance(call.func, ast.IfExp) else [call.func]
    logs = all(
        (isinstance(f, ast.Attribute) and f.attr in LEVELS) or (isinstance(f, ast.Name) and f.id == "level")
        for f in functions
    )
    name = call.args[0]
    return logs and isinstance(name, ast.Constant) and re.fullmatch(r"[a-z]+(_[a-z]+)*", str(name.value)) is not None


EVENTS = logged()
DOCUMENTED = {
    re.findall(r"`(\w+)`", event)[0]: set(re.findall(r"`(\w+)`", keys)) for event, _, keys, _ in rows("## The log")
}


def test_the_manual_tells_of_every_event_and_no_other():
    assert DOCUMENTED.keys() == EVENTS.keys()


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_the_manual_tells_the_keys_of_an_event(event):
    assert EVENTS[event] <= DOCUMENTED[event]


def test_the_events_that_other_programs_may_count_on_are_there():
    assert {"poll_finished", "task_ended", "notice_dispatched", "notice_delivered", "notice_in_doubt"} <= EVENTS.keys()


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_the_manual_says_what_to_do_about_an_alert_where_its_runbook_points(rule):
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
