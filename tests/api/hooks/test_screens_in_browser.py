"""The pages of webhooks in a real browser: no barrier by day or night, nothing too wide, made and tested by keys."""

import threading

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from newsletter.api.hooks import worker
from newsletter.api.hooks.models import Call, Hook
from tests.desk.conftest import desk as desk  # noqa: PLC0414 - a fixture of the tests of the desk
from tests.support.page_checks import assert_accessible_wide_and_narrow

pytestmark = [pytest.mark.browser, pytest.mark.exhaustive]


def work():
    """Run the worker in a thread: Django refuses the database in the browser's event loop."""

    def turn():
        worker.run_turn(timezone.now())
        connection.close()

    thread = threading.Thread(target=turn)
    thread.start()
    thread.join()


def test_an_author_makes_a_webhook_by_keys_and_sees_what_was_answered(desk, server, receiver):
    desk.goto(server.url + reverse("admin:webhooks"))
    assert_accessible_wide_and_narrow(desk)
    desk.get_by_role("link", name="New webhook").press("Enter")
    desk.get_by_label("Address", exact=True).fill("http://hooks.example.org/in")
    desk.get_by_role("button", name="Make it, and show its secret").press("Enter")
    assert "begins with https://" in desk.get_by_role("main").inner_text()
    assert_accessible_wide_and_narrow(desk)
    desk.get_by_label("Address", exact=True).fill(receiver.url)
    desk.get_by_label("A reader has left").press("Space")
    desk.get_by_role("button", name="Make it, and show its secret").press("Enter")
    secret = desk.get_by_role("region", name="Secret", exact=True).inner_text().strip()
    assert secret.startswith("whsec_")
    assert_accessible_wide_and_narrow(desk)

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
    assert_accessible_wide_and_narrow(desk)
    desk.get_by_role("link", name="Delete").click()
    assert_accessible_wide_and_narrow(desk)
    desk.goto(server.url + reverse("admin:webhooks"))
    assert_accessible_wide_and_narrow(desk)
