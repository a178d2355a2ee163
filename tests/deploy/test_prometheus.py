"""deploy/prometheus and deploy/grafana: they ask for metrics that the bot exposes."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from bot.metrics import Metrics
from bot.web.probes import StateCollector
from bot.web.standings import Standings
from tests.fakes import SimulatedClock

ROOT = Path(__file__).parents[2]
RULES_FILE = ROOT / "deploy/prometheus/alerts.yaml"
RULES = {
    rule["alert"]: rule for group in yaml.safe_load(RULES_FILE.read_text("utf-8"))["groups"] for rule in group["rules"]
}
DASHBOARD = json.loads((ROOT / "deploy/grafana/dashboard.json").read_text("utf-8"))
PANELS = {panel["title"]: panel for panel in DASHBOARD["panels"]}

METRICS: dict[str, set[str]] = {
    "lipsync_bot_polls_total": {"result"},
    "lipsync_bot_wakes_total": set(),
    "lipsync_bot_poll_duration_seconds": set(),
    "lipsync_bot_chanjing_requests_total": {"operation", "code"},
    "lipsync_bot_tasks_ended_total": {"status"},
    "lipsync_bot_notices_delivered_total": {"role"},
    "lipsync_bot_notice_delay_seconds": set(),
    "lipsync_bot_slack_calls_total": {"method", "outcome"},
    "lipsync_bot_looks_total": {"result"},
    "lipsync_bot_rate_limit_waits_total": set(),
    "lipsync_bot_state_write_duration_seconds": set(),
    "lipsync_bot_last_good_poll_timestamp_seconds": set(),
    "lipsync_bot_build_info": {"version", "python"},
    "lipsync_bot_pings_total": {"result"},
    "lipsync_bot_archived_files_total": set(),
    "lipsync_bot_archived_bytes_total": set(),
    "lipsync_bot_archive_failures_total": set(),
    "lipsync_bot_archive_queue": set(),
    "lipsync_bot_tasks": {"status"},
    "lipsync_bot_notices_owed": set(),
    "lipsync_bot_notice_oldest_age_seconds": set(),
    "lipsync_bot_state_size_bytes": set(),
}
HISTOGRAMS = {name for name in METRICS if name.endswith(("_duration_seconds", "_delay_seconds"))}
SERIES = METRICS.keys() - HISTOGRAMS | {
    f"{name}{part}" for name in HISTOGRAMS for part in ("_bucket", "_sum", "_count")
}

# What Prometheus and Grafana add.
ADDED = {"instance", "le"}


def series(expression):
    return set(re.findall(r"\blipsync_bot_\w+", expression))


def labels(expression):
    """Return the labels that *expression* selects or groups by."""
    selected = re.findall(r"[{,]\s*(\w+)\s*(?:=~|!~|!=|=)", expression)
    grouped = re.findall(r"\b(?:by|without|ignoring|on)\s*\(([^)]*)\)", expression)
    return {*selected, *(label.strip() for group in grouped for label in group.split(","))}


def allowed(expression):
    base = {re.sub(r"_(bucket|sum|count)$", "", name) for name in series(expression)}
    return ADDED.union(*(METRICS[name] for name in base))


EXPRESSIONS = {
    **{name: rule["expr"] for name, rule in RULES.items()},
    **{f"{title}: {target['refId']}": target["expr"] for title, panel in PANELS.items() for target in panel["targets"]},
}


def exposed():
    """Return the metrics of a bot: name → the names of its labels."""
    metrics = Metrics()
    metrics.registry.register(StateCollector(Standings((), named=False), SimulatedClock()))
    suffix = {"counter": "_total", "info": "_info"}
    names = {family.name + suffix.get(family.type, "") for family in metrics.registry.collect()}
    labelled = {next(iter(one.describe())).name: one._labelnames for _, one, _ in metrics._counters}
    return {name: labelled.get(name.removesuffix("_total"), ()) for name in names}


def test_the_metrics_are_those_that_the_bot_exposes():
    found = exposed()
    assert found.keys() == METRICS.keys()
    # Those of the state, and of the build, are made when they are asked for.
    declared = {name: set(labels) for name, labels in found.items() if labels}
    assert declared == {name: METRICS[name] for name in declared}


def test_the_manual_names_every_metric_and_its_labels():
    manual = (ROOT / "docs/operations.md").read_text("utf-8")
    shown = re.findall(r"^\| `(lipsync_bot_\w+)` \|([^|]*)\|", manual, re.MULTILINE)
    assert {name: set(re.findall(r"`(\w+)`", cell)) for name, cell in shown} == METRICS


def test_an_expression_asks_for_metrics_that_there_are_by_labels_that_they_have():
    for name, expression in EXPRESSIONS.items():
        assert series(expression), name
        assert series(expression) <= SERIES, name
        assert labels(expression) <= allowed(expression), name


def test_the_dashboard_shows_every_metric():
    shown = set().union(*(series(target["expr"]) for panel in PANELS.values() for target in panel["targets"]))
    assert {re.sub(r"_bucket$", "", name) for name in shown} == METRICS.keys()


def test_no_two_panels_of_the_dashboard_overlap():
    places = [panel["gridPos"] for panel in PANELS.values()]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_the_dashboard_can_be_pointed_at_any_prometheus():
    assert {panel["datasource"]["uid"] for panel in PANELS.values()} == {"${datasource}"}


def test_an_alert_says_how_grave_it_is_and_what_it_means():
    assert {rule["labels"]["severity"] for rule in RULES.values()} <= {"critical", "warning"}
    assert all(rule["annotations"]["summary"] for rule in RULES.values())


@pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool")
def test_each_alert_fires_when_it_should_and_only_then():
    check = ["promtool", "test", "rules", "tests/deploy/alerts.promtool.yaml"]
    done = subprocess.run(check, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
