"""Posts move in, in a real browser: dropped, tried, decided and written; by thumb, by keys and by night."""

import pytest

from newsletter.desk import tasks
from tests.desk.moving_in.conftest import MOVE_IN, ghost_zip
from tests.support.page_checks import assert_accessible_in_both_schemes

pytestmark = pytest.mark.browser
WIDTHS = (320, 375, 1280)


@pytest.fixture
def publication(settings, tmp_path):
    """The desk makes its own; files go where they harm nobody."""
    settings.DATA_DIR, settings.MEDIA_ROOT = tmp_path / "data", tmp_path / "media"


def look(page):
    """Nothing stands in anybody's way, nothing is too wide, and no target is too small for a thumb."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (page.url, width)
    page.set_viewport_size({"width": 375, "height": 800})
    small = page.evaluate(
        "[...document.querySelectorAll('#content-main :is(button, a.button, a.row-title, summary, select)')]"
        ".filter((one) => one.offsetParent && one.getBoundingClientRect().height < 24).map((one) => one.outerHTML)"
    )
    assert small == [], page.url
    assert_accessible_in_both_schemes(page)


def test_a_blog_moves_in_by_hand(server, desk, tmp_path):
    (tmp_path / "blog.zip").write_bytes(ghost_zip())
    desk.goto(server.url + MOVE_IN)
    look(desk)

    desk.set_input_files("input[type=file]", tmp_path / "blog.zip")
    desk.click("form.drop button[type=submit]")
    desk.wait_for_selector("form[action$='/try/']")
    look(desk)
    desk.click("form[action$='/try/'] button")
    desk.wait_for_selector("progress")
    look(desk)
    tasks.take_in_posts()
    desk.wait_for_selector("form[action$='/begin/']")  # the page has looked by itself
    look(desk)
    desk.click("button[name=as_issues]")
    desk.wait_for_selector("form.numbers")
    look(desk)
    desk.click("button[name=begin]")
    desk.wait_for_selector("progress")
    tasks.take_in_posts()
    desk.wait_for_selector(".rows a[href$='/posts/post/']")
    look(desk)


@pytest.mark.exhaustive
def test_a_file_that_is_too_large_is_refused_before_it_is_sent(server, desk, tmp_path):
    with (tmp_path / "large.zip").open("wb") as file:
        file.truncate(65 * 1024**2)
    desk.goto(server.url + MOVE_IN)

    desk.set_input_files("input[type=file]", tmp_path / "large.zip")
    desk.click("form.drop button[type=submit]")

    notice = desk.locator("form.drop [role=alert]")
    assert notice.inner_text().endswith("uv run manage.py import_posts large.zip")
    assert desk.url == server.url + MOVE_IN
