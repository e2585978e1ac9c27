import errno
from copy import copy

import pytest
from django.db import DatabaseError, OperationalError, connection
from django.utils import timezone

from newsletter.delivery import lane_process, tasks
from newsletter.delivery.ledger import claims, flight_recorder, recovery
from newsletter.delivery.ledger.claims import LaneEnded
from newsletter.delivery.models import Batch, Mailing, MailingCounts, deliveries
from newsletter.delivery.provider.outcomes import ProviderRejection, ProviderUnavailable, SendOutcome, SendStatus
from newsletter.delivery.sending import lane
from newsletter.delivery.sending.couriers import DjangoCourier, SmtpCourier
from subscribers import pending_unsubscribes
from subscribers.models import Subscriber
from tests.delivery.conftest import FAILED, NOW, QUEUED, SENT, UNCERTAIN, Provider, counts, states


def test_everybody_gets_one_copy(make_mailing, run):
    mailing, provider = make_mailing("abc"), Provider()

    answered = run(mailing, provider)

    assert answered == 3
    assert provider.accepted == ["a@example.org", "b@example.org", "c@example.org"]
    assert states(mailing) == [SENT] * 3
    assert mailing.batches.get().state == Batch.State.DONE


def test_who_left_while_the_database_could_not_be_written_gets_nothing(make_mailing, run, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    mailing, provider = make_mailing("abc"), Provider()
    token = Subscriber.objects.get(email="b@example.org").token("unsubscribe")
    pending_unsubscribes.store_unsubscribe(token, timezone.now())

    run(mailing, provider)

    assert provider.accepted == ["a@example.org", "c@example.org"]


def test_the_intent_is_committed_before_the_message_leaves(make_mailing, run):
    mailing, provider = make_mailing("abc"), Provider()
    cursors = []
    provider.on_send = lambda row: cursors.append(Batch.objects.get().cursor)

    run(mailing, provider)

    assert cursors == [2, 3, 3]  # each row's own intent and the next one's, ahead of the wire


def test_a_no_fails_with_the_providers_words(make_mailing, run):
    mailing = make_mailing("abc")

    run(mailing, Provider(b=SendOutcome(SendStatus.FAILED, "550 no such user")))

    row = mailing.deliveries.get(seq=1)
    assert (row.state, row.reply) == (FAILED, "550 no such user")
    assert (counts(mailing).sent, counts(mailing).failed) == (2, 1)


def test_a_not_now_comes_back_later_and_only_for_that_reader(make_mailing, run):
    mailing, provider = make_mailing("abc"), Provider(b=SendOutcome(SendStatus.DEFERRED, "451 greylisted"))
    run(mailing, provider)
    batch = mailing.batches.get()
    assert (batch.state, batch.pass_no) == (Batch.State.OPEN, 2)
    assert batch.not_before > timezone.now()
    provider.answers.clear()

    Batch.objects.update(not_before=None)
    run(mailing, provider)

    assert provider.accepted == ["a@example.org", "c@example.org", "b@example.org"]
    assert states(mailing) == [SENT] * 3


def test_after_the_last_pass_not_now_has_become_no(make_mailing, run):
    mailing, provider = make_mailing("a"), Provider(a=SendOutcome(SendStatus.DEFERRED, "452 mailbox full"))

    for _pass in range(len(deliveries.RETRY_AFTER) + 1):
        run(mailing, provider)
        Batch.objects.update(not_before=None)

    row = mailing.deliveries.get()
    assert (row.state, row.reply) == (FAILED, "452 mailbox full")
    assert counts(mailing).failed == 1
    assert mailing.batches.get().state == Batch.State.DONE


def test_silence_after_the_dot_is_uncertain_and_never_sent_again(make_mailing, run):
    mailing, provider = make_mailing("abc"), Provider(b=SendOutcome(SendStatus.UNCERTAIN, "no answer"))
    run(mailing, provider)
    provider.answers.clear()

    run(mailing, provider)

    assert states(mailing) == [SENT, UNCERTAIN, SENT]
    assert provider.accepted.count("b@example.org") == 1


def test_a_provider_that_only_falls_silent_stops_the_mailing(make_mailing, run):
    mailing = make_mailing("abcdef")
    silence = SendOutcome(SendStatus.UNCERTAIN, "no answer after the message")

    wake_until_stopped(mailing, lambda: run(mailing, Provider(**dict.fromkeys("abcdef", silence))))

    assert (mailing.state, mailing.paused_by) == (Mailing.State.PAUSED, Mailing.Cause.SILENT)
    assert counts(mailing).uncertain == lane.SILENT_LANES_MAX
    assert mailing.reason == "no answer after the message"


def wake_until_stopped(mailing, run_one_lane):
    """Run lanes while the mailing is being sent; fail if they are many."""
    for _wake_up in range(9):
        run_one_lane()
        mailing.refresh_from_db()
        if mailing.state != Mailing.State.SENDING:
            return


@pytest.mark.parametrize(
    "problem",
    [ProviderUnavailable("the server closed the connection"), lane.DailyLimitReached("the day is full"), LaneEnded()],
)
def test_a_silent_provider_stops_the_mailing_whatever_is_raised_beside_it(make_mailing, run, problem):
    mailing, provider = make_mailing("abcdefgh"), Provider()
    silence = SendOutcome(SendStatus.UNCERTAIN, "no answer after the message")

    def fall_silent(rows, on_hand_over):
        row = next(rows)
        on_hand_over(row.seq)
        yield row.seq, silence
        raise problem

    provider.deliver = fall_silent
    wake_until_stopped(mailing, lambda: run(mailing, provider))

    assert (mailing.state, mailing.paused_by) == (Mailing.State.PAUSED, Mailing.Cause.SILENT)
    assert counts(mailing).uncertain == lane.SILENT_LANES_MAX


def test_a_server_that_hangs_up_after_every_message_is_named_in_the_log(make_mailing, run, bulk_smtp, caplog):
    names = [f"cut-after-data-9-{number}" for number in range(60)]
    mailing = make_mailing(names)

    wake_until_stopped(mailing, lambda: run(mailing, SmtpCourier("bulk", mailing)))

    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    told = (
        f"issue 7, mailing {mailing.pk}: paused, because smtp 127.0.0.1:{bulk_smtp.port} takes mails without an answer"
    )
    assert (mailing.state, mailing.paused_by) == (Mailing.State.PAUSED, Mailing.Cause.SILENT)
    assert [error.partition(":")[0] for error in errors] == [told.partition(":")[0]]
    assert errors[0].startswith(told)
    assert mailing.steps.filter(what="paused").count() == 1
    assert bulk_smtp.copies_per_reader() == {1}
    assert counts(mailing).uncertain == len(bulk_smtp.received()) < len(names)


def test_a_silence_in_which_the_worker_was_stopped_says_nothing_about_the_provider(make_mailing, run):
    mailing, provider = make_mailing("ab"), Provider(a=SendOutcome(SendStatus.UNCERTAIN, "the worker was stopped"))

    run(mailing, provider, is_stopping=lambda: bool(provider.accepted))

    mailing.refresh_from_db()
    assert states(mailing) == [UNCERTAIN, QUEUED]
    assert (mailing.retry_at, mailing.provider_failures, mailing.reason) == (None, 0, "")


def test_a_provider_that_is_away_costs_nobody_anything(make_mailing, run):
    mailing, provider = make_mailing("abc"), Provider(b=ProviderUnavailable("connection refused"))

    run(mailing, provider)

    mailing.refresh_from_db()
    assert states(mailing) == [SENT, QUEUED, QUEUED]
    assert mailing.retry_at > timezone.now()
    assert mailing.reason == "connection refused"
    assert mailing.batches.get().cursor == 1


def test_when_the_provider_is_back_the_rest_follows(make_mailing, run):
    mailing, provider = make_mailing("abc"), Provider(b=ProviderUnavailable("connection refused"))
    run(mailing, provider)
    provider.answers.clear()

    run(mailing, provider)

    mailing.refresh_from_db()
    assert provider.accepted == ["a@example.org", "b@example.org", "c@example.org"]
    assert (mailing.provider_failures, mailing.reason) == (0, "")


def test_a_provider_that_refuses_us_pauses_the_mailing_with_its_words(make_mailing, run):
    mailing = make_mailing("abc")

    run(mailing, Provider(a=ProviderRejection("535 authentication failed")))

    mailing.refresh_from_db()
    assert (mailing.state, mailing.reason) == (Mailing.State.PAUSED, "535 authentication failed")
    assert states(mailing) == [QUEUED] * 3


def test_who_leaves_while_his_batch_is_being_sent_is_skipped(make_mailing, run):
    mailing, provider = make_mailing("abc"), Provider()
    leaver = Subscriber.objects.get(email="c@example.org")
    provider.on_send = lambda row: leaver.unsubscribe(NOW)

    run(mailing, provider)

    assert provider.accepted == ["a@example.org", "b@example.org"]


def test_a_pause_stops_at_the_next_window(make_mailing, run):
    mailing, provider = make_mailing("abcde"), Provider()
    provider.on_send = lambda row: Mailing.objects.get().pause("a typo")

    run(mailing, provider)

    assert provider.accepted == ["a@example.org", "b@example.org"]
    assert states(mailing) == [SENT, SENT, QUEUED, QUEUED, QUEUED]
    assert (counts(mailing).queued, counts(mailing).sending) == (3, 0)


def test_a_worker_that_is_told_to_stop_leaves_everything_recorded(make_mailing, run):
    mailing, provider = make_mailing("abc"), Provider()

    run(mailing, provider, is_stopping=lambda: len(provider.accepted) == 2)

    assert states(mailing) == [SENT, SENT, QUEUED]
    assert mailing.batches.get().state == Batch.State.OPEN
    assert counts(mailing).sending == 0


@pytest.mark.django_db
def test_a_result_outlives_a_database_that_is_away_for_a_moment(monkeypatch):
    monkeypatch.setattr(lane, "DATABASE_RETRY_SECONDS", (0, 0, 0))
    troubles = [OperationalError("database is locked")] * 2

    def step():
        if troubles:
            raise troubles.pop()
        return "recorded"

    assert lane.run_with_retries(step) == "recorded"


def test_a_pause_stops_a_long_window_within_a_second(make_mailing, run, monkeypatch):
    mailing, provider = make_mailing("abcdefgh"), Provider()
    provider.window = 8
    clock = [0.0]
    monkeypatch.setattr(lane.time, "monotonic", lambda: clock[0])

    def a_slow_reply(row):
        clock[0] += 0.6
        if row.seq == 1:
            Mailing.objects.get().pause("a typo")

    provider.on_send = a_slow_reply

    run(mailing, provider)

    assert len(provider.accepted) <= 4
    assert (counts(mailing).queued, counts(mailing).sending) == (8 - len(provider.accepted), 0)


@pytest.mark.django_db(transaction=True)
def test_a_lane_looks_again_over_a_new_connection_when_the_database_was_away(make_mailing, run, monkeypatch):
    mailing, provider = make_mailing("abcdefgh"), Provider()
    provider.window = 8
    clock, connections = [0.0], []
    monkeypatch.setattr(lane.time, "monotonic", lambda: clock[0])

    def gone(execute, sql, params, many, context):
        connection.execute_wrappers.remove(gone)
        raise OperationalError("the connection is closed")

    def a_slow_reply(row):
        clock[0] += 1.1
        connections.append(connection.connection)
        if row.seq == 1:
            connection.execute_wrappers.append(gone)
        if row.seq == 3:
            Mailing.objects.get().pause("a typo")

    provider.on_send = a_slow_reply

    run(mailing, provider)

    assert connections[2] is None
    assert len(provider.accepted) == 4


# --- Messages in flight while something else goes wrong ---


def test_a_pause_while_messages_are_in_flight_sends_none_of_them_again(make_mailing, run, bulk_smtp):
    mailing = make_mailing("abcdefgh")
    courier = SmtpCourier("bulk", mailing)
    courier.window_max = 2
    intend, calls = claims.commit_intent, []

    def pause_before_the_third(*details):
        calls.append(details)
        if len(calls) == 3:
            Mailing.objects.update(state=Mailing.State.PAUSED)
        return intend(*details)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims, "commit_intent", pause_before_the_third)
        run(mailing, courier)
    Mailing.objects.update(state=Mailing.State.SENDING)
    run(mailing, SmtpCourier("bulk", mailing))

    assert bulk_smtp.copies_per_reader() == {1}
    assert states(mailing) == [SENT] * 8


# --- What the ledger does not know, the flight recorder does ---


@pytest.fixture
def recover(tmp_path):
    """Return a function that recovers a batch as its slot's next holder would."""

    def recover_batch():
        return recovery.recover_batch(
            Batch.objects.get(state=Batch.State.LEASED), flight_recorder.read_record(tmp_path / "flight")
        )

    return recover_batch


def test_an_error_that_nobody_thought_of_makes_the_row_in_flight_uncertain(make_mailing, run, recover):
    mailing, provider = make_mailing("abcd"), Provider()
    failing = Provider()
    failing.on_send = lambda row: failing.accepted.append(row.email) or (1 / (row.seq - 1))

    with pytest.raises(ZeroDivisionError):
        run(mailing, failing)
    recover()
    run(mailing, provider)

    assert failing.accepted == ["a@example.org", "a@example.org", "b@example.org"]
    assert provider.accepted == ["c@example.org", "d@example.org"]
    assert states(mailing) == [SENT, UNCERTAIN, SENT, SENT]


def test_answers_outlive_a_database_that_stays_away(make_mailing, run, recover, monkeypatch):
    mailing, provider = make_mailing("abcdef"), Provider()
    intend, calls = claims.commit_intent, []

    def away_after_the_third(*details):
        calls.append(details)
        if len(calls) > 3:
            raise OperationalError("the server is gone")
        return intend(*details)

    monkeypatch.setattr(lane, "DATABASE_RETRY_SECONDS", (0,))
    monkeypatch.setattr(claims, "commit_intent", away_after_the_third)
    with pytest.raises(OperationalError):
        run(mailing, provider)
    assert provider.accepted == ["a@example.org", "b@example.org", "c@example.org"]
    monkeypatch.setattr(claims, "commit_intent", intend)
    recover()
    run(mailing, provider)

    assert provider.accepted == [f"{name}@example.org" for name in "abcdef"]
    assert states(mailing) == [SENT] * 6
    assert mailing.batches.get().state == Batch.State.DONE


# --- Readers who cannot be mailed ---

UNMAILABLE = [
    {"email": "用戶@example.org"},
    {"email": "two words@example.org"},
    {"email": f"a@{'x' * 64}.example.org"},
    {"name": "line\nbreak"},
]


@pytest.mark.parametrize("wrong", UNMAILABLE)
@pytest.mark.parametrize("courier", [SmtpCourier, DjangoCourier])
def test_a_reader_who_cannot_be_mailed_fails_alone(make_mailing, run, bulk_smtp, courier, wrong):
    mailing = make_mailing("abcd")
    Subscriber.objects.filter(email="b@example.org").update(**wrong)

    run(mailing, courier("bulk", mailing))

    assert states(mailing) == [SENT, FAILED, SENT, SENT]
    assert mailing.batches.get().state == Batch.State.DONE


# --- The ledger against the database's own habits ---


def test_a_commit_whose_acknowledgement_was_lost_counts_its_window_once(make_mailing):
    mailing = make_mailing("abcd")
    batch = claims.claim_batch(mailing, "machine/0/x", NOW)
    stale = copy(batch)

    claims.commit_intent(batch, [], 2, NOW)
    rows = claims.commit_intent(stale, [], 2, NOW)

    assert [row.seq for row in rows] == [0, 1]
    assert mailing.counts() == MailingCounts(queued=2, sending=2)


# --- A lane's own troubles ---


@pytest.fixture
def as_a_worker(settings, tmp_path, monkeypatch):
    """Return a function that runs a lane as a worker does."""
    settings.LOCK_DIR = tmp_path / "locks"
    monkeypatch.setattr(tasks.dispatch, "apply_async", lambda *_args, **_options: None)
    return lambda: lane_process.run_lane(0)


@pytest.mark.django_db(transaction=True)
def test_an_error_that_nobody_thought_of_stops_the_mailing_and_says_so(make_mailing, as_a_worker, monkeypatch):
    mailing = make_mailing("ab")
    monkeypatch.setattr(lane_process, "courier_for", lambda *_details: {}["no such mailer"])

    with pytest.raises(KeyError):
        as_a_worker()

    mailing.refresh_from_db()
    assert (mailing.state, mailing.reason) == (Mailing.State.PAUSED, "KeyError: 'no such mailer'")
    assert mailing.paused_by == Mailing.Cause.ERROR


@pytest.mark.django_db(transaction=True)
def test_a_database_in_trouble_does_not_stop_the_mailing(make_mailing, as_a_worker, monkeypatch):
    mailing = make_mailing("ab")
    monkeypatch.setattr(
        lane_process, "courier_for", lambda *_details: connection.cursor().execute("SELECT 1 FROM nowhere")
    )

    with pytest.raises(DatabaseError, match="nowhere"):
        as_a_worker()

    mailing.refresh_from_db()
    assert (mailing.state, mailing.reason, mailing.retry_at) == (Mailing.State.SENDING, "", None)


@pytest.mark.django_db(transaction=True)
def test_a_machine_in_trouble_is_left_alone_for_a_while(make_mailing, as_a_worker, monkeypatch):
    mailing = make_mailing("ab")

    def full(_path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(lane_process, "FlightRecorder", full)

    with pytest.raises(OSError, match="No space"):
        as_a_worker()

    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.SENDING
    assert mailing.is_waiting(timezone.now())


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL waits for the disk by itself")
def test_commits_are_durable_after_the_connection_was_lost_too(monkeypatch):
    monkeypatch.setattr(lane, "DATABASE_RETRY_SECONDS", (0, 0))
    seen = []

    def step():
        with connection.cursor() as cursor:
            seen.append(cursor.execute("PRAGMA synchronous").fetchone()[0])
        if len(seen) < 2:
            raise OperationalError("the database is locked")

    lane.run_with_retries(step)
    connection.close()

    assert seen == [2, 2]
