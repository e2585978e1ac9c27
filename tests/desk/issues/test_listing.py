"""The list of issues: what comes next on top, a year below it, and no query for each row."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from newsletter.delivery.models import Feedback, Mailing
from newsletter.delivery.planning import approving, beginning
from newsletter.desk.issues import results
from newsletter.issues.models import Issue
from subscribers.models import Movement
from tests.factories import make_issue, make_post, make_subscriber
from tests.support.page_checks import assert_accessible_wide_and_narrow, assert_valid

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
LIST = reverse("admin:issues_issue_changelist")


@pytest.fixture
def author(author, clock):
    return author


def titles(response, rows="rows_sent") -> list[str]:
    return [row.issue.subject for row in response.context[rows]]


def sent(year: int, number: int, *, copies: int = 0, missed: int = 0) -> Issue:
    """An issue that was sent in `year`, with a mailing whose batches have counted its copies."""
    at = datetime(year, 6, 1, tzinfo=UTC)
    issue = make_issue(make_post(), number=number, subject=f"第 {number} 封", sent_at=at)
    if copies:
        times = {"approved_at": at, "send_at": at, "planned_at": at, "finished_at": at}
        mailing = Mailing.objects.create(issue=issue, state="sent", total=copies + missed, **times)
        mailing.batches.create(no=0, lo=0, hi=copies, state="done", cursor=copies, sent=copies)
        mailing.batches.create(no=1, lo=copies, hi=copies + missed, state="done", cursor=copies, failed=missed)
    return issue


def test_a_year_stands_as_the_archive_shows_it_and_the_others_are_a_link_away(author):
    for year, number in ((2024, 1), (2025, 2), (2025, 3), (2026, 4)):
        sent(year, number)

    latest, former = author.get(LIST), author.get(LIST, {"year": "2025"})

    assert titles(latest) == ["第 4 封"]
    assert titles(former) == ["第 3 封", "第 2 封"]
    assert 'href="?year=2024"' in latest.text
    assert_valid(former.text)


def test_a_row_says_how_many_copies_left_how_many_did_not_arrive_and_what_readers_said(author):
    issue = sent(2026, 7, copies=3124, missed=12)
    for _ in range(2):
        Feedback.objects.create(subscriber=make_subscriber(), issue=issue, answer="helpful", given_at=NOW)
    Feedback.objects.create(subscriber=make_subscriber(), issue=issue, answer="fair", given_at=NOW)

    page = author.get(LIST)

    [row] = page.context["rows_sent"]
    assert (row.result.sent, row.result.missed, row.helpful) == (3124, 12, 2)
    assert "3,124 copies" in page.text
    assert "12 did not arrive" in page.text
    assert "helpful 2" in page.text
    assert reverse("admin:mailing", args=[row.result.mailing]) in page.text


def test_a_row_says_who_came_and_left_by_it_until_the_next_issue_was_sent_even_in_another_year(author):
    first, second = sent(2025, 1, copies=3), sent(2026, 2, copies=4)
    after = (first.sent_at + timedelta(days=3), second.sent_at + timedelta(days=3))
    for at, came, left in zip(after, (2, 1), (1, 0), strict=True):
        for _ in range(came):
            make_subscriber(confirmed_at=at)
        for _ in range(left):
            make_subscriber(state="unsubscribed", confirmed_at=None, unsubscribed_at=at)

    former, latest = author.get(LIST, {"year": "2025"}), author.get(LIST)

    [row] = former.context["rows_sent"]
    assert row.readers == Movement(came=2, left=1)
    assert "2 new readers" in former.text
    assert "1 left" in former.text
    beside = results.result_page(first.mailings.get(), NOW)
    assert beside
    assert beside.numbers.rows[-1][1][-2:] == ("2", "1")  # the same as on its own page
    assert latest.context["rows_sent"][0].readers == Movement(came=1, left=0)
    assert " left" not in latest.text.partition('class="issues-facts"')[2]


def test_the_next_issue_stands_on_top_with_what_it_lacks_and_one_button(author):
    issue = make_issue(make_post(), number=42, subject="")
    make_subscriber()

    page = author.get(LIST)

    step = page.context["step"]
    assert (step.key, step.button) == ("subject", "Write the subject")
    assert step.url == reverse("admin:issues_issue_change", args=[issue.pk]) + "#id_subject"
    assert "Missing: a subject" in step.sentence
    assert titles(page, "rows_open") == [""]
    assert "No subject yet" in page.text
    assert page.text.count('class="button"') == 1
    assert_valid(page.text)


def test_an_issue_that_is_being_sent_stands_on_top_alone(author):
    issue = make_issue(make_post(), number=42)
    make_subscriber()
    beginning.plan_mailing(approving.approve(issue, send_at=None, now=NOW, hold=timedelta()), NOW)

    page = author.get(LIST)

    assert (page.context["step"].key, titles(page, "rows_open"), titles(page)) == ("sending", ["第 42 期"], [])


def test_without_an_issue_the_page_says_for_when_one_could_be_composed(author):
    page = author.get(LIST)

    assert page.context["step"].key == "begin"
    assert page.context["step"].button == "Compose issue 1"
    assert page.context["step"].url == reverse("admin:issues_issue_add")
    assert "No issue is put together for it yet." in page.text


def test_a_search_is_answered_by_the_list_of_all_years(author):
    sent(2024, 1)
    sent(2026, 2)

    page = author.get(LIST, {"q": "第 1"})

    assert "第 1 封" in page.text
    assert "第 2 封" not in page.text


def test_many_issues_cost_no_query_more(author):
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            assert author.get(LIST).status_code == 200
        return len(found)

    sent(2026, 1, copies=10)
    make_issue(make_post(), number=90)
    queries()  # what is cached from now on
    few = queries()
    for number in range(2, 40):
        sent(2026, number, copies=10)
    for number in range(91, 96):
        make_issue(make_post(), number=number)

    assert queries() <= few  # the first asks for the mail server, too
    assert len(author.get(LIST).context["rows_sent"]) == 39


@pytest.mark.exhaustive
@pytest.mark.browser
def test_the_list_has_no_barrier_and_fits_a_small_phone(desk, server):
    for number in range(1, 6):
        sent(2025 + number % 2, number, copies=3124, missed=2)
    make_issue(make_post(), number=99, subject="一個很長很長很長很長很長很長很長很長很長很長很長很長很長的主旨")

    desk.goto(server.url + LIST)

    assert_accessible_wide_and_narrow(desk)
