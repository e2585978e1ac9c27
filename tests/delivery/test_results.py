"""What is known of an issue, and the words and the JSON that are made of it."""

import json
from datetime import timedelta

import pytest
from django.core.cache import caches

from newsletter.delivery import results
from newsletter.delivery.events import thinning
from newsletter.delivery.ledger import breakdown
from newsletter.delivery.models import Delivery, Mailing, Reply
from newsletter.issues.models import Issue, Vote
from newsletter.mail.smtp_replies import RefusalReason
from subscribers.models import Sentence, Subscriber
from tests.delivery.results.issues import FORTNIGHT, HOUR, LONG_AGO, NOW, come, sent, told
from tests.factories import make_publication

DAYS_3 = timedelta(days=3)


@pytest.fixture(autouse=True)
def _newsletter(db):
    make_publication()
    come(10, LONG_AGO)


def reply(mailing: Mailing, at, key: str) -> None:
    reader = Subscriber.objects.first()
    Reply.objects.create(subscriber=reader, issue=mailing.issue, key=key, sender="a@example.org", received_at=at)


# --- Copies ---


def test_without_reports_sent_means_accepted():
    found = results.issue_result(sent(1, NOW), NOW + DAYS_3)

    assert found.copies.arrived is None
    assert results.copies_text(found) == (
        "Sent to 10 readers. That means the mail server has accepted them; whether each arrived, it does not say."
    )


def test_what_a_provider_reports_is_told_and_the_last_word_counts():
    mailing = sent(1, NOW)
    told(mailing, "delivered", *range(8))
    told(mailing, "delivered", 0, source="twice")
    told(mailing, "bounced", 7, verdict="hard", domain="gone.example")
    told(mailing, "complained", 3)
    told(mailing, "complained", 3, source="twice")

    found = results.issue_result(mailing, NOW + DAYS_3)

    assert (found.copies.arrived, found.copies.came_back, found.copies.complaints) == (7, 1, 1)
    assert results.copies_text(found) == (
        "Sent to 10 readers. 7 have arrived, their receivers report. 1 was sent back later. 2 have no report. "
        "1 reader called it unwanted."
    )


def test_what_arrived_is_known_when_its_events_are_numbers():
    mailing = sent(1, NOW)
    told(mailing, "delivered", *range(8))
    told(mailing, "bounced", 7, verdict="hard", domain="gone.example")
    Mailing.objects.filter(pk=mailing.pk).update(planned_at=NOW - thinning.ARRIVED_KEPT - DAYS_3)

    assert thinning.thin_old_events(NOW, 10) == 8

    found = results.issue_result(Mailing.objects.get(pk=mailing.pk), NOW + DAYS_3)
    assert (found.copies.arrived, found.copies.came_back) == (7, 1)


def test_what_became_of_the_copies_is_counted_once_in_half_a_minute():
    mailing = sent(1, NOW)
    told(mailing, "delivered", 0)
    kept = results.issue_result(mailing, NOW).copies.arrived
    told(mailing, "delivered", 1)

    assert (kept, results.issue_result(mailing, NOW).copies.arrived) == (1, 1)
    caches["pages"].clear()
    assert results.issue_result(mailing, NOW).copies.arrived == 2


def test_what_was_refused_at_once_and_what_came_back_are_one_list_of_reasons():
    mailing = sent(1, NOW, failed=2)
    breakdown.count_next_mailing(NOW)
    told(mailing, "bounced", 5, 6, 7, verdict="soft", domain="full.example")
    told(mailing, "bounced", 8, verdict="hard", domain="full.example")

    found = results.issue_result(mailing, NOW + DAYS_3)

    assert dict(found.copies.by_reason) == {RefusalReason.DEAD: 3, RefusalReason.MAILBOX: 3}
    assert results.failures_by_domain(found)[0] == ("full.example", "4")
    assert ("The mailbox is full, or in trouble", "3") in results.failures_by_reason(found)


def test_a_copy_that_failed_by_its_bounce_is_counted_once():
    mailing = sent(1, NOW, failed=1)
    failed = mailing.deliveries.get(state=Delivery.State.FAILED).seq
    told(mailing, "bounced", failed, verdict="hard")

    found = results.issue_result(mailing, NOW + DAYS_3)

    assert (found.copies.failed, found.copies.came_back) == (1, 0)


# --- Beside the issues before ---


def test_three_days_are_compared_with_three_days():
    for number in range(1, 7):
        at = NOW - (7 - number) * FORTNIGHT
        sent(number, at)
        come(10, at + HOUR)
        come(90, at + timedelta(days=10))  # after the three days of which this is about
    last = sent(7, NOW)
    come(40, NOW + HOUR)

    found = results.issue_result(last, NOW + DAYS_3)

    assert [one.came for one in found.before] == [10] * 6
    assert [one.counted_for for one in (*found.before, found.this)] == [DAYS_3] * 7
    assert {one.name: one.before for one in results.result_lines(found)}["came"] == "before: 10, 10, 10, 10, 10, 10"


def test_an_issue_that_was_followed_soon_is_counted_for_that_time_alone():
    at = NOW - 6 * FORTNIGHT
    for number, days in enumerate([0, 14, 28, 42, 56, 57], 1):
        sent(number, at + timedelta(days=days))
    last = sent(7, NOW)

    found = results.issue_result(last, NOW + DAYS_3)

    assert [one.counted_for.days for one in found.before] == [3, 3, 3, 3, 1, 3]


def test_replies_are_counted_for_the_same_time_and_told_once_somebody_writes():
    before, last = sent(1, NOW - FORTNIGHT), sent(2, NOW)
    none = [one.name for one in results.result_lines(results.issue_result(last, NOW + DAYS_3))]
    reply(before, NOW - FORTNIGHT + HOUR, "a")
    reply(before, NOW - FORTNIGHT + timedelta(days=9), "late")
    reply(last, NOW + HOUR, "b")
    reply(last, NOW + 2 * HOUR, "c")

    found = results.issue_result(last, NOW + DAYS_3)

    assert "replies" not in none
    assert "replies" in [one.name for one in results.result_lines(found)]
    assert ([one.replies for one in found.before], found.this.replies) == ([1], 2)


# --- For programs ---


def test_the_json_has_the_numbers():
    for number in range(1, 7):
        at = NOW - (7 - number) * FORTNIGHT
        sent(number, at)
        come(20, at + HOUR)
    last = sent(7, NOW)
    come(60, NOW + HOUR)
    reader = last.deliveries.first().subscriber
    Sentence.objects.store(reader, "feedback", "很受用。", NOW, issue=7)
    found = results.issue_result(last, NOW + DAYS_3)

    written = json.loads(json.dumps(results.result_json(found, shows_sentences=True)))

    assert (written["issue"], written["counted_for_seconds"], written["copies"]["sent"]) == (7, 3 * 86400, 130)
    assert written["arrived"] is None
    assert written["numbers"]["came"] == {"count": 60, "before": [20] * 6}
    assert (written["sentences_count"], written["sentences"]) == (1, ["很受用。"])
    assert "sentences" not in results.result_json(found, shows_sentences=False)
    assert "links" not in written


def test_the_json_has_the_answers_to_the_question_of_an_issue():
    last = sent(7, NOW)
    asked = {"question": "先寫什麼？", "question_choices": "會議\n帶人"}
    Issue.objects.filter(pk=last.issue_id).update(**asked)
    for voter, choice in enumerate([2, 2, 1]):
        Vote.objects.put(last.issue, f"browser {voter}", choice, "")

    written = results.result_json(results.issue_result(last, NOW + DAYS_3), shows_sentences=False)

    answers = [
        {"label": "會議", "times": 1, "share": 33, "from_page": 0},
        {"label": "帶人", "times": 2, "share": 67, "from_page": 0},
    ]
    assert written["question"] == {"question": "先寫什麼？", "answers": answers}
