"""Copies of mailings that were closed long ago: packed, found all the same, and rows again when they must change."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from newsletter.delivery import tasks
from newsletter.delivery.ledger import breakdown, compaction, uncertain
from newsletter.delivery.ledger.uncertain import Evidence, Known, Seen
from newsletter.delivery.models import Batch, Delivery, Mailing, Pack, Refusal, packs
from newsletter.delivery.models.restorations import Restoration
from newsletter.delivery.planning import approving, audience, beginning
from newsletter.delivery.planning.audience import copies
from subscribers.mails import changing
from subscribers.models import Forgotten
from tests.delivery.conftest import NOW, Provider, run_lane
from tests.delivery.ledger.closed import LATER, close_one, emails, kept, pack_all, reader, rows, small_batches
from tests.factories import make_subscriber

State = Delivery.State
AGAIN, COUNTED = Evidence(Known.AGAIN, LATER), Evidence(Known.COUNTED, LATER, uncertain.COUNTED_WORDS)


@pytest.fixture(scope="module")
def _closed(shared_rows, tmp_path_factory):
    run = partial(run_lane, tmp_path_factory.mktemp("lane") / "flight")
    with small_batches(), shared_rows(lambda: close_one(run)) as mailing:
        yield mailing.pk


@pytest.fixture
def closed(_closed, db):
    """What `close_one` makes."""
    return Mailing.objects.get(pk=_closed)


@pytest.fixture
def issue(closed):
    return closed.issue


@pytest.fixture
def packed(closed):
    assert pack_all() == 5
    closed.refresh_from_db()
    return closed


def figures(mailing):
    return mailing.counts()


# --- Which copies, and when ---


def test_ninety_days_after_its_end_a_mailing_has_no_rows(packed):
    assert (packed.deliveries.count(), packed.packs.count()) == (0, 3)
    assert packed.packed_at == LATER


def test_before_that_it_keeps_them(closed):
    assert pack_all(NOW + timedelta(days=89)) == 0
    assert closed.deliveries.count() == 5


def test_the_operator_chooses_the_days(closed, settings):
    settings.PACK_AFTER_DAYS = 400

    assert pack_all() == 0


def test_all_is_kept_but_the_words_of_those_who_took_it(closed):
    before = rows(closed)

    pack_all()

    plain = {0, 4}
    assert kept(closed) == [(*row[:5], "", "") if row[0] in plain else row for row in before]


def test_why_a_copy_counts_as_sent_is_kept(closed):
    uncertain.decide_all(closed, COUNTED, seen=0)
    breakdown.count_one(LATER)

    pack_all()

    assert kept(closed)[2][6] == uncertain.COUNTED_WORDS


def test_a_mailing_that_is_not_counted_is_not_touched(closed):
    Mailing.objects.update(counted_at=None)

    assert pack_all() == 0


def test_nothing_is_packed_beside_another_mailing_of_the_issue(closed, issue):
    approving.correct(issue, note="第二段寫錯了。", send_at=None, now=LATER, hold=timedelta())

    assert pack_all() == 0


def test_nothing_is_packed_while_a_restore_is_undecided(closed):
    Restoration.objects.create(noticed_at=LATER)
    Mailing.objects.update(finished_at=NOW - timedelta(days=900))

    tasks.pack_old_copies()

    assert closed.deliveries.count() == 5


def test_refusals_whose_meaning_the_author_must_say_wait_as_rows(closed):
    Refusal.objects.create(mailing=closed, seq=1, subscriber=reader("b"), verdict="dead", at=NOW)

    assert pack_all() == 3

    closed.refresh_from_db()
    assert (list(closed.deliveries.values_list("seq", flat=True)), closed.packed_at) == ([0, 1], None)
    Refusal.objects.update(state="counted")
    assert pack_all() == 2


# --- In steps ---


def test_a_wake_up_ends_in_time_and_the_next_one_goes_on(closed):
    assert compaction.pack_some(LATER, 0) == 2
    assert compaction.pack_some(LATER, 60, lambda: False) == 2
    assert pack_all() == 1
    assert pack_all() == 0
    assert closed.packs.count() == 3


def test_a_step_that_dies_has_not_happened(closed, monkeypatch):
    before = rows(closed)
    monkeypatch.setattr(Pack, "save", lambda *_args, **_options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        pack_all()

    assert (rows(closed), Pack.objects.count()) == (before, 0)


def test_the_beat_task_packs(closed):
    Mailing.objects.update(finished_at=NOW - timedelta(days=900))

    tasks.pack_old_copies()

    assert closed.deliveries.count() == 0


# --- What is asked of them ---


def test_the_figures_are_the_same_before_and_after(closed):
    before, counts = figures(closed), closed.counts()

    pack_all()
    Mailing.objects.update(counted_at=None)
    breakdown.count_one(LATER)

    assert (figures(closed), closed.counts()) == (before, counts)


@pytest.mark.parametrize("decision", [COUNTED, AGAIN])
def test_the_author_decides_about_a_packed_copy_as_about_any_other(packed, run, decision):
    assert uncertain.decide(packed, [Seen(2, 1)], decision) == 1
    if decision is AGAIN:
        run(packed, Provider())
        packed.finish(LATER)
    breakdown.count_one(LATER)

    assert packed.counts().uncertain == 0
    assert packed.deliveries.get(seq=2).state == State.SENT
    packed.refresh_from_db()
    assert packed.packed_at is None  # what was made rows is packed again in its time
    assert pack_all(LATER + timedelta(days=91)) == 2


def test_sending_again_reaches_that_reader_alone(packed, run):
    uncertain.decide_all(packed, AGAIN, seen=0)
    provider = Provider()

    run(packed, provider)

    assert provider.accepted == ["c@example.org"]


def test_a_decision_about_all_reaches_the_packed_ones(packed):
    assert uncertain.decide_all(packed, COUNTED, seen=0) == 1
    assert (packed.counts().sent, packed.counts().uncertain) == (3, 0)


def test_a_report_that_comes_months_later_settles_its_copy(packed):
    late = Evidence(Known.ACCEPTED, LATER, "250 ok")

    assert uncertain.resolve(Delivery(mailing=packed, seq=2), late) is True
    assert (packed.counts().sent, packed.counts().uncertain) == (3, 0)


def test_a_correction_reaches_those_who_have_a_packed_copy(packed, issue):
    correction = approving.correct(issue, note="第二段寫錯了。", send_at=None, now=LATER, hold=timedelta())
    assert not beginning.plan(correction, LATER)  # nobody is forgotten because his copy is packed

    assert beginning.begin_due(LATER) == [correction]

    assert emails(correction) == ["a@example.org", "c@example.org", "e@example.org"]
    assert (packed.packs.count(), packed.deliveries.count()) == (0, 5)


def test_unpacking_for_an_audience_goes_on_where_it_stopped(packed, issue, monkeypatch):
    monkeypatch.setattr(audience, "UNPACKING_SECONDS", 0.0)
    correction = approving.correct(issue, note="第二段寫錯了。", send_at=None, now=LATER, hold=timedelta())

    begun = [len(beginning.begin_due(LATER)) for _ in range(4)]

    assert begun == [0, 0, 1, 0]
    assert len(emails(correction)) == 3


def test_the_counts_say_who_has_a_copy_without_a_look_at_the_rows(packed, issue):
    assert copies(issue) == 3


def test_a_reader_may_still_say_what_he_thought_of_a_packed_issue(packed, issue):
    assert opinion(reader("a"), issue).status_code == 200
    assert opinion(make_subscriber(), issue).status_code == 404


def opinion(subscriber, issue):
    url = reverse("delivery:feedback", args=[subscriber.token("feedback")])
    return Client().get(url, {"issue": issue.number, "answer": "helpful"})


# --- A reader who is erased ---


def test_who_is_erased_is_struck_out_of_every_pack(packed):
    gone = reader("b")
    number = gone.pk
    gone.erase()

    assert compaction.forget_some(60) == 1

    assert not Forgotten.objects.exists()
    assert number not in {row[1] for row in kept(packed)}
    assert kept(packed)[1][1:] == (None, State.FAILED, 1, None, "", "550 5.7.1 <•••@•••>: not wanted here")
    assert packed.counts().failed == 1  # nobody's, and counted still


def test_the_beat_task_strikes_out(packed):
    reader("a").erase()

    tasks.pack_old_copies()

    assert kept(packed)[0][1] is None


def test_a_strike_that_was_interrupted_is_done_again(packed):
    reader("a").erase()
    assert compaction.forget_some(60, lambda: False) == 0
    assert Forgotten.objects.exists()

    assert compaction.forget_some(60) == 1


def test_who_was_erased_while_his_copies_became_rows_is_struck_out_of_these(packed):
    gone = reader("a")
    number = gone.pk
    gone.erase()
    with transaction.atomic():
        packs.unpack(packed.batches.all())

    compaction.forget_some(60)

    assert not Delivery.objects.filter(subscriber_id=number).exists()


def test_a_number_that_is_a_readers_again_is_not_struck_out(packed):
    """After a restore, numbers come again."""
    Forgotten.objects.create(number=reader("a").pk)

    compaction.forget_some(60)

    assert kept(packed)[0][1] == reader("a").pk
    assert not Forgotten.objects.exists()


def test_a_row_that_another_address_replaces_is_struck_out(packed):
    a, d = reader("a"), reader("d")
    number = d.pk
    changing.ask(a, "d@example.org", LATER)
    changing.confirm(a.address_changes.get(), LATER)

    compaction.forget_some(60)

    assert number not in {row[1] for row in kept(packed)}


# --- The tables ---


def test_a_pack_of_a_reader_is_found_by_the_index_alone(packed):
    question = Pack.objects.around(reader("a").pk).values_list("pk")

    assert "packs_by_reader" in question.explain() or connection.vendor == "postgresql"  # which reads few rows at once


def test_batches_stay_as_they_were(closed):
    before = list(Batch.objects.values())

    pack_all()

    assert list(Batch.objects.values()) == before
