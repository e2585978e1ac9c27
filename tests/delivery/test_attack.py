"""What could send a copy twice or lose one: each test is a way that once did, or must never."""

import threading

import pytest
from django.db import OperationalError
from django.utils import timezone

from newsletter.delivery import ledger, recovery
from newsletter.delivery.couriers import DjangoCourier, SmtpCourier
from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.delivery.transports import Answer
from subscribers.models import Subscriber
from tests.delivery.conftest import Provider
from tests.factories import make_subscriber

QUEUED, SENT, FAILED, UNCERTAIN = (
    Delivery.State.QUEUED,
    Delivery.State.SENT,
    Delivery.State.FAILED,
    Delivery.State.UNCERTAIN,
)


def states(mailing):
    return list(mailing.deliveries.order_by("seq").values_list("state", flat=True))


# --- Messages in flight while something else goes wrong ---


def test_a_pause_while_messages_are_in_flight_sends_none_of_them_again(make_mailing, run, bulk_smtp):
    mailing = make_mailing("abcdefgh")
    courier = SmtpCourier("bulk", mailing)
    courier.window = 2
    intend, calls = ledger.intend, []

    def pause_before_the_third(*details):
        calls.append(details)
        if len(calls) == 3:
            Mailing.objects.update(state=Mailing.State.PAUSED)
        return intend(*details)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "intend", pause_before_the_third)
        run(mailing, courier)
    Mailing.objects.update(state=Mailing.State.SENDING)
    run(mailing, SmtpCourier("bulk", mailing))

    assert bulk_smtp.copies_per_reader() == {1}
    assert states(mailing) == [SENT] * 8
