"""What an owner arranges, to where a stranger, a reader or the mail server meets it."""

import pytest

from newsletter.mail.mailers import Mailers
from tests.factories import make_issue, make_post, make_publication

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


@pytest.mark.doors("admin:settings_sender")
def test_a_letter_names_its_sender(author, reader, machine):
    author.opens_desk("settings_sender")
    author.types(sender_name="Gipi of the shelf")
    author.goes("Save")
    author.sees("Saved.")

    machine.sends(make_issue(make_post("A shelf"), subject="The first"))
    assert "Gipi of the shelf" in reader.got("The first").from_email


@pytest.mark.doors("admin:settings_words", "admin:writing_check")
def test_a_term_that_is_spelt_otherwise_is_remarked(author):
    author.opens_desk("settings_words")
    author.types(terms="GitHub")
    author.goes("Save")

    author.writes_a_post("Tools", "Look at Github first.")
    author.ends_typing()
    author.presses("Check")
    author.sees("GitHub", inside="#write-check")


@pytest.mark.doors("admin:settings_security")
def test_who_finds_a_hole_reads_where_to_report_it(author, stranger):
    author.opens_desk("settings_security")
    author.types(security_contact="safe@example.org")
    author.goes("Save")

    stranger.page.goto(stranger.site + "/.well-known/security.txt")
    stranger.sees("safe@example.org")


@pytest.mark.doors("admin:posts_redirect_add", "admin:posts_redirect_change", "admin:posts_redirect_delete")
def test_an_old_address_leads_to_the_new_place_until_it_is_taken_away(author, stranger):
    first, second = make_post("A shelf"), make_post("A second shelf")
    author.opens_desk("posts_redirect_add")
    author.types(path="/2019/shelf.html", leads_to=first.get_absolute_url())
    author.goes("Save")
    author.goes("/2019/shelf.html", inside="#result_list")
    author.types(leads_to=second.get_absolute_url())
    author.goes("Save")
    stranger.opens("/2019/shelf.html")
    stranger.sees("A second shelf", inside="h1")

    author.deletes("/2019/shelf.html")
    author.page.goto(author.site + "/2019/shelf.html")
    author.sees("There is no page here")


@pytest.mark.doors("admin:setup", "admin:setup_preview")
def test_a_new_newsletter_is_named_and_strangers_see_it(author, stranger):
    make_publication(name="", author="", promise="")
    author.opens("/admin/")
    author.types(name="The Shelf", author="Gipi", promise="On books.")
    author.sees_in_frame("The Shelf")
    author.goes("Write the first post")

    stranger.opens("/")
    stranger.sees("The Shelf")
