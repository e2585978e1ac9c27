"""What the doctor says of the sender: each fault in a plain sentence, with the record to publish."""

import subprocess

import pytest
from django.utils import timezone, translation

from newsletter.mail import domain, signatures
from newsletter.mail.message import shouted
from newsletter.operation import senders
from subscribers.mails.rendering import answer
from subscribers.models import Subscriber
from tests.factories import make_publication

pytestmark = pytest.mark.django_db
GOOD = {
    ("gipi.tw", "TXT"): ['"v=spf1 a:mail.gipi.tw -all"'],
    ("_dmarc.gipi.tw", "TXT"): ['"v=DMARC1; p=none"'],
    ("gipi.tw", "MX"): ["10 mail.gipi.tw."],
    ("mail.gipi.tw", "A"): ["192.0.2.25"],
    ("25.2.0.192.in-addr.arpa", "PTR"): ["mail.gipi.tw."],
}


@pytest.fixture(autouse=True)
def _installation(settings, tmp_path, name_server):
    """A sender at gipi.tw whose records are in order."""
    settings.MAIL_URL = settings.BULK_MAIL_URL = "smtp://mail.gipi.tw"
    settings.DKIM_DIR = tmp_path / "dkim"
    settings.DKIM_DIR.mkdir()
    make_publication(sender_email="hello@gipi.tw")
    name_server.records |= GOOD
    with translation.override("en"):
        yield


@pytest.fixture
def key(settings):
    made = subprocess.run(["openssl", "genrsa", "2048"], check=True, capture_output=True).stdout
    (settings.DKIM_DIR / "s1.pem").write_bytes(made)
    return signatures.keys()[0]


def found():
    return {finding.id: finding for finding in senders.dns_records(timezone.now())}


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


def test_the_term_for_a_provider_is_the_providers_to_say(settings, name_server):
    settings.BULK_MAIL_URL = "postmark://token@"
    del name_server.records["gipi.tw", "TXT"]

    assert "v=spf1 include:(what your provider says) ~all" in found()["spf.missing"].hint


@pytest.mark.parametrize(
    ("records", "name"),
    [
        (["v=spf1 -all", "v=spf1 a -all"], "spf.several"),
        (["v=spf1 +all"], "spf.open"),
        (["v=spf1 all"], "spf.open"),
        (["v=spf1 " + "a:x.example " * 11 + "-all"], "spf.long"),
    ],
)
def test_a_record_that_does_harm_is_told(name_server, records, name):
    name_server.records["gipi.tw", "TXT"] = [f'"{record}"' for record in records]

    assert name in found()


def test_a_sender_of_a_chinese_domain_is_looked_up_in_ascii(name_server):
    make_publication(sender_email="hello@電子報.tw")

    found()

    assert ("電子報.tw".encode("idna").decode(), "MX") in name_server.asked


def test_silence_of_the_dns_is_told_and_is_no_fault(monkeypatch):
    def away(*_given):
        raise domain.DnsAway("TXT gipi.tw: LifetimeTimeout")

    monkeypatch.setattr(senders.dns, "ask", away)

    (finding,) = found().values()

    assert (finding.level, finding.id) == ("info", "dns.away")


def test_nobody_is_asked_while_mail_goes_to_the_outbox(settings, name_server):
    settings.MAIL_URL = ""

    assert found() == {}
    assert name_server.asked == []


def test_nobody_is_asked_about_a_domain_that_was_made_up(name_server):
    make_publication(sender_email="hello@example.com")

    assert found() == {}
    assert name_server.asked == []


@pytest.mark.parametrize(
    ("name", "letters"),
    [("PM 讀書會", "PM"), ("PM讀書會", ""), ("Gipi 電子報", "")],
)
def test_a_name_that_makes_a_subject_look_like_shouting_is_told(name, letters):
    make_publication(name=name, language="zh-hant")

    told = [finding.message for finding in senders.subjects(timezone.now())]

    subject = answer(Subscriber(pk=1, email="reader@example.net")).subject
    assert shouted(subject) == letters
    expected = f"Some spam filters take “{subject}” for shouting: all its Latin letters are capitals ({letters})."
    assert told == ([expected] if letters else [])
