"""What holds for every mail that a row says is due, of whichever kind it is."""

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from smtplib import SMTPDataError, SMTPRecipientsRefused
from ssl import SSLCertVerificationError
from typing import Any, NamedTuple

import pytest
from celery.signals import before_task_publish
from django.contrib.auth.models import User
from django.db import connection

from newsletter.delivery.author import alerts, reminders
from newsletter.delivery.models import Alert, CourseCopy, Mailing, Reminder
from newsletter.delivery.provider.transports import transport_for
from newsletter.delivery.readers.course import CourseMailQueue
from newsletter.delivery.readers.missed import MissedMailQueue
from newsletter.delivery.readers.welcome import WelcomeMailQueue
from newsletter.mail import mail_queue
from newsletter.mail.mail_queue import CLAIM_DURATION, MailQueue, SendResult, send_next_of
from newsletter.mail.mailers import mailer_from_url
from subscribers import tasks
from subscribers.mails import address_change, sending
from subscribers.models import AddressChange, ConfirmationReminder, FreshLink, Pause, Subscriber, Unsent
from tests.factories import make_issue, make_post, make_publication, make_subscriber
from tests.subscribers.mails.test_sending import Provider
from tests.support.exhaustive import first_of

NOW = datetime(2026, 11, 30, 0, 0, tzinfo=UTC)
SLOT = datetime(2026, 12, 15, 0, 0, tzinfo=UTC)  # of the rhythm below
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


class Killed(BaseException):
    """The worker dies while it hands over a mail."""


class Case(NamedTuple):
    """A kind, and what makes a row of it whose mail is due."""

    kind: Callable[[], MailQueue[Any]]
    make: Callable[[], Any]


def _sign_up():
    return make_subscriber(state="pending", confirmed_at=None, asked_at=NOW, confirmation_due_at=NOW)


def _change():
    return AddressChange.objects.create(subscriber=make_subscriber(), email="new@example.net", asked_at=NOW, due_at=NOW)


def _link():
    return FreshLink.objects.create(subscriber=make_subscriber(), asked_at=NOW, due_at=NOW)


def _welcome():
    return make_subscriber(confirmed_at=NOW)


def _reminder_to_confirm():
    make_publication(reminds_unconfirmed=True)
    stranger = make_subscriber(state="pending", confirmed_at=None, confirmation_sent_at=NOW - timedelta(days=2))
    return ConfirmationReminder.objects.create(subscriber=stranger, made_at=NOW, due_at=NOW)


def _missed():
    reader = make_subscriber(welcomed_at=NOW)
    make_issue(make_post(), number=7, sent_at=NOW - timedelta(days=9))
    return Pause.objects.create(subscriber=reader, began_at=NOW - timedelta(days=20), until=NOW)


def _first_letter():
    make_publication(course=[7])
    frozen = {"subject": "第七期", "html": "題", "text": "題", "sender_email": "news@example.org"}
    frozen |= {"content_hash": "", "approved_at": NOW, "send_at": NOW - timedelta(days=20)}
    issue = make_issue(make_post(), number=7, sent_at=NOW - timedelta(days=20))
    mailing = Mailing.objects.create(issue=issue, state="sent", **frozen)
    CourseCopy.objects.begin(make_subscriber(welcomed_at=NOW), [mailing], timedelta(), NOW)


def _alert():
    User.objects.create_superuser("gipi", "gipi@example.org", "pw")
    frozen = {"subject": "第七期", "html": "", "text": "", "content_hash": "", "approved_at": NOW, "send_at": NOW}
    mailing = Mailing.objects.create(issue=make_issue(make_post(), number=7), state="sending", **frozen)
    return Alert.objects.create(mailing=mailing, kind="uncertain", at=NOW, due_at=NOW)


def _reminder():
    User.objects.create_superuser("gipi", "gipi@example.org", "pw")
    return Reminder.objects.create(kind="draft", slot_at=SLOT, at=NOW, due_at=NOW)


READERS = {
    "sign-up": Case(sending.SignUpMailQueue, _sign_up),
    "change": Case(address_change.AddressChangeMailQueue, _change),
    "link": Case(sending.LinkMailQueue, _link),
}
LEASED = READERS | {
    "alert": Case(alerts.AlertMailQueue, _alert),
    "reminder": Case(reminders.ReminderMailQueue, _reminder),
}
MARKED = {
    "first letter": Case(lambda: CourseMailQueue(transport_for("default")), _first_letter),
    "missed": Case(lambda: MissedMailQueue(transport_for("default")), _missed),
    "reminder to confirm": Case(sending.ConfirmationReminderMailQueue, _reminder_to_confirm),
}
ALL = LEASED | MARKED | {"welcome": Case(lambda: WelcomeMailQueue(transport_for("default")), _welcome)}


@pytest.fixture
def publication(db):
    make_publication(sender_email="news@example.org", cadence_anchor_on=date(2026, 11, 3), cadence_at=time(8, 0))


@pytest.fixture(autouse=True)
def provider(settings):
    settings.MAILERS = {"default": {"BACKEND": f"{Provider.__module__}.Provider"}}
    Provider.answers, Provider.accepted, Provider.sessions = [], [], []
    return Provider


@pytest.fixture
def case(request, publication):
    """Return the kind that a test is for; its row is there."""
    request.param.make()
    return request.param.kind()


def every(cases):
    """Try each kind; what holds by the same code for all is tried with one of them, with the others where all is."""
    return pytest.mark.parametrize(
        "case", cases.values() if cases is ALL else first_of(*cases.values()), ids=cases, indirect=True
    )


@every(ALL)
def test_what_is_due_is_sent_once(case, provider):
    assert [case.send_due(NOW), case.send_due(NOW), case.send_due(NOW + timedelta(days=1))] == [1, 0, 0]
    assert len(provider.accepted) == 1


@every(LEASED)
def test_what_is_not_due_yet_waits(case):
    case.model.objects.update(**{case.due_column: NOW + MINUTE})

    assert [case.send_due(NOW), case.send_due(NOW + MINUTE)] == [0, 1]


# --- Two workers, and one that dies ---


@every(ALL)
def test_of_two_workers_that_have_read_the_row_one_sends(case, provider):
    first, second = case.due_rows(NOW).get(), case.due_rows(NOW).get()

    assert [case.send(first, NOW), case.send(second, NOW)] == [SendResult.SENT, SendResult.NOT_TAKEN]
    assert len(provider.accepted) == 1


@pytest.mark.parametrize("name", first_of(*ALL))
def test_of_two_workers_at_the_same_moment_one_sends(name, transactional_db, provider):
    make_publication(sender_email="news@example.org", cadence_anchor_on=date(2026, 11, 3), cadence_at=time(8, 0))
    ALL[name].make()
    together = threading.Barrier(2)

    def work(_worker):
        try:
            kind = ALL[name].kind()
            row = kind.due_rows(NOW).get()
            together.wait(10)
            return kind.send(row, NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as workers:
        results = list(workers.map(work, range(2)))

    assert sorted(one.value for one in results) == ["not taken", "sent"]
    assert len(provider.accepted) == 1


@every(LEASED)
def test_a_mail_of_a_worker_that_died_is_sent_by_the_next_after_the_lease(case, provider):
    provider.answers = [Killed()]
    with pytest.raises(Killed):
        case.send_due(NOW)

    sent = [
        case.send_due(NOW + CLAIM_DURATION - SECOND),
        case.send_due(NOW + CLAIM_DURATION),
        case.send_due(NOW + 2 * CLAIM_DURATION),
    ]

    assert sent == [0, 1, 0]
    assert len(provider.accepted) == 1


def test_a_confirmation_whose_worker_was_killed_leaves_within_a_minute(publication, provider, settings):
    _sign_up()
    provider.answers = [Killed()]
    with pytest.raises(Killed):
        sending.SignUpMailQueue().send_due(NOW)
    interval = settings.CELERY_BEAT_SCHEDULE["send confirmations that are due"]["schedule"]

    assert sending.SignUpMailQueue().send_due(NOW + timedelta(seconds=60 - interval)) == 1


def test_a_server_that_falls_silent_is_hung_up_before_another_worker_sends(publication, provider, settings, stalling):
    """Else a mail that its server takes at last would be there twice."""
    assert CLAIM_DURATION.total_seconds() > mail_queue.HAND_OVER_SECONDS
    _sign_up()
    server = stalling(".")
    settings.MAILERS = {"default": mailer_from_url(server.url, outbox=Path())}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mail_queue, "HAND_OVER_SECONDS", 0.2)
        assert sending.SignUpMailQueue().send_due(NOW) == 0

    assert server.is_stalling.is_set()
    settings.MAILERS = {"default": {"BACKEND": f"{Provider.__module__}.Provider"}}
    assert [sending.SignUpMailQueue().send_due(NOW + SECOND), sending.SignUpMailQueue().send_due(NOW + MINUTE)] == [
        0,
        1,
    ]


class Stalling:
    """An SMTP server for one client, that agrees to everything until it falls silent at one command."""

    def __init__(self, command):
        self.command, self.is_stalling = command, threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"smtp://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        client, _address = self.socket.accept()
        with client, client.makefile("rwb", buffering=0) as lines:
            lines.write(b"220 here\r\n")
            is_message = False
            for line in lines:
                word = line.decode().rstrip().partition(" ")[0].upper()
                if is_message and word != ".":
                    continue
                if word == self.command:
                    self.is_stalling.set()
                    break
                is_message = word == "DATA"
                lines.write(b"354 go on\r\n" if is_message else b"250 ok\r\n")
            client.recv(1)  # until it is killed


@pytest.fixture
def stalling():
    servers = []

    def start(command):
        servers.append(Stalling(command))
        return servers[-1]

    yield start
    for server in servers:
        server.socket.close()


@every(MARKED)
def test_a_mail_that_says_first_that_it_leaves_is_not_sent_again_when_its_worker_dies(case, provider):
    provider.answers = [Killed()]
    with pytest.raises(Killed):
        case.send_due(NOW)

    assert [case.send_due(NOW + wait) for wait in (SECOND, CLAIM_DURATION, timedelta(days=2))] == [0, 0, 0]
    assert provider.accepted == []


@every({"reminder to confirm": MARKED["reminder to confirm"]})
def test_a_silence_after_the_mail_left_is_not_answered_by_a_second_one(case, provider):
    provider.answers = [TimeoutError()]

    assert [case.send_due(NOW + wait) for wait in (timedelta(), MINUTE, CLAIM_DURATION, timedelta(hours=5))] == [
        0,
        0,
        0,
        0,
    ]
    assert Unsent.objects.get().reason == "TimeoutError"


@every(MARKED)
def test_a_worker_that_dies_before_the_mail_leaves_costs_nobody_his_mail(case, provider):
    row = case.due_rows(NOW).get()
    assert case.claim(row, NOW)  # and here it dies

    assert [case.send_due(NOW + wait) for wait in (CLAIM_DURATION - SECOND, CLAIM_DURATION, 2 * CLAIM_DURATION)] == [
        0,
        1,
        0,
    ]


@every(LEASED | MARKED)
def test_a_row_that_is_moved_on_before_the_mail_leaves_is_not_mailed(case, provider, monkeypatch):
    write = case.build

    def slow(row, now):
        case.model.objects.update(**{case.due_column: NOW + 2 * CLAIM_DURATION})
        return write(row, now)

    monkeypatch.setattr(case, "build", slow)

    assert case.send_due(NOW) == 0
    assert provider.accepted == []


def test_a_welcome_of_a_worker_that_died_is_not_sent_again(publication, provider):
    reader, kind = _welcome(), ALL["welcome"].kind()
    provider.answers = [Killed()]
    with pytest.raises(Killed):
        kind.send_due(NOW)

    assert [kind.send_due(NOW + CLAIM_DURATION), kind.send_due(NOW + timedelta(days=1))] == [0, 0]
    reader.refresh_from_db()
    assert reader.welcomed_at == NOW


def test_whoever_asks_again_while_the_mail_is_on_its_way_is_not_overruled(publication, provider, monkeypatch):
    reader, later = _sign_up(), NOW + MINUTE

    def ask_again(_queue, _message, _before_leaving):
        Subscriber.objects.update(confirmation_due_at=later, asked_times=2)

    monkeypatch.setattr(sending.SignUpMailQueue, "hand_over", ask_again)
    send_next_of([sending.SignUpMailQueue()], NOW)

    reader.refresh_from_db()
    assert (reader.confirmation_due_at, reader.confirmation_sent_at) == (later, None)


def test_the_mail_is_written_of_the_row_as_it_is_when_it_is_claimed(publication, provider):
    reader = _sign_up()
    Subscriber.objects.update(email="mended@example.org")

    sending.SignUpMailQueue().send(reader, NOW)

    assert [one.to for one in provider.accepted] == [["mended@example.org"]]


# --- One connection for a run ---


@pytest.fixture
def server(publication, settings, smtp):
    settings.MAILERS = {"default": mailer_from_url(smtp.url, outbox=Path())}
    return smtp


def _burst(*addresses):
    """One sign-up a second; the first is stored last, so that its row has the highest number."""
    for second, address in reversed([*enumerate(addresses)]):
        asked = {"asked_at": NOW + second * SECOND, "confirmation_due_at": NOW + second * SECOND}
        make_subscriber(address, state="pending", confirmed_at=None, **asked)


def test_a_burst_leaves_over_one_connection_oldest_first(server):
    addresses = [f"reader{number}@example.org" for number in range(40)]
    _burst(*addresses)

    tasks.send_confirmations()

    assert [copy.rcpt for copy in server.received()] == addresses
    assert len({copy.connection for copy in server.received()}) == 1


@pytest.mark.parametrize(("wish", "per_connection"), [("hang-up-", 9), ("", 1)])
def test_a_server_that_closes_the_connection_between_two_mails_costs_no_try(server, wish, per_connection, caplog):
    addresses = [f"{wish}{number}@example.org" for number in range(4)]
    _burst(*addresses)
    (server.folder / "per-connection").write_text(str(per_connection))

    tasks.send_confirmations()

    assert [copy.rcpt for copy in server.received()] == addresses
    assert set(Subscriber.objects.values_list("confirmation_tries", "confirmation_due_at")) == {(1, None)}
    assert caplog.messages == []


def test_a_burst_that_is_longer_than_a_run_goes_on_at_once(publication, provider, monkeypatch):
    monkeypatch.setattr(tasks, "MAILS_PER_RUN", 2)
    _burst("first@example.org", "second@example.org", "third@example.org")
    published = []
    note = before_task_publish.connect(lambda sender, **_fields: published.append(sender), weak=False)
    try:
        tasks.send_confirmations()
        assert (len(provider.accepted), published) == (2, ["subscribers.tasks.send_confirmations"])
        tasks.send_confirmations()
    finally:
        before_task_publish.disconnect(note)

    assert (len(provider.accepted), len(published)) == (3, 1)


def test_a_run_by_an_api_keeps_its_session(publication, provider):
    _burst("first@example.org", "second@example.org")

    tasks.send_confirmations()

    assert len(provider.accepted) == 2
    assert provider.sessions == ["open", "close"]


def test_a_mail_of_a_worker_that_died_goes_before_newer_ones(publication, provider):
    _burst("oldest@example.org", "newer@example.org", "newest@example.org")
    provider.answers = [Killed()]
    with pytest.raises(Killed):
        sending.SignUpMailQueue().send_due(NOW)

    for _mail in range(3):
        send_next_of([sending.SignUpMailQueue()], NOW + CLAIM_DURATION)

    assert [message.to[0].partition("@")[0] for message in provider.accepted] == ["oldest", "newer", "newest"]


# --- Backing off ---


@every(LEASED)
def test_a_server_that_is_away_is_asked_again_a_minute_later(case, provider):
    provider.answers = [ConnectionRefusedError()]

    assert case.send(case.due_rows(NOW).get(), NOW) is SendResult.NO_SERVER

    assert [case.send_due(NOW + MINUTE / 2), case.send_due(NOW + MINUTE)] == [0, 1]


@every(LEASED)
def test_a_certificate_that_is_out_of_date_is_a_server_that_is_away(case, provider):
    """Python calls it a ValueError as well: so changes of address and links were given up at once."""
    provider.answers = [SSLCertVerificationError("certificate has expired")]

    case.send_due(NOW)

    assert case.send_due(NOW + MINUTE) == 1


def test_where_no_server_is_the_next_mails_do_not_wait_for_it(publication, provider):
    for kind in ("failing", "finished"):
        Alert.objects.create(mailing=(Alert.objects.first() or _alert()).mailing, kind=kind, at=NOW, due_at=NOW)
    provider.answers = [TimeoutError()] * 3

    assert alerts.send_due(NOW) == 0
    assert len(provider.answers) == 2


def test_the_wait_doubles_and_is_bounded_however_often_a_mail_was_tried():
    assert [mail_queue.backoff(tries) / MINUTE for tries in (1, 2, 3, 8, 9, 32_767)] == [1, 2, 4, 128, 240, 240]
    assert mail_queue.backoff(32_767, timedelta(hours=1)) == timedelta(hours=1)


def test_no_mail_is_put_off_further_than_the_clock_is_trusted(monkeypatch):
    monkeypatch.setattr(mail_queue, "JITTER", 0.1)

    assert mail_queue.with_jitter(NOW + mail_queue.DELAY_MAX, NOW) == NOW + mail_queue.DELAY_MAX


# --- A clock that jumps ---


@every(LEASED)
def test_a_claim_of_a_clock_that_was_ahead_holds_nothing_up(case, provider):
    ahead = NOW + timedelta(days=2)
    provider.answers = [Killed()]
    with pytest.raises(Killed):
        case.send_due(ahead)

    assert [case.send_due(NOW), case.send_due(ahead)] == [1, 0]


@every(ALL)
def test_what_was_put_off_while_the_clock_was_ahead_is_sent_now(case, provider):
    provider.answers = [ConnectionRefusedError()]
    case.send_due(NOW + timedelta(days=2))

    assert case.send_due(NOW) == 1


@every(LEASED)
def test_a_clock_that_was_set_back_sends_nothing_twice(case, provider):
    case.send_due(NOW)

    assert [case.send_due(NOW - timedelta(days=2)), case.send_due(NOW)] == [0, 0]
    assert len(provider.accepted) == 1


# --- Giving up ---


def tried(case, provider, error):
    """Fail with an error whenever the mail is due, until it is tried no more; return after how long, and how often."""
    provider.answers, last, now = [error] * 1000, None, NOW
    while now and now != last:
        case.send_due(now)
        last, now = now, case.model.objects.values_list(case.due_column, flat=True).first()
    return last - NOW, 1000 - len(provider.answers)


@every(READERS)
def test_a_reader_whose_server_says_later_is_tried_eight_times_and_the_author_is_told(case, provider):
    lasted, times = tried(case, provider, SMTPRecipientsRefused({"reader@example.org": (450, b"busy")}))

    assert times == 8
    assert lasted < timedelta(hours=3)
    assert Unsent.objects.get().reason == "recipient refused with 450"
    assert not case.due_rows(NOW + timedelta(days=99)).exists()


@every(READERS)
def test_a_server_that_stays_away_is_given_up_after_three_days_and_the_author_is_told(case, provider):
    lasted, _times = tried(case, provider, ConnectionRefusedError())

    assert timedelta(days=3) <= lasted < timedelta(days=3, hours=1)
    assert Unsent.objects.get().reason == "ConnectionRefusedError"
    assert not case.due_rows(NOW + timedelta(days=99)).exists()


@pytest.mark.parametrize(("name", "days"), [("alert", 3), ("reminder", 1)])
def test_a_mail_to_the_author_is_tried_for_as_long_as_it_is_of_use(name, days, publication, provider):
    LEASED[name].make()
    Reminder.objects.update(slot_at=NOW + timedelta(days=1))

    lasted, times = tried(LEASED[name].kind(), provider, ConnectionRefusedError())

    assert timedelta(days=days) <= lasted < timedelta(days=days, hours=1)
    assert times == 24 * days + 5  # after 1, 2, 4, 8, 16, 32 minutes, and each hour


def test_a_mail_that_was_taken_over_is_not_given_up(publication, provider, monkeypatch):
    """A worker that was slow must not write an end, nor a note, over what another has done since."""
    reader = _sign_up()
    Subscriber.objects.update(confirmation_tries=sending.TRIES_MAX - 1)

    def slow(_queue, _message, _before_leaving):
        Subscriber.objects.update(confirmation_due_at=NOW + 2 * CLAIM_DURATION)
        raise SMTPDataError(450, b"busy")

    monkeypatch.setattr(sending.SignUpMailQueue, "hand_over", slow)
    send_next_of([sending.SignUpMailQueue()], NOW)

    reader.refresh_from_db()
    assert reader.confirmation_due_at == NOW + 2 * CLAIM_DURATION
    assert not Unsent.objects.exists()
