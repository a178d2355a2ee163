"""The page as people see it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from docs.page import hostile, new, task_id, trouble, well

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("sample", [well, new, trouble, hostile])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_stands_in_anybodys_way(show, said, sample, dark):
    """Neither in the contrast and the landmarks, by axe-core, nor in the console."""
    # axe is put into the page, which allows no script: so its copy, without the policy, is looked at.
    page = show(sample, dark=dark)
    assert said == []
    copy = page.context.new_page()
    copy.set_content(page.content())
    found = Axe().run(copy).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found] == []


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_nothing_sticks_out_at_any_width(show, width):
    for sample, language in ((well, "zh"), (trouble, "en"), (hostile, "en")):
        page = show(sample, language, width=width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_task_is_found_without_a_script(show):
    page = show(well, script=False)
    page.get_by_role("searchbox").fill(task_id(3)[:8])
    page.get_by_role("button", name="Find").click()
    expect(page.locator("ol li")).to_have_count(1)
    expect(page.locator("ol li")).to_contain_text(re.compile(f"Ready.*{task_id(3)}"))
    page.get_by_role("link", name="Back").click()
    expect(page.locator("ol li")).to_have_count(200)


def test_only_the_covers_that_are_seen_are_loaded(show):
    page = show(well)
    page.wait_for_load_state("networkidle")
    loaded = page.locator("img").evaluate_all("all => all.filter(one => one.complete && one.naturalWidth).length")
    assert 0 < loaded < 100


def test_the_demo_is_seen_at_work(chromium, said, tmp_path):
    demo = [sys.executable, "-m", "bot", "demo"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(demo, cwd=tmp_path, env=env, stdout=subprocess.PIPE, encoding="utf-8") as running:
        assert running.stdout is not None
        (address,) = re.findall(r"http://\S+", running.stdout.readline())
        page = chromium.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.goto(address)
        bots, channel = page.frame_locator("iframe >> nth=0"), page.frame_locator("iframe >> nth=1")
        bots.get_by_text("Watch the video").first.wait_for(timeout=30_000)
        channel.get_by_text("Lip-sync video ready").first.wait_for(timeout=30_000)
        page.close()
        running.communicate(timeout=60)
    assert (running.returncode, said) == (0, [])
