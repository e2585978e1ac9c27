"""Amazon's signature is checked with Amazon's certificate alone, and only topics of ours are subscribed to."""

import json
from datetime import UTC, datetime

import pytest
from django.core.cache import caches

from newsletter.delivery.events import applying, sns
from newsletter.delivery.events.parsed import ParseError, TryLater
from newsletter.delivery.models import InboundMessage
from tests.delivery.events.recorded import CERTIFICATE_URL, TOPIC, certificate, sns_signed

NOW = datetime.now(UTC)
BOUNCE = {
    "notificationType": "Bounce",
    "bounce": {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [{"emailAddress": "a@example.org", "diagnosticCode": "smtp; 550 5.1.1 User unknown"}],
    },
    "mail": {"messageId": "1", "destination": ["a@example.org"]},
}
NOTIFICATION = {
    "Type": "Notification",
    "MessageId": "m-1",
    "TopicArn": TOPIC,
    "Subject": "Amazon SES Email Event Notification",
    "Message": json.dumps(BOUNCE),
    "Timestamp": "2026-11-03T00:00:00.000Z",
}
CONFIRMATION = {
    "Type": "SubscriptionConfirmation",
    "MessageId": "m-2",
    "TopicArn": TOPIC,
    "Token": "t",
    "Message": "You have chosen to subscribe …",
    "SubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=t",
    "Timestamp": "2026-11-03T00:00:00.000Z",
}


class Amazon:
    """What SNS answers, and who was asked."""

    def __init__(self, answer=None):
        self.answer, self.asked = answer, []

    def __call__(self, url):
        self.asked.append(url)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer or certificate()


@pytest.fixture(autouse=True)
def topics(settings):
    settings.MAILERS = settings.MAILERS | {
        "bulk": settings.MAILERS["bulk"] | {"WEBHOOKS": {"amazon_ses": {"topics": f"arn:other,{TOPIC}"}}}
    }
    caches["spare"].clear()


def read(message, amazon):
    arrival = InboundMessage(source="amazon_ses", body=json.dumps(message).encode(), about={}, received_at=NOW)
    return sns.parse_sns_request(arrival, amazon)


@pytest.mark.parametrize("version", ["1", "2"])
def test_what_amazon_signed_is_read_and_the_certificate_is_fetched_once(version):
    amazon = Amazon()

    for _ in range(3):
        (fact,) = read(sns_signed(NOTIFICATION, version), amazon).events

    assert (fact.kind, fact.bounce_type, fact.diagnostic) == ("bounced", "hard", "smtp; 550 5.1.1 User unknown")
    assert amazon.asked == [CERTIFICATE_URL]


@pytest.mark.parametrize("field", ["Message", "MessageId", "Subject", "Timestamp", "TopicArn"])
def test_whatever_was_changed_after_the_signature_is_refused(field):
    with pytest.raises(ParseError, match="its signature is not Amazon's"):
        read(sns_signed(NOTIFICATION) | {field: NOTIFICATION[field] + " "}, Amazon())


@pytest.mark.parametrize(
    "url",
    [
        None,
        5,
        "",
        "http://sns.us-east-1.amazonaws.com/x.pem",
        "https://sns.us-east-1.amazonaws.com.evil.example/x.pem",
        "https://evil.example/sns.us-east-1.amazonaws.com/x.pem",
        "https://user@sns.us-east-1.amazonaws.com/x.pem",
        "https://sns.us-east-1.amazonaws.com:8443/x.pem",
        "https://sns.us-east-1.amazonaws.com@evil.example/x.pem",
        "https://mybucket.s3.amazonaws.com/x.pem",
        "https://sns.us-east-1.amazonaws.com/x.txt",
        "https://169.254.169.254/x.pem",
        "https://[::1/x.pem",
        "file:///etc/passwd.pem",
    ],
)
def test_no_other_host_is_ever_asked_for_a_certificate(url):
    amazon = Amazon()

    with pytest.raises(ParseError, match="not signed by Amazon"):
        read(sns_signed(NOTIFICATION) | {"SigningCertURL": url}, amazon)

    assert amazon.asked == []


def test_a_certificate_that_has_ended_is_none():
    with pytest.raises(ParseError, match="was not valid"):
        read(sns_signed(NOTIFICATION), Amazon(certificate(ended=True)))


def test_a_page_in_place_of_a_certificate_is_none():
    with pytest.raises(ParseError, match="cannot be read"):
        read(sns_signed(NOTIFICATION), Amazon(b"<html>"))


def test_while_the_certificate_cannot_be_fetched_requests_wait_and_nobody_is_asked_again_at_once():
    amazon = Amazon(OSError("no route"))

    for _ in range(3):
        with pytest.raises(TryLater):
            read(sns_signed(NOTIFICATION), amazon)

    assert amazon.asked == [CERTIFICATE_URL]


def test_a_subscription_to_a_topic_of_ours_is_confirmed():
    amazon = Amazon()

    reading = read(sns_signed(CONFIRMATION), amazon)

    assert amazon.asked == [CERTIFICATE_URL, CONFIRMATION["SubscribeURL"]]
    assert reading.note == f"subscribed to {TOPIC}"


def test_a_subscription_to_somebody_elses_topic_is_not_confirmed():
    amazon = Amazon()

    with pytest.raises(ParseError, match="is not among the topics of the mail URL"):
        read(sns_signed(CONFIRMATION | {"TopicArn": "arn:aws:sns:us-east-1:666:Theirs"}), amazon)

    assert amazon.asked == [CERTIFICATE_URL]


def test_a_notification_of_somebody_elses_topic_is_not_believed():
    with pytest.raises(ParseError, match="is no topic of ours"):
        read(sns_signed(NOTIFICATION | {"TopicArn": "arn:aws:sns:us-east-1:666:Theirs"}), Amazon())


def test_a_subscription_is_confirmed_at_amazons_own_host_alone():
    amazon = Amazon()

    with pytest.raises(ParseError, match="a host that is not Amazon's"):
        read(sns_signed(CONFIRMATION | {"SubscribeURL": "http://169.254.169.254/latest/meta-data/"}), amazon)

    assert amazon.asked == [CERTIFICATE_URL]


def test_the_end_of_a_subscription_is_kept_and_shown():
    reading = read(sns_signed(CONFIRMATION | {"Type": "UnsubscribeConfirmation"}), Amazon())

    assert (reading.kind, reading.note) == ("unknown", f"Amazon says that {TOPIC} no longer reports here")


@pytest.mark.django_db
def test_what_waits_for_a_certificate_holds_up_nothing_else_and_is_not_lost(monkeypatch):
    amazon = Amazon(OSError("no route"))
    monkeypatch.setitem(applying.PARSERS, "amazon_ses", lambda arrival: sns.parse_sns_request(arrival, amazon))
    InboundMessage.objects.store("amazon_ses", json.dumps(sns_signed(NOTIFICATION)).encode(), NOW)
    InboundMessage.objects.store(
        "brevo", b'{"event": "request", "email": "a@example.org", "ts_epoch": 1520363423000}', NOW
    )

    assert applying.apply_waiting(NOW, 5) == 1
    assert [one.source for one in InboundMessage.objects.waiting()] == ["amazon_ses"]

    amazon.answer = None
    caches["spare"].clear()
    assert applying.apply_waiting(NOW, 5) == 1
    assert not InboundMessage.objects.waiting().exists()
