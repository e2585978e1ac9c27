"""What the DNS says of a sender's domain, asked of a real name server."""

import dns.resolver
import pytest

from newsletter.mail import domain


def test_everything_that_receivers_look_at_is_found(name_server):
    name_server.records |= {
        ("gipi.tw", "TXT"): ['"google-site-verification=x"', '"v=spf1 include:mail.example ~all"'],
        ("mail.example", "TXT"): ['"v=spf1 ip4:192.0.2.0/24 -all"'],
        ("_dmarc.gipi.tw", "TXT"): ['"v=DMARC1; p=none"'],
        ("gipi.tw", "MX"): ["10 mx.gipi.tw."],
        ("s1._domainkey.gipi.tw", "TXT"): ['"v=DKIM1; k=rsa; " "p=AAAA"'],
    }

    found = domain.ask("gipi.tw", ["s1", "s2"])

    assert found == domain.Domain(
        name="gipi.tw",
        spf=["v=spf1 include:mail.example ~all"],
        spf_lookups=1,
        dmarc="v=DMARC1; p=none",
        takes_mail=True,
        mx=["10 mx.gipi.tw"],
        dkim={"s1": "v=DKIM1; k=rsa; p=AAAA", "s2": ""},
    )


def test_a_domain_without_records_is_no_error(name_server):
    assert domain.ask("gipi.tw", []) == domain.Domain(name="gipi.tw")


@pytest.mark.parametrize("text", ["v=spf10 -all", "V=SPF1 -all", "spf1 -all", "v=spf1-all"])
def test_what_only_looks_like_spf_is_none(name_server, text):
    name_server.records["gipi.tw", "TXT"] = [f'"{text}"']

    assert domain.ask("gipi.tw", []).spf == []


def test_the_policy_of_the_domain_above_counts(name_server):
    name_server.records["_dmarc.gipi.tw", "TXT"] = ['"v=DMARC1; p=reject"']

    assert domain.ask("news.gipi.tw", []).dmarc == "v=DMARC1; p=reject"


def test_a_domain_with_an_address_takes_mail_without_mx(name_server):
    name_server.records["gipi.tw", "A"] = ["192.0.2.1"]

    assert domain.ask("gipi.tw", []).takes_mail


def test_lookups_are_counted_through_all_records_that_are_included(name_server):
    name_server.records |= {
        ("gipi.tw", "TXT"): [
            '"v=spf1 a mx:gipi.tw ip4:192.0.2.1 exists:%{i}.x include:one.example redirect=two.example"'
        ],
        ("one.example", "TXT"): ['"v=spf1 a a:other.example ?all"'],
        ("two.example", "TXT"): ['"v=spf1 include:one.example"'],
    }

    assert domain.ask("gipi.tw", []).spf_lookups == 5 + 2 + 1 + 2


def test_a_record_that_includes_itself_ends(name_server):
    name_server.records["gipi.tw", "TXT"] = ['"v=spf1 include:gipi.tw -all"']

    assert domain.ask("gipi.tw", []).spf_lookups == 1


def test_each_address_tells_the_name_it_leads_back_to(name_server):
    name_server.records |= {
        ("mail.gipi.tw", "A"): ["192.0.2.25", "192.0.2.26"],
        ("25.2.0.192.in-addr.arpa", "PTR"): ["mail.gipi.tw."],
    }

    assert domain.names_back("mail.gipi.tw") == {"192.0.2.25": ["mail.gipi.tw"], "192.0.2.26": []}


def test_silence_is_not_the_answer_nothing(monkeypatch):
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], 1
    monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
    monkeypatch.setattr(domain, "SECONDS", 0.2)

    with pytest.raises(domain.DnsAway, match=r"TXT gipi\.tw"):
        domain.ask("gipi.tw", [])
