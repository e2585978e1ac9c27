"""What a provider's own words say of an address: gone, full for now, or we are not liked."""

import json
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from newsletter.delivery.events.parsing.provider_requests import parse_request

NOW = datetime(2026, 11, 3, tzinfo=UTC)


def told(provider, raw):
    """Return kind and verdict of the only fact in a request."""
    body = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    kept = {"content-type": "application/x-www-form-urlencoded" if provider == "mandrill" else "application/json"}
    (fact,) = parse_request(provider, body, kept, NOW).events
    return fact.kind, fact.bounce_type


def postmark(kind, words=""):
    return {"RecordType": "Bounce", "ID": 1, "Type": kind, "Email": "a@example.org", "Details": words}


def mailjet(error, hard):
    event = {"event": "bounce", "time": 1, "MessageID": 1, "email": "a@example.org"}
    return [event | {"hard_bounce": hard, "error": error}]


def mailgun(severity, words, reason="generic", code=550):
    status = {"message": words, "code": code}
    data = {"event": "failed", "severity": severity, "reason": reason, "timestamp": 1.0, "recipient": "a@example.org"}
    return {"event-data": data | {"delivery-status": status}, "signature": {"token": "t"}}


def brevo(event, reason=""):
    return {"event": event, "email": "a@example.org", "ts_epoch": 1520363423000, "reason": reason}


def sendgrid(event="bounce", **fields):
    return [{"event": event, "email": "a@example.org", "timestamp": 1, "sg_event_id": "1"} | fields]


def sparkpost(bounce_class, words=""):
    event = {"type": "bounce", "bounce_class": bounce_class, "raw_reason": words, "raw_rcpt_to": "a@example.org"}
    return [{"msys": {"message_event": event | {"event_id": "1", "timestamp": "1"}}}]


def mailersend(kind, reason=""):
    morph = {"object": "recipient_bounce", "reason": reason}
    data = {"id": "1", "type": kind, "created_at": "2023-02-27T21:48:13.593000Z", "morph": morph}
    return {"type": f"activity.{kind}", "data": data | {"email": {"recipient": {"email": "a@example.org"}}}}


def resend(words, **bounce):
    data = {"to": ["a@example.org"], "bounce": {"message": words} | bounce}
    return {"type": "email.bounced", "created_at": "2023-10-02T18:11:26.101Z", "data": data}


def mandrill(event, words=""):
    inner = {"event": event, "ts": 1, "_id": "1", "msg": {"email": "a@example.org", "diag": words}}
    return urlencode({"mandrill_events": json.dumps([inner])}).encode()


BOUNCES = [  # what a provider sends, and what it means by it
    ("postmark", postmark("HardBounce", "smtp;550 5.1.1 The email account does not exist."), "hard"),
    ("postmark", postmark("SoftBounce", "smtp;552 5.2.2 mailbox full"), "soft"),
    ("postmark", postmark("HardBounce", "smtp;554 5.7.1 blocked using zen.spamhaus.org"), "policy"),
    ("mailjet", mailjet("user unknown", True), "hard"),
    ("mailjet", mailjet("quota exceeded", False), "soft"),
    ("mailjet", mailjet("content blocked", False), "policy"),
    ("mailjet", mailjet("something new", True), "hard"),
    ("mailgun", mailgun("permanent", "5.1.1 The email account that you tried to reach does not exist"), "hard"),
    ("mailgun", mailgun("permanent", "5.2.2 The email account that you tried to reach is over quota"), "soft"),
    (
        "mailgun",
        mailgun("permanent", "Not delivering to a bounced address", "suppress-bounce", 605),
        "hard",
    ),
    ("brevo", brevo("hard_bounce", "550 5.5.0 Requested action not taken: mailbox unavailable."), "hard"),
    ("brevo", brevo("soft_bounce", "452 4.2.2 over quota"), "soft"),
    ("brevo", brevo("soft_bounce", "550 5.1.1 user unknown"), "soft"),
    ("brevo", brevo("hard_bounce", "550 5.7.1 Message rejected due to DMARC policy"), "policy"),
    ("sendgrid", sendgrid(status="5.1.1", reason="550 5.1.1 The email account does not exist."), "hard"),
    ("sendgrid", sendgrid(type="blocked", reason="554 5.7.1 IP blocked"), "policy"),
    ("sendgrid", sendgrid(bounce_classification="Invalid Address", reason="500 unknown recipient"), "hard"),
    ("sendgrid", sendgrid(bounce_classification="Mailbox Unavailable", reason="552 full"), "soft"),
    ("sparkpost", sparkpost("10", "550 5.1.1 User unknown"), "hard"),
    ("sparkpost", sparkpost("22"), "soft"),
    ("sparkpost", sparkpost("51"), "policy"),
    ("mailersend", mailersend("hard_bounced", "Host or domain name not found"), "hard"),
    ("mailersend", mailersend("soft_bounced", "Unknown reason"), "soft"),
    ("resend", resend("…", type="Permanent", subType="General"), "hard"),
    ("resend", resend("…", type="Transient", subType="MailboxFull"), "soft"),
    ("resend", resend("a bounce message because the recipient's inbox was full."), "soft"),
    ("mandrill", mandrill("hard_bounce", "smtp;550 5.1.1 unknown user"), "hard"),
    ("mandrill", mandrill("soft_bounce", "smtp;552 5.2.2 Over Quota"), "soft"),
]


def test_a_bounce_is_what_the_provider_means_by_it():
    found = [(provider, raw, told(provider, raw)) for provider, raw, _verdict in BOUNCES]

    assert found == [(provider, raw, ("bounced", verdict)) for provider, raw, verdict in BOUNCES]


@pytest.mark.parametrize(
    ("provider", "raw", "expected"),
    [
        ("brevo", brevo("blocked", "blocked : due to blacklist user"), ("rejected", None)),
        ("sendgrid", sendgrid("dropped", reason="Bounced Address"), ("rejected", "hard")),
        ("sendgrid", sendgrid("dropped", reason="Unsubscribed Address"), ("unsubscribed", None)),
        ("sendgrid", sendgrid("spamreport"), ("complained", None)),
        ("sendgrid", sendgrid("processed"), ("sent", None)),
        ("mailgun", mailgun("temporary", "4.2.2 over quota", code=452), ("deferred", None)),
        ("postmark", postmark("Blocked"), ("rejected", None)),
        ("brevo", brevo("list_addition"), ("unknown", None)),
    ],
)
def test_what_is_no_bounce_is_not_called_one(provider, raw, expected):
    assert told(provider, raw) == expected


def test_a_request_that_is_signed_anew_tells_the_same_fact():
    first, again = mailgun("permanent", "x"), mailgun("permanent", "x") | {"signature": {"token": "another"}}
    ids = {parse_request("mailgun", json.dumps(one).encode(), {}, NOW).events[0].source_id for one in (first, again)}

    assert len(ids) == 1


def test_by_smtp_the_copy_is_named_by_its_message_id_wherever_the_provider_quotes_it():
    raw = mailgun("permanent", "x")
    raw["event-data"]["message"] = {"headers": {"message-id": "issue.3.7.0123456789abcdef@news.example.org"}}

    (fact,) = parse_request("mailgun", json.dumps(raw).encode(), {}, NOW).events

    assert fact.reference.message_ids == ("issue.3.7.0123456789abcdef@",)
