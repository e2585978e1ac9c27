"""A real browser: Debian's chromium without a window, or the whole one, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from pytest_django.live_server_helper import LiveServer

from tests.support.missing_parts import skip_missing

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

# The first is the same browser without what draws its windows: the same pages cost two thirds of the processor.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
PACKAGES = "chromium-headless-shell fonts-noto-cjk"
# In a container and without a screen; nothing of its own on the network.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]


def chromium() -> str:
    asked = os.environ.get("CHROMIUM", "")
    path = asked or next((found for name in NAMES if (found := shutil.which(name))), None)
    if not path:
        skip_missing(f"a browser is missing: apt-get install {PACKAGES} (or set CHROMIUM to a browser's path)")
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    from playwright.sync_api import sync_playwright

    path = chromium()
    # Playwright keeps an event loop in this thread, which Django takes for asynchronous code of ours.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def context(browser: "Browser") -> Iterator["BrowserContext"]:
    """A fresh browser profile."""
    profile = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en", timezone_id="Asia/Taipei")
    profile.set_default_timeout(30_000)  # ms
    yield profile
    profile.close()


@pytest.fixture
def page(context: "BrowserContext") -> Iterator["Page"]:
    """An empty page; a script error or a broken content policy on any page fails the test."""
    complaints: list[str] = []
    tab = context.new_page()
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda line: complaints.append(line.text) if "Content Security Policy" in line.text else None)
    yield tab
    assert complaints == []


@pytest.fixture
def server(settings: Any, transactional_db: None) -> Iterator[LiveServer]:
    """A web server that begins after the settings of the test: pytest-django's own would redirect to https.

    On localhost a browser gives scripts SubtleCrypto without HTTPS.
    """
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    settings.SITE_URL = "http://localhost"
    running = LiveServer("localhost:0")
    yield running
    running.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Add the text of open pages to the report of a failed test."""
    report = yield
    if report.when == "call" and report.failed and (shown := getattr(item, "funcargs", {}).get("browser")):
        report.sections += [(f"page {tab.url}", _text_of(tab)) for profile in shown.contexts for tab in profile.pages]
    return report


def _text_of(tab: "Page") -> str:
    """The text of a page; an unresponsive one must not end the run."""
    from playwright.sync_api import Error

    try:
        return tab.locator("body").inner_text(timeout=1_000)[:3_000]
    except Error as error:
        return str(error)
