"""What large receivers ask for: which of it holds, what mends the rest, and what cannot be seen from here."""

import pytest
from django.utils import translation

from newsletter.mail import dkim_signing
from newsletter.mail.email_authentication import Resolver
from newsletter.operation import receivers, senders
from newsletter.operation.receivers import RequirementState
from tests.factories import make_publication
from tests.support.dns import quoted
from tests.support.rsa_keys import private_key

pytestmark = pytest.mark.django_db
GOOD = {
    ("gipi.tw", "TXT"): ['"v=spf1 a:mail.gipi.tw -all"'],
    ("_dmarc.gipi.tw", "TXT"): ['"v=DMARC1; p=none"'],
    ("gipi.tw", "MX"): ["10 mail.gipi.tw."],
    ("mail.gipi.tw", "A"): ["192.0.2.25"],
    ("25.2.0.192.in-addr.arpa", "PTR"): ["mail.gipi.tw."],
}
DKIM, ALIGNED = "DKIM, with a key of 1024 bits or better 2048", "SPF or DKIM for the domain of the sender"
PTR, TLS = "A server with a reverse name that leads back to it", "TLS"
HOLDS, MISSING, UNKNOWN = RequirementState.HOLDS, RequirementState.MISSING, RequirementState.UNKNOWN


@pytest.fixture(autouse=True)
def _installation(settings, tmp_path, name_server):
    """A sender at gipi.tw with a server and a key of its own, of whom everything holds that can be seen."""
    settings.MAIL_URL = settings.BULK_MAIL_URL = "smtp+tls://mail.gipi.tw"
    settings.SITE_URL, settings.MAILBOX_URL, settings.WEBHOOK_SECRET = "https://news.gipi.tw", "pipe:", ""
    settings.DKIM_DIR = tmp_path / "dkim"
    settings.DKIM_DIR.mkdir()
    make_publication(sender_email="hello@gipi.tw", bounces_to="bounces@gipi.tw")
    (settings.DKIM_DIR / "s1.pem").write_bytes(private_key())
    name_server.records |= GOOD | {("s1._domainkey.gipi.tw", "TXT"): [quoted(dkim_signing.load_keys()[0].record)]}
    with translation.override("en"):
        yield


def verdicts():
    return {one.what: one.verdict for one in receivers.requirements(senders.gather_facts(Resolver(seconds=3)))}


def states():
    return {what: verdict.state for what, verdict in verdicts().items()}


def no_keys(settings):
    for file in settings.DKIM_DIR.iterdir():
        file.unlink()


def test_everything_holds_but_what_only_others_know():
    unknown = [what for what, state in states().items() if state is not HOLDS]

    assert unknown == [TLS, "Fewer than 0.3 % complaints, better 0.1 %"]


def test_what_is_missing_comes_first(name_server):
    del name_server.records["gipi.tw", "MX"]

    assert list(states().values())[:3] == [MISSING, UNKNOWN, UNKNOWN]


@pytest.mark.parametrize(
    ("missing", "what"),
    [
        (("gipi.tw", "TXT"), "SPF that passes"),
        (("s1._domainkey.gipi.tw", "TXT"), DKIM),
        (("_dmarc.gipi.tw", "TXT"), "A DMARC record, p=none at the least"),
        (("_dmarc.gipi.tw", "TXT"), ALIGNED),
        (("25.2.0.192.in-addr.arpa", "PTR"), PTR),
        (("mail.gipi.tw", "A"), PTR),
        (("gipi.tw", "MX"), "A sender that takes replies"),
    ],
)
def test_what_is_missing_is_said_with_what_mends_it(name_server, missing, what):
    del name_server.records[missing]

    verdict = verdicts()[what]

    assert verdict.state is MISSING
    assert verdict.words


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("gipi.tw", "SPF that passes"),
        ("s1._domainkey.gipi.tw", DKIM),
        ("_dmarc.gipi.tw", "A DMARC record, p=none at the least"),
        ("_dmarc.gipi.tw", ALIGNED),
        ("25.2.0.192.in-addr.arpa", PTR),
        ("gipi.tw", "A sender that takes replies"),
    ],
)
@pytest.mark.parametrize("how", ["fails", "silent"])
def test_what_the_dns_does_not_tell_is_not_called_missing(name_server, how, name, what):
    getattr(name_server, how).add(name)

    verdict = verdicts()[what]

    assert verdict.state is UNKNOWN
    assert "The DNS did not answer" in verdict.words


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 +all",
        "v=spf1 include:gone.example -all",
        "v=spf1 " + "a:mail.gipi.tw " * 11,
    ],
)
def test_an_spf_that_receivers_cannot_use_is_none(name_server, record):
    name_server.records["gipi.tw", "TXT"] = [quoted(record)]

    assert states()["SPF that passes"] is MISSING


def test_bounces_stand_for_the_sender_where_nobody_is_known_to_sign(settings):
    no_keys(settings)

    told = verdicts()

    assert told[DKIM].state is UNKNOWN
    assert told[ALIGNED] == receivers.Assessment(HOLDS, "Bounces go to the sender's domain.")


def test_it_is_not_known_whether_a_server_signs_where_bounces_go_elsewhere(settings, name_server):
    no_keys(settings)
    make_publication(bounces_to="b@other.example")
    name_server.records["other.example", "TXT"] = ['"v=spf1 a:mail.gipi.tw -all"']

    assert verdicts()[ALIGNED].state is UNKNOWN


def test_neither_stands_for_the_sender(settings, name_server):
    (settings.DKIM_DIR / "s1.pem").rename(settings.DKIM_DIR / "s2.pem")  # whose record is not published
    make_publication(bounces_to="b@other.example")

    assert verdicts()[ALIGNED] == receivers.Assessment(
        MISSING, "Neither DKIM nor the domain of bounces stands for the sender's domain."
    )


def test_what_a_service_looks_after_is_not_known_here(settings):
    no_keys(settings)
    settings.BULK_MAIL_URL = "ses://eu-west-1"

    told = states()

    assert (told["SPF that passes"], told[DKIM], told[PTR], told[TLS]) == (UNKNOWN, UNKNOWN, UNKNOWN, HOLDS)


def test_a_service_whose_key_is_not_there_is_told(settings):
    no_keys(settings)
    settings.BULK_MAIL_URL = "resend://key@"

    assert verdicts()[DKIM].state is MISSING


@pytest.mark.parametrize(
    ("setting", "value", "what"),
    [
        ("SITE_URL", "http://news.gipi.tw", "Leaving with one click"),
        ("MAILBOX_URL", "", "Dead addresses are taken off"),
        ("BULK_MAIL_URL", "smtp://mail.gipi.tw", TLS),
    ],
)
def test_a_setting_that_is_missing_is_named(settings, setting, value, what):
    setattr(settings, setting, value)

    verdict = verdicts()[what]

    assert verdict.state is MISSING
    assert "_URL" in verdict.words


def test_webhooks_tell_of_dead_addresses_as_well(settings):
    settings.MAILBOX_URL, settings.WEBHOOK_SECRET = "", "hook:x"

    assert states()["Dead addresses are taken off"] is HOLDS


def test_nobody_sends_by_the_mailbox_of_a_large_receiver(name_server):
    make_publication(sender_email="gipi@gmail.com")

    assert states()["A sender that takes replies"] is MISSING


def test_each_thing_is_asked_by_somebody_with_a_source():
    for _what, by, _judge in receivers.TABLE:
        assert by
        assert set(by) <= receivers.SOURCES.keys()


@pytest.mark.parametrize(
    ("url", "names"),
    [
        (
            "smtp+tls://mail.gipi.tw",
            ["Google Postmaster Tools", "Yahoo Complaint Feedback Loop", "Microsoft SNDS, JMRP"],
        ),
        ("ses://eu-west-1", ["Google Postmaster Tools", "Yahoo Complaint Feedback Loop"]),
        ("smtp+tls://smtp.sendgrid.net", ["Google Postmaster Tools", "Yahoo Complaint Feedback Loop"]),
    ],
)
def test_by_ip_address_registers_only_who_has_one(settings, url, names):
    settings.BULK_MAIL_URL = url

    found = receivers.registrations(senders.gather_facts(Resolver()))

    assert [one.name for one in found] == names
    assert all(one.url.startswith("https://") for one in found)
