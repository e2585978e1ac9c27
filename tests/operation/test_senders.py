"""What the doctor says of the sender: each fault in a plain sentence, with the record to publish."""

import base64
import re
import time
from pathlib import Path

import pytest
from django.utils import timezone, translation

from newsletter.mail import dkim_signing, email_authentication, mailers
from newsletter.operation import senders
from newsletter.operation.senders import SERVICES, mail_service_of
from tests.factories import make_publication
from tests.support.dns import quoted
from tests.support.rsa_keys import private_key, public_key

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parents[2]
GOOD = {
    ("gipi.tw", "TXT"): ['"v=spf1 a:mail.gipi.tw -all"'],
    ("_dmarc.gipi.tw", "TXT"): ['"v=DMARC1; p=quarantine; rua=mailto:d@gipi.tw"'],
    ("gipi.tw", "MX"): ["10 mail.gipi.tw."],
    ("mail.gipi.tw", "A"): ["192.0.2.25"],
    ("25.2.0.192.in-addr.arpa", "PTR"): ["mail.gipi.tw."],
}


@pytest.fixture(autouse=True)
def _installation(settings, tmp_path, name_server):
    """A sender at gipi.tw whose records are in order."""
    settings.MAIL_URL = settings.BULK_MAIL_URL = "smtp+tls://mail.gipi.tw"
    settings.MAILBOX_URL = "pipe:"
    settings.DKIM_DIR = tmp_path / "dkim"
    settings.DKIM_DIR.mkdir()
    make_publication(sender_email="hello@gipi.tw", bounces_to="bounces@gipi.tw")
    name_server.records |= GOOD
    with translation.override("en"):
        yield


@pytest.fixture
def key(settings):
    (settings.DKIM_DIR / "s1.pem").write_bytes(private_key())
    return dkim_signing.load_keys()[0]


def found():
    return {finding.id: finding for finding in senders.dns_findings(timezone.now())}


def test_with_a_published_key_there_is_nothing_to_say(key, name_server):
    name_server.records["s1._domainkey.gipi.tw", "TXT"] = [f'"{key.record[:200]}" "{key.record[200:]}"']

    assert found() == {}


def test_a_key_that_is_not_published_is_an_error_with_the_record(key):
    finding = found()["dkim.missing"]

    assert finding.level == "error"
    assert finding.message == "The DKIM key “s1” signs our mails, but the DNS has no record of it."
    assert finding.hint == f"Publish, as TXT of s1._domainkey.gipi.tw: {key.record}"


def test_another_key_under_the_same_name_is_an_error(key, name_server):
    name_server.records["s1._domainkey.gipi.tw", "TXT"] = ['"v=DKIM1; k=rsa; p=AAAA"']

    assert found()["dkim.differs"].level == "error"


def test_a_key_may_be_published_with_other_spaces_and_tags(key, name_server):
    public = key.record.partition("p=")[2]
    texts = ["k=rsa;t=s; p=", f"{public[:99]} ", public[99:250], public[250:]]
    name_server.records["s1._domainkey.gipi.tw", "TXT"] = [" ".join(f'"{text}"' for text in texts)]

    assert found() == {}


def test_a_file_that_is_no_key_is_an_error(settings):
    (settings.DKIM_DIR / "s1.pem").write_text("?")

    assert found()["dkim.unusable"].message == "A file in DATA_DIR/dkim is no key: s1: no rsa key."


def test_without_a_key_it_says_what_it_cannot_know():
    assert list(found()) == ["mail.dkim"]
    assert "OpenDKIM" in found()["mail.dkim"].hint


@pytest.mark.parametrize(
    ("missing", "name", "hint"),
    [
        (("gipi.tw", "TXT"), "spf.missing", "Publish, as TXT of gipi.tw: v=spf1 a:mail.gipi.tw ~all"),
        (
            ("_dmarc.gipi.tw", "TXT"),
            "dmarc.missing",
            "Publish, as TXT of _dmarc.gipi.tw: v=DMARC1; p=none; rua=mailto:hello@gipi.tw",
        ),
        (("gipi.tw", "MX"), "mx.missing", "Publish an MX record that names a mail server."),
        (
            ("25.2.0.192.in-addr.arpa", "PTR"),
            "ptr.differs",
            "Have whoever gave you the address set its reverse name (PTR) to mail.gipi.tw.",
        ),
    ],
)
def test_what_is_missing_is_a_warning_with_what_to_do(name_server, missing, name, hint):
    del name_server.records[missing]

    finding = found()[name]

    assert (finding.level, finding.hint) == ("warning", hint)


def test_a_service_that_bounces_elsewhere_needs_no_spf_at_the_sender(settings, name_server):
    settings.BULK_MAIL_URL = "postmark://token@"
    del name_server.records["gipi.tw", "TXT"]

    told = found()["spf.not_needed"]

    assert told.level == "info"
    assert told.message == (
        "gipi.tw has no SPF record. Postmark needs none there: receivers look at the domain of bounces."
    )


@pytest.mark.parametrize(
    ("records", "name"),
    [
        (["v=spf1 -all", "v=spf1 a -all"], "spf.several"),
        (["v=spf1 +all"], "spf.open"),
        (["v=spf1 all"], "spf.open"),
        (["v=spf1 include:gone.example -all"], "spf.broken"),
        (["v=spf1 " + "a:mail.gipi.tw " * 11 + "-all"], "spf.long"),
    ],
)
def test_a_record_that_does_harm_is_told(name_server, records, name):
    name_server.records["gipi.tw", "TXT"] = [f'"{record}"' for record in records]

    assert name in found()


def test_a_sender_of_a_chinese_domain_is_looked_up_in_ascii(name_server):
    make_publication(sender_email="hello@電子報.tw")

    found()

    assert ("電子報.tw".encode("idna").decode(), "MX") in name_server.asked


def test_a_domain_that_does_not_answer_is_not_known_and_nothing_of_it_is_wrong(name_server, key):
    name_server.fails = {*{name for name, _kind in GOOD}, "s1._domainkey.gipi.tw", "_dmarc.tw"}

    [finding] = senders.dns_findings(timezone.now())

    assert (finding.level, finding.id) == ("info", "dns.away")
    assert finding.hint == "So nothing is known of it now, and nothing need be wrong. Ask again later."


def test_what_answers_is_judged_though_another_part_is_silent(name_server):
    name_server.fails = {"_dmarc.gipi.tw"}
    name_server.records["gipi.tw", "TXT"] = ['"v=spf1 +all"']

    assert {"dns.away", "spf.open"} <= found().keys()
    assert "dmarc.missing" not in found()


def test_nobody_is_asked_while_mail_goes_to_the_outbox(settings, name_server):
    settings.MAIL_URL = ""

    assert found() == {}
    assert name_server.asked == []


def test_nobody_is_asked_about_a_domain_that_was_made_up(name_server):
    make_publication(sender_email="hello@example.com")

    assert found() == {}
    assert name_server.asked == []


# --- DMARC ---


@pytest.mark.parametrize(
    ("texts", "name", "level"),
    [
        (["v=DMARC1; p=none; rua=mailto:d@gipi.tw"], "dmarc.none", "info"),
        (["v=DMARC1; p=block"], "dmarc.broken", "error"),
        (["v=DMARC1; p=none", "v=DMARC1; p=none"], "dmarc.several", "error"),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], "dmarc.several", "error"),
    ],
)
def test_a_policy_is_read_as_receivers_read_it(name_server, texts, name, level):
    name_server.records["_dmarc.gipi.tw", "TXT"] = [quoted(text + " " * at) for at, text in enumerate(texts)]

    assert found()[name].level == level


# --- Where bounces go ---


@pytest.mark.parametrize("bounces_to", ["b@bounces.gipi.tw", "b@gipi.tw", ""])
def test_bounces_below_the_senders_domain_stand_for_it(name_server, key, bounces_to):
    make_publication(bounces_to=bounces_to)
    name_server.records |= {
        ("bounces.gipi.tw", "TXT"): ['"v=spf1 a:mail.gipi.tw -all"'],
        ("bounces.gipi.tw", "MX"): ["10 mail.gipi.tw."],
        ("s1._domainkey.gipi.tw", "TXT"): [quoted(key.record)],
    }

    assert not [one for one in found() if one.startswith(("bounces", "spf"))]


def test_bounces_of_another_domain_do_not(name_server):
    make_publication(bounces_to="b@other.example")
    name_server.records |= {("other.example", "TXT"): ['"v=spf1 a:mail.gipi.tw -all"']}

    told = found()

    assert told["bounces.unaligned"].message == (
        "Bounces go to other.example, which does not stand for gipi.tw: DMARC rests on DKIM alone."
    )
    assert told["bounces.unaligned"].hint == "Use an address for bounces at gipi.tw, or below it."
    assert told["bounces.no_mx"].message == "other.example takes no mail: bounces are lost."


def test_strict_alignment_asks_for_the_very_same_domain(name_server):
    make_publication(bounces_to="b@bounces.gipi.tw")
    name_server.records["_dmarc.gipi.tw", "TXT"] = ['"v=DMARC1; p=reject; aspf=s"']

    assert found()["bounces.unaligned"].hint == (
        "The DMARC record asks for the very same domain (aspf=s); take that out, or use an address at gipi.tw."
    )


def test_the_domain_of_bounces_needs_an_spf_of_its_own(name_server):
    make_publication(bounces_to="b@bounces.gipi.tw")
    name_server.records["bounces.gipi.tw", "MX"] = ["10 mail.gipi.tw."]

    assert found()["spf.missing"].hint == "Publish, as TXT of bounces.gipi.tw: v=spf1 a:mail.gipi.tw ~all"


# --- The keys of a service ---


def test_a_service_whose_key_is_published_has_nothing_to_be_told(settings, name_server):
    settings.BULK_MAIL_URL = "resend://key@"
    name_server.records["resend._domainkey.gipi.tw", "TXT"] = [quoted(f"p={public_key()}")]

    assert not [one for one in found() if one.startswith(("dkim", "mail.dkim"))]


def test_it_may_stand_under_the_domain_above(settings, name_server):
    settings.BULK_MAIL_URL = "mandrill://key@"
    make_publication(sender_email="hello@news.gipi.tw")
    name_server.records["mte1._domainkey.gipi.tw", "TXT"] = [quoted(f"p={public_key()}")]

    assert "dkim.service" not in found()


def test_a_short_key_is_told(settings, name_server):
    settings.BULK_MAIL_URL = "resend://key@"
    name_server.records["resend._domainkey.gipi.tw", "TXT"] = [quoted(f"p={public_key(1024)}")]

    assert found()["dkim.short"].message == (
        "The DKIM key of resend._domainkey.gipi.tw has 1024 bits; 2048 are advised."
    )


@pytest.mark.parametrize("text", ["v=DKIM1; p=", "p=AAAA"])
def test_a_key_that_proves_nothing_is_told(settings, name_server, text):
    settings.BULK_MAIL_URL = "resend://key@"
    name_server.records["resend._domainkey.gipi.tw", "TXT"] = [quoted(text)]

    assert found()["dkim.unreadable"].level == "error"


def test_a_service_without_its_key_is_told_where_to_look(settings):
    settings.BULK_MAIL_URL = "sendgrid://key@"

    told = found()["dkim.service"]

    assert told.level == "warning"
    assert told.message == ("No DKIM key of SendGrid was found under s1._domainkey.gipi.tw, s2._domainkey.gipi.tw.")
    assert "https://support.sendgrid.com/" in told.hint


def test_a_key_of_ours_says_nothing_where_a_service_writes_the_mails(settings, key, name_server):
    settings.BULK_MAIL_URL = "resend://key@"
    name_server.records["resend._domainkey.gipi.tw", "TXT"] = [quoted(f"p={public_key()}")]

    assert not [one for one in found() if one.startswith("dkim")]


def test_amazon_gets_mails_as_they_were_signed(settings, key):
    settings.BULK_MAIL_URL = "ses://eu-west-1"

    assert "dkim.missing" in found()


def test_keys_of_one_kind_that_few_can_check_are_told(settings, name_server):
    (settings.DKIM_DIR / "e1.ed25519").write_bytes(base64.b64encode(b"x" * 32))
    [only] = dkim_signing.load_keys()
    name_server.records["e1._domainkey.gipi.tw", "TXT"] = [quoted(only.record)]

    assert list(found()) == ["dkim.ed25519_only"]


# --- A server of one's own ---


def test_a_reverse_name_must_lead_back(name_server):
    name_server.records["25.2.0.192.in-addr.arpa", "PTR"] = ["dynamic-25.isp.example."]

    assert found()["ptr.differs"].message == (
        "The address 192.0.2.25 of mail.gipi.tw leads back to dynamic-25.isp.example."
    )


def test_another_name_that_leads_back_is_as_good(name_server):
    name_server.records |= {
        ("25.2.0.192.in-addr.arpa", "PTR"): ["out.isp.example."],
        ("out.isp.example", "A"): ["192.0.2.25"],
    }

    assert "ptr.differs" not in found()


@pytest.mark.parametrize(
    ("url", "is_told"),
    [
        ("smtp://mail.gipi.tw", True),
        ("smtp://mail.gipi.tw:587", False),
        ("smtps://mail.gipi.tw", False),
        ("smtp://localhost", False),
    ],
)
def test_mails_that_travel_in_the_open_are_told(settings, url, is_told):
    settings.BULK_MAIL_URL = url

    assert ("tls.off" in found()) is is_told


@pytest.mark.parametrize(
    ("mailbox", "secret", "expected"),
    [("pipe:", "", False), ("", "hook:x", False), ("", "", True)],
)
def test_what_nobody_reads_is_told(settings, mailbox, secret, expected):
    settings.MAILBOX_URL, settings.WEBHOOK_SECRET = mailbox, secret

    assert ("returns.unread" in found()) is expected


def test_it_ends_though_nobody_answers(name_server):
    name_server.silent = {name for name, _kind in GOOD} | {"_dmarc.tw"}
    begun = time.monotonic()

    list(senders.dns_rows(senders.gather_facts(email_authentication.Resolver(0.5))))

    assert time.monotonic() - begun < 3


# --- The sender's address itself ---


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ("hello@example.com", "sender.made_up"),
        ("gipi@gmail.com", "sender.mailbox"),
        ("gipi@Yahoo.com.TW", "sender.mailbox"),
        ("gipi@ms1.hinet.net", None),
        ("gipi@gipi.tw", None),
        ("gipi@notgmail.com", None),
    ],
)
@pytest.mark.parametrize(("mail_url", "level"), [("smtp://mail.gipi.tw", "error"), ("", "warning")])
def test_a_domain_that_is_not_ones_own_is_told(settings, sender, expected, mail_url, level):
    settings.MAIL_URL = mail_url
    make_publication(sender_email=sender)

    told = [(one.id, one.level) for one in senders.sender_findings(timezone.now())]

    assert told == ([(expected, level)] if expected else [])


# --- Mail services, and the guide ---


def test_each_service_that_mails_can_leave_by_is_known_with_its_page():
    assert SERVICES.keys() == mailers.PROVIDERS.keys()
    assert all(service.page.startswith("https://") for service in SERVICES.values())


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("smtp.postmarkapp.com", "Postmark"),
        ("email-smtp.eu-west-1.amazonaws.com", "Amazon SES"),
        ("mail.gipi.tw", None),
        ("smtp.postmarkapp.com.evil.example", None),
        ("amazonaws.com", None),
    ],
)
def test_a_service_is_known_by_its_smtp_server(host, name):
    service = mail_service_of(host)

    assert (service.name if service else None) == name


def test_the_guide_names_the_findings_and_services_that_there_are():
    guide = (ROOT / "docs" / "deliverability.md").read_text()
    named = set(re.findall(r"`([a-z_]+\.[a-z0-9_]+)`", guide))
    written = "".join(file.read_text() for file in (ROOT / "newsletter" / "operation").rglob("*.py"))
    of_senders = (ROOT / "newsletter" / "operation" / "senders.py").read_text()
    yielded = set(re.findall(r'"((?:sender|spf|dkim|dmarc|bounces|returns|ptr|tls|mx|mail)\.[a-z0-9_]+)"', of_senders))

    assert named <= set(re.findall(r'"([a-z_]+\.[a-z0-9_]+)"', written))
    assert yielded <= named
    for url in [one.page for one in SERVICES.values()]:
        assert url in guide
