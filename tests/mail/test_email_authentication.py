"""What the DNS says of a sender, asked of a real name server: what it has, what it has not, when it says nothing."""

import base64
import time

import dns.resolver
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from newsletter.mail import email_authentication
from newsletter.mail.email_authentication import (
    DnsUnavailable,
    PublicKey,
    Resolver,
    is_aligned,
    lookup_dkim,
    lookup_dmarc,
    lookup_spf,
    takes_mail,
)
from tests.support.dns import quoted
from tests.support.rsa_keys import public_key


@pytest.fixture
def ask(name_server):
    return Resolver(seconds=0.6)


def test_a_long_text_comes_as_one_though_it_is_kept_in_pieces(name_server, ask):
    name_server.records["gipi.tw", "TXT"] = ['"v=DKIM1; k=rsa; p=' + "A" * 230 + '" "' + "B" * 150 + '"']

    assert ask("gipi.tw", "TXT") == ("v=DKIM1; k=rsa; p=" + "A" * 230 + "B" * 150,)


def test_a_chain_of_aliases_is_followed(name_server, ask):
    name_server.records |= {
        ("s1._domainkey.gipi.tw", "CNAME"): ["s1.u1.provider.example."],
        ("s1.u1.provider.example", "CNAME"): ["keys.provider.example."],
        ("keys.provider.example", "TXT"): ['"p=AAAA"'],
    }

    assert ask("s1._domainkey.gipi.tw", "TXT") == ("p=AAAA",)


def test_an_alias_that_leads_nowhere_has_nothing(name_server, ask):
    name_server.records["s1.gipi.tw", "CNAME"] = ["gone.provider.example."]

    assert ask("s1.gipi.tw", "TXT") == ()
    assert ask("nobody.tw", "TXT") == ()


def test_a_server_that_fails_is_not_known_and_not_nothing(name_server, ask):
    name_server.fails = {"gipi.tw"}

    with pytest.raises(DnsUnavailable, match=r"TXT gipi\.tw: NoNameservers"):
        ask("gipi.tw", "TXT")


def test_silence_is_not_known_either_and_is_waited_for_once(name_server, ask):
    name_server.silent = {"gipi.tw"}
    begun = time.monotonic()

    for _time in range(3):
        with pytest.raises(DnsUnavailable, match=r"TXT gipi\.tw"):
            ask("gipi.tw", "TXT")

    assert time.monotonic() - begun < 2


def test_all_questions_together_have_an_end(name_server, ask):
    name_server.silent = {f"{number}.tw" for number in range(50)}
    begun = time.monotonic()

    for number in range(50):
        with pytest.raises(DnsUnavailable):
            ask(f"{number}.tw", "TXT")

    assert time.monotonic() - begun < 3
    assert len({name for name, _kind in name_server.asked}) < 50


@pytest.mark.parametrize(
    ("records", "takes"),
    [
        ({("gipi.tw", "MX"): ["10 mx.gipi.tw."]}, True),
        ({("gipi.tw", "A"): ["192.0.2.1"]}, True),
        ({("gipi.tw", "AAAA"): ["2001:db8::1"]}, True),
        ({("gipi.tw", "MX"): ["0 ."], ("gipi.tw", "A"): ["192.0.2.1"]}, False),
        ({("gipi.tw", "TXT"): ['"x"']}, False),
    ],
    ids=["mx", "address", "ipv6", "null mx", "neither"],
)
def test_where_mail_to_a_domain_would_go(name_server, ask, records, takes):
    name_server.records |= records

    assert takes_mail(ask, "gipi.tw") is takes


def test_without_any_name_server_nothing_is_known(monkeypatch):
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], 1
    monkeypatch.setattr(dns.resolver, "default_resolver", resolver)

    with pytest.raises(DnsUnavailable, match=r"TXT gipi\.tw"):
        Resolver(seconds=0.2)("gipi.tw", "TXT")


# --- SPF ---


@pytest.fixture
def spf_of(name_server):
    """Publish texts under names, and read the SPF of gipi.tw."""

    def read(*own, **others):
        for name, text in [*(("gipi.tw", one) for one in own), *((f"{name}.example", t) for name, t in others.items())]:
            name_server.records.setdefault((name, "TXT"), []).append(quoted(text))
        return lookup_spf(Resolver(seconds=2), "gipi.tw")

    return read


def test_one_record_is_found_among_other_texts(spf_of):
    record = "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ~all"

    assert spf_of("google-site-verification=x", record) == email_authentication.Spf([record])


@pytest.mark.parametrize(
    ("record", "is_open"),
    [("v=spf1 +all", True), ("v=spf1 a all", True), ("v=spf1 +ALL exp=x.example", True), ("v=spf1 ~all", False)],
)
def test_a_record_that_lets_everybody_send(spf_of, record, is_open):
    assert spf_of(record).is_open is is_open


def test_lookups_are_counted_through_all_records_that_are_included(spf_of):
    found = spf_of(
        "v=spf1 a mx:gipi.tw ip4:192.0.2.1 exists:%{i}.x include:one.example include:two.example",
        one="v=spf1 a a:other.example ?all",
        two="v=spf1 a -all",
    )

    assert (found.lookups, found.broken) == (5 + 2 + 1, [])


def test_a_record_that_includes_itself_ends(spf_of, name_server):
    assert spf_of("v=spf1 include:gipi.tw -all").lookups > email_authentication.LOOKUPS_MAX
    assert len(name_server.asked) < 5


def test_an_included_domain_without_a_record_breaks_it(spf_of):
    assert spf_of("v=spf1 include:typo.example -all").broken == ["typo.example"]


def test_an_included_domain_that_does_not_answer_is_not_known(spf_of, name_server):
    name_server.fails = {"slow.example"}

    with pytest.raises(DnsUnavailable):
        spf_of("v=spf1 include:slow.example -all")


# --- DKIM ---


@pytest.fixture
def key_of(name_server):
    def read(text):
        name_server.records["s1._domainkey.gipi.tw", "TXT"] = [quoted(text)]
        return lookup_dkim(Resolver(seconds=2), "s1", "gipi.tw")

    return read


def test_the_length_of_a_key_is_read(key_of):
    ed = base64.b64encode(ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()

    assert (key_of(f"v=DKIM1; k=rsa; p={public_key(1024)}").bits, key_of(f"p={public_key()}").bits) == (1024, 2048)
    assert key_of(f"v=DKIM1; k=ed25519; p={ed}").bits == 256


@pytest.mark.parametrize("text", ["v=DKIM1; p=AAAA", "p=!", "v=DKIM1; k=ed25519; p=AAAA", "v=DKIM1; k=dsa; p=AAAA"])
def test_what_is_no_key_has_no_length(key_of, text):
    assert key_of(text).bits == 0


def test_no_key_and_not_known_are_two_answers(name_server):
    assert lookup_dkim(Resolver(seconds=2), "s1", "gipi.tw") == PublicKey("s1._domainkey.gipi.tw")

    name_server.fails = {"s1._domainkey.gipi.tw"}
    with pytest.raises(DnsUnavailable):
        lookup_dkim(Resolver(seconds=2), "s1", "gipi.tw")


# --- DMARC ---


@pytest.fixture
def publish(name_server):
    """Publish DMARC records by domain."""

    def publish(records):
        for domain, texts in records.items():
            several = [texts] if isinstance(texts, str) else texts
            name_server.records[f"_dmarc.{domain}", "TXT"] = [f'"{text}"' for text in several]
        return Resolver(seconds=2)

    return publish


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ({"news.gipi.tw": "v=DMARC1; p=none", "gipi.tw": "v=DMARC1; p=reject"}, ("none", "news.gipi.tw")),
        ({"gipi.tw": "v=DMARC1; p=reject"}, ("reject", "gipi.tw")),
        ({"gipi.tw": "v=DMARC1; p=reject; sp=quarantine"}, ("quarantine", "gipi.tw")),
        ({"gipi.tw": "v=DMARC1; P=Reject", "tw": "v=DMARC1; p=none; psd=y"}, ("reject", "gipi.tw")),
        ({"gipi.tw": "v=DMARC1; p=block"}, ("", "gipi.tw")),
        ({}, ("", "")),
    ],
    ids=["its own", "from above", "sp", "not that of the suffix", "not understood", "none"],
)
def test_which_policy_counts_for_a_subdomain(publish, records, expected):
    found = lookup_dmarc(publish(records), "news.gipi.tw")

    assert (found.policy, found.record_domain) == expected


def test_two_records_are_none_and_both_are_shown(publish):
    found = lookup_dmarc(publish({"gipi.tw": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}), "gipi.tw")

    assert (found.text, len(found.own)) == ("", 2)


def test_a_question_without_an_answer_makes_no_policy(publish, name_server):
    ask = publish({"gipi.tw": "v=DMARC1; p=none"})
    name_server.fails = {"_dmarc.tw"}

    with pytest.raises(DnsUnavailable):
        lookup_dmarc(ask, "gipi.tw")


@pytest.mark.parametrize(
    ("domain", "relaxed", "strict"),
    [
        ("news.gipi.tw", True, True),
        ("gipi.tw", True, False),
        ("bounces.news.gipi.tw", True, False),
        ("provider.example", False, False),
        ("notgipi.tw", False, False),
    ],
)
def test_what_stands_for_the_author(publish, domain, relaxed, strict):
    for mode, expected in [("r", relaxed), ("s", strict)]:
        ask = publish({"gipi.tw": f"v=DMARC1; p=none; aspf={mode}"})

        assert is_aligned(ask, lookup_dmarc(ask, "news.gipi.tw"), domain) is expected
