"""The page of a mailing in a real browser: it moves, and nothing moves under the hand."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.delivery.planning import approving, beginning
from tests.factories import make_issue, make_post, make_subscriber
from tests.support.page_checks import assert_accessible

pytestmark = pytest.mark.browser
HOUR = timedelta(hours=1)


@pytest.fixture
def sending(desk) -> Mailing:
    for _ in range(4):
        make_subscriber()
    mailing = approving.approve(make_issue(make_post()), send_at=None, now=timezone.now(), hold=timedelta())
    beginning.plan_mailing(mailing, timezone.now())
    answered(mailing, 1)
    return mailing


def answered(mailing: Mailing, count: int) -> None:
    mailing.deliveries.filter(seq__lt=count).update(state=Delivery.State.SENT)
    mailing.batches.update(sent=count, cursor=count)


def opened(desk, server, mailing: Mailing):
    desk.goto(server.url + reverse("admin:mailing", args=[mailing.pk]))
    desk.evaluate("window.isTheSamePage = true")
    return desk


def shows(desk, selector: str, text: str) -> None:
    """Wait until an element says `text`; fail if it does not, or if the page was loaded anew for it."""
    desk.wait_for_function(
        "([one, text]) => document.querySelector(one)?.textContent.includes(text)", arg=[selector, text]
    )
    assert desk.evaluate("window.isTheSamePage") is True


def place_of(desk, name: str) -> dict:
    return desk.locator(f"[data-action={name}]").bounding_box()


def test_the_figures_move_without_a_reload(desk, server, sending):
    opened(desk, server, sending)

    answered(sending, 3)

    shows(desk, ".lead [data-figure=sent]", "3")
    shows(desk, "[data-tally=sent] dd", "3")
    assert desk.locator("[data-progress]").get_attribute("value") == "3"
    assert desk.locator("[data-said]").text_content() == ""  # a number is not read aloud


@pytest.mark.exhaustive
def test_a_button_goes_off_where_it_is_and_its_place_is_no_others(desk, server, sending):
    opened(desk, server, sending)
    pause, resume, cancel = (desk.locator(f"[data-action={name}]") for name in ("pause", "resume", "cancel"))
    place = place_of(desk, "pause")
    pause.hover()

    sending.pause("535 authentication failed")

    shows(desk, "[data-state]", "paused")
    assert pause.get_attribute("href") is None
    assert pause.get_attribute("aria-disabled") == "true"
    assert place_of(desk, "pause") == place
    assert resume.count() == 0  # while the mouse is on the buttons
    assert cancel.get_attribute("aria-disabled") is None
    desk.mouse.move(5, 500)
    desk.wait_for_selector("[data-action=resume][href]")
    assert pause.count() == 0
    shows(desk, ".lead", "is stopped: the mail server refuses it.")
    assert_accessible(desk)


@pytest.mark.exhaustive
def test_the_focus_is_not_lost_when_its_button_goes_off(desk, server, sending):
    opened(desk, server, sending)
    desk.locator("[data-action=pause]").focus()

    sending.pause("535 authentication failed")

    shows(desk, "[data-state]", "paused")
    shows(desk, "#save-bar .form-state", "paused")
    assert desk.evaluate("document.activeElement.dataset.action") == "pause"
    desk.keyboard.press("Enter")  # it does nothing any more
    desk.keyboard.press("Shift+Tab")
    assert desk.evaluate("document.activeElement.dataset.action") == "cancel"
    desk.locator(".lead h1").click()
    desk.evaluate("document.activeElement.blur()")
    desk.wait_for_selector("[data-action=resume][href]")
    assert desk.evaluate("window.isTheSamePage") is True


def test_the_hold_is_ended_by_two_presses(desk, server):
    make_subscriber()
    now = timezone.now()
    mailing = approving.approve(make_issue(make_post()), send_at=None, now=now, hold=HOUR)
    desk.goto(server.url + reverse("admin:mailing", args=[mailing.pk]))

    desk.get_by_role("link", name="Don’t wait, send it now").click()
    desk.get_by_role("button", name="Yes, send it now").click()

    desk.get_by_text("It is being sent. The first mail leaves within seconds.").wait_for()
    desk.evaluate("window.isTheSamePage = true")
    beginning.begin_due(timezone.now())
    shows(desk, ".lead", "0 of 1 sent.")
    shows(desk, "[data-part=history]", "Not waited any longer: to be sent at once")


@pytest.mark.exhaustive
def test_the_hold_counts_down_to_the_second_and_then_it_is_sent(desk, server):
    make_subscriber()
    now = timezone.now()
    mailing = approving.approve(make_issue(make_post()), send_at=now + timedelta(seconds=62), now=now, hold=timedelta())
    opened(desk, server, mailing)

    shows(desk, "[data-countdown]", "1 min 0 s")
    shows(desk, "[data-countdown]", "59 s")
    approving.reschedule(mailing, send_at=timezone.now(), now=timezone.now(), hold=timedelta(seconds=2))
    shows(desk, ".lead", "Its time has come")
    beginning.begin_due(timezone.now())

    shows(desk, ".lead", "0 of 1 sent.")


@pytest.mark.exhaustive
def test_a_desk_that_is_away_is_told_once_and_heard_again(desk, server, sending):
    opened(desk, server, sending)
    asked = []
    desk.route("**/moving/**", lambda route: (asked.append(1), route.abort()))

    shows(desk, "[data-said]", "The desk does not answer. The figures are those of")
    said = desk.locator("[data-said]").text_content()
    desk.wait_for_timeout(2500)  # two tries, the second later than the first
    assert desk.locator("[data-said]").text_content() == said
    assert 1 < len(asked) < 4
    desk.unroute("**/moving/**")
    answered(sending, 3)

    shows(desk, "[data-said]", "The desk answers again.")
    shows(desk, ".lead [data-figure=sent]", "3")


@pytest.mark.exhaustive
def test_a_page_that_nobody_sees_asks_nothing(desk, server, sending):
    opened(desk, server, sending)
    asked = []
    desk.on("request", lambda request: asked.append(request.url))
    hide = "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
    hide += " document.dispatchEvent(new Event('visibilitychange')); }"
    desk.evaluate(hide, True)
    desk.wait_for_timeout(200)  # one that was on its way
    asked.clear()

    desk.wait_for_timeout(2500)
    hidden = list(asked)
    answered(sending, 3)
    desk.evaluate(hide, False)

    assert hidden == []
    shows(desk, ".lead [data-figure=sent]", "3")


def test_a_mailing_that_ends_shows_its_end(desk, server, sending):
    opened(desk, server, sending)

    answered(sending, 4)
    sending.batches.update(state=Batch.State.DONE)
    sending.finish(timezone.now())

    shows(desk, ".lead", "went to 4 readers.")
    shows(desk, "[data-part=history]", "Closed: the issue is sent")
    desk.wait_for_function("() => !document.querySelector('[data-action]')")
    assert_accessible(desk)
