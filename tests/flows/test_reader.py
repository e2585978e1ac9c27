"""Two years of a reader without scripts: from a code on a screen at a talk to the last byte that is kept of them."""

import json
import threading
from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine
from django.core import mail
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from newsletter.delivery import lane_process
from newsletter.delivery.ledger import recovery, restore_detection
from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.delivery.planning import approving, beginning
from newsletter.delivery.tasks import send_welcomes
from subscribers.models import Consent, Subscriber, Suppression
from subscribers.tasks import send_confirmations
from tests.factories import make_issue, make_post, make_publication
from tests.support.letters import link_to, links_in_html, links_in_text

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MISTYPED, ADDRESS, MOVED = "lin.reader@gmial.com", "lin.reader@gmail.com", "lin@example.org"
DAY = timedelta(days=1)
THE_TALK = datetime(2027, 1, 6, 2, tzinfo=UTC)  # 10 in Taipei; issues leave on 19 January and every two weeks after it


@pytest.fixture
def clock():
    with time_machine.travel(THE_TALK) as traveller:
        yield traveller


@pytest.fixture
def site(settings, clock, transactional_db):
    """A web server whose address stands in the mails, and a publication with its rhythm."""
    running = LiveServer("localhost:0")
    settings.SITE_URL = running.url
    make_publication(
        sender_email="news@example.org", cadence_anchor_on=date(2027, 1, 5), cadence_at=time(8), name="Gipi電子報"
    )
    yield running.url
    running.stop()


@pytest.fixture
def phone(browser):
    profile = browser.new_context(viewport={"width": 375, "height": 812}, locale="en", java_script_enabled=False)
    profile.set_default_timeout(30_000)  # ms
    yield profile.new_page()
    profile.close()


def test_two_years_of_a_reader(site, phone, clock):
    sign_up_at_the_talk(site, phone, clock)
    confirm(phone)
    read_three_issues(clock)
    pause(phone, clock)
    come_back_and_be_told_once(clock)
    move(phone, clock)
    forward_a_letter(site, phone, clock)
    ask_where_a_letter_is(site, phone, clock)
    take_everything_along_and_be_forgotten(site, phone, clock)
    assert phone.context.cookies() == []


# --- What the machine does by itself ---


def mails_to(address):
    """Let everything be sent that is due; return the mails to an address, the newest last."""
    send_confirmations()
    send_welcomes()
    return [one for one in mail.outbox if address in one.to[0]]


def send_issue(number, clock, at, *, is_for_nobody=False):
    """Send an issue on its day, as its author would. If it is for nobody, no lane has anything to do."""
    clock.move_to(at)
    issue = make_issue(make_post(f"文章{number}"), number=number, subject=f"第{number}課", preheader=f"第{number}句。")
    approving.approve(issue, send_at=None, now=timezone.now(), hold=timedelta())
    (begun,) = beginning.begin_due(timezone.now())
    taken = lane_process.run_lane(0)
    assert taken == (None if is_for_nobody else begun.pk), _why_nothing_was_sent(begun)
    begun.refresh_from_db()
    assert begun.finish(timezone.now()), (begun.state, begun.reason, begun.counts())


def _why_nothing_was_sent(mailing) -> str:
    """Return all that a lane looks at: once in a hundred runs one finds nothing to do here, and nobody knows why."""
    state = Mailing.objects.filter(pk=mailing.pk).values_list("state", "retry_at").get()
    batches = list(Batch.objects.filter(mailing=mailing).values_list("state", "worker", "not_before", "cursor", "hi"))
    with recovery.hold_slot(0) as worker:
        asked = (lane_process.is_stopping(), restore_detection.is_restore_undecided(), worker)
    return f"mailing {state}, batches {batches}, stopping, undecided and slot {asked}, threads {threading.enumerate()}"


def heading(page):
    return page.get_by_role("heading", level=1).inner_text()


# --- The reader ---


def sign_up_at_the_talk(site, page, clock):
    page.goto(f"{site}/qr/")
    assert page.locator("main img, main svg").count() == 1
    page.goto(f"{site}/subscribe/?utm_source=qr")
    clock.shift(5)
    page.get_by_label("Your e-mail address").fill(MISTYPED)
    page.get_by_role("button", name="Subscribe", exact=True).click()
    assert mails_to("lin.reader") == []
    page.get_by_role("button", name=f"Yes, {ADDRESS}").click()
    page.get_by_text(ADDRESS).first.wait_for()
    assert len(mails_to(ADDRESS)) == 1


def confirm(page):
    page.goto(link_to("/confirm/", mails_to(ADDRESS)[-1].body))
    assert Subscriber.objects.get().state == "pending"  # a scanner that follows links confirms nothing
    page.get_by_role("button", name="Yes, subscribe me").click()
    assert heading(page) == "Welcome, you are subscribed"
    assert "utm_source=qr" in Consent.objects.earliest("pk").source
    assert mails_to(ADDRESS)[-1].subject == "Welcome to Gipi電子報"
    assert len(mails_to(ADDRESS)) == 2


def read_three_issues(clock):
    for number in (1, 2, 3):
        send_issue(number, clock, THE_TALK + (14 * number - 1) * DAY)
    letters = mails_to(ADDRESS)[2:]
    assert [letter.subject for letter in letters] == ["第 1 課", "第 2 課", "第 3 課"]
    assert all(links_in_html(one.alternatives[0][0]) == links_in_text(one.body) for one in letters)


def pause(page, clock):
    clock.shift(DAY)
    page.goto(link_to("/preferences/", mails_to(ADDRESS)[-1].body))
    page.get_by_label("for two months").check()
    page.get_by_role("button", name="Pause", exact=True).click()
    assert "one mail lists what you missed" in page.get_by_role("status").inner_text()
    for number in (4, 5, 6, 7):
        send_issue(number, clock, THE_TALK + (14 * number - 1) * DAY, is_for_nobody=True)
    assert len(mails_to(ADDRESS)) == 5


def come_back_and_be_told_once(clock):
    clock.move_to(datetime(2027, 4, 17, 2, tzinfo=UTC))
    told = mails_to(ADDRESS)[-1]
    assert told.subject == "What you missed: 4 issues"
    assert [f"第 {number} 句。" in told.body for number in range(3, 9)] == [False, True, True, True, True, False]
    clock.shift(DAY)
    assert len(mails_to(ADDRESS)) == 6


def move(page, clock):
    clock.move_to(datetime(2027, 9, 4, 2, tzinfo=UTC))
    page.goto(link_to("/preferences/", mails_to(ADDRESS)[-1].body))
    page.get_by_role("button", name="Mail me a link").click()
    page.goto(link_to("/mine/", mails_to(ADDRESS)[-1].body))
    page.get_by_label("Your new address").fill(MOVED)
    page.get_by_role("button", name="Change").click()
    page.goto(link_to("/address/", mails_to(MOVED)[-1].body))
    page.get_by_role("button", name="Yes, this is my address").click()
    page.get_by_text("Your address has been changed").wait_for()
    assert "/undo/" in mails_to(ADDRESS)[-1].body
    send_issue(8, clock, datetime(2027, 9, 14, 2, tzinfo=UTC))
    assert [mails_to(MOVED)[-1].subject, mails_to(ADDRESS)[-1].subject] == ["第 8 課", "Gipi電子報 has moved"]


def forward_a_letter(site, page, clock):
    """A friend has the letter now, and opens whatever it leads to."""
    letter = mails_to(MOVED)[-1].body
    before = Subscriber.objects.values().get()
    page.goto(link_to("/preferences/", letter))
    assert [word for word in (MOVED, ADDRESS, 'name="email"') if word in page.content()] == []
    token = link_to("/preferences/", letter).rstrip("/").rpartition("/")[2]
    for door in ("mine", "mine/{}/data.json", "mine/{}/erase", "address", "confirm"):
        page.goto(f"{site}/{door.format(token) if '{}' in door else f'{door}/{token}'}/")
        assert MOVED not in page.content()
    page.goto(link_to("/unsubscribe/", letter))
    assert "Unsubscribe" in page.content()
    page.goto(link_to("/preferences/", letter))
    page.get_by_role("button", name="Mail me a link").click()
    assert "/mine/" not in page.content()
    assert "/mine/" in mails_to(MOVED)[-1].body  # to the owner, not to the friend
    assert Subscriber.objects.values().get() == before


def ask_where_a_letter_is(site, page, clock):
    """The owner has lost all letters, and asks by the address."""
    clock.move_to(datetime(2028, 12, 20, 2, tzinfo=UTC))
    page.goto(site)
    page.get_by_role("link", name="Your preferences").click()
    page.get_by_label("Your e-mail address").fill(MOVED)
    page.get_by_role("button", name="Mail me a link").click()
    page.get_by_text(f"If {MOVED} is in our list").wait_for()
    page.goto(link_to("/mine/", mails_to(MOVED)[-1].body))
    letters = page.get_by_role("region", name="Where is my letter?")
    assert letters.get_by_text("#8 第8課: sent").count() == 1
    assert letters.get_by_text("#5 ").count() == 0
    letters.get_by_role("button", name="Send me this issue again").first.click()
    page.get_by_text("The issue is on its way to you once more.").wait_for()
    assert mails_to(MOVED)[-1].subject == "第 8 課"


def take_everything_along_and_be_forgotten(site, page, clock):
    with page.expect_download() as download:
        page.get_by_role("link", name="JSON", exact=True).click()
    kept = json.loads(download.value.path().read_text())
    assert (kept["address"], len(kept["letters"])) == (MOVED, 6)
    assert {"Paused", "End of the pause", "confirmed"} <= {line["what"] for line in kept["record"]}

    page.get_by_role("link", name="Delete everything about me").click()
    page.get_by_label("Yes, delete everything").check()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_text("Everything about you has been deleted").wait_for()
    assert not Subscriber.objects.exists()
    assert not Consent.objects.exists()
    assert not Delivery.objects.filter(subscriber__isnull=False).exists()
    assert list(Suppression.objects.values_list("email", "reason")) == [("", "erased")]

    before = len(mails_to(MOVED))
    send_issue(9, clock, datetime(2029, 1, 2, 2, tzinfo=UTC), is_for_nobody=True)
    page.goto(f"{site}/preferences/")
    page.get_by_label("Your e-mail address").fill(MOVED)
    page.get_by_role("button", name="Mail me a link").click()
    page.get_by_text(f"If {MOVED} is in our list").wait_for()
    assert len(mails_to(MOVED)) == before
