"""The look before it is saved: what stands in the form is shown, and nothing is kept."""

from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from newsletter.delivery.models import Mailing
from newsletter.delivery.planning import approving
from newsletter.publication.models import Publication
from tests.desk.settings.test_publication import VALID
from tests.factories import make_helper, make_issue, make_post, make_publication

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]
NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
LETTER, SITE = "/admin/settings/look/preview/letter/", "/admin/settings/look/preview/site/"
TYPED = VALID["look"] | {"accent": "#0b5394", "signature": "只是試試看"}


@pytest.fixture
def owner(client):
    make_publication(accent="#9a3412", signature="")
    client.force_login(make_helper("owner", name="gipi"))
    return client


def test_a_letter_has_what_stands_in_the_form(owner):
    make_issue(make_post("管理槓桿"), subject="槓桿")

    saved, typed = owner.get(LETTER).text, owner.post(LETTER, TYPED).text

    assert "只是試試看" not in saved
    assert "只是試試看" in typed
    assert "#9a3412" in saved
    assert "#9a3412" not in typed
    assert "管理槓桿" in typed


def test_nothing_of_it_is_saved_or_seen_by_readers(owner, client):
    make_issue(make_post(), subject="槓桿")

    owner.post(LETTER, TYPED)
    owner.post(SITE, TYPED)

    publication = Publication.objects.fresh()
    assert (publication.accent, publication.signature) == ("#9a3412", "")
    client.logout()
    assert "#0b5394" not in client.get("/").text
    assert client.get(SITE).status_code == 302


def test_the_home_page_has_the_theme_of_the_form_and_its_sheet_is_allowed(owner):
    saved, typed = owner.get(SITE), owner.post(SITE, TYPED | {"theme": "book"})

    assert saved.text != typed.text
    assert saved.headers["Content-Security-Policy"] != typed.headers["Content-Security-Policy"]
    assert "script-src 'none'" in typed.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in typed.headers["Content-Security-Policy"]
    assert typed.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_before_the_first_issue_it_is_the_confirmation(owner):
    text = owner.post(LETTER, TYPED).text

    assert "Confirm" in text


def test_what_could_not_be_saved_is_not_shown_either(owner):
    response = owner.post(LETTER, TYPED | {"accent": "blue"})

    assert response.status_code == 400
    assert "The preview comes as soon as these fields are right." in response.text
    assert response.context["form"].errors.keys() == {"accent"}


# --- The welcome ---

WELCOME = "/admin/settings/look/preview/welcome/"
GREETED = VALID["newcomers"] | {"welcome": "很高興**認識**你", "welcome_question": "你想讀什麼？"}


def test_the_welcome_has_what_stands_in_the_form_and_nothing_is_kept(owner):
    saved, typed = owner.get(WELCOME).text, owner.post(WELCOME, GREETED).text

    assert "You are now a reader of" in saved
    assert "<strong>認識</strong>" in typed
    assert "你想讀什麼？" in typed
    assert Publication.objects.fresh().welcome == ""


def test_what_new_readers_would_not_be_shown_of_the_welcome_is_said_when_it_is_saved(owner):
    losing = GREETED | {"welcome": "開頭。\n\n<script>\nlet 乙 = 1\n</script>"}

    lost = unescape(owner.post("/admin/settings/newcomers/", losing, follow=True).text)
    whole = owner.post("/admin/settings/newcomers/", GREETED, follow=True).text

    assert "“Welcome”, line 4, not shown" in lost
    assert "not shown" not in whole
    assert Publication.objects.fresh().welcome == GREETED["welcome"]


# --- The first letters ---


@pytest.fixture
def two_sent(owner):
    for number, at in ((3, NOW - timedelta(days=20)), (4, NOW - timedelta(days=8))):
        issue = make_issue(make_post(f"題{number}"), number=number, subject=f"第{number}期的主旨", sent_at=at)
        approving.approve(issue, send_at=None, now=at, hold=timedelta())
        Mailing.objects.update(state="sent")


def test_issues_that_were_sent_can_be_chosen_and_are_shown_as_a_reader_gets_them(owner, two_sent):
    page = owner.get("/admin/settings/newcomers/").text
    none = owner.get("/admin/settings/look/preview/course/").text
    typed = owner.post("/admin/settings/look/preview/course/", GREETED | {"course": ["4"]}).text
    saved = owner.post("/admin/settings/newcomers/", GREETED | {"course": ["4", "3"]})

    assert ("3 | 第3期的主旨" in page, "4 | 第4期的主旨" in page) == (True, True)
    assert "a new reader gets the welcome alone" in none
    assert "題 4" in typed
    assert (saved.status_code, Publication.objects.fresh().course) == (302, [3, 4])
    assert "2 earlier issues come to you" in owner.get(WELCOME).text


@pytest.mark.parametrize(
    ("typed", "field"), [({"course": ["9"]}, "course"), ({"course": ["3"], "course_days": "0"}, "course_days")]
)
def test_an_issue_that_was_never_sent_and_no_days_at_all_are_refused(owner, two_sent, typed, field):
    response = owner.post("/admin/settings/look/preview/course/", GREETED | typed)

    assert (response.status_code, list(response.context["form"].errors)) == (400, [field])


@pytest.mark.browser
class TestInABrowser:
    def test_it_follows_the_form_and_the_buttons_change_what_is_shown(self, desk, server):
        make_issue(make_post("管理槓桿"), subject="槓桿")
        desk.goto(f"{server.url}/admin/settings/look/")
        frame = desk.frame_locator(".look-frame")
        frame.get_by_role("heading", name="管理槓桿").first.wait_for()

        desk.locator("#id_signature").fill("只是試試看")
        frame.get_by_text("只是試試看").wait_for()
        desk.get_by_role("button", name="The site").click()
        frame.get_by_role("banner").wait_for()

        assert desk.get_by_role("button", name="The site").get_attribute("aria-pressed") == "true"
        assert desk.url.endswith("/admin/settings/look/")
        assert Publication.objects.fresh().signature == ""

    def test_the_welcome_follows_its_form(self, desk, server):
        desk.goto(f"{server.url}/admin/settings/newcomers/")
        frame = desk.frame_locator(".look-frame")
        frame.get_by_role("heading", name="Welcome").wait_for()

        desk.locator("#id_welcome").fill("很高興認識你")

        frame.get_by_text("很高興認識你").wait_for()
        assert Publication.objects.fresh().welcome == ""
