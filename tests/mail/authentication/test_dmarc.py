"""DMARC by the tree walk of RFC 9989, asked of a real name server."""

import pytest

from newsletter.mail.authentication import DnsAway, Resolver, dmarc


@pytest.fixture
def publish(name_server):
    """Publish DMARC records by domain; the domains themselves exist, as far as `exist` names them."""

    def publish(records, exist=("gipi.tw",)):
        for domain, texts in records.items():
            several = [texts] if isinstance(texts, str) else texts
            name_server.records[f"_dmarc.{domain}", "TXT"] = [f'"{text}"' for text in several]
        name_server.records |= {(domain, "A"): ["192.0.2.1"] for domain in exist}
        return Resolver(seconds=2)

    return publish


def walked(name_server) -> list[str]:
    return [name.removeprefix("_dmarc.") for name, _kind in name_server.asked if name.startswith("_dmarc.")]


# --- The walk ---


def test_the_walk_goes_up_to_the_top_level(publish, name_server):
    dmarc.walk(publish({}), "a.mail.gipi.tw")

    assert walked(name_server) == ["a.mail.gipi.tw", "mail.gipi.tw", "gipi.tw", "tw"]


@pytest.mark.parametrize(
    ("records", "organisation"),
    [
        ({}, "a.mail.gipi.tw"),
        ({"mail.gipi.tw": "v=DMARC1", "gipi.tw": "v=DMARC1"}, "gipi.tw"),
        ({"mail.gipi.tw": "v=DMARC1; psd=n", "gipi.tw": "v=DMARC1"}, "mail.gipi.tw"),
        ({"tw": "v=DMARC1; psd=y"}, "gipi.tw"),
        ({"gipi.tw": "v=DMARC1", "tw": "v=DMARC1; psd=y"}, "gipi.tw"),
        ({"gipi.tw": "v=DMARC1; psd=y"}, "mail.gipi.tw"),
        ({"a.mail.gipi.tw": "v=DMARC1; psd=y", "gipi.tw": "v=DMARC1"}, "a.mail.gipi.tw"),
        ({"a.mail.gipi.tw": "v=DMARC1; psd=u"}, "a.mail.gipi.tw"),
        ({"mail.gipi.tw": ["v=DMARC1", "v=DMARC1; p=none"], "gipi.tw": "v=DMARC1"}, "gipi.tw"),
    ],
    ids=[
        "none",
        "the highest",
        "psd=n",
        "psd=y above",
        "below a psd",
        "a psd itself",
        "psd=y at the start",
        "psd=u",
        "two are none",
    ],
)
def test_which_domain_stands_for_the_organisation(publish, records, organisation):
    assert dmarc.walk(publish(records), "a.mail.gipi.tw").organisation == organisation


# --- The policy ---


@pytest.mark.parametrize(
    ("records", "exist", "expected"),
    [
        (
            {"news.gipi.tw": "v=DMARC1; p=none", "gipi.tw": "v=DMARC1; p=reject"},
            ["news.gipi.tw"],
            ("none", "p", "news.gipi.tw"),
        ),
        ({"gipi.tw": "v=DMARC1; p=reject"}, ["news.gipi.tw"], ("reject", "p", "gipi.tw")),
        ({"gipi.tw": "v=DMARC1; p=reject; sp=quarantine"}, ["news.gipi.tw"], ("quarantine", "sp", "gipi.tw")),
        ({"gipi.tw": "v=DMARC1; p=none; sp=none; np=reject"}, ["gipi.tw"], ("reject", "np", "gipi.tw")),
        ({"gipi.tw": "v=DMARC1; p=none; np=reject"}, ["news.gipi.tw"], ("none", "p", "gipi.tw")),
        ({"gipi.tw": "v=DMARC1; p=none; sp=reject"}, ["gipi.tw"], ("reject", "sp", "gipi.tw")),
        ({"tw": "v=DMARC1; p=reject; psd=y"}, ["news.gipi.tw"], ("reject", "p", "tw")),
        ({"gipi.tw": "v=DMARC1; P=Reject"}, ["news.gipi.tw"], ("reject", "p", "gipi.tw")),
    ],
    ids=["its own", "from above", "sp", "np", "np is not for what exists", "no np", "of the suffix", "capitals"],
)  # fmt: skip
def test_which_policy_counts_for_a_subdomain(publish, records, exist, expected):
    found = dmarc.read(publish(records, exist), "news.gipi.tw")

    assert (found.policy, found.by, found.record.domain) == expected


def test_sp_says_nothing_of_the_domain_itself(publish):
    found = dmarc.read(publish({"gipi.tw": "v=DMARC1; p=none; sp=reject; np=reject"}), "gipi.tw")

    assert (found.policy, found.by, found.is_inherited) == ("none", "p", False)


@pytest.mark.parametrize("text", ["v=DMARC1", "v=DMARC1; p=block", "v=DMARC1; p=none; sp=maybe"])
def test_a_policy_that_cannot_be_understood_is_none_at_all(publish, text):
    assert dmarc.read(publish({"gipi.tw": text}), "gipi.tw").policy == ""


def test_two_records_are_none_and_both_are_shown(publish):
    found = dmarc.read(publish({"gipi.tw": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}), "gipi.tw")

    assert found.record is None
    assert len(found.own) == 2


def test_a_question_without_an_answer_makes_no_policy(publish, name_server):
    ask = publish({"gipi.tw": "v=DMARC1; p=none"})
    name_server.fails = {"_dmarc.tw"}

    with pytest.raises(DnsAway):
        dmarc.read(ask, "gipi.tw")


# --- Alignment ---


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
        ask = publish({"gipi.tw": f"v=DMARC1; p=none; aspf={mode}; adkim=r"}, exist=["news.gipi.tw"])
        author = dmarc.read(ask, "news.gipi.tw")

        assert dmarc.is_aligned(ask, author, domain, tag="aspf") is expected


def test_each_proof_has_a_strictness_of_its_own(publish):
    ask = publish({"gipi.tw": "v=DMARC1; p=none; adkim=s"})
    author = dmarc.read(ask, "gipi.tw")

    assert dmarc.is_aligned(ask, author, "m.gipi.tw", tag="aspf")
    assert not dmarc.is_aligned(ask, author, "m.gipi.tw", tag="adkim")


def test_two_customers_below_one_public_suffix_do_not_stand_for_each_other(publish):
    ask = publish({"com.tw": "v=DMARC1; p=none; psd=y"})
    author = dmarc.read(ask, "gipi.com.tw")

    assert author.organisation == "gipi.com.tw"
    assert not dmarc.is_aligned(ask, author, "other.com.tw", tag="aspf")
    assert dmarc.is_aligned(ask, author, "b.gipi.com.tw", tag="aspf")


# --- Reports ---


@pytest.mark.parametrize(
    ("rua", "agrees", "silent"),
    [
        ("mailto:d@gipi.tw", {}, ()),
        ("mailto:d@reports.gipi.tw", {}, ()),
        ("mailto:d@reader.example", {}, ("reader.example",)),
        ("mailto:d@reader.example", {"gipi.tw._report._dmarc.reader.example": "v=DMARC1"}, ()),
        ("mailto:d@gipi.tw, mailto:x@Other.example!10m", {}, ("other.example",)),
        ("https://reader.example/", {}, ()),
    ],
    ids=["own", "below", "did not agree", "agreed", "two", "no mail"],
)
def test_reports_to_somebody_else_need_their_consent(publish, name_server, rua, agrees, silent):
    ask = publish({"gipi.tw": f"v=DMARC1; p=none; rua={rua}"})
    name_server.records |= {(name, "TXT"): [f'"{text}"'] for name, text in agrees.items()}

    assert dmarc.read(ask, "gipi.tw").refuses_reports == silent
