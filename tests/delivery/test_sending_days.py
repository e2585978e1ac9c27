"""The slots for which an issue is still to be made: what counts as taken, and that every page asks the same."""

import re
from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from newsletter.delivery.letter import rendering
from newsletter.delivery.models import Mailing
from newsletter.delivery.planning import approving
from newsletter.delivery.sending_days import free_slots
from newsletter.desk.today import load_desk_facts
from newsletter.issues import cadence
from newsletter.publication.models import Publication
from tests.factories import make_issue, make_post, make_publication
from tests.support.exhaustive import first_of

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, 2, 39, tzinfo=UTC)  # 10:39 in Taipei
WEEK = timedelta(weeks=1)
FIRST = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)  # Tuesday, 08:00 in Taipei
SLOTS = [FIRST + count * WEEK for count in range(6)]


@pytest.fixture(autouse=True)
def publication():
    with time_machine.travel(NOW, tick=False):
        yield make_publication(
            cadence_anchor_on=date(2026, 11, 3), cadence_at=time(8), cadence_days=7, sender_email="n@news.example.org"
        )


def schedule(at: datetime, **fields) -> Mailing:
    issue = make_issue(make_post("七"), number=7, subject="第七期")
    mailing = approving.approve(issue, send_at=at, now=NOW, hold=timedelta())
    Mailing.objects.filter(pk=mailing.pk).update(**fields)
    return mailing


def free(count: int = 3, **known) -> list[datetime]:
    return free_slots(Publication.objects.current(), NOW, count, **known)


def test_without_a_mailing_every_slot_is_free():
    assert free() == SLOTS[:3]


@pytest.mark.parametrize(
    ("rule", "is_of_rule"),
    [
        ("FREQ=WEEKLY;BYDAY=TU,FR", lambda day: day.weekday() in {1, 4}),
        ("FREQ=MONTHLY;BYMONTHDAY=1,15", lambda day: day.day in {1, 15}),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", lambda day: (day + timedelta(days=1)).day == 1),
        ("FREQ=MONTHLY;BYDAY=2TU", lambda day: day.weekday() == 1 and 8 <= day.day <= 14),
    ],
)
@pytest.mark.parametrize("zone", first_of("Europe/Berlin", "America/New_York", "Asia/Taipei"))
def test_who_takes_the_next_free_slot_again_and_again_takes_each_of_two_years_once(rule, is_of_rule, zone):
    """At 02:30, which spring skips and autumn shows twice."""
    begins, clock = date(2027, 1, 1), time(2, 30)
    used = make_publication(cadence_rule=rule, cadence_anchor_on=begins, cadence_at=clock, time_zone=zone)
    days = [begins + timedelta(days=count) for count in range(2 * 365)]
    expected = [cadence.local_to_utc(day, clock, used.zone) for day in days if is_of_rule(day)]

    taken, now = [], NOW
    for number in range(len(expected)):
        [at] = free_slots(used, now, 1)
        Mailing.objects.create(issue=make_issue(number=number + 1), send_at=at, approved_at=now, state="sent")
        taken.append(at)
        now = at if number % 2 else now  # every second issue is scheduled behind one that still waits

    assert taken == expected


@pytest.mark.parametrize("at", [FIRST, FIRST + timedelta(hours=9), FIRST - timedelta(hours=8)])
def test_the_slot_of_a_day_on_which_an_issue_leaves_is_taken(at):
    schedule(at)

    assert free() == SLOTS[1:4]


@pytest.mark.parametrize("state", [Mailing.State.PAUSED, Mailing.State.SENDING, Mailing.State.SENT])
def test_a_slot_stays_taken_whatever_becomes_of_its_issue(state):
    schedule(FIRST, state=state)

    assert free() == SLOTS[1:4]


@pytest.mark.parametrize("fields", [{"state": Mailing.State.CANCELLED}, {"kind": Mailing.Kind.CORRECTION}])
def test_what_is_cancelled_and_what_corrects_takes_no_slot(fields):
    schedule(FIRST, **fields)

    assert free() == SLOTS[:3]


@pytest.mark.parametrize("at", [FIRST + timedelta(hours=16), FIRST - timedelta(hours=9)])
def test_another_day_takes_no_slot(at):
    schedule(at)

    assert free() == SLOTS[:3]


def test_the_slots_before_one_that_is_taken_stay_free():
    schedule(SLOTS[2])

    assert free(4) == [SLOTS[0], SLOTS[1], SLOTS[3], SLOTS[4]]


def test_to_an_issue_its_own_slot_is_free():
    mailing = schedule(FIRST)

    assert free(1, issue=mailing.issue) == [FIRST]


@pytest.mark.parametrize(("taken", "left"), [(SLOTS[0], SLOTS[1]), (SLOTS[2], SLOTS[0])])
def test_every_place_names_the_same_day_for_the_next_issue(client, taken, left):
    schedule(taken)
    issue = make_issue(make_post("八", published_at=NOW - WEEK), number=8, subject="第八期")
    user = User.objects.create_superuser("gipi", "gipi@example.org", "pw")
    client.force_login(user)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    day = timezone.localtime(left, Publication.objects.current().zone)

    letter = Mailing(issue=issue, **rendering.freeze_letter(issue).columns())
    page = client.get(reverse("admin:issue_web_frame", args=[issue.pk])).text
    year = client.get(reverse("admin:calendar_year", args=[2026])).text

    assert load_desk_facts(user, NOW).slot == left
    assert client.get(reverse("admin:issue_send", args=[issue.pk])).context["form"].proposed == left
    assert f"Issue 8 · Dec. {day.day}, 2026" in rendering.html_and_text(letter)[1]
    assert f'datetime="{day:%Y-%m-%d}' in page
    assert f"slot/{day:%Y-%m-%d}/" in re.findall(r"<a [^>]*is-next[^>]*>", year)[0]


def test_today_lists_what_leaves_in_the_order_of_its_days(client):
    Mailing.objects.create(
        issue=make_issue(number=6, sent_at=NOW - WEEK),
        state=Mailing.State.SENT,
        approved_at=NOW - WEEK,
        send_at=NOW - WEEK,
        planned_at=NOW - WEEK,
        finished_at=NOW - WEEK,
    )
    schedule(SLOTS[2])
    client.force_login(User.objects.create_superuser("gipi", "gipi@example.org", "pw"))

    lines = client.get("/admin/").context["upcoming"]

    assert [line.number for line in lines][:3] == [8, 9, 7]
