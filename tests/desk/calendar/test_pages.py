"""The calendar: a year on one page, and each shift by a form that needs no JavaScript."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from newsletter.delivery.models import Mailing
from newsletter.delivery.planning import approving
from newsletter.issues import schedule
from newsletter.issues.models import Shift
from newsletter.publication.models import Change, Publication
from tests.factories import make_issue, make_post, make_publication
from tests.support.page_checks import markup

NOW = datetime(2026, 11, 26, 4, 0, tzinfo=UTC)  # a Thursday, noon in Taipei
PAGE = "/admin/calendar/"

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def author(client, db):
    make_publication(
        sender_email="news@news.example.org",
        cadence_anchor_on=date(2026, 11, 5),
        cadence_at=time(8),
        cadence_days=14,
        language="en",
        holiday_country="TW",
    )
    client.force_login(User.objects.create_superuser("gipi", "gipi@example.org", "pw"))
    return client


def slot(day="2026-12-03", verb=""):
    return f"{PAGE}slot/{day}/{verb and verb + '/'}"


def due(count=2):
    publication = Publication.objects.fresh()
    return [
        f"{at.astimezone(publication.zone):%m-%d %H:%M}"
        for at in schedule.next_slots(publication, after=NOW, count=count)
    ]


def told(response):
    return [str(message) for message in response.context["messages"]]


# --- The year ---


def test_a_year_shows_what_was_sent_what_comes_and_what_is_left_out(author):
    make_issue(make_post(), number=41, subject="第四十一期", sent_at=datetime(2026, 11, 19, tzinfo=UTC))
    schedule.skip_slot(date(2026, 12, 17), NOW)
    schedule.move_slot(date(2026, 12, 31), NOW, to_on=date(2026, 12, 30), to_at=time(8))
    schedule.add_vacation(date(2026, 12, 20), date(2026, 12, 22), NOW, note="去爬山")

    page = markup(author.get(PAGE))

    assert "#41 第四十一期 · sent" in page
    assert "next slot" in page
    assert "Slot · skipped" in page
    assert "Slot · moved to Wed 30 Dec" in page
    assert "去爬山 · Vacation" in page
    assert "Constitution Day · Holiday" in page


def test_the_number_of_queries_does_not_grow(author):
    author.get(PAGE)
    with CaptureQueriesContext(connection) as few:
        author.get(PAGE)
    for number in range(1, 13):
        issue = make_issue(make_post(f"題{number}"), number=number, sent_at=datetime(2026, number, 1, tzinfo=UTC))
        Mailing.objects.create(issue=issue, state="sent", approved_at=NOW, send_at=NOW)
        day = next(schedule.cadence_of(Publication.objects.fresh()).days_from(date(2027, number, 1)))
        schedule.skip_slot(day, NOW)
    with CaptureQueriesContext(connection) as many:
        author.get(PAGE)

    assert len(many) == len(few)


# --- Skipping and moving ---


def test_a_slot_is_skipped_and_put_back(author):
    skipped = author.post(slot(verb="skip"), follow=True)
    between = due()
    back = author.post(slot(verb="restore"), follow=True)

    assert "is skipped" in told(skipped)[0]
    assert between == ["12-17 08:00", "12-31 08:00"]
    assert "is where it was" in told(back)[0]
    assert due() == ["12-03 08:00", "12-17 08:00"]
    assert [(one.what, one.by, one.via) for one in Change.objects.all()] == [
        ("added", "gipi", "desk"),
        ("deleted", "gipi", "desk"),
    ]


def test_a_slot_is_moved_to_another_day_and_time(author):
    response = author.post(slot(), {"day": "2026-12-05", "time": "09:30"}, follow=True)

    assert "The slots behind it stay" in told(response)[0]
    assert due() == ["12-05 09:30", "12-17 08:00"]


def test_a_monthly_rhythm_is_said_and_shown_for_half_a_year(author):
    make_publication(cadence_rule="FREQ=MONTHLY;BYMONTHDAY=-1")

    page = author.get(PAGE)

    assert "every month on the last day at 08:00" in page.text
    assert [one.key for one in page.context["ahead"]] == [
        *("2026-11-30", "2026-12-31", "2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30")
    ]
    assert author.get(slot("2027-02-28")).status_code == 200
    assert author.get(slot("2027-02-27")).status_code == 404


def test_nearer_than_seven_days_to_another_slot_is_asked_about(author):
    asked = author.post(slot(), {"day": "2026-12-11", "time": "08:00"})
    before = Shift.objects.count()
    author.post(slot(), {"day": "2026-12-11", "time": "08:00", "anyway": "on"})

    assert "is too close" in asked.text
    assert 'name="anyway"' in asked.text
    assert before == 0
    assert due() == ["12-11 08:00", "12-17 08:00"]


@pytest.mark.parametrize(
    ("day", "words"),
    [
        ("2026-11-25", "has passed"),
        ("2027-03-01", "more than 60 days"),
        ("2026-12-08", "in a vacation"),
        ("", "required"),
    ],
)
def test_a_slot_cannot_be_moved_just_anywhere(author, day, words):
    schedule.add_vacation(date(2026, 12, 7), date(2026, 12, 9), NOW)

    page = author.post(slot(), {"day": day, "time": "08:00"})

    assert words in page.text
    assert Shift.objects.count() == 1


@pytest.mark.parametrize("day", ["2026-12-04", "2026-11-19", "nonsense", "2026-02-30"])
def test_what_is_no_slot_ahead_has_no_page(author, day):
    assert author.get(slot(day)).status_code == 404
    assert author.post(slot(day, "skip")).status_code == 404


def test_a_slot_with_a_scheduled_issue_is_neither_moved_nor_skipped(author):
    approving.approve(
        make_issue(make_post(), number=42), send_at=datetime(2026, 12, 3, tzinfo=UTC), now=NOW, hold=timedelta()
    )

    moved = author.post(slot(), {"day": "2026-12-05", "time": "09:30"})
    skipped = author.post(slot(verb="skip"), follow=True)

    assert moved.status_code == 409
    assert "Cancel or move it first" in moved.text
    assert "Cancel or move it first" in told(skipped)[0]
    assert Shift.objects.count() == 0


# --- Vacation ---


def test_a_vacation_leaves_out_its_slots_says_how_many_and_is_given_up(author):
    approving.approve(
        make_issue(make_post(), number=42), send_at=datetime(2026, 12, 3, tzinfo=UTC), now=NOW, hold=timedelta()
    )
    taken = author.post(
        PAGE + "vacation/", {"first_on": "2026-12-01", "last_on": "2026-12-20", "note": "去爬山"}, follow=True
    )
    away = due()
    author.post(reverse("admin:calendar_give_up", args=[Shift.objects.get().pk]))

    assert "2 slots are left out" in told(taken)[0]
    assert "goes out all the same" in told(taken)[1]
    assert away == ["12-31 08:00", "01-14 08:00"]
    assert due() == ["12-03 08:00", "12-17 08:00"]


@pytest.mark.parametrize(
    ("first_on", "last_on", "words"),
    [
        ("2026-12-10", "2026-12-01", "before the first"),
        ("2026-11-01", "2026-11-05", "have passed"),
        ("2026-12-01", "2028-12-01", "At most a year"),
        ("", "2026-12-01", "required"),
    ],
)
def test_a_vacation_that_cannot_be_is_refused_with_a_reason(author, first_on, last_on, words):
    page = author.post(PAGE + "vacation/", {"first_on": first_on, "last_on": last_on})

    assert words in page.text
    assert Shift.objects.count() == 0


# --- Holidays ---


@pytest.fixture
def asked(author):
    """The lunar new year of 2027 has a slot on its first day."""
    make_publication(cadence_anchor_on=date(2026, 11, 12))


def test_a_holiday_is_asked_about_on_the_page_until_it_is_answered(author, asked):
    page = author.get(PAGE)
    answered = author.post(PAGE + "holiday/2027-02-04/", {"choice": "skip"}, follow=True)

    assert "has a slot: " in page.text
    assert "You will not be asked again" in told(answered)[0]
    assert "has a slot: " not in answered.text
    assert Shift.objects.get().slot_on == date(2027, 2, 4)


def test_the_first_page_may_ask_too_and_gets_its_author_back(author, asked):
    [question] = schedule.open_questions(Publication.objects.fresh(), NOW, "zh-hant")
    request = RequestFactory().get("/")
    with translation.override("zh-hant"):
        form = render_to_string("desk/_holiday.html", {"question": question, "back": "today"}, request)

    response = author.post(PAGE + "holiday/2027-02-04/", {"choice": "keep", "back": "today"})

    assert "農曆除夕、春節（2/4（四）到 2/10（三））裡有發刊日：2/4（四）。" in form
    assert "移到 2/3（三）" in form
    assert response.headers["Location"] == reverse("admin:index")
