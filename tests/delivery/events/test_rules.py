"""Which refusals take a reader's address out, and when nobody's is."""

from datetime import timedelta

import pytest

from newsletter.delivery.events import rules
from newsletter.delivery.events.rules import BOUNCES_IN_A_ROW, REFUSED_MIN
from newsletter.delivery.ledger import claims, uncertain
from newsletter.delivery.ledger.claims import DeliveryResult, write_results
from newsletter.delivery.ledger.uncertain import DeliveryReport, Resolution
from newsletter.delivery.models import Batch, Delivery, Mailing, Refusal
from newsletter.delivery.planning import approving, beginning
from newsletter.delivery.provider.outcomes import REFUSALS_MAX, Refusals, SendOutcome, SendStatus
from subscribers import replay_departures
from subscribers.models import Subscriber, Suppression
from tests.delivery.conftest import NOW, Provider
from tests.factories import make_issue, make_post, make_subscriber

GONE = "550 5.1.1 <reader@example.org>: Recipient address rejected: User unknown"
FULL = "552 5.2.2 mailbox full"
BLOCKED = "554 5.7.1 Client host blocked using zen.spamhaus.org"
NO = "554 Transaction failed"
SENT, FAILED, DEFERRED = Delivery.State.SENT, Delivery.State.FAILED, Delivery.State.DEFERRED

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def one_batch(monkeypatch):
    """Have one batch of each mailing on PostgreSQL too."""
    monkeypatch.setattr(beginning, "MACHINES", 1)


def refused(words):
    return SendOutcome(SendStatus.FAILED, words)


def suppressed():
    return set(Suppression.objects.values_list("email", "reason", "note"))


def record(mailing, words, *, sent=0):
    """Write the answers to the mailing's first copies: refused with `words` each, then so many accepted."""
    results = [DeliveryResult(seq, FAILED, one) for seq, one in enumerate(words)]
    results += [DeliveryResult(len(words) + number, SENT, "250 ok") for number in range(sent)]
    write_results(mailing.batches.first(), results)


def audience(count):
    return [make_subscriber(f"r{number:03}@example.org") for number in range(count)]


def planned(issue, at=NOW):
    mailing = approving.approve(issue, send_at=None, now=at, hold=timedelta())
    assert beginning.plan_mailing(mailing, at)
    mailing.refresh_from_db()
    return mailing


def reload(mailing):
    mailing.refresh_from_db()
    return mailing


# --- A dead address ---


def test_a_dead_address_is_suppressed_with_the_receivers_words(make_mailing, run):
    run(make_mailing("abc"), Provider(b=refused(GONE)))

    rules.judge_refusals(NOW)

    assert suppressed() == {("b@example.org", "bounced", GONE)}
    assert set(Subscriber.objects.mailable(NOW).values_list("email", flat=True)) == {"a@example.org", "c@example.org"}


@pytest.mark.parametrize("words", [FULL, BLOCKED, NO, "550 5.1.1 blocked", "the name holds a line break"])
def test_any_other_refusal_suppresses_nobody_by_itself(make_mailing, run, words):
    run(make_mailing("abc"), Provider(b=refused(words)))

    rules.judge_refusals(NOW)

    assert suppressed() == set()


def test_a_late_answer_suppresses_as_well(make_mailing):
    mailing = make_mailing("abc")
    record(mailing, [], sent=2)
    mailing.deliveries.filter(seq=2).update(state=Delivery.State.UNCERTAIN)
    Batch.objects.update(uncertain=1, state=Batch.State.DONE)

    for _twice in range(2):
        uncertain.resolve(mailing.deliveries.get(seq=2), DeliveryReport(Resolution.REFUSED, NOW, GONE))
        rules.judge_refusals(NOW)

    assert suppressed() == {("c@example.org", "bounced", GONE)}


def test_a_reader_with_another_address_by_now_is_spared(make_mailing, run):
    run(make_mailing("abc"), Provider(b=refused(GONE)))
    reader = Subscriber.objects.get(email="b@example.org")
    reader.address_changes.create(email="new@example.org", asked_at=NOW, confirmed_at=NOW + timedelta(seconds=1))

    rules.judge_refusals(NOW)

    assert suppressed() == set()


def test_a_reader_who_was_erased_leaves_nothing(make_mailing, run):
    run(make_mailing("abc"), Provider(b=refused(GONE)))
    Subscriber.objects.get(email="b@example.org").erase()

    rules.judge_refusals(NOW)

    assert [(one.email, one.reason) for one in Suppression.objects.all()] == [("", "erased")]
    assert not Refusal.objects.exists()


def test_words_that_a_dead_worker_did_not_write_down_suppress_nobody(make_mailing):
    mailing = make_mailing("abc")
    record(mailing, ["the worker died before the answer was written down"], sent=2)

    assert rules.judge_refusals(NOW) == 0
    assert not Refusal.objects.exists()


# --- Other refusals count ---


@pytest.fixture
def refuse_issues(publication):
    """Return a function that sends an issue for each of some replies to r000; r001 takes them all."""
    readers = audience(2)

    def refuse(*replies, days=14):
        for number, words in enumerate(replies):
            at = NOW + timedelta(days=number * days)
            mailing = planned(make_issue(make_post(f"文 {number}")), at)
            copies = {copy.subscriber_id: copy.seq for copy in mailing.deliveries.all()}
            results = [DeliveryResult(copies[readers[1].pk], SENT, "250 ok")]
            if readers[0].pk in copies:
                results.append(DeliveryResult(copies[readers[0].pk], FAILED if words[0] != "2" else SENT, words))
            batch = claims.claim_batch(mailing, "w", at)
            claims.close_pass(batch, results, at)
            rules.judge_refusals(at)
            reload(mailing).finish(at)
        return suppressed()

    return refuse


@pytest.mark.parametrize("words", [FULL, "450 4.2.2 mailbox full"])
def test_the_third_issue_in_a_row_that_is_refused_suppresses(refuse_issues, words):
    Subscriber.objects.filter(email="r001@example.org").update(email="r001@other.example")

    assert refuse_issues(*[words] * (BOUNCES_IN_A_ROW - 1)) == set()
    assert refuse_issues(words) == {("r000@example.org", "bounced", words)}


def test_an_issue_that_was_accepted_begins_the_count_anew(refuse_issues):
    assert refuse_issues(NO, NO, "250 ok", NO, NO) == set()


@pytest.mark.parametrize("words", [BLOCKED, "554 5.7.1 relay access denied"])
def test_a_block_list_never_suppresses_however_often(refuse_issues, words):
    assert refuse_issues(*[words] * (BOUNCES_IN_A_ROW + 2)) == set()


def test_a_block_list_in_between_does_not_count(refuse_issues):
    assert refuse_issues(NO, BLOCKED, NO) == set()


def test_refusals_of_last_year_do_not_count(refuse_issues):
    assert refuse_issues(NO, NO, NO, days=100) == set()


def test_a_receiver_that_refuses_all_its_readers_blames_none_of_them(publication):
    theirs = [make_subscriber(f"r{number}@blocking.example") for number in range(2)]
    make_subscriber("a@notblocking.example")  # which accepts
    for number in range(BOUNCES_IN_A_ROW):
        mailing = planned(make_issue(make_post(f"文 {number}")), NOW)
        copies = mailing.deliveries.values_list("subscriber_id", "seq")
        mine = {reader.pk for reader in theirs}
        write_results(mailing.batches.get(), [DeliveryResult(s, FAILED if r in mine else SENT, NO) for r, s in copies])
        Batch.objects.update(state=Batch.State.DONE)
        rules.judge_refusals(NOW)
        reload(mailing).finish(NOW)

    assert Refusal.objects.filter(state=Refusal.State.COUNTED).count() == 2 * BOUNCES_IN_A_ROW
    assert suppressed() == set()


def test_copies_that_were_deferred_until_the_end_count_too(make_mailing):
    mailing = make_mailing("ab")
    Batch.objects.update(pass_no=10)
    batch = claims.claim_batch(mailing, "w", NOW)

    claims.close_pass(batch, [DeliveryResult(0, DEFERRED, "450 4.2.2 full"), DeliveryResult(1, SENT)], NOW)

    assert list(Refusal.objects.values_list("seq", "verdict")) == [(0, "mailbox")]


# --- A server that is out of order ---


def test_where_nobody_was_accepted_nobody_is_suppressed(make_mailing, run):
    run(make_mailing("abc"), Provider(a=refused(GONE), b=refused(GONE), c=refused(GONE)))

    assert rules.judge_refusals(NOW) == 0


def test_a_server_that_calls_too_many_dead_pauses_the_mailing_and_suppresses_nobody(make_mailing):
    audience(100)
    mailing = make_mailing("")
    record(mailing, [GONE] * REFUSED_MIN, sent=50)

    rules.judge_refusals(NOW)

    assert suppressed() == set()
    assert reload(mailing).state == Mailing.State.PAUSED
    assert mailing.reason == (
        "The mail server says of 20 addresses that they do not exist. Decide whether it is right."
    )
    assert rules.count_undecided_dead(mailing) == REFUSED_MIN


def test_a_mailing_that_goes_well_judges_no_refusal_of_one_in_doubt(make_mailing):
    audience(100)
    record(make_mailing(""), [GONE] * REFUSED_MIN, sent=50)
    record(planned(make_issue(make_post(), number=8)), [GONE], sent=99)

    rules.judge_refusals(NOW)

    assert suppressed() == {("r000@example.org", "bounced", GONE)}


def test_what_came_before_does_not_hide_a_server_that_goes_mad(make_mailing):
    """Two hundred were accepted: then one after the other is called dead."""
    audience(225)
    mailing = make_mailing("")
    write_results(mailing.batches.get(), [DeliveryResult(seq, SENT) for seq in range(200)])
    write_results(mailing.batches.get(), [DeliveryResult(200 + number, FAILED, GONE) for number in range(REFUSED_MIN)])

    rules.judge_refusals(NOW)

    assert (suppressed(), reload(mailing).state) == (set(), Mailing.State.PAUSED)


def test_the_ordinary_dead_of_a_long_list_are_suppressed_while_it_is_sent(make_mailing):
    audience(450)
    mailing = make_mailing("")
    results = [DeliveryResult(seq, FAILED if seq % 20 == 0 else SENT, GONE) for seq in range(420)]
    write_results(mailing.batches.get(), results)

    assert rules.judge_refusals(NOW) == 21
    assert reload(mailing).state == Mailing.State.SENDING


def test_a_few_dead_in_a_row_wait_for_more_answers(make_mailing):
    audience(100)
    mailing = make_mailing("")
    record(mailing, [], sent=10)
    batch = mailing.batches.get()
    write_results(batch, [DeliveryResult(10 + number, FAILED, GONE) for number in range(3)])
    before = rules.judge_refusals(NOW)

    write_results(batch, [DeliveryResult(13 + number, SENT) for number in range(40)])

    assert (before, rules.judge_refusals(NOW)) == (0, 3)


@pytest.fixture
def in_question(make_mailing):
    """A paused mailing of 100 readers: 20 called dead, 50 accepted."""
    audience(100)
    mailing = make_mailing("")
    record(mailing, [GONE] * 20, sent=50)
    rules.judge_refusals(NOW)
    return reload(mailing)


def test_believed_they_are_suppressed_and_the_mailing_is_not_stopped_for_it_again(in_question):
    assert rules.confirm_dead(in_question, NOW) == 20
    assert Suppression.objects.count() == 20

    in_question.resume(NOW, timedelta())
    write_results(in_question.batches.get(), [DeliveryResult(70 + number, FAILED, GONE) for number in range(30)])
    rules.judge_refusals(NOW)

    assert reload(in_question).state == Mailing.State.SENDING
    assert Suppression.objects.count() == 50


def test_doubted_they_are_tried_again_and_nobody_is_suppressed(in_question, run):
    assert rules.retry_dead(in_question, NOW) == 20

    in_question.resume(NOW, timedelta())
    provider = Provider()
    run(in_question, provider)
    Batch.objects.update(not_before=None)
    run(in_question, provider)
    rules.judge_refusals(NOW)

    assert suppressed() == set()
    assert reload(in_question).counts().sent == 100
    assert sorted(provider.accepted) == sorted(
        f"r{number:03}@example.org" for number in range(100) if number not in range(20, 70)
    )


def test_doubted_those_suppressed_before_are_lifted_in_the_same_step(make_mailing, run):
    mailing, provider = make_mailing("abc"), Provider(b=refused(GONE))
    run(mailing, provider)
    reload(mailing).finish(NOW)
    make_subscriber("other@example.org").suppress("bounced", "of another mailing")
    rules.judge_refusals(NOW)

    rules.retry_dead(mailing, NOW)

    assert suppressed() == {("other@example.org", "bounced", "of another mailing")}
    assert reload(mailing).state == Mailing.State.SENDING
    run(mailing, Provider())
    assert reload(mailing).counts().sent == 3


@pytest.mark.parametrize("end", ["cancelled", "long ago"])
def test_doubted_too_late_nobody_is_tried_again(make_mailing, run, end):
    mailing = make_mailing("abc")
    run(mailing, Provider(b=refused(GONE)))
    rules.judge_refusals(NOW)
    if end == "cancelled":
        mailing.cancel(NOW)
    else:
        reload(mailing).finish(NOW)

    rules.retry_dead(mailing, NOW + timedelta(days=4))

    assert suppressed() == set()
    assert mailing.deliveries.get(seq=1).state == FAILED
    assert rules.count_dead(mailing) == 0


def test_a_paused_mailings_refusals_wait(make_mailing, run):
    mailing = make_mailing("abc")
    run(mailing, Provider(b=refused(GONE)))
    Batch.objects.update(state=Batch.State.OPEN)
    mailing.pause("")

    assert rules.judge_refusals(NOW) == 0


def test_dead_in_a_row_stop_a_lane_only_until_the_author_believes_them():
    in_doubt, believing = Refusals(), Refusals(dead_are_confirmed=True)
    for number in range(REFUSALS_MAX):
        assert not in_doubt.hold_back(number, refused(GONE))
        assert not believing.hold_back(number, refused(GONE))

    assert str(in_doubt.problem) == GONE
    assert believing.problem is None


def test_a_restore_bars_nobody_who_was_doubted(make_mailing, run, settings, tmp_path):
    settings.DATA_DIR = tmp_path  # the departures of other tests are none of these readers'
    mailing = make_mailing("abc")
    run(mailing, Provider(b=refused(GONE)))
    reload(mailing).finish(NOW)
    rules.judge_refusals(NOW)

    rules.retry_dead(mailing, NOW)

    assert replay_departures.replay() == 0
    assert not suppressed()
    assert Subscriber.objects.mailable(NOW).count() == 3


def test_doubted_a_complaint_that_came_since_stands(make_mailing, run):
    mailing = make_mailing("abc")
    run(mailing, Provider(b=refused(GONE)))
    reload(mailing).finish(NOW)
    rules.judge_refusals(NOW)
    Suppression.objects.all().delete()  # by a new confirmation
    Subscriber.objects.get(email="b@example.org").suppress("complained", "spam")

    rules.retry_dead(mailing, NOW)

    assert suppressed() == {("b@example.org", "complained", "spam")}


def test_a_correction_is_no_issue_that_was_refused(refuse_issues):
    refuse_issues(NO)
    Mailing.objects.update(kind=Mailing.Kind.CORRECTION)

    assert refuse_issues(*[NO] * (BOUNCES_IN_A_ROW - 1)) == set()
