"""The pages of webhooks in a real browser: no barrier by day or night, nothing too wide, made and tested by keys."""

import os
import threading

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from newsletter.api.hooks import worker
from newsletter.api.hooks.models import Call, Hook
from tests.desk.conftest import desk as desk  # noqa: PLC0414 - fixtures of the tests of the desk
from tests.desk.conftest import server as server  # noqa: PLC0414 - the same
from tests.support.page_checks import assert_accessible_in_both_schemes

pytestmark = [pytest.mark.browser, pytest.mark.exhaustive]


def work():
    """Run the worker in a thread: Django refuses the database in the browser's event loop."""

    def turn():
        worker.run_turn(timezone.now())
        connection.close()

    thread = threading.Thread(target=turn)
    thread.start()
    thread.join()


def look_at(page, name):
    page.set_viewport_size({"width": 1280, "height": 900})
    assert_accessible_in_both_schemes(page)
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=f"{folder}/{name}-1280-dark.png", full_page=True)
        page.emulate_media(color_scheme="light")
        page.screenshot(path=f"{folder}/{name}-1280-light.png", full_page=True)
        page.set_viewport_size({"width": 375, "height": 800})
        page.screenshot(path=f"{folder}/{name}-375-light.png", full_page=True)
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320, name
    page.emulate_media(color_scheme="light")


def test_an_author_makes_a_webhook_by_keys_and_sees_what_was_answered(desk, server, receiver):
    desk.goto(server.url + reverse("admin:webhooks"))
    look_at(desk, "empty")
    desk.get_by_role("link", name="New webhook").press("Enter")
    desk.get_by_label("Address", exact=True).fill("http://hooks.example.org/in")
    desk.get_by_role("button", name="Make it, and show its secret").press("Enter")
    assert "begins with https://" in desk.get_by_role("main").inner_text()
    look_at(desk, "form")
    desk.get_by_label("Address", exact=True).fill(receiver.url)
    desk.get_by_label("A reader has left").press("Space")
    desk.get_by_role("button", name="Make it, and show its secret").press("Enter")
    secret = desk.get_by_role("region", name="Secret", exact=True).inner_text().strip()
    assert secret.startswith("whsec_")
    look_at(desk, "secret")

    desk.get_by_role("button", name="Send a test").press("Enter")
    work()
    hook = Hook.objects.get()
    for state, status in (("failed", 500), ("held", None)):
        Call.objects.create(
            hook=hook,
            event="reader.left",
            about=7,
            at=timezone.now(),
            state=state,
            status=status,
            tries=3,
            tried_at=timezone.now(),
            answer='{"error": "out of order"}' * 20,
            trouble="no answer within 15 seconds",
            milliseconds=1234,
        )
    desk.reload()
    desk.locator("summary", has_text="Answer 200").click()
    assert "thanks" in desk.get_by_role("main").inner_text()
    look_at(desk, "hook")
    desk.get_by_role("link", name="Delete").click()
    look_at(desk, "delete")
    desk.goto(server.url + reverse("admin:webhooks"))
    look_at(desk, "list")
