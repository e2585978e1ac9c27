"""The answers of a window, in one statement, on whichever database."""

from datetime import timedelta

import pytest
from django.utils import timezone

from newsletter.delivery.ledger import claims
from newsletter.delivery.ledger.claims import STEP, Result, claim
from newsletter.delivery.models import Delivery

SENT, FAILED, DEFERRED, UNCERTAIN, SKIPPED, QUEUED = (
    Delivery.State[name] for name in ("SENT", "FAILED", "DEFERRED", "UNCERTAIN", "SKIPPED", "QUEUED")
)


@pytest.fixture
def batch(make_mailing):
    return claim(make_mailing([f"r{number}" for number in range(STEP * 2 + 20)]), "machine/0/x", timezone.now())


def rows(batch, *columns):
    return list(batch.mailing.deliveries.order_by("seq").values_list(*columns))


@pytest.mark.parametrize("count", [1, STEP - 1, STEP, STEP + 1, STEP * 2 + 3])
def test_each_answer_is_written_into_its_own_row_and_into_no_other(batch, count):
    states = [SENT, FAILED, DEFERRED, UNCERTAIN, SKIPPED]
    told = [Result(seq, states[seq % 5], f"250 {seq} 管理 'ok'", f"id-{seq}") for seq in range(count)]

    assert claims.write(batch, told) == set(range(count))

    untouched = [(QUEUED, "", "", 0)] * (STEP * 2 + 20 - count)
    assert rows(batch, "state", "reply", "provider_id", "attempts") == [(*row[1:], 1) for row in told] + untouched


def test_only_what_left_has_a_time(batch):
    before = timezone.now() - timedelta(seconds=1)

    claims.write(batch, [Result(0, SENT), Result(1, UNCERTAIN), Result(2, FAILED), Result(3, SKIPPED)])

    assert [bool(at and at > before) for (at,) in rows(batch, "sent_at")[:4]] == [True, True, False, False]


@pytest.mark.parametrize("count", [3, STEP + 3])
def test_rows_that_have_their_answer_keep_it_and_the_others_are_written(batch, count):
    claims.write(batch, [Result(1, FAILED, "550 no"), Result(2, DEFERRED, "451 later")])

    written = claims.write(batch, [Result(seq, SENT, "250 ok") for seq in range(count)])

    assert written == set(range(count)) - {1, 2}
    assert rows(batch, "state", "reply")[:3] == [(SENT, "250 ok"), (FAILED, "550 no"), (DEFERRED, "451 later")]
    assert {state for (state,) in rows(batch, "state")[count:]} == {QUEUED}


def test_the_same_answers_twice_are_written_once(batch):
    told = [Result(seq, SENT, "250 ok") for seq in range(5)]

    assert claims.write(batch, told) == {0, 1, 2, 3, 4}
    assert claims.write(batch, told) == set()


def test_the_rows_of_other_mailings_stay_as_they_are(batch):
    other = Delivery.objects.create(mailing_id=batch.mailing_id + 1, seq=0, subscriber=None)

    claims.write(batch, [Result(0, SENT, "250 ok")])

    other.refresh_from_db()
    assert other.state == QUEUED
