"""What is learnt of an uncertain copy, and what the author decides about it."""

from datetime import timedelta

import pytest

from newsletter.delivery.ledger import breakdown, recovery, uncertain
from newsletter.delivery.ledger.claims import (
    DeliveryResult,
    claim_batch,
    close_pass,
    commit_intent,
    release_batch,
    write_results,
)
from newsletter.delivery.ledger.uncertain import DeliveryReport, Resolution, SeenRow
from newsletter.delivery.models import Batch, Breakdown, Delivery, Mailing
from newsletter.delivery.planning import beginning
from newsletter.delivery.provider.outcomes import SendOutcome, SendStatus
from tests.delivery.conftest import NOW, Provider, states

State = Delivery.State
SILENCE = SendOutcome(SendStatus.UNCERTAIN, "no answer after the final dot")
AGAIN = DeliveryReport(Resolution.SEND_AGAIN, NOW)
COUNTED = DeliveryReport(Resolution.COUNT_AS_SENT, NOW, uncertain.COUNTED_REPLY)
ACCEPTED = DeliveryReport(Resolution.ACCEPTED, NOW, "250 ok")


@pytest.fixture
def provider():
    return Provider(b=SILENCE)


@pytest.fixture
def closed(make_mailing, run, provider):
    """A mailing that is over: a and c have their copy, and of b's nobody knows."""
    return finished(make_mailing("abc"), run, provider)


def finished(mailing, run, provider):
    run(mailing, provider)
    mailing.refresh_from_db()
    Mailing.objects.update(retry_at=None)
    run(mailing, provider)
    assert mailing.finish(NOW)
    return mailing


def copy(mailing, seq=1):
    return mailing.deliveries.get(seq=seq)


def told(mailing):
    return [(step.what, step.detail) for step in mailing.steps.all()]


def decide(mailing, decision, *seqs):
    rows = mailing.deliveries.filter(seq__in=seqs).values_list("seq", "attempts")
    return uncertain.decide(mailing, [SeenRow(*row) for row in rows], decision)


# --- What the provider tells ---


@pytest.mark.parametrize(
    ("known", "state", "counts"),
    [(Resolution.ACCEPTED, State.SENT, (3, 0, 0)), (Resolution.REFUSED, State.FAILED, (2, 1, 0))],
)
def test_a_late_report_settles_an_uncertain_copy(closed, known, state, counts):
    assert uncertain.resolve(copy(closed), DeliveryReport(known, NOW, "its words")) is True

    assert (copy(closed).state, copy(closed).reply) == (state, "its words")
    found = closed.counts()
    assert (found.sent, found.failed, found.uncertain) == counts


@pytest.mark.parametrize("known", list(Resolution))
def test_a_copy_that_has_its_end_does_not_move(closed, known):
    for seq in (0, 2):
        assert uncertain.resolve(copy(closed, seq), DeliveryReport(known, NOW, "never mind")) is False

    assert states(closed) == [State.SENT, State.UNCERTAIN, State.SENT]


def test_the_time_of_an_uncertain_copy_is_kept_when_it_is_counted_as_sent(closed):
    handed_over = copy(closed).sent_at

    uncertain.resolve(copy(closed), ACCEPTED)

    assert copy(closed).sent_at == handed_over is not None


# --- What a lane that was taken for dead tells ---


@pytest.fixture
def thawed(make_mailing):
    """A batch whose three rows were called uncertain while its lane stood still; another has it now."""
    batch = claim_batch(make_mailing("abcd"), "another/0/x", NOW)
    commit_intent(batch, [], 3, NOW)
    recovery.recover_batch(batch, None)
    return batch


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        *((one, one) for one in (State.SENT, State.FAILED, State.DEFERRED)),
        (State.SKIPPED, State.DEFERRED),  # the next pass looks whether its reader is back
    ],
)
def test_a_late_answer_settles_its_copy_once_and_leaves_the_others(thawed, answer, state):
    for _time in range(2):
        write_results(thawed, [DeliveryResult(1, answer, "its words", "its id")])

    assert states(thawed.mailing) == [State.UNCERTAIN, state, State.UNCERTAIN, State.QUEUED]
    row, counts = copy(thawed.mailing), thawed.mailing.counts()
    assert (row.reply, row.provider_id, row.attempts) == ("its words", "its id", 1)
    assert (counts.uncertain, counts.total) == (2, 4)


def test_a_late_silence_tells_nothing(thawed):
    before = list(Delivery.objects.values())

    write_results(thawed, [DeliveryResult(1, State.UNCERTAIN, "no answer after the message")])

    assert list(Delivery.objects.values()) == before
    assert thawed.mailing.counts().uncertain == 3


def test_late_answers_are_heard_beside_those_in_time(thawed):
    own = claim_batch(thawed.mailing, "machine/0/x", NOW)
    thawed.mailing.deliveries.filter(seq=3).update(state=State.QUEUED)

    write_results(
        own,
        [
            DeliveryResult(0, State.SENT, "250 0"),
            DeliveryResult(3, State.SENT, "250 3"),
            DeliveryResult(2, State.FAILED, "550 2"),
        ],
    )

    assert states(thawed.mailing) == [State.SENT, State.UNCERTAIN, State.FAILED, State.SENT]
    counts = thawed.mailing.counts()
    assert (counts.sent, counts.failed, counts.uncertain, counts.queued) == (2, 1, 1, 0)


def test_two_late_put_offs_begin_one_pass_of_a_batch_that_is_done(thawed):
    Batch.objects.update(state=Batch.State.DONE)

    write_results(
        thawed, [DeliveryResult(0, State.DEFERRED, "451 later"), DeliveryResult(2, State.DEFERRED, "451 later")]
    )

    batch = Batch.objects.get()
    assert (batch.state, batch.pass_no, batch.cursor) == (Batch.State.OPEN, 2, 0)
    Batch.objects.update(not_before=None)
    again = claim_batch(thawed.mailing, "machine/0/x", NOW)
    assert [row.seq for row in commit_intent(again, [], 4, NOW)] == [0, 2, 3]


@pytest.mark.parametrize("answer", [State.FAILED, State.DEFERRED, State.SKIPPED])
def test_a_late_no_to_an_earlier_try_says_nothing_of_the_last_one(thawed, answer):
    Delivery.objects.filter(seq=1).update(attempts=2)

    write_results(thawed, [DeliveryResult(1, answer, "550 no")])

    assert states(thawed.mailing)[1] == State.UNCERTAIN


def test_a_late_yes_to_an_earlier_try_settles_the_copy(thawed):
    Delivery.objects.filter(seq=1).update(attempts=2)

    write_results(thawed, [DeliveryResult(1, State.SENT, "250 ok")])

    assert (states(thawed.mailing)[1], copy(thawed.mailing).attempts) == (State.SENT, 2)


def test_a_late_answer_is_counted_too(closed, django_capture_on_commit_callbacks):
    breakdown.count_next_mailing(NOW)
    batch = closed.batches.get()

    with django_capture_on_commit_callbacks(execute=True):
        write_results(batch, [DeliveryResult(1, State.SENT, "250 ok")])

    assert breakdown.count_next_mailing(NOW)
    assert Breakdown.objects.get().by_domain["example.org"][State.SENT] == 3


# --- Count as sent ---


def test_counted_as_sent_nothing_leaves_and_the_mailing_stays_closed(closed, run, provider):
    assert decide(closed, COUNTED, 1) == 1

    closed.refresh_from_db()
    assert (closed.state, copy(closed).reply) == ("sent", "counted as sent by the author")
    assert run(closed, provider) == 0
    assert told(closed)[-1] == ("counted", "1")


def test_a_cancelled_mailing_can_be_counted_but_sends_nothing_again(make_mailing, run, provider):
    mailing = make_mailing("abc")
    run(mailing, provider)
    mailing.cancel(NOW)
    recovery.settle_cancelled()

    assert decide(mailing, AGAIN, 1) == 0
    assert decide(mailing, COUNTED, 1) == 1
    assert states(mailing)[1] == State.SENT


# --- Send again ---


def test_sent_again_it_is_this_copy_that_leaves_and_no_other(closed, run, provider):
    provider.answers.clear()
    accepted = list(provider.accepted)

    assert decide(closed, AGAIN, 1) == 1
    run(closed, provider)

    assert provider.accepted == [*accepted, "b@example.org"]
    assert states(closed) == [State.SENT] * 3


def test_sent_again_the_mailing_is_under_way_until_it_is_through(closed, run, provider):
    provider.answers.clear()
    decide(closed, AGAIN, 1)

    closed.refresh_from_db()
    assert (closed.state, closed.finished_at, closed.counts().queued) == ("sending", None, 1)
    assert closed.finish(NOW) is False

    run(closed, provider)

    assert closed.finish(NOW + timedelta(minutes=1)) is True
    assert (closed.state, closed.counts().sent) == ("sent", 3)
    assert told(closed)[-2:] == [("again", "1"), ("finished", "")]


def test_a_double_click_sends_one_copy_more(closed, run, provider):
    provider.answers.clear()
    row = SeenRow(1, copy(closed).attempts)

    assert [uncertain.decide(closed, [row], AGAIN) for _ in range(2)] == [1, 0]
    run(closed, provider)
    run(closed, provider)

    assert provider.accepted.count("b@example.org") == 2


def test_an_old_tab_does_not_decide_what_became_uncertain_anew(closed, run, provider):
    old_row, old_page = SeenRow(1, copy(closed).attempts), uncertain.last_decision(closed)
    uncertain.decide_all(closed, AGAIN, seen=old_page)
    run(closed, provider)
    assert states(closed)[1] == State.UNCERTAIN

    assert uncertain.decide(closed, [old_row], AGAIN) == 0
    assert uncertain.decide_all(closed, AGAIN, seen=old_page) == 0
    assert provider.accepted.count("b@example.org") == 2


def test_a_late_yes_spares_the_second_copy(make_mailing, run, provider):
    mailing = make_mailing("ab")
    batch = claim_batch(mailing, "another/0/x", NOW)
    commit_intent(batch, [], 1, NOW)
    recovery.recover_batch(batch, None)
    run(mailing, provider)
    mailing.finish(NOW)
    decide(mailing, AGAIN, 0)

    write_results(batch, [DeliveryResult(0, State.SENT, "250 ok")])
    run(mailing, provider)

    assert "a@example.org" not in provider.accepted
    assert states(mailing)[0] == State.SENT


def test_a_late_no_does_not_speak_for_the_second_copy(make_mailing, run):
    mailing, provider = make_mailing("a"), Provider(a=SILENCE)
    batch = claim_batch(mailing, "another/0/x", NOW)
    commit_intent(batch, [], 1, NOW)
    recovery.recover_batch(batch, None)
    run(mailing, provider)
    decide(mailing, AGAIN, 0)
    run(mailing, provider)
    assert provider.accepted == ["a@example.org"]

    write_results(batch, [DeliveryResult(0, State.FAILED, "550 no")])

    assert states(mailing) == [State.UNCERTAIN]


def test_cancelled_before_its_turn_it_is_uncertain_again(closed):
    decide(closed, AGAIN, 1)
    closed.cancel(NOW)

    recovery.settle_cancelled()

    assert states(closed) == [State.SENT, State.UNCERTAIN, State.SENT]
    assert (closed.counts().uncertain, closed.counts().skipped) == (1, 0)


def test_beside_a_mailing_of_the_same_kind_that_is_open_nothing_is_sent_again(closed):
    Mailing.objects.create(
        issue=closed.issue, number=2, approved_at=NOW, send_at=NOW, sender_email="a@example.org", content_hash="x"
    )

    assert decide(closed, AGAIN, 1) == 0
    assert states(closed)[1] == State.UNCERTAIN


def test_in_a_pass_under_way_it_waits_for_the_next_one(make_mailing, run, provider):
    mailing = make_mailing("abc")
    run(mailing, provider, is_stopping=lambda: len(provider.accepted) > 1)
    batch = claim_batch(mailing, "machine/0/y", NOW)
    assert batch is not None
    assert decide(mailing, AGAIN, 1) == 1
    recovery.recover_batch(batch, None)

    provider.answers.clear()
    run(mailing, provider)
    Batch.objects.update(not_before=None)
    run(mailing, provider)

    assert sorted(provider.accepted) == ["a@example.org", "b@example.org", "b@example.org", "c@example.org"]
    assert states(mailing) == [State.SENT] * 3


def test_after_the_last_pass_there_is_one_more_for_what_the_author_wants(closed, run, provider):
    provider.answers["b@example.org"] = SendOutcome(SendStatus.DEFERRED, "451 later")
    Batch.objects.update(pass_no=10)

    decide(closed, AGAIN, 1)
    run(closed, provider)

    assert (states(closed)[1], copy(closed).reply) == (State.FAILED, "451 later")
    assert closed.finish(NOW)


# --- All together ---


@pytest.fixture
def many(make_mailing, monkeypatch):
    """A mailing in batches of ten, of which each has three uncertain copies; it is over."""
    monkeypatch.setattr(beginning, "BATCH_MAX", 10)
    monkeypatch.setattr(uncertain, "BATCHES_PER_SLICE", 2)
    mailing = make_mailing("")
    Delivery.objects.bulk_create(
        Delivery(mailing=mailing, seq=seq, attempts=1, state=State.UNCERTAIN if seq % 10 < 3 else State.SENT)
        for seq in range(50)
    )
    Batch.objects.bulk_create(
        Batch(mailing=mailing, no=no, lo=no * 10, hi=no * 10 + 10, cursor=no * 10, state="done", uncertain=3, sent=7)
        for no in range(5)
    )
    Mailing.objects.update(state="sent", total=50)
    mailing.refresh_from_db()
    return mailing


@pytest.mark.parametrize(("decision", "state"), [(COUNTED, State.SENT), (AGAIN, State.QUEUED)])
def test_all_uncertain_copies_are_decided_at_once(many, decision, state):
    assert uncertain.decide_all(many, decision, seen=0) == 15

    assert states(many) == [state if seq % 10 < 3 else State.SENT for seq in range(50)]
    counts = many.counts()
    assert (counts.uncertain, counts.queued, counts.sent) == ((0, 0, 50) if state == State.SENT else (0, 15, 35))
    assert sum(int(step.detail) for step in many.steps.filter(what__in=["again", "counted"])) == 15


def test_a_second_click_on_all_changes_nothing(many):
    uncertain.decide_all(many, AGAIN, seen=0)
    before = list(Batch.objects.values()), list(Delivery.objects.values())

    assert uncertain.decide_all(many, AGAIN, seen=0) == 0
    assert (list(Batch.objects.values()), list(Delivery.objects.values())) == before


def test_what_waits_to_be_sent_again_is_not_uncertain_when_the_lane_of_another_row_dies(make_mailing):
    mailing = make_mailing("abc")
    batch = claim_batch(mailing, "elsewhere/0/x", NOW)
    commit_intent(batch, [], 3, NOW)
    close_pass(
        batch,
        [DeliveryResult(0, State.UNCERTAIN), DeliveryResult(1, State.DEFERRED), DeliveryResult(2, State.DEFERRED)],
        NOW,
    )
    second = claim_batch(mailing, "elsewhere/0/x", NOW + timedelta(hours=1))
    (row,) = commit_intent(second, [], 1, NOW)
    release_batch(second, [DeliveryResult(row.seq, State.SENT)], cursor=None)
    assert decide(mailing, AGAIN, 0) == 1
    third = claim_batch(mailing, "elsewhere/0/y", NOW + timedelta(hours=1))
    commit_intent(third, [], 1, NOW)

    recovery.recover_batch(third, None)

    assert states(mailing) == [State.QUEUED, State.SENT, State.UNCERTAIN]
