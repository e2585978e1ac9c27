"""SPF as a receiver counts it, asked of a real name server."""

import pytest

from newsletter.mail.authentication import DnsAway, Resolver, spf
from tests.support.dns import quoted


@pytest.fixture
def publish(name_server):
    """Publish texts under names, and read the SPF of gipi.tw."""

    def publish(*own, others=None, addresses=(), **more):
        for name, texts in {"gipi.tw": own, **(others or {})}.items():
            name_server.records[name, "TXT"] = [quoted(text) for text in ([texts] if isinstance(texts, str) else texts)]
        name_server.records |= {(name, "A"): ["192.0.2.1"] for name in addresses} | more.get("records", {})
        return spf.read(Resolver(seconds=2), "gipi.tw")

    return publish


def test_one_record_among_other_texts(publish):
    found = publish("google-site-verification=x", "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ~all")

    assert found == spf.Spf(records=["v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ~all"])


def test_several_records_are_all_found(publish):
    assert len(publish("v=spf1 -all", "v=spf1 a -all").records) == 2


@pytest.mark.parametrize(
    ("record", "is_open"),
    [("v=spf1 +all", True), ("v=spf1 a all", True), ("v=spf1 +ALL exp=x.example", True), ("v=spf1 ~all", False)],
)
def test_a_record_that_lets_everybody_send(publish, record, is_open):
    assert publish(record).is_open is is_open


def test_lookups_are_counted_through_all_records_that_are_included(publish):
    found = publish(
        "v=spf1 a mx:gipi.tw ip4:192.0.2.1 exists:%{i}.x include:one.example redirect=two.example",
        others={"one.example": "v=spf1 a a:other.example ?all", "two.example": "v=spf1 include:one.example"},
    )

    assert found.lookups == 5 + 2 + 1 + 2


def test_a_redirect_beside_all_is_not_followed(publish):
    assert publish("v=spf1 -all redirect=two.example").lookups == 0


def test_a_record_that_includes_itself_ends(publish):
    assert publish("v=spf1 include:gipi.tw -all").lookups == 1


def test_far_too_many_lookups_are_not_all_made(publish, name_server):
    publish("v=spf1 " + " ".join(f"a:{number}.example" for number in range(90)) + " -all")

    assert len(name_server.asked) <= 1 + 2 * spf.WALK_MAX


def test_lookups_that_find_nothing_are_named(publish):
    found = publish(
        "v=spf1 a:gone.example mx:gone.example exists:gone.example a:here.example -all", addresses=["here.example"]
    )

    assert found.void == ["gone.example"] * 3


def test_an_included_domain_without_a_record_breaks_it(publish):
    found = publish(
        "v=spf1 include:typo.example include:two.example -all", others={"two.example": ["v=spf1 a", "v=spf1 mx"]}
    )

    assert found.broken == ["typo.example", "two.example"]


@pytest.mark.parametrize(
    "term", ["ipv4:192.0.2.1", "ip4:192.0.2", "ip4:mail.gipi.tw", "includes:x.example", "192.0.2.1", "-al"]
)
def test_a_term_that_spf_does_not_know_is_named(publish, term):
    assert publish(f"v=spf1 {term} -all").wrong == [term]


def test_an_included_domain_that_does_not_answer_is_unknown_and_not_wrong(publish, name_server):
    name_server.fails = {"slow.example"}

    found = publish("v=spf1 include:slow.example a:slow.example -all")

    assert found.unknown == ["slow.example", "slow.example"]
    assert (found.broken, found.void) == ([], [])


def test_a_domain_that_does_not_answer_is_not_known(publish, name_server):
    name_server.fails = {"gipi.tw"}

    with pytest.raises(DnsAway):
        publish("v=spf1 -all")
