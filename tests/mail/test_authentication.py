"""What the DNS says of a sender, asked of a real name server: what it has, has not, and when it says nothing."""

import base64
import time

import dns.resolver
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from newsletter.mail.authentication import (
    DnsAway,
    PublicKey,
    Resolver,
    Spf,
    is_aligned,
    read_dkim,
    read_dmarc,
    read_spf,
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


def test_where_there_is_nothing_nothing_is_found(name_server, ask):
    name_server.records["mail.gipi.tw", "A"] = ["192.0.2.1"]

    assert [ask(name, "TXT") for name in ("mail.gipi.tw", "gipi.tw", "nobody.tw", "a..tw", "a" * 64)] == [()] * 5


def test_a_server_that_fails_is_not_known_and_not_nothing(name_server, ask):
    name_server.fails = {"gipi.tw"}

    with pytest.raises(DnsAway, match=r"TXT gipi\.tw: NoNameservers"):
        ask("gipi.tw", "TXT")


def test_silence_is_not_known_either_and_is_waited_for_once(name_server, ask):
    name_server.silent = {"gipi.tw"}
    begun = time.monotonic()

    for _time in range(3):
        with pytest.raises(DnsAway, match=r"TXT gipi\.tw"):
            ask("gipi.tw", "TXT")

    assert time.monotonic() - begun < 2


def test_all_questions_together_have_an_end(name_server, ask):
    name_server.silent = {f"{number}.tw" for number in range(50)}
    begun = time.monotonic()

    for number in range(50):
        with pytest.raises(DnsAway):
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

    with pytest.raises(DnsAway, match=r"TXT gipi\.tw"):
        Resolver(seconds=0.2)("gipi.tw", "TXT")


# --- SPF ---


@pytest.fixture
def spf(name_server):
    """Publish texts under names, and read the SPF of gipi.tw."""

    def publish(*own, others=None):
        for name, texts in {"gipi.tw": own, **(others or {})}.items():
            name_server.records[name, "TXT"] = [quoted(text) for text in ([texts] if isinstance(texts, str) else texts)]
        return read_spf(Resolver(seconds=2), "gipi.tw")

    return publish


def test_one_record_among_other_texts(spf):
    found = spf("google-site-verification=x", "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ~all")

    assert found == Spf(records=["v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ~all"])


def test_several_records_are_all_found(spf):
    assert len(spf("v=spf1 -all", "v=spf1 a -all").records) == 2


@pytest.mark.parametrize(
    ("record", "is_open"),
    [("v=spf1 +all", True), ("v=spf1 a all", True), ("v=spf1 +ALL exp=x.example", True), ("v=spf1 ~all", False)],
)
def test_a_record_that_lets_everybody_send(spf, record, is_open):
    assert spf(record).is_open is is_open


def test_lookups_are_counted_through_all_records_that_are_included(spf):
    found = spf(
        "v=spf1 a mx:gipi.tw ip4:192.0.2.1 exists:%{i}.x include:one.example redirect=two.example",
        others={"one.example": "v=spf1 a a:other.example ?all", "two.example": "v=spf1 include:one.example"},
    )

    assert found.lookups == 5 + 2 + 1 + 2


def test_a_record_that_includes_itself_ends(spf):
    assert spf("v=spf1 include:gipi.tw -all").lookups == 1


def test_far_too_many_lookups_are_not_all_made(spf, name_server):
    spf("v=spf1 " + " ".join(f"a:{number}.example" for number in range(90)) + " -all")

    assert len(name_server.asked) == 1


def test_an_included_domain_without_a_record_breaks_it(spf):
    found = spf(
        "v=spf1 include:typo.example include:two.example -all", others={"two.example": ["v=spf1 a", "v=spf1 mx"]}
    )

    assert found.broken == ["typo.example", "two.example"]


@pytest.mark.parametrize("term", ["ipv4:192.0.2.1", "ip4:mail.gipi.tw", "includes:x.example", "192.0.2.1", "-al"])
def test_a_term_that_spf_does_not_know_is_named(spf, term):
    assert spf(f"v=spf1 {term} -all").wrong == [term]


def test_an_included_domain_that_does_not_answer_is_unknown_and_not_wrong(spf, name_server):
    name_server.fails = {"slow.example"}

    found = spf("v=spf1 include:slow.example -all")

    assert (found.unknown, found.broken) == (["slow.example"], [])


def test_a_domain_that_does_not_answer_is_not_known(spf, name_server):
    name_server.fails = {"gipi.tw"}

    with pytest.raises(DnsAway):
        spf("v=spf1 -all")


# --- DKIM ---


@pytest.fixture
def dkim(name_server):
    def read(*texts):
        name_server.records["s1._domainkey.gipi.tw", "TXT"] = [quoted(text) for text in texts]
        return read_dkim(Resolver(seconds=2), "s1", "gipi.tw")

    return read


@pytest.mark.parametrize("bits", [1024, 2048])
def test_the_length_of_an_rsa_key_is_read(dkim, bits):
    found = dkim(f"v=DKIM1; k=rsa; p={public_key(bits)}")

    assert (found.kind, found.bits, found.is_revoked) == ("rsa", bits, False)


def test_an_ed25519_key_is_read(dkim):
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    key = base64.b64encode(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()

    found = dkim(f"v=DKIM1; k=ed25519; p={key}")

    assert (found.kind, found.bits) == ("ed25519", 256)


@pytest.mark.parametrize("text", ["v=DKIM1; p=AAAA", "p=!", "v=DKIM1; k=ed25519; p=AAAA", "v=DKIM1; k=dsa; p=AAAA"])
def test_what_is_no_key_has_no_length(dkim, text):
    assert dkim(text).bits == 0


def test_a_provider_keeps_it_behind_an_alias(name_server):
    name_server.records |= {
        ("s1._domainkey.gipi.tw", "CNAME"): ["s1.provider.example."],
        ("s1.provider.example", "TXT"): [f'"p={public_key(1024)}"'],
    }

    found = read_dkim(Resolver(seconds=2), "s1", "gipi.tw")

    assert (found.bits, found.name) == (1024, "s1._domainkey.gipi.tw")


def test_none_and_not_known_are_two_answers(name_server):
    assert read_dkim(Resolver(seconds=2), "s1", "gipi.tw") == PublicKey("s1", "gipi.tw")

    name_server.fails = {"s1._domainkey.gipi.tw"}
    with pytest.raises(DnsAway):
        read_dkim(Resolver(seconds=2), "s1", "gipi.tw")


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


def test_the_walk_goes_up_to_the_top_level(publish, name_server):
    read_dmarc(publish({}), "a.mail.gipi.tw")

    asked = [name.removeprefix("_dmarc.") for name, _kind in name_server.asked]
    assert asked == ["a.mail.gipi.tw", "mail.gipi.tw", "gipi.tw", "tw"]


@pytest.mark.parametrize(
    ("records", "organisation"),
    [
        ({}, "a.mail.gipi.tw"),
        ({"mail.gipi.tw": "v=DMARC1", "gipi.tw": "v=DMARC1"}, "gipi.tw"),
        ({"mail.gipi.tw": ["v=DMARC1", "v=DMARC1; p=none"], "gipi.tw": "v=DMARC1"}, "gipi.tw"),
    ],
    ids=["none", "the highest", "two are none"],
)
def test_which_domain_stands_for_the_organisation(publish, records, organisation):
    assert read_dmarc(publish(records), "a.mail.gipi.tw").organisation == organisation


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ({"news.gipi.tw": "v=DMARC1; p=none", "gipi.tw": "v=DMARC1; p=reject"}, ("none", "news.gipi.tw")),
        ({"gipi.tw": "v=DMARC1; p=reject"}, ("reject", "gipi.tw")),
        ({"gipi.tw": "v=DMARC1; p=reject; sp=quarantine"}, ("quarantine", "gipi.tw")),
        ({"gipi.tw": "v=DMARC1; P=Reject"}, ("reject", "gipi.tw")),
    ],
    ids=["its own", "from above", "sp", "capitals"],
)
def test_which_policy_counts_for_a_subdomain(publish, records, expected):
    found = read_dmarc(publish(records), "news.gipi.tw")

    assert (found.policy, found.at) == expected


def test_sp_says_nothing_of_the_domain_itself(publish):
    found = read_dmarc(publish({"gipi.tw": "v=DMARC1; p=none; sp=reject"}), "gipi.tw")

    assert (found.policy, found.at) == ("none", "gipi.tw")


@pytest.mark.parametrize("text", ["v=DMARC1", "v=DMARC1; p=block", "v=DMARC1; p=none; sp=maybe"])
def test_a_policy_that_cannot_be_understood_is_none_at_all(publish, text):
    assert read_dmarc(publish({"gipi.tw": text}), "gipi.tw").policy == ""


def test_two_records_are_none_and_both_are_shown(publish):
    found = read_dmarc(publish({"gipi.tw": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}), "gipi.tw")

    assert found.record == ""
    assert len(found.own) == 2


def test_a_question_without_an_answer_makes_no_policy(publish, name_server):
    ask = publish({"gipi.tw": "v=DMARC1; p=none"})
    name_server.fails = {"_dmarc.tw"}

    with pytest.raises(DnsAway):
        read_dmarc(ask, "gipi.tw")


@pytest.mark.parametrize(
    ("domain", "relaxed", "strict"),
    [
        ("news.gipi.tw", True, True),
        ("gipi.tw", True, False),
        ("bounces.gipi.tw", True, False),
        ("bounces.news.gipi.tw", True, False),
        ("provider.example", False, False),
        ("notgipi.tw", False, False),
    ],
)
def test_what_stands_for_the_author(publish, domain, relaxed, strict):
    for mode, expected in [("r", relaxed), ("s", strict)]:
        ask = publish({"gipi.tw": f"v=DMARC1; p=none; aspf={mode}; adkim=r"})
        author = read_dmarc(ask, "news.gipi.tw")

        assert is_aligned(ask, author, domain, tag="aspf") is expected


def test_each_proof_has_a_strictness_of_its_own(publish):
    ask = publish({"gipi.tw": "v=DMARC1; p=none; adkim=s"})
    author = read_dmarc(ask, "gipi.tw")

    assert is_aligned(ask, author, "m.gipi.tw", tag="aspf")
    assert not is_aligned(ask, author, "m.gipi.tw", tag="adkim")
