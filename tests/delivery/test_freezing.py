"""Lanes that stand still, are given up, and wake: real processes and signals, and an SMTP server as the witness."""

import os
import random
import signal
from contextlib import contextmanager, suppress

import pytest
from django.core.mail import mailers

from newsletter.delivery.ledger import flight_recorder, recovery
from newsletter.delivery.ledger.flight_recorder import FlightRecorder, RowMark
from newsletter.delivery.models import Batch, Delivery
from newsletter.delivery.provider import smtp_pool
from newsletter.delivery.provider.outcomes import HandOverForbidden, SendStatus
from newsletter.delivery.provider.smtp_connection import Envelope
from newsletter.delivery.provider.smtp_pool import ConnectionLimits, SmtpSender
from newsletter.delivery.provider.stoppable_wait import StopControl
from newsletter.delivery.sending.couriers import DjangoCourier, SmtpCourier
from newsletter.mail.mailers import mailer_from_url
from tests.support.exhaustive import first_of
from tests.support.smtp import Smtp
from tests.support.waiting import wait_until

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the child uses no other thread's locks

ROWS = 120
LINES = 4
HOLDING = (7, 3)
FROZEN_AT = 30
REPLY_SECONDS = 0.004  # the server thinks about each message: a lane takes a tenth of a second, and can be met


class Standing(FlightRecorder):
    """A recorder whose lane stops itself at one moment of one row."""

    def __init__(self, path, moment):
        super().__init__(path)
        self.moment = moment

    def hand_over(self, seq):
        self.is_watched = seq == FROZEN_AT
        self.at("before the mark")
        may_leave = super().hand_over(seq)
        self.at("between look and dot")
        return may_leave

    def mark(self, seq, mark):
        super().mark(seq, mark)
        if mark == RowMark.HANDED_OVER:
            self.at("between mark and look")

    def at(self, moment):
        if self.is_watched and self.moment == moment:
            os.kill(os.getpid(), signal.SIGSTOP)


class Lane:
    """As much of a lane as there is without a database: its recorder, its lines, and when it ends."""

    def __init__(self, flight):
        self.flight, self.is_revoked = flight, False
        stop_control = StopControl()
        stop_control.is_stopping = lambda: self.is_revoked
        self.board = SmtpSender(
            lambda: mailers["bulk"],
            sender="news@example.org",
            limits=ConnectionLimits(LINES),
            on_dot=self.hand_over,
            on_reply=self.heard,
            stop_control=stop_control,
        )

    def hand_over(self, seq):
        self.is_revoked = not self.flight.hand_over(seq)
        return not self.is_revoked

    def heard(self, seq, outcome):
        self.flight.mark(seq, RowMark.SENT if outcome.status is SendStatus.SENT else RowMark.UNCERTAIN)

    def send(self, rows):
        with suppress(HandOverForbidden):
            list(self.board.deliver(map(message, rows)))
        self.board.close()


def message(seq):
    return Envelope(seq, f"reader{seq}@example.org", b"Subject: seven\r\n\r\nhello\r\n" * 40)


@contextmanager
def lane_elsewhere(flight):
    """Run a lane in a process of its own while inside; yield its number."""
    child = os.fork()
    if child == 0:
        code = 1
        with suppress(BaseException):
            flight.begin(*HOLDING, lo=0, hi=ROWS)
            Lane(flight).send(range(ROWS))
            code = 0
        os._exit(code)
    try:
        yield child
    finally:
        with suppress(ChildProcessError, ProcessLookupError):
            os.kill(child, signal.SIGCONT)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.fixture
def server(request, settings, tmp_path):
    folder = tmp_path / "smtp"
    folder.mkdir()
    smtp = Smtp(folder, reply_seconds=getattr(request, "param", REPLY_SECONDS))
    smtp.start()
    settings.MAILERS = settings.MAILERS | {"bulk": mailer_from_url(smtp.url, outbox=tmp_path)}
    yield smtp
    smtp.stop()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "flight"


def go_on_elsewhere(record, tmp_path):
    """Send what waits in the record, as the next holder of the batch does."""
    with FlightRecorder(tmp_path / "next") as flight:
        flight.begin(HOLDING[0], HOLDING[1] + 2, lo=0, hi=ROWS)
        Lane(flight).send([seq for seq in range(ROWS) if record.mark(seq) == RowMark.WAITING])


def check(record, smtp):
    """Nobody has two copies, and who has none is one of the few on the wire when the record was read."""
    numbers = [int(copy.rcpt.removeprefix("reader").removesuffix("@example.org")) for copy in smtp.received()]
    assert len(numbers) == len(set(numbers))
    uncertain = {seq for seq in range(ROWS) if record.mark(seq) == RowMark.HANDED_OVER}
    assert len(uncertain) <= LINES
    assert set(range(ROWS)) - set(numbers) <= uncertain


@pytest.mark.parametrize("moment", ["before the mark", "between mark and look", "between look and dot"])
def test_a_lane_that_stood_still_while_it_was_given_up_sends_nothing_that_another_sends(path, tmp_path, server, moment):
    with lane_elsewhere(Standing(path, moment)) as lane:
        assert os.WIFSTOPPED(os.waitpid(lane, os.WUNTRACED)[1])

        record = flight_recorder.revoke(path, *HOLDING)
        os.kill(lane, signal.SIGCONT)
        go_on_elsewhere(record, tmp_path)

    assert any(record.mark(seq) == RowMark.WAITING for seq in range(ROWS))
    check(record, server)


def test_a_lane_that_wakes_hears_the_answers_to_what_was_on_the_wire(path, server):
    with lane_elsewhere(Standing(path, "between look and dot")) as lane:
        os.waitpid(lane, os.WUNTRACED)
        record = flight_recorder.revoke(path, *HOLDING)
        assert record.mark(FROZEN_AT) == RowMark.HANDED_OVER

    known = flight_recorder.read_record(path)
    assert all(known.mark(seq) == RowMark.SENT for seq in range(ROWS) if record.mark(seq) != RowMark.WAITING)
    assert len(server.received()) == ROWS - known.marks.count(RowMark.WAITING)


@pytest.mark.parametrize("seed", first_of(*range(8)))
def test_a_lane_that_never_stood_still_may_be_given_up_at_any_moment(path, tmp_path, server, seed):
    """Its owner may wake in the very moment: the flag is set while it sends as fast as it can."""
    with lane_elsewhere(FlightRecorder(path)):
        enough = random.Random(seed).randrange(1, ROWS // 2)
        wait_until(lambda: _handed_over(path) >= enough, 10, what=f"{enough} rows", every=0.0005)

        record = flight_recorder.revoke(path, *HOLDING)
        go_on_elsewhere(record, tmp_path)

    check(record, server)


def _handed_over(path):
    record = flight_recorder.read_record(path)
    return ROWS - record.marks.count(RowMark.WAITING) if record else 0


# --- A whole lane, with its ledger ---


@pytest.fixture
def met_by_its_machine(path, server):
    """Return what a lane asks before each message; its machine gives it up meanwhile, once four were accepted."""
    given_up = []

    def is_stopping():
        if not given_up and len(server.received()) >= 4:
            batch = Batch.objects.get(state=Batch.State.LEASED)
            given_up.append(recovery.recover_batch(batch, flight_recorder.revoke(path, batch.pk, batch.token)))
        return False

    yield is_stopping
    assert given_up == [True]


@pytest.mark.parametrize("courier", [SmtpCourier, DjangoCourier])
def test_a_lane_that_was_given_up_ends_with_its_answers_and_the_next_one_sends_the_rest(
    make_mailing, run, server, met_by_its_machine, courier
):
    mailing = make_mailing("abcdefghijklmnopqrstuvwxyz")

    run(mailing, courier("bulk", mailing), is_stopping=met_by_its_machine)
    first = server.copies()
    rows = dict(mailing.deliveries.values_list("subscriber__email", "state"))
    run(mailing, courier("bulk", mailing))

    assert 0 < len(first) < 26
    assert {email for email, state in rows.items() if state == Delivery.State.SENT} == set(first)
    assert set(rows.values()) == {Delivery.State.SENT, Delivery.State.QUEUED}
    assert len(server.copies()) == 26
    assert server.copies_per_reader() == {1}
    assert (mailing.counts().sent, mailing.counts().uncertain) == (26, 0)


def test_a_lane_that_was_given_up_does_not_blame_the_provider_for_answers_that_it_cannot_wait_for(
    make_mailing, run, server, met_by_its_machine, monkeypatch
):
    mailing = make_mailing(["slow-3-a", *"bcdefghijklmnopqrstuvwxyz"])
    monkeypatch.setattr(smtp_pool, "STOP_GRACE_SECONDS", 0)

    run(mailing, SmtpCourier("bulk", mailing), is_stopping=met_by_its_machine)

    mailing.refresh_from_db()
    assert mailing.counts().uncertain == 1
    assert (mailing.state, mailing.provider_failures, mailing.retry_at) == ("sending", 0, None)
