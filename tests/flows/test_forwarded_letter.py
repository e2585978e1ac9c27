"""A reader forwards his letter: whoever gets it learns nothing and takes nothing away, whatever he tries."""

import pytest
from django.core import mail
from pytest_django.live_server_helper import LiveServer

from subscribers import tasks
from subscribers.models import Subscriber
from tests.factories import make_publication, make_subscriber
from tests.support.letters import link_to
from tests.support.page_checks import assert_accessible

pytestmark = [pytest.mark.browser, pytest.mark.exhaustive]

OWNER, STRANGER, MOVED = "reader@example.org", "stranger@example.net", "moved@example.com"


@pytest.fixture
def server(settings, transactional_db):
    """A web server whose address stands in the mails."""
    running = LiveServer("localhost:0")
    settings.SITE_URL = running.url
    yield running
    running.stop()


@pytest.fixture
def letter(server):
    """The link that stands in every letter to its reader."""
    make_publication(sender_email="news@example.org")
    return make_subscriber(OWNER, name="王小明").preferences_url


def sent_to(address: str) -> str:
    """Send what is due; return the text of the newest mail to an address, "" if it has none."""
    tasks.send_confirmations()
    return next((one.body for one in reversed(mail.outbox) if address in one.to[0]), "")


def shows(page, *words: str) -> list[str]:
    return [word for word in words if word in page.content()]


def test_a_stranger_with_a_forwarded_letter_learns_nothing_and_moves_nothing(page, letter):
    page.goto(letter)
    assert shows(page, OWNER, "王小明", 'name="email"', 'name="name"') == []
    assert "r•••@e•••.org" in page.content()
    assert_accessible(page)

    page.get_by_role("button", name="Mail me a link").click()
    page.get_by_text("one with a link is on its way").wait_for()
    assert shows(page, OWNER, "/mine/") == []
    assert sent_to(STRANGER) == ""
    assert "/mine/" in sent_to(OWNER)

    token = letter.rstrip("/").rpartition("/")[2]
    for door in (f"/mine/{token}/", f"/address/{token}/", f"/address/{token}/undo/", f"/confirm/{token}/"):
        page.goto(letter.partition("/preferences/")[0] + door)
        assert page.get_by_role("heading", level=1).inner_text() == "This link does not open"
        assert shows(page, OWNER, "王小明") == []
    assert Subscriber.objects.get().email == OWNER


def test_the_owner_moves_by_a_fresh_link_and_his_old_letters_tell_nothing_of_it(page, letter):
    page.goto(letter)
    page.get_by_role("button", name="Mail me a link").click()
    page.get_by_text("one with a link is on its way").wait_for()
    fresh = link_to("/mine/", sent_to(OWNER))
    page.goto(fresh)
    assert_accessible(page)
    page.get_by_label("Your new address").fill(MOVED)
    page.get_by_role("button", name="Change").click()
    page.get_by_text(f"A letter to {MOVED} asks").wait_for()
    page.goto(link_to("/address/", sent_to(MOVED)))
    page.get_by_role("button", name="Yes, this is my address").click()
    page.get_by_text("Your address has been changed").wait_for()

    for old in (letter, letter.replace("preferences", "unsubscribe"), fresh):
        page.goto(old)
        assert shows(page, MOVED, "m•••@", OWNER, "王小明") == []
    page.goto(letter)
    assert page.get_by_role("heading", level=1).inner_text() == "This letter went to a former address"
    assert Subscriber.objects.get().email == MOVED

    page.goto(link_to("/undo/", sent_to(OWNER)))
    assert_accessible(page)
    page.get_by_role("button", name="Yes, send the letters here again").click()
    page.get_by_text("Everything is as it was").wait_for()
    page.goto(letter)
    assert page.get_by_role("heading", level=1).inner_text() == "Your preferences"
    assert Subscriber.objects.get().email == OWNER
