"""What an owner arranges, to where a stranger, a reader or the mail server meets it."""

import pytest

from newsletter.mail.mailers import Mailers
from tests.factories import make_issue, make_post

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.doors("admin:settings_letter")
def test_a_promise_stands_at_the_door(author, stranger):
    author.opens_desk("settings_letter")
    author.types(promise="One letter a fortnight, on books.")
    author.goes("Save")
    author.sees("Saved.")

    stranger.opens("/")
    stranger.sees("One letter a fortnight, on books.")


@pytest.mark.doors("admin:settings_look", "admin:settings_look_preview")
def test_a_footer_is_looked_at_and_then_stands_in_letters(author, reader, machine):
    author.opens_desk("settings_look")
    author.types(footer="Printed on no paper.")
    author.presses("The mail")
    author.sees_in_frame("Printed on no paper.")
    author.goes("Save")
    author.sees("Saved.")

    machine.sends(make_issue(make_post("A shelf"), subject="The first"))
    reader.opens_letter("The first")
    reader.sees("Printed on no paper.")


@pytest.mark.doors("admin:settings_test_mail")
def test_a_test_mail_arrives(author):
    author.opens_desk("settings_sender")
    author.goes("Send a test mail")
    assert author.letters()


@pytest.mark.servers
@pytest.mark.doors("admin:settings_mail")
def test_a_mail_server_is_entered_and_has_the_letter(author, smtp, settings, tmp_path):
    saved = "newsletter.publication.mail_server.saved_url"
    settings.MAIL_URL = settings.BULK_MAIL_URL = ""
    settings.PRIVATE_MAIL_SERVERS = True
    settings.MAILERS = Mailers({"default": "", "bulk": ""}, outbox=tmp_path / "outbox", saved_url=saved)
    author.opens_desk("settings_mail")
    author.types(host="127.0.0.1")
    author.chooses("Encryption", "none, port 25")
    author.types(port=str(smtp.port), address=author.address)
    author.goes("Send me a letter, and save")
    author.sees("Saved. All mail is sent this way from now on.")

    assert smtp.readers() == {author.address}


@pytest.mark.doors("admin:settings_rhythm")
def test_the_calendar_keeps_a_new_rhythm(author):
    author.opens_desk("settings_rhythm")
    author.types(cadence_days="7")
    author.goes("Save")

    author.opens_desk("calendar")
    author.sees("every 7 days")


@pytest.mark.doors("admin:settings_menu")
def test_an_entry_of_the_menu_leads_a_stranger_there(author, stranger):
    author.opens_desk("settings_menu")
    author.page.locator("[name='menu-4-to']").select_option(label="another address")
    author.types(**{"menu-4-label": "My books", "menu-4-address": "https://books.example.org/"})
    author.goes("Save")

    stranger.opens("/")
    stranger.sees_link("My books", to="https://books.example.org/")


@pytest.mark.doors("admin:settings_feeds")
def test_robots_of_ai_companies_are_sent_away(author, stranger):
    author.opens_desk("settings_feeds")
    author.page.locator("[name='crawlers']").select_option(index=1)
    author.goes("Save")

    stranger.page.goto(stranger.site + "/robots.txt")
    stranger.sees("GPTBot")
