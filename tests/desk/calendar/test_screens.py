"""The calendar in a real browser: no barrier, no page too wide, and every shift by the keyboard and with the thumb."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.utils import timezone

from newsletter.delivery.planning import approving
from newsletter.issues import schedule
from tests.factories import make_issue, make_post, make_publication
from tests.support.page_checks import assert_accessible_wide_and_narrow

pytestmark = pytest.mark.browser
PAGE = "/admin/calendar/"


@pytest.fixture
def slots(desk) -> list[date]:
    """The days of the slots of a year with something of each kind, in Chinese."""
    now, today = timezone.now(), timezone.localdate()
    publication = make_publication(
        language="zh-hant", sender_email="news@news.example.org", cadence_anchor_on=today - timedelta(days=350)
    )
    days = [publication.cadence_anchor_on + timedelta(days=14 * k) for k in range(40)]
    for number, day in enumerate([day for day in days if day < today], 1):
        sent_at = datetime.combine(day, time(8), publication.zone)
        make_issue(make_post(f"題{number}"), number=number, subject="先寫一頁，再開會", sent_at=sent_at.astimezone(UTC))
    ahead = [day for day in days if day > today]
    first = schedule.next_slot(publication, now)
    approving.approve(make_issue(make_post(), number=60, subject="已排程"), send_at=first, now=now, hold=timedelta())
    make_issue(make_post(), number=61, subject="一篇還在寫的草稿，它的主旨很長很長很長很長很長很長")
    schedule.skip_slot(ahead[2], now)
    schedule.move_slot(ahead[3], now, to_on=ahead[3] - timedelta(days=1), to_at=time(9, 30))
    schedule.add_vacation(ahead[4] - timedelta(days=4), ahead[4] + timedelta(days=4), now, note="去爬山，三月見")
    return ahead


@pytest.mark.exhaustive
def test_no_screen_of_the_calendar_has_a_barrier_or_is_too_wide(desk, server, slots):
    near = {"day": (slots[1] - timedelta(days=10)).isoformat(), "time": "08:00"}

    for path in ("", f"{timezone.localdate().year + 1}/", f"slot/{slots[1]}/", "vacation/", "link/"):
        desk.goto(server.url + PAGE + path)
        if path.startswith("slot"):
            desk.fill("[name=day]", near["day"])
            desk.locator("form.sheet-form button").click()
        assert_accessible_wide_and_narrow(desk)
