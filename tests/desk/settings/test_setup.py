"""A new newsletter: whose it is, what strangers see until that is said, and what cannot be done before."""

import re
from datetime import UTC, datetime

import pytest
import time_machine
from django.contrib.auth.models import User
from django.utils import translation

from newsletter.delivery.planning.approving import obstacles
from newsletter.desk.settings.setup import suggested_name
from newsletter.operation.accounts import author
from newsletter.publication.models import Publication
from tests.factories import make_issue, make_post, make_publication
from tests.support.page_checks import assert_accessible_in_both_schemes, assert_valid

pytestmark = pytest.mark.django_db
HAN = re.compile(r"[\u3400-\u9fff]")
NOW = datetime(2026, 12, 1, 4, tzinfo=UTC)  # a Tuesday
CHOSEN = {"username": "anna", "email": "", "password1": "leverage-2026", "password2": "leverage-2026"}
ANSWERS = {
    "name": "Morning Notes",
    "author": "Anna Miller",
    "promise": "One letter a week, about reading.",
    "language": "en",
    "time_zone": "Europe/London",
    "cadence_days": "7",
    "weekday": "3",
    "cadence_at": "09:30",
}


@pytest.fixture
def new() -> Publication:
    """A newsletter of which only the row exists."""
    return make_publication(name="", author="", promise="", language="zh-hant")


@pytest.fixture
def owner(client, new) -> User:
    owner = User.objects.create_superuser("anna", "", "pw")
    client.force_login(owner)
    return owner


@pytest.mark.parametrize(
    ("accepts", "language", "heading"),
    [
        ("zh-TW,zh;q=0.9,en;q=0.8", "zh-Hant-TW", "這裡很快會有一份電子報"),
        ("en-GB,en;q=0.9", "en", "A newsletter begins here soon"),
        ("de-DE", "en", "A newsletter begins here soon"),
        ("", "zh-Hant-TW", "這裡很快會有一份電子報"),
    ],
)
def test_until_then_strangers_see_a_quiet_page_in_their_language(client, new, accepts, language, heading):
    response = client.get("/", headers={"accept-language": accepts})

    assert (response.status_code, f'<html lang="{language}">' in response.text) == (200, True)
    assert heading in response.text
    assert "no-store" in response.headers["Cache-Control"]
    assert_valid(response.text)


@pytest.mark.parametrize("path", ["/posts/", "/subscribe/", "/feed.xml", "/privacy/"])
def test_until_then_there_is_no_other_page(client, new, path):
    make_post("Leverage")

    response = client.get(path, headers={"accept-language": "en"})

    assert response.status_code == 404
    assert "A newsletter begins here soon" in response.text


def test_the_start_page_speaks_the_language_of_the_browser_and_leads_to_the_questions(client, new):
    link = author.start_link(author.get_or_create_author(), base_url="")

    english = client.get(link, headers={"accept-language": "en"}).text
    chinese = client.get(link, headers={"accept-language": "zh-TW"}).text
    entered = client.post(link, CHOSEN, headers={"accept-language": "en"}, follow=True)

    assert HAN.findall(english) == []
    assert "你的帳號" in chinese
    assert entered.redirect_chain == [("/admin/", 302), ("/admin/setup/", 302)]
    assert HAN.findall(entered.text.replace("繁體中文", "")) == []
    assert '<option value="en" selected>' in entered.text
    assert 'value="Anna"' in entered.text, "the account suggests the author"
    assert_valid(entered.text)


def test_in_chinese_the_names_are_examples_and_nobodys_newsletter(client, owner):
    page = client.get("/admin/setup/", headers={"accept-language": "zh-TW"}).text

    assert 'placeholder="Gipi電子報"' in page
    assert 'value="Gipi' not in page
    assert '<option value="Asia/Taipei" selected>' in page


@pytest.mark.parametrize("path", ["/admin/", "/admin/posts/post/add/", "/admin/settings/"])
def test_every_page_of_the_desk_leads_to_the_questions(client, owner, path):
    assert client.get(path).headers["Location"] == "/admin/setup/"


def test_the_answers_make_the_newsletter_and_lead_to_the_first_post(client, owner):
    with time_machine.travel(NOW):
        client.force_login(owner)
        response = client.post("/admin/setup/", ANSWERS)

    assert response.headers["Location"] == "/admin/posts/post/add/"
    made = Publication.objects.get()
    assert (made.name, made.author, made.language) == ("Morning Notes", "Anna Miller", "en")
    assert (made.time_zone, made.holiday_country) == ("Europe/London", "GB")
    assert (made.cadence_days, str(made.cadence_anchor_on), str(made.cadence_at)) == (7, "2026-12-03", "09:30:00")
    home = client.get("/").text
    assert "One letter a week, about reading." in home
    assert client.get("/admin/setup/").headers["Location"] == "/admin/settings/letter/"


def test_who_has_posts_elsewhere_goes_on_with_them(client, owner):
    response = client.post("/admin/setup/", ANSWERS | {"move_in": "1"})

    assert response.headers["Location"] == "/admin/settings/move-in/"


@pytest.mark.parametrize("lacking", ["name", "author", "time_zone", "cadence_days"])
def test_what_is_missing_is_asked_again_and_what_was_typed_stays(client, owner, lacking):
    page = client.post("/admin/setup/", ANSWERS | {lacking: ""}, headers={"accept-language": "en"}).text

    assert "This field is required." in page
    assert "One letter a week, about reading." in page
    assert not Publication.objects.get().is_set_up
    assert_valid(page)


@pytest.mark.parametrize("kind", ["site", "welcome"])
def test_the_preview_shows_what_is_typed_and_saves_nothing(client, owner, kind):
    typed = client.post(f"/admin/setup/{kind}/", ANSWERS | {"time_zone": "", "author": ""}).text
    untouched = client.get(f"/admin/setup/{kind}/", headers={"accept-language": "zh-TW"}).text

    assert "Morning Notes" in typed
    assert HAN.findall(typed) == []
    assert "Gipi電子報" in untouched
    assert not Publication.objects.get().is_set_up


def test_nothing_can_be_scheduled_before_it_has_a_name(new):
    issue = make_issue(make_post("Leverage"), subject="Leverage")

    with translation.override("en"):
        found = obstacles(issue, NOW)

    assert found == [
        "The newsletter has no name yet: readers would not know whose letter it is. Set it up at the desk."
    ]


def test_a_newsletter_that_has_its_name_is_asked_nothing(client):
    make_publication(name="Morning Notes")
    client.force_login(User.objects.create_superuser("anna", "", "pw"))

    assert client.get("/admin/").status_code == 200
    assert client.get("/", headers={"accept-language": "zh-TW"}).headers["Content-Language"] == "en"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://127.0.0.1:8000", ""),
        ("http://localhost:8000", ""),
        ("https://news.example.org", "Example"),
        ("https://morning-notes.org", "Morning Notes"),
    ],
)
def test_the_address_suggests_a_name(url, name):
    assert suggested_name(url) == name


@pytest.mark.browser
def test_both_previews_follow_what_is_typed_and_the_browser_names_its_zone(desk, server):
    make_publication(name="", author="", promise="", language="zh-hant")
    desk.set_viewport_size({"width": 320, "height": 640})
    home, letter = (desk.frame_locator(f"[name=look-{kind}]") for kind in ("site", "welcome"))

    desk.goto(f"{server.url}/admin/")
    assert desk.get_by_label("Time zone").input_value() == "Asia/Taipei"
    assert_accessible_in_both_schemes(desk)
    assert desk.evaluate("document.documentElement.scrollWidth") <= 320
    desk.get_by_label("One sentence to your readers").fill("About reading.")
    desk.locator("form").first.evaluate("form => { form.noValidate = true; form.requestSubmit(); }")
    desk.get_by_text("This field is required.").wait_for()
    home.get_by_role("heading", name="About reading.").wait_for()  # also after an error
    desk.get_by_label("Name of the newsletter").press_sequentially("Morning Notes")
    home.get_by_role("link", name="Morning Notes").wait_for()
    letter.get_by_role("paragraph").filter(has_text="You are now a reader of Morning Notes.").wait_for()
    desk.get_by_label("Every week", exact=True).check()
    desk.get_by_label("Name of the newsletter").press("Enter")

    assert desk.url == f"{server.url}/admin/posts/post/add/"
    assert Publication.objects.get().cadence_days == 7
    desk.goto(f"{server.url}/")
    assert "Morning Notes" in desk.title()


@pytest.mark.browser
def test_the_quiet_page_has_no_barrier(server, page):
    make_publication(name="")

    page.goto(f"{server.url}/")

    assert_accessible_in_both_schemes(page)
