"""Work on many readers in a real browser: it moves by itself, and a press on the button stops it."""

import pytest

from newsletter.desk import tasks
from tests.factories import make_subscriber

pytestmark = pytest.mark.browser
READERS = "/admin/subscribers/subscriber/"


@pytest.fixture(autouse=True)
def _files(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def test_an_author_tags_all_that_match_and_watches(desk, server):
    for number in range(3):
        make_subscriber(f"r{number}@example.org", tags="old" if number else "")
    desk.goto(f"{server.url}{READERS}?tag=old")
    desk.get_by_role("link", name="All of these…").click()
    desk.get_by_role("link", name="Give a tag").click()
    desk.get_by_label("Tag").fill("vip")
    desk.get_by_role("button", name="Give a tag: 2 readers").click()
    desk.get_by_role("heading", name="Give a tag “vip”").wait_for()
    desk.evaluate("window.isTheSamePage = true")
    assert desk.locator(".dot-wait").is_visible()

    tasks.work_on_errands()

    desk.locator(".dot-good").wait_for()
    assert desk.locator(".is-done dd").text_content() == "2"
    assert desk.evaluate("window.isTheSamePage") is True
    assert desk.get_by_role("button", name="Stop").count() == 0
