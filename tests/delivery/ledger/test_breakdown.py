"""How copies divide is counted beside the sending: exactly, and never twice for nothing."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from newsletter.delivery import tasks
from newsletter.delivery.ledger import breakdown, uncertain
from newsletter.delivery.ledger.uncertain import DeliveryReport, Resolution, SeenRow
from newsletter.delivery.models import Breakdown, Delivery, Mailing
from newsletter.delivery.provider.outcomes import SendOutcome, SendStatus
from subscribers.models import Subscriber
from tests.delivery.conftest import NOW, Provider
from tests.factories import make_subscriber

State = Delivery.State
LATER = NOW + timedelta(hours=1)
GONE = SendOutcome(SendStatus.FAILED, "550 5.1.1 no such user")
FULL = SendOutcome(SendStatus.FAILED, "552 5.2.2 mailbox full")
BLOCKED = SendOutcome(SendStatus.FAILED, "554 5.7.1 blocked, see Spamhaus")


@pytest.fixture
def mailing(make_mailing):
    """To a, b, c and d at example.org, two at gmail.com and one at Hinet; nothing has left."""
    for email in ("x@Gmail.com", "y@gmail.com", "z@hinet.net"):
        make_subscriber(email)
    return make_mailing("abcd")


def counted(now=LATER) -> Breakdown:
    breakdown.count_next_mailing(now)
    return Breakdown.objects.get()


def numbers(found: Breakdown, domain: str) -> dict[str, int]:
    return {State(state).name: count for state, count in enumerate(found.by_domain[domain]) if count}


def test_copies_are_counted_by_the_domain_that_receives_them(mailing, run):
    run(
        mailing,
        Provider(
            b=GONE, c=SendOutcome(SendStatus.DEFERRED, "451 later"), d=SendOutcome(SendStatus.UNCERTAIN, "no answer")
        ),
    )

    found = counted()

    assert found.domains == ["example.org", "gmail.com", "hinet.net"]
    assert numbers(found, "example.org") == {"SENT": 1, "FAILED": 1, "DEFERRED": 1, "UNCERTAIN": 1}
    assert numbers(found, "gmail.com") == {"SENT": 2}
    assert numbers(found, "hinet.net") == {"SENT": 1}
    assert numbers(found, "") == {}


def test_all_but_the_largest_domains_are_counted_together(mailing, monkeypatch):
    monkeypatch.setattr(breakdown, "DOMAINS_COUNTED", 1)

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


def test_a_closed_mailing_is_counted_once(mailing, run):
    run(mailing, Provider())
    mailing.finish(NOW)

    steps = [breakdown.count_next_mailing(LATER + timedelta(days=day)) for day in range(3)]

    assert steps == [True, False, False]
    assert numbers(Breakdown.objects.get(), "gmail.com") == {"SENT": 2}


def test_a_mailing_under_way_is_counted_every_half_minute(mailing):
    steps = [breakdown.count_next_mailing(LATER + timedelta(seconds=seconds)) for seconds in (0, 29, 30, 59, 60)]

    assert steps == [True, False, True, False, True]


def test_one_that_changes_while_it_is_counted_is_counted_again(mailing, run, monkeypatch):
    run(mailing, Provider(d=SendOutcome(SendStatus.UNCERTAIN, "no answer")))
    mailing.finish(NOW)
    row = mailing.deliveries.get(state=State.UNCERTAIN)
    count = breakdown._count_by_reason

    def decided_meanwhile(mailing):
        seen, evidence = (
            [SeenRow(row.seq, row.attempts)],
            DeliveryReport(Resolution.COUNT_AS_SENT, LATER, uncertain.COUNTED_REPLY),
        )
        uncertain.decide(mailing, seen, evidence)
        return count(mailing)

    with monkeypatch.context() as patch:
        patch.setattr(breakdown, "_count_by_reason", decided_meanwhile)
        assert breakdown.count_next_mailing(LATER)
    is_due = breakdown.mailings_to_count(LATER).exists()
    found = counted()

    assert is_due
    assert numbers(found, "example.org") == {"SENT": 4}


def test_what_the_author_decides_later_is_counted_too(mailing, run):
    run(mailing, Provider(d=SendOutcome(SendStatus.UNCERTAIN, "no answer")))
    mailing.finish(NOW)
    before = counted()
    row = mailing.deliveries.get(state=State.UNCERTAIN)
    uncertain.decide(
        mailing,
        [SeenRow(row.seq, row.attempts)],
        DeliveryReport(Resolution.COUNT_AS_SENT, LATER, uncertain.COUNTED_REPLY),
    )

    after = counted(LATER + timedelta(seconds=2))

    assert numbers(before, "example.org") == {"SENT": 3, "UNCERTAIN": 1}
    assert numbers(after, "example.org") == {"SENT": 4}


def test_the_dispatcher_counts_what_has_been_on_its_way_for_a_minute(mailing):
    tasks.dispatch()

    assert Breakdown.objects.get().mailing == mailing


def test_nothing_is_counted_beside_a_mailing_that_may_be_over_in_a_moment(mailing, run):
    at_once, after_a_minute = NOW + timedelta(seconds=59), NOW + timedelta(seconds=60)

    is_counted = [breakdown.count_next_mailing(at_once), breakdown.count_next_mailing(after_a_minute)]
    run(mailing, Provider())
    assert mailing.finish(at_once)

    assert is_counted == [False, True]
    assert breakdown.count_next_mailing(at_once)


def test_copies_are_read_again_only_if_one_has_moved(mailing, run):
    run(mailing, Provider(d=SendOutcome(SendStatus.UNCERTAIN, "no answer")))
    assert mailing.pause()
    assert breakdown.count_next_mailing(LATER)

    with CaptureQueriesContext(connection) as asked:
        assert breakdown.count_next_mailing(LATER + timedelta(minutes=1))
    read = [one["sql"] for one in asked if Delivery._meta.db_table in one["sql"]]

    assert read == []
    assert not breakdown.mailings_to_count(LATER + timedelta(minutes=1)).exists()


def test_counting_costs_as_many_queries_with_many_copies(mailing):
    def queries() -> int:
        Breakdown.objects.all().delete()
        Mailing.objects.update(counted_at=None)
        with CaptureQueriesContext(connection) as queries:
            breakdown.count_next_mailing(LATER)
        return len(queries)

    few = queries()
    more = [Delivery(mailing=mailing, seq=seq, subscriber=None) for seq in range(7, 600)]
    Delivery.objects.bulk_create(more)
    mailing.batches.filter(no=0).update(hi=600)

    assert queries() == few
