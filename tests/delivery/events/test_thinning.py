"""Old events become numbers; what somebody may still ask for stays, and of an erased reader nothing."""

from datetime import timedelta

import pytest

from newsletter.delivery.events import list_health, thinning
from newsletter.delivery.events.rules import BOUNCE_WINDOW
from newsletter.delivery.ledger import retention
from newsletter.delivery.models import Event, EventCount, InboundMessage, Mailing
from subscribers.models import Subscriber, Suppression
from tests.delivery.conftest import NOW
from tests.factories import finish_batches

LATER = NOW + thinning.ARRIVED_KEPT + timedelta(days=1)
MUCH_LATER = NOW + thinning.KEPT_LONGEST + timedelta(days=1)


@pytest.fixture
def mailing(make_mailing):
    """A mailing that is over: a copy arrived and was opened, one came back, one was called unwanted."""
    mailing = make_mailing("abc")
    finish_batches(mailing)
    Mailing.objects.filter(pk=mailing.pk).update(state=Mailing.State.SENT, finished_at=NOW)
    for kind, verdict, seq in (
        ("delivered", "", 0),
        ("opened", "", 0),
        ("bounced", "hard", 1),
        ("delivered", "", 2),
        ("complained", "", 2),
    ):
        keep(mailing, kind, verdict, seq)
    mailing.refresh_from_db()
    return mailing


def keep(mailing, kind, verdict="", seq=0):
    reader = mailing.deliveries.select_related("subscriber").get(seq=seq).subscriber
    return Event.objects.create(
        source="mail",
        source_id=f"{kind}{seq}{Event.objects.count()}",
        kind=kind,
        verdict=verdict,
        mailing_id=mailing.pk,
        seq=seq,
        address_hash=reader.address_hash,
        words="words",
        at=NOW,
    )


def kinds():
    return sorted(Event.objects.values_list("kind", flat=True))


def test_what_says_that_a_copy_arrived_becomes_a_number_after_three_months(mailing):
    assert thinning.thin_old_events(LATER - timedelta(days=2), 60) == 0

    assert thinning.thin_old_events(LATER, 60) == 3

    assert kinds() == ["bounced", "complained"]
    assert set(EventCount.objects.values_list("mailing_id", "kind", "count")) == {
        (mailing.pk, "delivered", 2),
        (mailing.pk, "opened", 1),
    }
    assert thinning.ARRIVED_KEPT >= BOUNCE_WINDOW


def test_bites_are_small_and_another_goes_on_where_one_was_killed(mailing, monkeypatch):
    monkeypatch.setattr(thinning, "CHUNK_SIZE", 1)

    assert thinning.thin_old_events(LATER, 0) == 1
    mailing.refresh_from_db()
    assert mailing.thinned_at is None
    assert thinning.thin_old_events(LATER, 60) == 2
    mailing.refresh_from_db()
    assert mailing.thinned_at == LATER
    assert sum(EventCount.objects.values_list("count", flat=True)) == 3


def test_what_came_back_is_kept_for_two_years_and_then_a_number_on_the_page(mailing):
    before = list_health.stats_by_issue([mailing])

    thinning.thin_old_events(MUCH_LATER, 60)

    assert kinds() == []
    assert list_health.stats_by_issue([mailing]) == before
    assert (before[0].hard, before[0].complained) == (1, 1)


def test_why_an_address_is_suppressed_stays(mailing):
    mailing.deliveries.get(seq=1).subscriber.suppress("bounced", "550 5.1.1 no such user")

    thinning.thin_old_events(MUCH_LATER, 60)

    assert Suppression.objects.get().note == "550 5.1.1 no such user"


def test_nothing_is_thinned_while_a_mailing_is_being_sent(mailing):
    Mailing.objects.filter(pk=mailing.pk).update(state=Mailing.State.SENDING)

    assert thinning.thin_old_events(LATER, 60) == 0


def test_of_an_erased_reader_neither_events_nor_mails_stay(mailing):
    reader = mailing.deliveries.get(seq=2).subscriber
    for seq in (1, 2):
        InboundMessage.objects.store("mail", f"a reply to {seq}".encode(), NOW)
        InboundMessage.objects.filter(mailing_id=None).update(
            mailing_id=mailing.pk, seq=seq, what="reply", state="applied", applied_at=NOW
        )
    reader.erase()

    retention.delete_erased_mails()
    thinning.thin_old_events(NOW, 60)

    assert kinds() == ["bounced", "delivered", "opened"]
    assert [bytes(one.body) for one in InboundMessage.objects.all()] == [b"a reply to 1"]
    assert Subscriber.objects.count() == 2
    assert list_health.stats_by_issue([mailing])[0].complained == 1


def test_events_about_no_copy_go_as_well(mailing):
    Event.objects.update_or_create(source="sendgrid", source_id="x", kind="sent", at=NOW)
    Event.objects.update_or_create(source="sendgrid", source_id="y", kind="bounced", verdict="hard", at=NOW)

    thinning.thin_old_events(LATER, 60)
    assert kinds() == ["bounced", "bounced", "complained"]
    thinning.thin_old_events(MUCH_LATER, 60)
    assert kinds() == []
