"""Questions to a real name server: what it has, what it has not, and when it says nothing."""

import time

import dns.resolver
import pytest

from newsletter.mail.authentication import Answer, DnsAway, Resolver, takes_mail


@pytest.fixture
def ask(name_server):
    return Resolver(seconds=0.6)


def test_a_long_text_comes_as_one_though_it_is_kept_in_pieces(name_server, ask):
    name_server.records["gipi.tw", "TXT"] = ['"v=DKIM1; k=rsa; p=' + "A" * 230 + '" "' + "B" * 150 + '"']

    assert ask("gipi.tw", "TXT").records == ("v=DKIM1; k=rsa; p=" + "A" * 230 + "B" * 150,)


def test_no_such_name_is_another_answer_than_no_such_record(name_server, ask):
    name_server.records["mail.gipi.tw", "A"] = ["192.0.2.1"]

    assert ask("mail.gipi.tw", "TXT") == Answer(())
    assert ask("gipi.tw", "TXT") == Answer(())  # there is a name below it
    assert ask("nobody.tw", "TXT") == Answer((), exists=False)


def test_a_chain_of_aliases_is_followed(name_server, ask):
    name_server.records |= {
        ("s1._domainkey.gipi.tw", "CNAME"): ["s1.u1.provider.example."],
        ("s1.u1.provider.example", "CNAME"): ["keys.provider.example."],
        ("keys.provider.example", "TXT"): ['"p=AAAA"'],
    }

    assert ask("s1._domainkey.gipi.tw", "TXT").records == ("p=AAAA",)


def test_an_alias_that_leads_nowhere_has_nothing(name_server, ask):
    name_server.records["s1.gipi.tw", "CNAME"] = ["gone.provider.example."]

    assert ask("s1.gipi.tw", "TXT") == Answer((), exists=False)


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
