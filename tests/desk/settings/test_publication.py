"""The settings of the publication: each page saves its own fields, and no other."""

import re
from html import unescape

import pytest
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from newsletter.delivery.letter.rendering import freeze_letter
from newsletter.publication.changes import Change
from newsletter.publication.models import Publication
from tests.factories import make_issue, make_post, make_publication
from tests.publication.pictures.test_uploads import exif, opened, picture

ADMIN = "/admin/publication/publication/"
VALID = {  # by page: what its form posts
    "letter": {
        "name": "Gipi",
        "promise": "Every two weeks.",
        "about": "",
        "author": "Gipi",
        "language": "en",
        "time_zone": "Asia/Taipei",
        "data_place": "臺灣",
        "takes_readers": "on",
    },
    "look": {
        "theme": "letter",
        "accent": "#9a3412",
        "look": "letter",
        "heading_font": "sans",
        "numbered": "first",
        "footer": "",
        "signature": "",
    },
    "sender": {
        "sender_name": "",
        "sender_email": "gipi@example.org",
        "reply_to": "",
        "postal_address": "",
        "number_typed_above": "1000",
    },
    "rhythm": {
        "cadence_anchor_on": "2026-11-24",
        "cadence_at": "08:00",
        "cadence_rule": "",
        "cadence_days": "14",
        "holiday_country": "TW",
        "hold_minutes": "3",
        "unapproved": "wait",
    },
    "newcomers": {"welcome": "", "welcome_question": "", "course_days": "3"},
    "words": {"terms": "", "han_per_minute": "400", "words_per_minute": "238"},
    "menu": {"menu-1-place": "1", "menu-1-to": "about"},
    "feeds": {"crawlers": "read"},
    "security": {"security_contact": ""},
}

pytestmark = pytest.mark.usefixtures("english")


def page_of(name: str) -> str:
    return f"/admin/settings/{name}/"


@pytest.fixture
def author(client, db, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    make_publication()
    client.force_login(get_user_model().objects.create_superuser("gipi", "gipi@example.org", "pw"))
    return client


def errors_of(response) -> dict[str, list[str]]:
    return dict(response.context["adminform"].form.errors)


@pytest.mark.parametrize("name", list(VALID))
def test_a_page_that_nobody_touched_changes_nothing(author, name):
    for other, fields in VALID.items():
        author.post(page_of(other), fields)
    before = Publication.objects.values().get()

    response = author.post(page_of(name), VALID[name])

    assert (response.status_code, response.url) == (302, page_of(name))
    assert Publication.objects.values().get() | {"updated_at": None} == before | {"updated_at": None}


def test_a_page_saves_its_own_fields_and_no_other(author):
    author.post(page_of("look"), VALID["look"] | {"accent": "#123456", "name": "Not asked here"})
    saved = Publication.objects.get()

    assert (saved.accent, saved.name) == ("#123456", "Gipi電子報")


def test_what_was_changed_is_in_the_history_by_the_name_of_its_field(author):
    author.post(page_of("letter"), VALID["letter"])
    author.post(page_of("letter"), VALID["letter"] | {"author": "Somebody"})

    page = author.get(f"{ADMIN}1/history/").text

    assert re.findall("Changed: [^<]*", page)[0].strip() == "Changed: author"


def test_a_choice_of_hundreds_begins_with_the_usual_and_is_spelt_out(author):
    zones = author.get(page_of("letter")).text
    rhythm = author.get(page_of("rhythm")).text

    assert re.findall('<optgroup label="([^"]*)">', zones) == ["Often chosen", "Others"]
    assert ">America/Argentina/Buenos Aires</option>" in zones
    assert "AE United Arab Emirates" in rhythm


def test_the_next_six_slots_are_shown_in_local_time(author):
    author.post(page_of("rhythm"), VALID["rhythm"])

    page = author.get(page_of("rhythm")).content.decode()

    shown = [part.split('"')[0] for part in page.split('<time datetime="')[1:]]
    assert shown == [
        f"{day}T08:00:00+08:00"
        for day in ("2026-12-08", "2026-12-22", "2027-01-05", "2027-01-19", "2027-02-02", "2027-02-16")
    ]
    assert "Tue 8 Dec, 08:00" in page


WEEKLY, DATE, WEEKDAY = "FREQ=WEEKLY;BYDAY", "FREQ=MONTHLY;BYMONTHDAY", "FREQ=MONTHLY;BYDAY"


@pytest.mark.parametrize(
    ("fields", "rule", "said"),
    [
        ({"cadence_rule": WEEKLY, "weekdays": ["TU", "FR"]}, f"{WEEKLY}=TU,FR", "every Tuesday and Friday 08:00"),
        (
            {"cadence_rule": DATE, "on_date": "1", "on_second_date": "15"},
            f"{DATE}=1,15",
            "every month on the 1st and 15th 08:00",
        ),
        ({"cadence_rule": DATE, "on_date": "-1"}, f"{DATE}=-1", "every month on the last day 08:00"),
        (
            {"cadence_rule": WEEKDAY, "which": "2", "weekday": "TU"},
            f"{WEEKDAY}=2TU",
            "on the second Tuesday of every month 08:00",
        ),
    ],
)
def test_a_rhythm_of_another_kind_is_kept_and_said(author, fields, rule, said):
    author.post(page_of("rhythm"), VALID["rhythm"] | {"cadence_days": "no number"} | fields)

    form = author.get(page_of("rhythm")).context["adminform"].form
    publication = Publication.objects.get()
    assert (publication.cadence_rule, publication.cadence_days) == (rule, 14)
    assert {name: form[name].value() for name in fields} == fields
    assert said in author.get("/admin/settings/").text
    history = author.get(f"{ADMIN}1/history/").text
    assert "Changed: how often, " in history


def test_who_goes_back_to_every_so_many_days_has_them_as_before(author):
    author.post(page_of("rhythm"), VALID["rhythm"] | {"cadence_rule": WEEKLY, "weekdays": ["TU"]})
    author.post(page_of("rhythm"), VALID["rhythm"] | {"weekdays": ["TU"], "on_date": "1"})

    publication = Publication.objects.get()
    assert (publication.cadence_rule, publication.cadence_days) == ("", 14)


def test_what_a_browser_sends_of_kinds_that_were_not_chosen_is_no_change(author):
    unchosen = {"on_date": "1", "on_second_date": "", "which": "1", "weekday": "MO"}
    for rhythm in (VALID["rhythm"], VALID["rhythm"] | {"cadence_rule": WEEKLY, "weekdays": ["TU"]}):
        author.post(page_of("rhythm"), rhythm)
        before = Change.objects.count()

        author.post(page_of("rhythm"), rhythm | unchosen)

        assert Change.objects.count() == before


@pytest.mark.parametrize("weekdays", [[], ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]])
def test_a_week_has_an_issue_and_a_day_without_one(author, weekdays):
    response = author.post(page_of("rhythm"), VALID["rhythm"] | {"cadence_rule": WEEKLY, "weekdays": weekdays})

    assert errors_of(response) == {"weekdays": ["Choose one day or more, and leave one free."]}
    assert Publication.objects.get().cadence_rule == ""


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (
            "cadence_days",
            "3",
            "Enter a number from 7 to 366. Every two weeks is 14; for more often, choose days of the week.",
        ),
        (
            "cadence_days",
            "0",
            "Enter a number from 7 to 366. Every two weeks is 14; for more often, choose days of the week.",
        ),
        (
            "cadence_days",
            "",
            "Enter a number from 7 to 366. Every two weeks is 14; for more often, choose days of the week.",
        ),
        ("hold_minutes", "2000", "At most 1440 minutes, which is a day."),
        (
            "bounces_to",
            f"{'b' * 40}@example.org",
            "This address is too long: at most 39 characters, a–z and 0–9, before the @.",
        ),
        ("sender_email", "管理@example.org", "Enter a valid email address."),
        ("accent", "red", "Enter a colour like #9a3412."),
        (
            "time_zone",
            "Mars/Olympus",
            "Select a valid choice. Mars/Olympus is not one of the available choices.",
        ),
    ],
)
def test_a_mistake_is_answered_in_plain_words(author, field, value, message):
    [name] = [
        name for name, fields in VALID.items() if field in {*fields, *({"bounces_to"} if name == "sender" else ())}
    ]

    response = author.post(page_of(name), VALID[name] | {field: value})

    assert errors_of(response) == {field: [message]}
    assert Publication.objects.get().sender_email == "newsletter@example.com"


def test_a_logo_is_prepared_and_kept_under_the_name_of_its_content(author, tmp_path):
    logo = SimpleUploadedFile("My Logo.JPG", picture("JPEG", (2000, 1000), exif=exif()))

    author.post(page_of("look"), VALID["look"] | {"logo": logo})

    kept = Publication.objects.get().logo
    digest, name = kept.name.split("/")
    assert (len(digest), name) == (16, "logo.jpg")
    assert kept.url == reverse("publication:media", args=[digest, name])
    assert opened((tmp_path / kept.name).read_bytes()).size == (640, 1280)
    served = author.get(kept.url)
    assert served.getvalue() == (tmp_path / kept.name).read_bytes()
    served.close()


def test_a_saved_form_keeps_the_logo_and_a_ticked_box_clears_it(author):
    author.post(page_of("look"), VALID["look"] | {"logo": SimpleUploadedFile("logo.png", picture("PNG"))})

    author.post(page_of("look"), VALID["look"])
    assert Publication.objects.get().logo
    author.post(page_of("look"), VALID["look"] | {"logo-clear": "on"})
    assert not Publication.objects.get().logo


def test_a_face_becomes_a_small_square_at_the_head_of_the_letter(author, tmp_path):
    face = SimpleUploadedFile("Me.PNG", picture("PNG", (900, 600)))

    author.post(page_of("look"), VALID["look"] | {"face": face, "face_alt": "王小明在書桌前"})

    kept = Publication.objects.fresh().face
    digest, name = kept.name.split("/")
    assert (len(digest), name) == (16, "face.jpg")
    assert opened((tmp_path / kept.name).read_bytes()).size == (176, 176)
    letter = freeze_letter(make_issue(make_post(), number=9))
    [shown] = re.findall(r'<td class="face[^>]*>(<img[^>]*>)', letter.html)
    assert f'src="https://news.example.org{kept.url}"' in shown
    assert 'alt="王小明在書桌前"' in shown
    assert 'width="44" height="44"' in shown
    assert "書桌" not in letter.text


def test_a_face_without_words_has_the_authors_name_and_a_ticked_box_clears_it(author):
    make_publication(author="王小明")
    author.post(page_of("look"), VALID["look"] | {"face": SimpleUploadedFile("me.jpg", picture("JPEG"))})

    issue = make_issue(make_post(), number=9)
    assert Publication.objects.fresh().face
    assert 'alt="王小明" width="44"' in freeze_letter(issue).html
    author.post(page_of("look"), VALID["look"] | {"face-clear": "on"})
    assert not Publication.objects.fresh().face
    assert 'class="face' not in freeze_letter(issue).html


@pytest.mark.parametrize("name", ["logo", "face"])
def test_a_picture_that_cannot_be_kept_is_told_beside_its_field_and_nothing_is_saved(author, lost_bucket, name):
    file = SimpleUploadedFile("me.png", picture("PNG"))

    response = author.post(page_of("look"), VALID["look"] | {name: file, "accent": "#123456"})

    [[said]] = errors_of(response).values()
    assert said.startswith("The picture cannot be kept")
    saved = Publication.objects.get()
    assert (bool(getattr(saved, name)), saved.accent == "#123456") == (False, False)


def test_what_is_copied_to_other_sites_has_whole_addresses(author):
    page = unescape(author.get(page_of("newcomers")).text)

    assert '<iframe src="https://news.example.org/embed/"' in page
    assert '<form action="https://news.example.org/subscribe/" method="post">' in page
    assert 'href="/qr/"' in page
    assert 'href="/qr.svg"' in page


@pytest.mark.browser
def test_only_the_days_of_the_chosen_kind_are_asked_for(desk, server):
    desk.goto(server.url + page_of("rhythm"))
    parts = ["#id_cadence_days", "#id_weekdays", "#id_on_date", "#id_on_second_date", "#id_which", "#id_weekday"]

    shown = {}
    for kind in ("", WEEKLY, DATE, WEEKDAY):
        desk.select_option("#id_cadence_rule", kind)
        shown[kind] = [part for part in parts if desk.is_visible(part)]

    assert list(shown.values()) == [parts[:1], parts[1:2], parts[2:4], parts[4:]]
