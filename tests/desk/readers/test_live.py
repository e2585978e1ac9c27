"""Work on many readers in a real browser: it moves by itself, and a press on the button stops it."""

import pytest
from django.utils import timezone

from newsletter.desk import tasks
from newsletter.desk.jobs import readers
from newsletter.desk.models import Errand
from subscribers.models import Subscriber
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


@pytest.mark.exhaustive
def test_the_button_that_stops_is_not_taken_away_under_the_hand(desk, server, monkeypatch):
    monkeypatch.setattr(readers, "BATCH", 1)
    make_subscriber()
    errand = Errand.objects.create(kind="tag", about="all", by="gipi", created_at=timezone.now(), total=2)
    desk.goto(f"{server.url}{READERS}errands/{errand.pk}/")
    button = desk.get_by_role("button", name="Stop")
    button.focus()
    desk.evaluate("window.was = document.activeElement")
    Errand.objects.update(counts={"done": 1}, position=1, begun_at=timezone.now())
    desk.locator(".is-done dd", has_text="1").wait_for()
    assert desk.evaluate("document.activeElement === window.was") is True

    desk.keyboard.press("Enter")

    desk.locator(".dot-warn").wait_for()
    assert Errand.objects.get().state == "stopped"
    assert not Subscriber.objects.tagged("vip").exists()


@pytest.mark.exhaustive
def test_whoever_stands_on_the_button_that_stops_stays_at_the_work_once_it_is_done(desk, server):
    make_subscriber()
    errand = Errand.objects.create(kind="tag", about="all", by="gipi", created_at=timezone.now(), total=1)
    desk.goto(f"{server.url}{READERS}errands/{errand.pk}/")
    desk.get_by_role("button", name="Stop").focus()

    Errand.objects.update(state="done", begun_at=timezone.now(), ended_at=timezone.now())
    desk.locator(".dot-good").wait_for()

    assert desk.evaluate("document.activeElement.matches('[data-live]')") is True
    desk.keyboard.press("Tab")
    assert desk.evaluate("document.activeElement.textContent.trim()") == "Back to the readers"
