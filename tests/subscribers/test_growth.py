"""From where readers came, and who still reads a quarter later: counted by day, and not uncounted by an erasure."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils import translation

from subscribers import growth, origins
from subscribers.models import Consent, OriginCount, Subscriber, Suppression
from subscribers.models.consents import ConsentDetails
from tests.factories import make_publication, make_subscriber

TAIPEI = ZoneInfo("Asia/Taipei")
NOW = datetime(2026, 11, 24, 2, 39, tzinfo=UTC)  # a Tuesday
DAY, QUARTER = timedelta(days=1), timedelta(days=91)
TODAY = date(2026, 11, 24)
LINES = {
    "web:page": ("form", ""),
    "web:page /": ("page", "/"),
    "web:post /p/128/": ("page", "/p/128/"),
    "web:post /p/128/ from t.co": ("site", "t.co"),
    "web:page invited from mail.google.com": ("invitation", ""),
    "web:post /p/128/ utm_source=talk utm_campaign=autumn from t.co": ("campaign", "talk / autumn"),
    "web:page utm_medium=email": ("form", ""),
    "import on 2026-11-02: from the old list": ("import", ""),
    "by hand: asked me at the fair": ("hand", ""),
    "": ("other", ""),
    "link": ("other", ""),
}


@pytest.fixture(autouse=True)
def _newsletter(db):
    make_publication()
    with translation.override("en"):
        yield


def come(line: str, at: datetime = NOW, **fields) -> Subscriber:
    """A reader who asked by a form, and confirmed an hour later."""
    reader = make_subscriber(confirmed_at=at, **fields)
    kind = Consent.Kind.IMPORTED if line.startswith("import") else Consent.Kind.ASKED
    Consent.objects.add(reader, kind, ConsentDetails(line), at - timedelta(hours=1))
    Consent.objects.add(reader, Consent.Kind.CONFIRMED, ConsentDetails("link"), at)
    return reader


def keep(now: datetime = NOW) -> None:
    OriginCount.objects.keep(now, TAIPEI)


def counted() -> dict[tuple[str, str], tuple[int, int | None]]:
    return {(one.kind, one.name): (one.came, one.stayed) for one in OriginCount.objects.all()}


@pytest.mark.parametrize("line", LINES)
def test_each_record_says_one_source(line):
    assert origins.classify_origin(line) == LINES[line]


# --- Counting ---


def test_each_source_of_a_day_is_counted_however_often_it_is_counted():
    for line in ("web:page /", "web:page /", "web:post /p/128/ from t.co"):
        come(line)

    keep()
    keep(NOW + timedelta(hours=1))

    assert counted() == {("page", "/"): (2, None), ("site", "t.co"): (1, None)}


def test_whoever_comes_later_on_the_same_day_is_added():
    come("web:page /")
    keep()
    come("web:page from t.co", NOW + timedelta(hours=2))

    keep(NOW + timedelta(hours=3))

    assert counted() == {("page", "/"): (1, None), ("site", "t.co"): (1, None)}


def test_a_day_is_one_of_the_newsletter_s_own_zone():
    come("web:page /", datetime(2026, 11, 23, 16, 30, tzinfo=UTC))

    keep()

    assert OriginCount.objects.get().on == TODAY


def test_who_was_erased_stays_counted():
    erased = come("web:page from t.co")
    keep()
    erased.delete()
    come("web:page /")
    come("web:page /")

    keep()

    assert counted() == {("site", "t.co"): (1, None), ("page", "/"): (2, None)}


def test_readers_who_were_brought_in_count_on_the_day_that_their_file_says():
    keep()
    come("import on 2026-11-24: list", NOW - 30 * DAY)

    keep()

    assert OriginCount.objects.get().on == TODAY - 30 * DAY


def test_of_somebody_who_came_twice_the_last_way_counts():
    reader = come("web:page from t.co", NOW - 10 * DAY)
    Consent.objects.add(reader, Consent.Kind.ASKED, ConsentDetails("web:page utm_source=talk"), NOW - DAY)
    Subscriber.objects.filter(pk=reader.pk).update(confirmed_at=NOW)

    keep()

    assert counted() == {("campaign", "talk"): (1, None)}


def test_a_flood_of_made_up_campaigns_stays_a_few_rows():
    for number in range(60):
        come(f"web:page utm_source=made-up-{number}")

    keep()

    assert OriginCount.objects.count() == 21
    assert counted()["other", ""] == (40, None)


# --- A quarter later ---


def test_after_a_quarter_it_is_counted_who_still_reads():
    at = NOW - QUARTER - 2 * DAY
    come("web:page from t.co", at)
    come("web:page from t.co", at, state="paused", paused_until=NOW + DAY)
    come("web:page from t.co", at, state="unsubscribed", unsubscribed_at=at + 20 * DAY)
    late = come("web:page from t.co", at, state="unsubscribed", unsubscribed_at=NOW)
    barred = come("web:page from t.co", at)
    Suppression.objects.create(address_hash=barred.address_hash, reason="bounced")
    Suppression.objects.update(created_at=at + 30 * DAY)

    keep()

    assert late.unsubscribed_at == NOW  # after the quarter: that is another story
    assert counted() == {("site", "t.co"): (5, 3)}


def test_before_a_quarter_is_over_nothing_is_said_of_who_stays():
    come("web:page /", NOW - QUARTER)

    keep()

    assert counted() == {("page", "/"): (1, None)}


def test_what_was_counted_after_a_quarter_stays():
    reader = come("web:page /", NOW - QUARTER - 2 * DAY)
    keep()
    reader.unsubscribe(NOW)

    keep(NOW + 30 * DAY)

    assert counted() == {("page", "/"): (1, 1)}


# --- In weeks and months ---


def test_weeks_begin_on_monday_and_months_on_their_first_day():
    weeks, months = growth.period_starts(TODAY, "week"), growth.period_starts(TODAY, "month")

    assert (weeks[0], weeks[-1]) == (date(2026, 9, 7), date(2026, 11, 23))
    assert (months[0], months[-1]) == (date(2025, 12, 1), date(2026, 11, 1))


def test_the_largest_source_is_first_with_its_weeks_and_with_who_stayed():
    for weeks in (0, 0, 1, 11):
        come("web:page from t.co", NOW - weeks * 7 * DAY)
    come("web:page /", NOW)
    come("web:page /", NOW - QUARTER - 9 * DAY)
    keep()

    found = growth.load_growth(TODAY)

    assert [(one.label, one.in_all, one.settled, one.stayed) for one in found.sources] == [
        ("t.co", 4, 0, 0),
        ("home page", 1, 1, 1),
    ]
    assert found.sources[0].came == (1, *[0] * 9, 1, 2)
    assert found.came == (1, *[0] * 9, 1, 3)


# --- What the author sees ---


@pytest.fixture
def desk(admin_client, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    return admin_client


def test_the_page_names_posts_by_their_titles_and_gives_no_share_of_a_few(desk):
    from tests.factories import make_post

    post = make_post("管理槓桿")
    come(f"web:post /p/{post.pk}/", NOW)
    come(f"web:post /p/{post.pk}/", NOW - QUARTER - 2 * DAY)
    come("web:page utm_source=<b>")
    keep()

    shown = desk.get(reverse("admin:reader_growth")).content.decode()

    assert f'<a href="/p/{post.pk}/">管理槓桿</a>' in shown
    assert "1 of 1" in shown
    assert "100 %" not in shown
    assert "<b>" not in shown.split('class="result-table')[1].split("</table>")[0]


def test_the_page_has_months_and_nothing_to_say_is_said(desk):
    empty = desk.get(reverse("admin:reader_growth")).content.decode()
    come("web:page /", NOW - 100 * DAY)
    keep()

    assert "Once readers have come" in empty
    assert (
        "Where readers of the last twelve months"
        in desk.get(reverse("admin:reader_growth") + "?by=month").content.decode()
    )


def test_the_file_has_a_line_for_each_source_and_month(desk):
    come("web:page utm_source=talk", NOW)
    come("web:page utm_source=talk", NOW - 40 * DAY)
    keep()

    answer = desk.get(reverse("admin:reader_growth_csv") + "?by=month")
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").split()

    assert lines == [
        "from,kind,source,came,came_a_quarter_ago,still_read_after_a_quarter",
        "2026-10-01,campaign,talk,1,0,0",
        "2026-11-01,campaign,talk,1,0,0",
    ]


def test_today_says_from_where_readers_came_only_if_some_have(desk):
    before = desk.get(reverse("admin:index")).content.decode()
    for line in ("web:page from t.co", "web:page from t.co", "web:page from t.co", "web:post /p/1/", "web:post /p/2/"):
        come(line)
    come("web:page /")
    keep()

    after = desk.get(reverse("admin:index")).content.decode()

    assert "new in four weeks" not in before
    assert "6 new in four weeks: t.co 3 · posts 2 · home page 1" in after
