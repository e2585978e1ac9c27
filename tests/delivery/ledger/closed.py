"""A mailing that is over, and what is left of it when its copies are packed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from newsletter.delivery.ledger import breakdown, compaction
from newsletter.delivery.models import Mailing
from newsletter.delivery.planning import beginning
from newsletter.delivery.provider.outcomes import Answer, Outcome
from subscribers.models import Subscriber
from tests.delivery.conftest import NOW, Provider, begin_mailing, make_seventh_issue
from tests.factories import make_publication

LATER = NOW + timedelta(days=91)
REFUSED = Outcome(Answer.FAILED, "550 5.7.1 <b@example.org>: not wanted here")
SILENCE = Outcome(Answer.UNCERTAIN, "no answer after the final dot")


@contextmanager
def small_batches() -> Iterator[None]:
    """Have two copies in a batch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(beginning, "sizes", lambda total, *_rest: [2] * (total // 2) + [1] * (total % 2))
        yield


def close_one(run):
    """Write a mailing that is over: a and e have their copy, b's was refused, of c's nobody knows, and d had left."""
    make_publication(sender_email="news@news.example.org", name="Gipi電子報")
    mailing = begin_mailing(make_seventh_issue(), "abcde")
    Subscriber.objects.get(email="d@example.org").unsubscribe(NOW)
    return over(mailing, run, b=REFUSED, c=SILENCE)


def over(mailing, run, at=NOW, **answers):
    provider = Provider(**answers)
    for _ in range(3):  # silence ends a lane
        Mailing.objects.update(retry_at=None)
        mailing.refresh_from_db()
        run(mailing, provider)
    assert mailing.finish(at)
    breakdown.count_one(at)
    return mailing


def pack_all(now=LATER):
    return compaction.pack_some(now, 60)


def reader(name):
    return Subscriber.objects.get(email=f"{name}@example.org")


def rows(mailing):
    fields = ("seq", "subscriber_id", "state", "attempts", "sent_at", "provider_id", "reply")
    return list(mailing.deliveries.order_by("seq").values_list(*fields))


def kept(mailing):
    return [tuple(copy) for pack in mailing.packs.order_by("batch__lo") for copy in pack.copies()]


def emails(mailing):
    return list(mailing.deliveries.order_by("seq").values_list("subscriber__email", flat=True))
