"""Notifications of Amazon SES that come by mail: read as those that come by a webhook, but not believed as much."""

import json
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest

from newsletter.delivery.events import applying
from newsletter.delivery.events.facts import What
from newsletter.delivery.events.reading.mail import read_mail
from newsletter.delivery.models import Arrival, Delivery, Event
from newsletter.mail import tokens
from subscribers.models import Subscriber, Suppression
from tests.delivery.conftest import NOW
from tests.delivery.events.mails import message_id

AT = datetime(2026, 11, 3, 1, tzinfo=UTC)
FOOTER = "\n\n--\nIf you wish to stop receiving notifications from this topic, please click or visit the link below\n"


def notification(kind, **more):
    mail = {
        "timestamp": "2026-11-03T00:00:05.000Z",
        "source": "news@news.example.org",
        "messageId": "0102018b-0000",
        "destination": ["a@example.org"],
    }
    return {"notificationType": kind, "mail": mail} | more


def bounce(kind="Permanent", sub="NoEmail", words="smtp; 550 5.1.1 user unknown", to="a@example.org"):
    recipient = {"emailAddress": to, "status": "5.1.1", "action": "failed", "diagnosticCode": words}
    told = {"bounceType": kind, "bounceSubType": sub, "bouncedRecipients": [recipient], "feedbackId": "x"}
    return notification("Bounce", bounce=told | {"timestamp": "2026-11-03T00:00:09.000Z"})


def complaint():
    told = {"complainedRecipients": [{"emailAddress": "a@example.org"}], "feedbackId": "y"}
    told |= {"timestamp": "2026-11-03T00:00:09.000Z", "complaintFeedbackType": "abuse"}
    return notification("Complaint", complaint=told)


def by_mail(said, sender="AWS Notifications <no-reply@sns.amazonaws.com>"):
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = (
        sender,
        "bounces@news.example.org",
        "Amazon SES Email Event Notification",
    )
    mail["Message-ID"] = "<x@eu-west-1.amazonses.com>"
    mail.set_content((said if isinstance(said, str) else json.dumps(said)) + FOOTER)
    return mail.as_bytes()


@pytest.mark.parametrize(
    ("said", "what", "kind", "verdict"),
    [
        (bounce(), What.BOUNCE, "bounced", "hard"),
        (bounce("Transient", "MailboxFull", "smtp; 452 4.2.2 over quota"), What.BOUNCE, "bounced", "soft"),
        (bounce("Transient", "ContentRejected", "smtp; 550 5.7.1 spam"), What.BOUNCE, "bounced", "policy"),
        (complaint(), What.COMPLAINT, "complained", None),
    ],
)
def test_a_notification_is_read_as_one_of_a_webhook(said, what, kind, verdict):
    reading = read_mail(by_mail(said), [], AT)

    (fact,) = reading.facts
    assert (reading.what, fact.kind, fact.verdict) == (what, kind, verdict)
    assert fact.names.recipient == "a@example.org"
    assert not fact.is_vouched


@pytest.mark.parametrize(
    "mail",
    [
        by_mail(bounce(), sender="no-reply@sns.amazonaws.com.evil.example"),
        by_mail({"notificationType": 5}),
        by_mail({"hello": "world"}),
        by_mail("{" * 20_000),
        by_mail("[" * 20_000),
        by_mail({"notificationType": "Bounce", "bounce": "odd", "mail": []}),
    ],
)
def test_what_is_no_notification_says_nothing_of_anybody(mail):
    assert not [fact for fact in read_mail(mail, [], AT).facts if fact.kind in {"bounced", "complained"}]


@pytest.fixture
def sent(make_mailing):
    mailing = make_mailing("a")
    Subscriber.objects.update(created_at=NOW - timedelta(days=90))
    mailing.deliveries.update(state=Delivery.State.SENT, sent_at=NOW)
    return mailing


def arrive(mail, at=AT):
    Arrival.objects.store(Arrival.MAIL, mail, at)
    applying.apply_some(at, 60)


@pytest.mark.parametrize("proof", ["return path", "Message-ID"])
def test_an_address_that_is_gone_is_suppressed_once_where_the_notice_has_what_only_its_copy_says(sent, proof):
    said = bounce()
    if proof == "return path":
        said["mail"]["source"] = f"bounces+{tokens.sign('bounce', sent.pk << 24, sent.token_salt)}@news.example.org"
    else:
        said["mail"]["headers"] = [{"name": "Message-ID", "value": message_id(sent, 0)}]

    arrive(by_mail(said))
    arrive(by_mail(said))

    assert Suppression.objects.get().reason == "bounced"
    assert Event.objects.get().mailing_id == sent.pk


def test_whoever_writes_in_the_name_of_amazon_bars_nobody(sent):
    arrive(by_mail(bounce()))
    arrive(by_mail(complaint()))

    assert not Suppression.objects.exists()
    assert not Event.objects.exists()
    assert Arrival.objects.unproven().count() == 2


def test_of_an_address_that_we_did_not_mail_lately_nothing_follows(sent):
    sent.deliveries.update(sent_at=NOW - timedelta(days=60))

    arrive(by_mail(bounce()))

    assert not Suppression.objects.exists()
    assert not Arrival.objects.unproven().exists()
