"""The certificate: every reader is in it once, nobody's address is, and a later decision gets a new number."""

import hashlib
import json
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from newsletter.delivery import certificate
from newsletter.delivery.ledger import recovery, uncertain
from newsletter.delivery.ledger.uncertain import Evidence, Known, Seen
from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.delivery.models.history import Certificate
from newsletter.delivery.planning import beginning
from newsletter.delivery.provider.outcomes import Answer, Outcome
from subscribers.models import Subscriber
from tests.delivery.conftest import NOW, Provider

State = Delivery.State
LATER = NOW + timedelta(hours=1)
SILENCE = Outcome(Answer.UNCERTAIN, "no answer")
ANSWERS = {
    "b": Outcome(Answer.FAILED, "550 5.1.1 no such user b@example.org"),
    "c": Outcome(Answer.FAILED, "550-5.1.1 unknown: c@example.org"),
    "d": Outcome(Answer.FAILED, "the address b\u00fc@ cannot stand in a message"),
    "f": SILENCE,
}


@pytest.fixture
def closed(make_mailing, run):
    """A mailing that is over: a sent, b to d failed, e left, f uncertain."""
    mailing, provider = make_mailing("abcdef"), Provider(**ANSWERS)
    Subscriber.objects.get(email="e@example.org").unsubscribe(NOW)
    run(mailing, provider)
    assert mailing.finish(NOW)
    return mailing


def issued(mailing, now=LATER):
    [paper] = certificate.issue_due(now)
    return paper


def count_as_sent(mailing):
    row = mailing.deliveries.get(state=State.UNCERTAIN)
    uncertain.decide(mailing, [Seen(row.seq, row.attempts)], Evidence(Known.COUNTED, LATER, uncertain.COUNTED_WORDS))


def test_every_reader_of_the_audience_is_in_it_once(closed):
    paper = issued(closed)

    assert (paper.sent, paper.failed, paper.uncertain, paper.skipped) == (1, 3, 1, 1)
    assert paper.total == sum(paper.document["counts"].values()) == closed.deliveries.count() == 6


def test_the_reasons_are_counted_and_name_nobody(closed):
    document = issued(closed).document

    assert document["failed_by_reason"] == {"550 5.1.1": 2, "without a code": 1}
    assert document["skipped_by_reason"] == {"left, paused or suppressed since the issue was begun": 1}
    assert not [address for address in "abcdef" if f"{address}@example.org" in json.dumps(document)]


def test_it_says_what_was_sent_when_by_whom_and_to_whom(closed):
    document = issued(closed).document

    assert (document["issue"], document["kind"], document["subject"]) == (7, "issue", "第七期")
    assert document["sender"]["address"] == "news@news.example.org"
    assert [entry["sha256"] for entry in document["contents"]] == [closed.content_hash]
    assert [entry["provider"] for entry in document["providers"]] == ["locmem"]
    assert document["times"]["approved"] == document["times"]["begun"] == NOW.isoformat()
    assert document["times"]["first_sent"] == closed.deliveries.get(seq=0).sent_at.isoformat()
    assert document["audience"]["total"] == 6
    assert document["passes"] == 1


def test_its_hash_is_of_the_document_whatever_the_order_of_its_keys(closed):
    issued(closed)

    paper = Certificate.objects.get()

    turned = dict(reversed(paper.document.items()))
    assert hashlib.sha256(certificate.canonical(turned)).hexdigest() == paper.sha256


def test_it_is_issued_once(closed):
    issued(closed)

    assert certificate.issue_due(LATER) == []
    assert certificate.issue(closed, LATER) is None


def test_a_decision_gets_a_new_number_and_the_former_paper_stays(closed):
    first = issued(closed)

    count_as_sent(closed)
    second = issued(closed)

    assert (first.number, second.number) == (1, 2)
    assert (second.sent, second.uncertain) == (2, 0)
    assert second.document["decided_by_author"] == {"counted_as_sent": 1, "sent_again": 0}
    assert Certificate.objects.get(number=1).sha256 == first.sha256


def test_sent_again_it_is_issued_when_the_mailing_is_closed_anew(closed, run):
    issued(closed)
    row = closed.deliveries.get(state=State.UNCERTAIN)
    uncertain.decide(closed, [Seen(row.seq, row.attempts)], Evidence(Known.AGAIN, LATER))
    assert certificate.issue_due(LATER) == []

    run(closed, Provider())
    closed.finish(LATER)

    paper = issued(closed)
    assert (paper.number, paper.sent, paper.document["passes"]) == (2, 2, 2)


def test_a_cancelled_mailing_gets_one_once_it_is_settled(make_mailing):
    mailing = make_mailing("ab")
    mailing.cancel(NOW)
    assert certificate.issue_due(NOW) == []

    recovery.settle_cancelled()

    paper = issued(mailing)
    assert (paper.document["state"], paper.skipped, paper.total) == ("cancelled", 2, 2)
    assert paper.document["skipped_by_reason"] == {"the mailing was cancelled": 2}


def test_a_mailing_that_never_began_gets_none(make_mailing):
    make_mailing("a", planned=False).cancel(NOW)

    assert certificate.issue_due(NOW) == []


def test_one_to_nobody_says_so(make_mailing):
    mailing = make_mailing("")
    mailing.finish(NOW)

    assert issued(mailing).total == 0


def test_counters_that_the_rows_do_not_bear_out_are_never_certified(closed):
    Batch.objects.update(sent=2, uncertain=0)

    assert certificate.issue_due(LATER) == []


def test_the_database_itself_refuses_a_sum_that_is_not_the_audience(closed):
    paper = issued(closed)

    with pytest.raises(IntegrityError, match="every_reader_is_in_the_certificate_once"), transaction.atomic():
        Certificate.objects.filter(pk=paper.pk).update(sent=5)


def test_it_is_counted_by_groups_not_by_readers(make_mailing, monkeypatch):
    monkeypatch.setattr(beginning, "BATCH", 10)
    monkeypatch.setattr(certificate, "SLICE", 2)
    mailing = make_mailing("")

    def queries(rows):
        Certificate.objects.all().delete()
        Delivery.objects.all().delete()
        Batch.objects.all().delete()
        Delivery.objects.bulk_create(
            Delivery(mailing=mailing, seq=seq, state=State.SENT, sent_at=NOW) for seq in range(rows * 3)
        )
        Batch.objects.bulk_create(
            Batch(mailing=mailing, no=no, lo=no * rows, hi=no * rows + rows, cursor=no * rows, state="done", sent=rows)
            for no in range(3)
        )
        Mailing.objects.update(state="sent", total=rows * 3, certified_at=None)
        with CaptureQueriesContext(connection) as found:
            issued(mailing)
        return len(found)

    assert queries(10) == queries(200)
