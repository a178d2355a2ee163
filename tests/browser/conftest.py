"""Debian's chromium, and whatever it says."""

import shutil
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from docs.page import SampleServer


@pytest.fixture(scope="session")
def chromium():
    path = shutil.which("chromium")
    assert path, "needs chromium; on Debian: apt-get install chromium"
    with sync_playwright() as playwright:
        # No sandbox: it is not to be had in most containers, and the pages are ours.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def said():
    """What the browser's console shows, and what could not be loaded."""
    return []


@pytest.fixture
def show(chromium, said):
    """Yield what opens the page of a sample: (sample, language, width, dark, script) → Playwright's page."""
    opened: list[Any] = []

    def open_page(sample, language="en", *, width=1440, dark=False, script=True, query=""):
        server = SampleServer(sample, language)
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
        )
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.on("requestfailed", lambda request: said.append(request.url))
        opened.extend((context, server))
        page.goto(f"{server.url}/{query}")
        return page

    yield open_page
    for one in opened:
        one.close()
