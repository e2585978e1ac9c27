"""How copies divide is counted beside the sending: exactly, in small bites, and never twice for nothing."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from newsletter.delivery import certificate, tasks
from newsletter.delivery.ledger import breakdown, compaction, uncertain
from newsletter.delivery.ledger.uncertain import Evidence, Known, Seen
from newsletter.delivery.models import Batch, BatchBreakdown, Breakdown, Delivery
from newsletter.delivery.planning import beginning
from newsletter.delivery.provider.outcomes import Answer, Outcome
from subscribers.models import Subscriber
from tests.delivery.conftest import NOW, Provider
from tests.factories import make_subscriber

State = Delivery.State
LATER = NOW + timedelta(hours=1)
GONE = Outcome(Answer.FAILED, "550 5.1.1 no such user")
FULL = Outcome(Answer.FAILED, "552 5.2.2 mailbox full")
BLOCKED = Outcome(Answer.FAILED, "554 5.7.1 blocked, see Spamhaus")


@pytest.fixture
def mailing(make_mailing):
    """To a, b, c and d at example.org, two at gmail.com and one at Hinet; nothing has left."""
    for email in ("x@Gmail.com", "y@gmail.com", "z@hinet.net"):
        make_subscriber(email)
    return make_mailing("abcd")


def counted(now=LATER) -> Breakdown:
    breakdown.count_some(now, 60)
    return Breakdown.objects.get()


def numbers(found: Breakdown, domain: str) -> dict[str, int]:
    return {State(state).name: count for state, count in enumerate(found.by_domain[domain]) if count}


def test_copies_are_counted_by_the_domain_that_receives_them(mailing, run):
    run(mailing, Provider(b=GONE, c=Outcome(Answer.DEFERRED, "451 later"), d=Outcome(Answer.UNCERTAIN, "no answer")))

    found = counted()

    assert found.domains == ["example.org", "gmail.com", "hinet.net"]
    assert numbers(found, "example.org") == {"SENT": 1, "FAILED": 1, "DEFERRED": 1, "UNCERTAIN": 1}
    assert numbers(found, "gmail.com") == {"SENT": 2}
    assert numbers(found, "hinet.net") == {"SENT": 1}
    assert numbers(found, "") == {}


def test_all_but_the_largest_domains_are_counted_together(mailing, monkeypatch):
    monkeypatch.setattr(breakdown, "DOMAINS", 1)

    found = counted()

    assert (numbers(found, "example.org"), numbers(found, "")) == ({"QUEUED": 4}, {"QUEUED": 3})


def test_who_was_erased_still_counts(mailing):
    Subscriber.objects.filter(email="z@hinet.net").delete()

    found = counted()

    assert sum(sum(counts) for counts in found.by_domain.values()) == mailing.total == 7
    assert numbers(found, "") == {"QUEUED": 1}


def test_failures_are_counted_by_what_was_said(mailing, run):
    run(mailing, Provider(a=GONE, b=GONE, c=FULL, d=BLOCKED))

    assert counted().by_verdict == {"dead": 2, "mailbox": 1, "policy": 1}


def test_a_batch_that_says_nothing_new_is_not_counted_again(mailing):
    first, second = breakdown.count_some(LATER, 60), breakdown.count_some(LATER, 60)
    mailing.batches.update(cursor=1)
    third = breakdown.count_some(LATER, 60)

    assert (first, second, third) == (mailing.batches.count(), 0, mailing.batches.count())


def test_a_batch_that_was_counted_before_counts_once(mailing, run):
    before = counted()
    run(mailing, Provider())
    after = counted()

    assert (numbers(before, "gmail.com"), numbers(after, "gmail.com")) == ({"QUEUED": 2}, {"SENT": 2})


def test_counting_stops_when_its_time_is_over_and_goes_on_with_the_rest(mailing):
    Batch.objects.all().delete()
    for no, (lo, hi) in enumerate([(0, 3), (3, 5), (5, 7)]):
        Batch.objects.create(mailing=mailing, no=no, lo=lo, hi=hi, cursor=lo)

    steps = [breakdown.count_some(LATER, 0) for _ in range(4)]

    assert steps == [1, 1, 1, 0]
    assert numbers(Breakdown.objects.get(), "example.org") == {"QUEUED": 4}


def test_a_closed_mailing_is_left_alone_once_its_certificate_is_counted(mailing, run):
    run(mailing, Provider())
    mailing.finish(NOW)
    is_due_open = breakdown.due(NOW).exists()
    certificate.issue_due(NOW)

    found = counted()

    assert is_due_open
    assert found.settled_at == LATER
    assert not breakdown.due(LATER).exists()


def test_what_the_author_decides_later_is_counted_too(mailing, run):
    run(mailing, Provider(d=Outcome(Answer.UNCERTAIN, "no answer")))
    mailing.finish(NOW)
    certificate.issue_due(NOW)
    before = counted()
    row = mailing.deliveries.get(state=State.UNCERTAIN)
    uncertain.decide(mailing, [Seen(row.seq, row.attempts)], Evidence(Known.COUNTED, LATER, uncertain.COUNTED_WORDS))
    certificate.issue_due(LATER + timedelta(seconds=1))

    after = counted(LATER + timedelta(seconds=2))

    assert numbers(before, "example.org") == {"SENT": 3, "UNCERTAIN": 1}
    assert numbers(after, "example.org") == {"SENT": 4}


def test_copies_that_are_packed_keep_the_numbers_that_they_had(mailing, run, settings):
    run(mailing, Provider())
    mailing.finish(NOW)
    certificate.issue_due(NOW)
    before = counted()
    late = NOW + timedelta(days=settings.PACK_AFTER_DAYS + 1)
    compaction.pack_some(late, 60)
    Breakdown.objects.update(settled_at=None)

    breakdown.count_some(late, 60)

    assert not Delivery.objects.exists()
    assert Breakdown.objects.get().by_domain == before.by_domain


def test_the_dispatcher_counts_what_has_been_on_its_way_for_a_minute(mailing):
    tasks.dispatch()

    assert BatchBreakdown.objects.count() == mailing.batches.count()


def test_nothing_is_counted_beside_a_mailing_that_may_be_over_in_a_moment(mailing, run):
    at_once, after_a_minute = NOW + timedelta(seconds=59), NOW + timedelta(seconds=60)

    assert breakdown.count_some(at_once, 60) == 0
    assert breakdown.count_some(after_a_minute, 60) == mailing.batches.count()
    Breakdown.objects.all().delete()
    BatchBreakdown.objects.all().delete()
    run(mailing, Provider())
    assert mailing.finish(at_once)
    assert breakdown.count_some(at_once, 60) == mailing.batches.count()


def test_a_mailing_that_has_not_begun_has_nothing_to_count(make_mailing):
    mailing = make_mailing("ab", planned=False)

    assert not breakdown.due(LATER).exists()
    assert beginning.plan(mailing, NOW)
    assert breakdown.due(LATER).get() == mailing


def test_counting_costs_as_many_queries_with_many_copies(mailing):
    def queries() -> int:
        Breakdown.objects.all().delete()
        BatchBreakdown.objects.all().delete()
        with CaptureQueriesContext(connection) as queries:
            breakdown.count_some(LATER, 60)
        return len(queries)

    few = queries()
    more = [Delivery(mailing=mailing, seq=seq, subscriber=None) for seq in range(7, 600)]
    Delivery.objects.bulk_create(more)
    mailing.batches.filter(no=0).update(hi=600)

    assert queries() == few
