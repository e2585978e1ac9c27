import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from newsletter.delivery.ledger import claims
from newsletter.delivery.ledger.claims import (
    ROWS_STEP,
    DeliveryResult,
    LaneEnded,
    claim_batch,
    close_pass,
    commit_intent,
    release_batch,
    requeue_never_left,
    write_results,
)
from newsletter.delivery.ledger.recovery import recover_batch
from newsletter.delivery.ledger.uncertain import DeliveryReport, Resolution, SeenRow, decide
from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.delivery.models.deliveries import RETRY_AFTER
from newsletter.delivery.planning import beginning
from newsletter.delivery.planning.approving import refreeze
from newsletter.issues.models import Issue
from subscribers.models import Subscriber
from tests.delivery.conftest import DEFERRED, FAILED, NOW, QUEUED, SENT, SKIPPED, UNCERTAIN, counts, states
from tests.support.waiting import wait_until


def test_a_claim_takes_the_first_ready_batch_with_a_new_token(make_mailing):
    mailing = make_mailing("abc")

    batch = claim_batch(mailing, "machine/0/x", NOW)

    assert (batch.token, batch.worker, batch.state) == (1, "machine/0/x", Batch.State.LEASED)
    assert claim_batch(mailing, "machine/1/y", NOW) is None


def test_a_holder_whose_batch_was_taken_over_is_refused_before_it_sends(make_mailing):
    batch = claim_batch(make_mailing("abc"), "machine/0/x", NOW)
    Batch.objects.update(token=batch.token + 1)

    with pytest.raises(LaneEnded):
        commit_intent(batch, [], 1, NOW)

    assert Batch.objects.get().cursor == 0


def test_a_late_answer_settles_a_row_that_was_called_uncertain(make_mailing):
    mailing = make_mailing("ab")
    batch = claim_batch(mailing, "machine/0/x", NOW)
    (row,) = commit_intent(batch, [], 1, NOW)
    mailing.deliveries.filter(seq=row.seq).update(state=UNCERTAIN, attempts=1)
    batch.add_counts(Counter({UNCERTAIN: 1}))
    Batch.objects.update(token=batch.token + 1)

    write_results(batch, [DeliveryResult(row.seq, SENT, "250 ok")])

    assert states(mailing) == [SENT, QUEUED]
    assert (counts(mailing).sent, counts(mailing).uncertain) == (1, 0)


def test_a_window_moves_the_cursor_over_its_rows(make_mailing):
    mailing = make_mailing("abcde")
    batch = claim_batch(mailing, "machine/0/x", NOW)

    first = commit_intent(batch, [], 2, NOW)
    second = commit_intent(batch, [DeliveryResult(0, SENT, "250 ok"), DeliveryResult(1, FAILED, "550 no")], 2, NOW)

    assert [row.email for row in first + second] == [f"{name}@example.org" for name in "abcd"]
    assert Batch.objects.get().cursor == 4
    assert states(mailing) == [SENT, FAILED, QUEUED, QUEUED, QUEUED]
    assert (counts(mailing).sent, counts(mailing).failed, counts(mailing).sending, counts(mailing).queued) == (
        1,
        1,
        2,
        1,
    )


def test_a_batch_is_given_back_before_the_first_row_that_never_left(make_mailing):
    mailing = make_mailing("abcd")
    batch = claim_batch(mailing, "machine/0/x", NOW)
    commit_intent(batch, [], 4, NOW)

    release_batch(batch, [DeliveryResult(0, SENT), DeliveryResult(2, SENT)], cursor=1)
    again = claim_batch(mailing, "machine/0/y", NOW)

    assert [row.seq for row in commit_intent(again, [], 4, NOW)] == [1, 3]
    assert counts(mailing).sending == 2


def test_a_row_deferred_in_this_pass_is_not_settled_twice(make_mailing):
    mailing = make_mailing("a")
    batch = claim_batch(mailing, "machine/0/x", NOW)
    commit_intent(batch, [], 1, NOW)
    write_results(batch, [DeliveryResult(0, DEFERRED, "451 later")])

    write_results(batch, [DeliveryResult(0, SENT, "250 ok")])

    assert states(mailing) == [DEFERRED]


def test_a_row_that_waits_is_answered_only_by_who_holds_it(make_mailing):
    mailing = make_mailing("ab")
    batch = claim_batch(mailing, "machine/0/x", NOW)
    commit_intent(batch, [], 1, NOW)
    Batch.objects.update(token=batch.token + 1)

    write_results(batch, [DeliveryResult(0, SENT)])

    assert states(mailing) == [QUEUED, QUEUED]
    assert counts(mailing).sent == 0


def test_a_deferred_row_waits_for_the_next_pass(make_mailing):
    mailing = make_mailing("a")
    batch = claim_batch(mailing, "machine/0/x", NOW)
    commit_intent(batch, [], 1, NOW)

    close_pass(batch, [DeliveryResult(0, DEFERRED, "451 later")], NOW)

    assert claim_batch(mailing, "machine/0/x", NOW + timedelta(seconds=59)) is None
    assert claim_batch(mailing, "machine/0/x", NOW + timedelta(seconds=60)).pass_no == 2


def test_a_cursor_that_goes_back_does_not_bring_a_deferred_row_back_in_the_same_pass(make_mailing):
    mailing = make_mailing("abc")
    batch = claim_batch(mailing, "machine/0/x", NOW)
    commit_intent(batch, [], 2, NOW)
    release_batch(batch, [DeliveryResult(1, DEFERRED, "451 later")], cursor=0)

    again = claim_batch(mailing, "machine/1/y", NOW)

    assert [row.seq for row in commit_intent(again, [], 3, NOW)] == [0, 2]


def test_an_intent_takes_few_statements(make_mailing, django_assert_num_queries):
    batch = claim_batch(make_mailing("abcd"), "machine/0/x", NOW)
    (row,) = commit_intent(batch, [], 1, NOW)

    # A savepoint and its end, lock, results, next rows, cursor; for SQLite one more savepoint and its end, and the
    # results pass by Django's cursor, which counts.
    with django_assert_num_queries(7 if connection.vendor == "sqlite" else 6):
        commit_intent(batch, [DeliveryResult(row.seq, SENT, "250 ok")], 1, NOW)


@pytest.mark.parametrize("waits", [timedelta(seconds=-1), timedelta(seconds=1)])
def test_each_window_looks_at_its_own_now(make_mailing, waits):
    mailing = make_mailing("ab")
    Subscriber.objects.update(state=Subscriber.State.PAUSED, paused_until=NOW)
    batch = claim_batch(mailing, "machine/0/x", NOW)
    commit_intent(batch, [], 1, NOW - timedelta(days=1))  # what was written for this moment must not be asked again

    (row,) = commit_intent(batch, [], 1, NOW + waits)

    assert row.is_mailable == (waits > timedelta())


def test_results_of_a_refused_intent_are_counted_and_no_longer_in_flight(make_mailing):
    mailing = make_mailing("ab")
    batch = claim_batch(mailing, "machine/0/x", NOW)
    (row,) = commit_intent(batch, [], 1, NOW)
    mailing.pause()

    with pytest.raises(LaneEnded):
        commit_intent(batch, [DeliveryResult(row.seq, SENT, "250 ok")], 1, NOW)

    assert (counts(mailing).sent, counts(mailing).sending, counts(mailing).queued) == (1, 0, 1)


# --- Two at once: what one has read must still hold when it writes ---


@pytest.fixture
def while_the_author_sends_again():
    """Return a function that does a step while the author's wish to send an uncertain copy again is not committed yet.

    The wish is committed once the step waits for a lock of it.
    """

    def run(mailing, step):
        is_wished = threading.Event()

        def author():
            with transaction.atomic():
                assert decide(mailing, [SeenRow(0, 1)], DeliveryReport(Resolution.SEND_AGAIN, NOW)) == 1
                is_wished.set()
                wait_until(_somebody_waits_for_a_lock)
            connection.close()

        with ThreadPoolExecutor(1) as thread:
            wish = thread.submit(author)
            assert is_wished.wait(10)
            answer = step()
            wish.result()
        return answer

    return run


def _somebody_waits_for_a_lock():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_a_pass_does_not_end_over_a_row_that_the_author_wants_sent_again(make_mailing, while_the_author_sends_again):
    mailing = make_mailing("a")
    batch = claim_batch(mailing, "machine/0/x", NOW)
    commit_intent(batch, [], 1, NOW)
    write_results(batch, [DeliveryResult(0, UNCERTAIN)])

    while_the_author_sends_again(mailing, lambda: close_pass(batch, [], NOW))

    batch.refresh_from_db()
    assert (states(mailing), batch.state, batch.pass_no) == ([QUEUED], Batch.State.OPEN, 2)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_a_mailing_is_not_closed_over_a_row_that_the_author_wants_sent_again(
    make_mailing, while_the_author_sends_again
):
    mailing = make_mailing("a")
    batch = claim_batch(mailing, "machine/0/x", NOW)
    commit_intent(batch, [], 1, NOW)
    close_pass(batch, [DeliveryResult(0, UNCERTAIN)], NOW)

    is_closed = while_the_author_sends_again(mailing, lambda: mailing.finish(NOW))

    mailing.refresh_from_db()
    assert (is_closed, mailing.state, states(mailing)) == (False, Mailing.State.SENDING, [QUEUED])


def test_a_window_ends_with_its_batch(make_mailing, monkeypatch):
    monkeypatch.setattr(beginning, "BATCH_MAX", 2)
    batch = claim_batch(make_mailing("abcd"), "machine/0/x", NOW)

    assert [row.seq for row in commit_intent(batch, [], 4, NOW)] == [0, 1], "the next row is another holder's"


def test_a_lost_holder_gives_up_nobody_in_the_last_pass(make_mailing):
    mailing = make_mailing("a")
    mailing.deliveries.update(state=DEFERRED, attempts=1)
    Batch.objects.update(pass_no=len(RETRY_AFTER) + 1)
    batch = claim_batch(mailing, "machine/0/x", NOW)
    Batch.objects.update(token=batch.token + 1)

    close_pass(batch, [], NOW)

    assert (states(mailing), counts(mailing).failed) == ([DEFERRED], 0)


def test_a_lost_holder_takes_back_no_row_that_another_has_tried_since(make_mailing):
    mailing = make_mailing("a")
    lost = claim_batch(mailing, "machine/0/x", NOW)
    commit_intent(lost, [], 1, NOW)
    recover_batch(lost, None)
    assert decide(mailing, [SeenRow(0, 1)], DeliveryReport(Resolution.SEND_AGAIN, NOW)) == 1
    close_pass(claim_batch(mailing, "machine/1/y", NOW), [], NOW)
    second = claim_batch(mailing, "machine/1/y", NOW + timedelta(hours=1))
    (row,) = commit_intent(second, [], 1, NOW)
    write_results(second, [DeliveryResult(row.seq, UNCERTAIN)])

    requeue_never_left(lost, [row.seq])

    assert states(mailing) == [UNCERTAIN], "the second copy may have arrived"


def test_an_answer_that_is_written_twice_leaves_the_row_that_the_author_wants_sent_again(make_mailing):
    mailing = make_mailing("ab")
    batch = claim_batch(mailing, "machine/0/x", NOW)
    commit_intent(batch, [], 1, NOW)
    write_results(batch, [DeliveryResult(0, UNCERTAIN)])
    assert decide(mailing, [SeenRow(0, 1)], DeliveryReport(Resolution.SEND_AGAIN, NOW)) == 1

    write_results(batch, [DeliveryResult(0, UNCERTAIN)])

    assert (states(mailing), counts(mailing).uncertain) == ([QUEUED, QUEUED], 0)


def test_a_lane_that_slept_over_a_new_text_sends_no_more_of_the_old_one(make_mailing):
    mailing = make_mailing("ab")
    batch = claim_batch(mailing, "machine/0/x", NOW)
    commit_intent(batch, [], 1, NOW)
    mailing.pause()
    Issue.objects.update(subject="another")
    assert refreeze(Mailing.objects.get(), now=NOW)
    assert Mailing.objects.get().resume(NOW, timedelta())

    with pytest.raises(LaneEnded):
        commit_intent(batch, [], 1, NOW)


# --- The answers of a window, in one statement ---


@pytest.fixture
def batch(make_mailing):
    return claim_batch(
        make_mailing([f"r{number}" for number in range(ROWS_STEP * 2 + 20)]), "machine/0/x", timezone.now()
    )


def rows(batch, *columns):
    return list(batch.mailing.deliveries.order_by("seq").values_list(*columns))


@pytest.mark.parametrize("count", [1, ROWS_STEP - 1, ROWS_STEP, ROWS_STEP + 1, ROWS_STEP * 2 + 3])
def test_each_answer_is_written_into_its_own_row_and_into_no_other(batch, count):
    states = [SENT, FAILED, DEFERRED, UNCERTAIN, SKIPPED]
    told = [DeliveryResult(seq, states[seq % 5], f"250 {seq} 管理 'ok'", f"id-{seq}") for seq in range(count)]

    assert claims.update_waiting(batch, told) == set(range(count))

    untouched = [(QUEUED, "", "", 0)] * (ROWS_STEP * 2 + 20 - count)
    assert rows(batch, "state", "reply", "provider_id", "attempts") == [(*row[1:], 1) for row in told] + untouched


def test_only_what_left_has_a_time(batch):
    before = timezone.now() - timedelta(seconds=1)

    claims.update_waiting(
        batch,
        [DeliveryResult(0, SENT), DeliveryResult(1, UNCERTAIN), DeliveryResult(2, FAILED), DeliveryResult(3, SKIPPED)],
    )

    assert [bool(at and at > before) for (at,) in rows(batch, "sent_at")[:4]] == [True, True, False, False]


@pytest.mark.parametrize("count", [3, ROWS_STEP + 3])
def test_rows_that_have_their_answer_keep_it_and_the_others_are_written(batch, count):
    claims.update_waiting(batch, [DeliveryResult(1, FAILED, "550 no"), DeliveryResult(2, DEFERRED, "451 later")])

    written = claims.update_waiting(batch, [DeliveryResult(seq, SENT, "250 ok") for seq in range(count)])

    assert written == set(range(count)) - {1, 2}
    assert rows(batch, "state", "reply")[:3] == [(SENT, "250 ok"), (FAILED, "550 no"), (DEFERRED, "451 later")]
    assert {state for (state,) in rows(batch, "state")[count:]} == {QUEUED}


def test_the_rows_of_other_mailings_stay_as_they_are(batch):
    other = Delivery.objects.create(mailing_id=batch.mailing_id + 1, seq=0, subscriber=None)

    claims.update_waiting(batch, [DeliveryResult(0, SENT, "250 ok")])

    other.refresh_from_db()
    assert other.state == QUEUED
