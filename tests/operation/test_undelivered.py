"""What the doctor says of mail that does not reach anybody."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import translation

from newsletter.delivery.models import MailFetch, ResultLetter
from newsletter.mail.mailers import mailer_from_url
from newsletter.operation import undelivered
from newsletter.operation.diagnosis import ALL_CHECKS, DESK_CHECKS
from subscribers.models import AddressChange, Unsent
from tests.delivery.results.issues import sent
from tests.factories import make_publication, make_subscriber

NOW = datetime(2026, 11, 24, 2, 39, tzinfo=UTC)
LONG_AGO, LATELY = NOW - timedelta(hours=3), NOW - timedelta(hours=1)

pytestmark = pytest.mark.django_db


def found(question):
    with translation.override("en"):
        return [(one.level, one.id, one.message) for one in question(NOW)]


@pytest.mark.parametrize(
    "question",
    [
        *(undelivered.refused_address_findings, undelivered.waiting_mail_findings),
        *(undelivered.lost_mail_findings, undelivered.result_letter_findings),
    ],
)
def test_it_is_asked_by_the_doctor_and_at_home_and_without_news_says_nothing(question):
    assert question in ALL_CHECKS
    assert question in DESK_CHECKS
    assert found(question) == []


def test_sign_ups_and_changes_that_wait_for_hours_are_told():
    reader = make_subscriber(asked_at=LONG_AGO, confirmation_due_at=NOW)
    make_subscriber(asked_at=LATELY, confirmation_due_at=NOW)
    make_subscriber(asked_at=LONG_AGO)
    AddressChange.objects.create(subscriber=reader, email="n@example.org", asked_at=LONG_AGO, due_at=NOW)

    words = "2 sign-ups and changes of address have waited for their mails for hours: the mail server takes nothing."
    assert found(undelivered.waiting_mail_findings) == [("error", "mail.waiting", words)]


def test_mails_that_were_given_up_are_told_for_two_weeks():
    Unsent.objects.create(what="sign-up", at=NOW - timedelta(days=15), reason="TimeoutError")
    Unsent.objects.create(what="change", at=NOW - timedelta(days=13), reason="ConnectionRefusedError")

    words = "1 mail to a reader was tried for days and given up. The mail server's last word: ConnectionRefusedError."
    assert found(undelivered.lost_mail_findings) == [("warning", "mail.given_up", words)]


# --- The mailbox for returned mail ---


@pytest.fixture
def mailbox(settings):
    settings.MAILBOX_URL = "imaps://bounces:secret@mail.example.org/INBOX"
    make_publication(bounces_to="bounces@example.org")
    return settings


def test_without_a_mailbox_nothing_is_said(settings):
    settings.MAILBOX_URL = ""
    MailFetch.record_failure("ConnectionRefusedError", LONG_AGO)

    assert found(undelivered.mailbox_findings) == []
    assert undelivered.mailbox_findings in ALL_CHECKS
    assert undelivered.mailbox_findings in DESK_CHECKS


def test_a_mailbox_that_cannot_be_read_for_minutes_is_told_until_it_can(mailbox):
    MailFetch.record_failure("ConnectionRefusedError", NOW - timedelta(minutes=1))
    assert found(undelivered.mailbox_findings) == []

    MailFetch.objects.update(failing_since=LONG_AGO)
    words = "The mailbox for returned mail cannot be read: ConnectionRefusedError."
    assert found(undelivered.mailbox_findings) == [("warning", "mailbox.away", words)]

    MailFetch.record_success(NOW)
    assert found(undelivered.mailbox_findings) == []


@pytest.mark.parametrize("url", ["imaps://b:secret@mail.example.org", "pipe:"])
def test_a_mailbox_without_an_address_for_returned_mail_is_told(mailbox, url):
    mailbox.MAILBOX_URL = url
    make_publication(bounces_to="")

    words = "Returned mail does not go to the mailbox that is read."
    assert found(undelivered.mailbox_findings) == [("warning", "mailbox.no_address", words)]


def test_a_mailbox_url_that_leads_nowhere_is_an_error_and_not_shown(mailbox):
    mailbox.MAILBOX_URL = "pop3://b:secret@mail.example.org"

    words = "MAILBOX_URL must be like imaps://user:password@host/INBOX"
    assert found(undelivered.mailbox_findings) == [("error", "mailbox.url", words)]


# --- What the provider reports ---


@pytest.fixture
def sends_by(settings, tmp_path):
    def choose(url, secret="hook:word"):
        settings.MAILERS = settings.MAILERS | {"bulk": mailer_from_url(url, outbox=tmp_path)}
        settings.WEBHOOK_SECRET = [secret] if secret else []

    return choose


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("smtp://mail.example.org", ""),
        ("", ""),
        ("postmark://token@", "hook:word"),
        ("mailgun://key@mg.example.org?webhook_signing_key=x", "hook:word"),
        ("ses://?topics=arn:aws:sns:eu-west-1:1:x", "hook:word"),
    ],
)
def test_of_a_provider_that_reports_or_cannot_nothing_is_said(sends_by, url, secret):
    sends_by(url, secret)

    assert undelivered.provider_webhook_findings in ALL_CHECKS
    assert found(undelivered.provider_webhook_findings) == []


def test_a_provider_that_nobody_listens_to_is_told_with_what_mends_it(sends_by):
    sends_by("mailgun://key@mg.example.org", secret="")

    with translation.override("en"):
        (finding,) = undelivered.provider_webhook_findings(NOW)

    assert (finding.level, finding.id) == ("warning", "webhook.secret")
    assert finding.message.startswith("Nobody hears what mailgun reports")
    assert "/webhooks/mailgun/tracking/" in finding.hint
    assert "hook:word" not in finding.hint


@pytest.mark.parametrize(
    ("url", "level", "option"),
    [("mailgun://key@mg.example.org", "info", "?webhook_signing_key=…"), ("ses://", "warning", "?topics=…")],
)
def test_a_missing_key_is_told_with_its_option(sends_by, url, level, option):
    sends_by(url)

    with translation.override("en"):
        (finding,) = undelivered.provider_webhook_findings(NOW)

    assert (finding.level, finding.id) == (level, "webhook.key")
    assert option in finding.hint


# --- The letter about a result ---


@pytest.fixture
def unsent():
    """A result that was due three hours ago."""
    make_publication()
    mailing = sent(7, NOW - timedelta(days=4))
    return ResultLetter.objects.create(issue=mailing.issue, mailing=mailing, at=LONG_AGO, due_at=LONG_AGO)


def test_a_result_that_could_not_be_mailed_is_told_with_where_it_stands(unsent):
    User.objects.create_superuser("gipi", "gipi@example.org", "pw")

    with translation.override("en"):
        (finding,) = undelivered.result_letter_findings(NOW)

    assert finding.message == "The letter about what #7 第7期 has brought could not be sent."
    assert finding.hint.startswith("Look at the mail server")
    assert finding.about == unsent.mailing_id


def test_without_anybody_to_mail_it_to_the_doctor_asks_for_an_address(unsent):
    User.objects.create_superuser("gipi", "", "pw")

    with translation.override("en"):
        (finding,) = undelivered.result_letter_findings(NOW)

    assert finding.hint == "Nobody who may send issues has an address: enter one in the team."


@pytest.mark.parametrize("change", [{"notified_at": NOW}, {"due_at": None}, {"at": LATELY}])
def test_a_result_that_was_told_or_is_not_wanted_or_is_just_due_is_no_finding(unsent, change):
    ResultLetter.objects.update(**change)

    assert found(undelivered.result_letter_findings) == []


def test_a_letter_that_was_switched_off_is_no_finding(unsent):
    make_publication(tells_results=False)

    assert found(undelivered.result_letter_findings) == []
