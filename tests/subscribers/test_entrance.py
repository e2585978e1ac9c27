"""The pages between the form and the mailbox, in a real browser: the second button, the proof, the closed door."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from subscribers import signup, tasks
from subscribers.models import Subscriber
from tests.factories import make_publication
from tests.support.page_checks import assert_accessible_in_both_schemes

pytestmark = pytest.mark.browser


@pytest.fixture
def clock():
    """The system's own: a browser waits for it, and the sums expire by it."""


@pytest.fixture
def crowd(monkeypatch):
    """Have the network of the test come so often that a step is reached: "button", "proof" or "closed"."""

    def come(step: str) -> None:
        limits = {
            "button": {"OPEN_LIMIT": 0},
            "proof": {"OPEN_LIMIT": 0, "BUTTON_LIMIT": 0},
            "closed": {"SIGNUPS_PER_HOUR_MAX": 0},
        }[step]
        for name, value in limits.items():
            monkeypatch.setattr(signup, name, value)

    return come


def sign_up(page, server, email: str = "reader@example.org") -> None:
    page.goto(f"{server.url}/subscribe/")
    page.fill("input[type=email]", email)
    page.press("input[type=email]", "Enter")


def test_a_browser_works_out_the_proof_and_the_letter_comes(server, page, crowd):
    foreign = []
    page.on("request", lambda request: None if request.url.startswith(server.url) else foreign.append(request.url))
    crowd("proof")

    sign_up(page, server)
    page.get_by_role("heading", name="Look into your mailbox").wait_for(timeout=30_000)

    tasks.send_confirmations()
    assert [letter.to for letter in mail.outbox] == [["reader@example.org"]]
    assert foreign == []


def test_without_scripts_the_letter_waits_for_its_turn(server, browser, crowd):
    crowd("proof")
    profile = browser.new_context(java_script_enabled=False)
    page = profile.new_page()

    sign_up(page, server)
    page.get_by_role("button", name="I can wait, subscribe me").click()
    page.get_by_role("heading", name="Look into your mailbox").wait_for()
    text = page.locator("main").inner_text()
    profile.close()

    due = Subscriber.objects.get().confirmation_due_at
    assert timezone.localtime(due).strftime("leaves at %H:%M") in text
    assert timedelta() < signup.MAIL_DELAY - (due - timezone.now()) < timedelta(minutes=1)


@pytest.mark.exhaustive
def test_a_browser_that_cannot_work_shows_the_way_to_wait(server, page, crowd):
    crowd("proof")
    page.add_init_script("delete window.Worker")

    sign_up(page, server)

    page.get_by_role("button", name="I can wait, subscribe me").wait_for()
    assert page.locator("[data-while=working]").is_hidden()


@pytest.mark.exhaustive
def test_a_worker_that_fails_leaves_the_way_to_wait(server, page, crowd):
    crowd("proof")
    page.route("**/pbkdf2.js", lambda route: route.abort())

    sign_up(page, server)

    page.get_by_role("button", name="I can wait, subscribe me").wait_for()


@pytest.mark.exhaustive
@pytest.mark.parametrize("step", ["button", "proof", "waiting", "closed"])
def test_no_step_has_a_barrier_or_is_wider_than_a_small_phone(server, page, crowd, step):
    make_publication(language="zh-hant")
    page.set_viewport_size({"width": 320, "height": 640})
    page.add_init_script("delete window.Worker")  # or the proof would be over before it was looked at
    crowd("proof" if step == "waiting" else step)

    sign_up(page, server)
    if step == "waiting":
        page.get_by_role("button", name="我可以等，幫我訂閱").click()
    page.locator("main h1").wait_for()

    page.emulate_media(reduced_motion="reduce")
    assert_accessible_in_both_schemes(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
