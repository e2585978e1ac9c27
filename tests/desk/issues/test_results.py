"""The page of a mailing that is over: what the issue has brought, beside those before it."""

import json
import re
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation

from newsletter.delivery.ledger import breakdown
from newsletter.delivery.models import Mailing
from newsletter.desk.issues import results
from subscribers.models import Sentence
from tests.delivery.results.issues import FORTNIGHT, HOUR, LONG_AGO, NOW, come, sent
from tests.factories import make_helper, make_publication, make_subscriber
from tests.support.page_checks import markup

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def desk(author):
    make_publication()
    for _ in range(3):
        make_subscriber(confirmed_at=LONG_AGO)
    return author


def values(mailing: Mailing, now: datetime = NOW) -> dict[str, tuple[str, ...]]:
    """Each number of the issues compared, that of `mailing` last."""
    with translation.override("en"):
        found = results.result_page(Mailing.objects.get(pk=mailing.pk), now)
    columns = zip(*(numbers for _issue, numbers in found.numbers.rows), strict=True)
    return dict(zip(found.numbers.columns, columns, strict=True))


def notes(mailing: Mailing) -> dict[str, tuple[str, str]]:
    with translation.override("en"):
        return {one.label: (one.now, one.note) for one in results.result_page(mailing, NOW).figures}


def page(desk, mailing: Mailing) -> str:
    return markup(desk.get(reverse("admin:mailing", args=[mailing.pk])))


def test_the_first_issue_is_compared_with_nothing(desk):
    mailing = sent(1, NOW)

    found = results.result_page(mailing, NOW)

    assert {one.chart for one in found.figures} == {None}
    assert notes(mailing) == {"Sent": ("3", ""), "Said “helpful”": ("0", ""), "New readers": ("0", "")}
    shown = page(desk, mailing)
    assert "<svg" not in shown
    assert "0 issues" not in shown
    assert "This is the first issue; there is nothing to compare it with yet." in shown


def test_an_issue_is_compared_with_the_last_six(desk):
    for number in range(1, 9):
        last = sent(number, NOW - (8 - number) * FORTNIGHT, failed=number % 2)

    found = results.result_page(last, NOW)

    assert notes(last)["Sent"] == ("3", "on average 2.5 before")
    assert notes(Mailing.objects.get(issue__number=7))["Sent"] == ("2", "1 reader did not get it")
    assert values(last)["Did not get it"] == ("0", "1", "0", "1", "0", "1", "0")
    assert [name for name, _numbers in found.numbers.rows] == [f"第 {number} 期" for number in range(2, 9)]
    assert [len(one.chart.bars) for one in found.figures] == [7, 7, 7]


def test_answers_are_told_beside_those_before(desk):
    before, last = sent(1, NOW - FORTNIGHT), sent(2, NOW)
    for place, copy in enumerate(last.deliveries.select_related("subscriber")):
        last.issue.feedback.give(copy.subscriber, last.issue, "fair" if place else "helpful", NOW)
    before.issue.feedback.give(copy.subscriber, before.issue, "helpful", NOW - FORTNIGHT)

    later = NOW + 2 * FORTNIGHT
    assert values(last, later)["Said “helpful”"] == ("1", "1")
    assert values(last, later)["Said “so-so”"] == ("0", "2")


def test_the_sentence_says_when_more_than_ever_found_it_helpful(desk):
    for number, helpful in ((1, 1), (2, 0), (3, 2)):
        last = sent(number, NOW - (3 - number) * FORTNIGHT)
        for copy in last.deliveries.select_related("subscriber")[:helpful]:
            last.issue.feedback.give(copy.subscriber, last.issue, "helpful", NOW - (3 - number) * FORTNIGHT)

    with translation.override("en"):
        said = [results.result_page(one, NOW + HOUR).sentence for one in Mailing.objects.order_by("pk")]

    assert said == [
        "Issue 1 went to 3 readers; 1 said “helpful”.",
        "Issue 2 went to 3 readers.",
        "Issue 3 went to 3 readers; 2 said “helpful”, more than of any of the 2 before.",
    ]


def test_readers_who_came_and_left_are_counted_until_the_next_issue(desk):
    first = sent(1, NOW - FORTNIGHT)
    for days in (-1, 0, 13):
        make_subscriber(confirmed_at=NOW - FORTNIGHT + timedelta(days=days))
    make_subscriber(confirmed_at=LONG_AGO, state="unsubscribed", unsubscribed_at=NOW - timedelta(days=3))
    last = sent(2, NOW)
    make_subscriber(confirmed_at=NOW + timedelta(hours=2))

    later = NOW + timedelta(days=1)

    assert (values(first, later)["New readers"], values(first, later)["Readers who left"]) == (("2",), ("1",))
    assert (values(last, later)["New readers"], values(last, later)["Readers who left"]) == (("1", "1"), ("0", "0"))
    with translation.override("en"):
        compared = [results.result_page(one, later).how_compared for one in (first, last)]
    assert ["until now" in text for text in compared] == [False, True]


def test_a_mailing_on_its_way_and_a_correction_have_no_result(desk):
    mailing = sent(1, NOW)
    Mailing.objects.filter(pk=mailing.pk).update(state="sending", finished_at=None)
    sending = results.result_page(Mailing.objects.get(), NOW)
    Mailing.objects.filter(pk=mailing.pk).update(state="sent", finished_at=NOW, kind="correction")

    assert sending is None
    assert results.result_page(Mailing.objects.get(), NOW) is None


def test_the_page_shows_the_result_with_a_table_behind_its_bars(desk):
    sent(1, NOW - FORTNIGHT)
    last = sent(2, NOW)

    shown = page(desk, last)

    assert shown.count("<svg") == 3
    assert "<summary>The numbers of each issue</summary>" in shown
    assert "Readers who came and left are those since this issue, until now." in shown


def test_the_page_says_why_copies_failed_and_what_to_do(desk):
    mailing = sent(1, NOW, failed=2)
    Mailing.objects.filter(pk=mailing.pk).update(counted_at=None)
    breakdown.count_next_mailing(NOW)

    shown = page(desk, mailing)

    assert "Why 2 copies failed" in shown
    assert "The address does not exist" in shown
    assert "Or it was closed. It gets no mail any more; there is nothing to do." in shown
    assert reverse("admin:mailing_csv", args=[mailing.pk, "failed"]) in shown
    assert reverse("admin:mailing_csv", args=[mailing.pk, "all"]) in shown


def test_an_issue_that_was_sent_leads_to_a_correction_and_one_under_way_does_not(desk):
    mailing = sent(1, NOW)
    correct = reverse("admin:issue_correct", args=[mailing.issue_id])
    after = page(desk, mailing)
    Mailing.objects.filter(pk=mailing.pk).update(state="sending", finished_at=None)

    assert correct in after
    assert correct not in page(desk, mailing)


def test_a_result_costs_the_same_few_queries_whatever_was_sent(desk):
    sent(1, NOW - 9 * FORTNIGHT)

    def queries(mailing: Mailing) -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            results.result_page(mailing, timezone.now())
        return [query["sql"] for query in captured]

    few = queries(sent(2, NOW - 8 * FORTNIGHT))
    for number in range(3, 10):
        last = sent(number, NOW - (9 - number) * FORTNIGHT)
    many = queries(last)

    assert len(few) == len(many)
    assert [sql for sql in many if 'FROM "delivery_delivery"' in sql and "EXISTS" not in sql] == []


# --- Links ---


def test_the_page_shows_which_links_were_followed(desk):
    make_publication(counts_links=True)
    mailing = sent(1, NOW - timedelta(hours=3))
    link = mailing.links.get()
    browser = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/120.0"}
    for number in range(1, 4):
        desk.get(f"/r/{link.token}/", headers=browser, REMOTE_ADDR=f"192.0.2.{number}")
    desk.get(f"/r/{link.token}/", headers={"User-Agent": "curl/8"}, REMOTE_ADDR="192.0.2.9")

    found = page(desk, mailing)

    row = found.partition('id="links"')[2].partition("<tbody>")[2].partition("</tr>")[0]
    assert link.url in row
    assert "第 1 篇" in row
    assert re.findall(r"<td[^>]*>\s*(?:<strong>)?(\d+)", row) == ["3", "3", "0", "0", "1"]
    assert "Approximate" in found


def test_the_page_says_what_readers_said_and_leads_to_the_numbers(desk):
    for number in range(1, 7):
        at = NOW - (7 - number) * FORTNIGHT
        sent(number, at)
        come(20, at + HOUR)
    last = sent(7, NOW)
    come(60, NOW + HOUR)
    Sentence.objects.store(last.deliveries.last().subscriber, "feedback", "很受用", NOW, issue=7)

    shown = page(desk, last)
    numbers = json.loads(desk.get(reverse("admin:mailing_result_json", args=[last.pk])).content)

    assert "Sent to 123 readers." in shown
    assert "很受用" in shown
    assert reverse("admin:mailing_result_json", args=[last.pk]) in shown
    assert (numbers["copies"]["sent"], numbers["sentences"]) == (123, ["很受用"])


def test_an_editor_gets_the_numbers_without_the_sentences(desk, client):
    last = sent(1, NOW)
    Sentence.objects.store(last.deliveries.last().subscriber, "feedback", "很受用", NOW, issue=1)
    client.force_login(make_helper("editor"))

    numbers = client.get(reverse("admin:mailing_result_json", args=[last.pk])).json()

    assert "sentences" not in numbers
    assert numbers["sentences_count"] == 1
    assert "很受用" not in page(client, last)
