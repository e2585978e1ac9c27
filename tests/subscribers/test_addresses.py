"""Addresses whose domain was mistyped: what is asked about, and what is left alone."""

import string

import pytest
from django.utils import translation
from hypothesis import example, given
from hypothesis import strategies as st

from subscribers.addresses import (
    COMMON_DOMAINS,
    MISTYPED_DOMAINS,
    REAL_DOMAINS,
    AddressError,
    canonical_mailbox,
    comparison_key,
    display_address,
    is_one_typo,
    mask_address,
    mask_addresses,
    normalise,
    one_line,
    suggested_address,
)
from tests.support.cpu import cpu_seconds


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("reader@example.org", "reader@example.org"),
        ("  reader@example.org \n", "reader@example.org"),
        ("Reader.Name+news@EXAMPLE.org", "Reader.Name+news@example.org"),
        ("reader@例子.台灣", "reader@xn--fsqu00a.xn--kpry57d"),
        ("reader@bücher.example", "reader@xn--bcher-kva.example"),
        ("o'brien@example.org", "o'brien@example.org"),
        ("reader@mail.test", "reader@mail.test"),
        ("ｒｅａｄｅｒ＠ｇｍａｉｌ．ｃｏｍ", "reader@gmail.com"),
        ("reader@gmail。com。", "reader@gmail.com"),
        ("reader@example.org.", "reader@example.org"),
    ],
)
def test_an_address_is_stored_in_one_spelling(typed, stored):
    assert normalise(typed) == stored


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("", "Enter your e-mail address."),
        ("   ", "Enter your e-mail address."),
        ("reader", "This is not an e-mail address. One looks like you@example.com."),
        ("a b@example.org", "This is not an e-mail address. One looks like you@example.com."),
        ("reader@exa mple.org", "This is not an e-mail address. One looks like you@example.com."),
        (".reader@example.org", "This is not an e-mail address. One looks like you@example.com."),
        ("reader@-example.org", "This is not an e-mail address. One looks like you@example.com."),
        ('"quoted"@example.org', "This is not an e-mail address. One looks like you@example.com."),
        ("reader@[192.0.2.1]", "This is not an e-mail address. One looks like you@example.com."),
        ("Reader <reader@example.org>", "This is not an e-mail address. One looks like you@example.com."),
        ("reader@example.org,other@example.org", "This is not an e-mail address. One looks like you@example.com."),
        ("reader@localhost", "The part after @ is not complete. An address looks like you@example.com."),
        ("x" * 250 + "@example.org", "This address is too long. An address has at most 254 characters."),
        (
            "ömil@example.org",
            "The part before @ has letters that most mail servers refuse. Use only a–z, 0–9 and signs like . _ -",
        ),
    ],
)
def test_what_is_no_address_is_explained(typed, answer):
    with translation.override("en"), pytest.raises(AddressError) as refused:
        normalise(typed)

    assert str(refused.value) == answer


@pytest.mark.parametrize(
    "spelling",
    [
        "reader@例子.台灣",
        "READER@例子.台灣",
        "reader@xn--fsqu00a.xn--kpry57d",
        "ｒｅａｄｅｒ＠例子.台灣",
        " reader@例子。台灣",
    ],
)
def test_every_spelling_of_one_address_has_one_key(spelling):
    assert comparison_key(spelling) == "reader@xn--fsqu00a.xn--kpry57d"


@pytest.mark.parametrize("text", ["", "@", "no address", "a@xn--\udcff", "a@" + "長" * 300])
def test_a_key_never_fails(text):
    assert isinstance(comparison_key(text), str)


def test_dots_and_tags_are_not_ignored():
    assert len({comparison_key("a.b@gmail.com"), comparison_key("ab@gmail.com"), comparison_key("ab+x@gmail.com")}) == 3


def test_an_international_domain_is_shown_in_its_own_letters():
    assert display_address("reader@xn--fsqu00a.xn--kpry57d") == "reader@例子.台灣"
    assert display_address("reader@xn--zzzzzzzzz.org") == "reader@xn--zzzzzzzzz.org"
    assert display_address("reader@example.org") == "reader@example.org"


def test_a_name_cannot_break_out_of_a_header():
    assert one_line(" 小明\r\nBcc: x@example.org\u2028\x00 ") == "小明 Bcc: x@example.org"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("550 5.1.1 <anna@example.org>: unknown", "550 5.1.1 <•••@•••>: unknown"),
        ("to=anna+news@例子.tw;status=5", "•••@•••;status=5"),
        ("安娜「anna@example.org」、bob@example.org", "安娜「•••@•••」、•••@•••"),
        ("421 later, no address", "421 later, no address"),
        ("a" * 200 + "@example.org", "a" * 136 + "•••@•••"),
    ],
)
def test_addresses_in_words_of_others_are_masked(said, shown):
    assert mask_addresses(said) == shown


# --- One mailbox ---


@pytest.mark.parametrize(
    ("mailbox", "spellings"),
    [
        ("reader@example.org", ["reader+news@example.org", "READER+a+b@Example.ORG", " reader@example.org. "]),
        ("victim@gmail.com", ["v.ictim+1@gmail.com", "V.I.C.T.I.M@googlemail.com", "victim+x.y@GoogleMail.com"]),
        ("reader@xn--fsqu00a.xn--kpry57d", ["reader+1@例子.台灣", "reader@xn--fsqu00a.xn--kpry57d"]),
    ],
)
def test_every_spelling_of_one_mailbox_is_one(mailbox, spellings):
    assert {canonical_mailbox(spelling) for spelling in [mailbox, *spellings]} == {mailbox}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a.b@example.org", "ab@example.org"),
        ("a-b@example.org", "a@example.org"),
        ("a.b@yahoo.com", "ab@yahoo.com"),
        ("a-b@gmail.com", "ab@gmail.com"),
        ("shop@reader.example.org", "reader@example.org"),
        ("a@gmail.com", "a@gmail.com.example"),
        ("+1@example.org", "+2@example.org"),
    ],
)
def test_people_of_one_provider_stay_apart(one, other):
    assert canonical_mailbox(one) != canonical_mailbox(other)


@pytest.mark.parametrize("text", ["", "@", "a@", "@b", "+@gmail.com", ".@gmail.com", "a@b@c", "x" * 200])
def test_a_mailbox_is_found_for_any_text(text):
    assert canonical_mailbox(text) == canonical_mailbox(canonical_mailbox(text))


def test_a_name_turns_nobody_elses_words():
    assert one_line("\u202eemos gnihtyna\u202c 小\u200b明 \u2066x\u2069") == "emos gnihtyna 小明 x"


@pytest.mark.parametrize("length", [255, 5_000_000])
def test_what_is_longer_than_an_address_is_refused_before_anything_looks_at_it(length):
    marks = "a" + "\u0315" * (length // 2) + "\u0316" * (length // 2)

    with translation.override("en"), pytest.raises(AddressError, match="too long"):
        normalise(marks)
    assert cpu_seconds(lambda: comparison_key(marks), tries=1) < 0.5
    assert cpu_seconds(lambda: one_line(marks), tries=1) < 0.5


def test_spaces_around_an_address_do_not_count():
    assert normalise(" " * 300 + "reader@example.org" + "\n" * 300) == "reader@example.org"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("reader@example.org", "r•••@e•••.org"),
        ("gipi.long@mail.example.co.uk", "g•••@m•••.uk"),
        ("r@x.org", "•••@•••.org"),
        ("r@xn--ols95ej89e.tw", "•••@電•••.tw"),
    ],
)
def test_an_address_is_recognised_by_its_owner_and_learnt_by_nobody(address, shown):
    assert mask_address(address) == shown


LETTERS = string.ascii_lowercase
words = st.text("abc", max_size=5)


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        ("gmial.com", "gmail.com"),
        ("gamil.com", "gmail.com"),
        ("gmai.com", "gmail.com"),
        ("gmaill.com", "gmail.com"),
        ("gnail.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("gmail.co", "gmail.com"),
        ("gmail.cm", "gmail.com"),
        ("gmial.con", "gmail.com"),
        ("gmail.com.tw", "gmail.com"),
        ("hotmial.com", "hotmail.com"),
        ("outlok.com", "outlook.com"),
        ("iclould.com", "icloud.com"),
        ("yahoo.com.t", "yahoo.com.tw"),
        ("yaho.com.tw", "yahoo.com.tw"),
        ("yahoo.con.tw", "yahoo.com.tw"),
        ("hinet.ner", "hinet.net"),
        ("hient.net", "hinet.net"),
        ("pchome.com.tww", "pchome.com.tw"),
        ("some-company.con", "some-company.com"),
    ],
)
def test_what_was_probably_meant_is_said(typed, right):
    assert suggested_address(f"Gipi.Kuo+news@{typed}") == f"Gipi.Kuo+news@{right}"


@pytest.mark.parametrize(
    "domain",
    [
        *sorted(REAL_DOMAINS),
        *("ms1.hinet.net", "msa.hinet.net", "tpts4.seed.net.tw", "ntu.edu.tw", "g.ntu.edu.tw", "mail.moe.gov.tw"),
        *("mit.edu", "example.org", "hotmail.de", "outlook.cl", "yahoo.co.jp", "yahoo.com.vn", "yahoo.fr"),
        *("web.de", "t-online.de", "naver.com", "small.com", "a.co", "xn--fsqu00a.com"),
    ],
)
def test_what_is_real_is_left_alone(domain):
    assert suggested_address(f"gipi@{domain}") == ""


@given(
    domain=st.sampled_from(COMMON_DOMAINS),
    place=st.integers(0, 40),
    letter=st.sampled_from(LETTERS),
    kind=st.integers(0, 3),
)
def test_a_slip_of_a_large_provider_s_name_leads_to_a_domain_that_is_real(domain, place, letter, kind):
    name, dot, ending = domain.partition(".")
    place %= len(name)
    slip = {
        0: name[:place] + name[place + 1 :],
        1: name[:place] + letter + name[place:],
        2: name[:place] + letter + name[place + 1 :],
        3: name[:place] + name[place : place + 2][::-1] + name[place + 2 :],
    }[kind]
    typed = f"{slip}{dot}{ending}"

    found = suggested_address(f"gipi@{typed}")

    assert typed in REAL_DOMAINS if not found else found.removeprefix("gipi@") in COMMON_DOMAINS


@given(st.emails())
@example("gipi@gmail.com.tw")
def test_what_was_taken_is_asked_about_no_more(email):
    local = email.rpartition("@")[0]

    found = suggested_address(email)

    assert not found or (found.startswith(f"{local}@") and suggested_address(found) == "")


def test_every_correction_by_hand_leads_to_a_domain_that_is_real():
    assert set(MISTYPED_DOMAINS.values()) <= REAL_DOMAINS


@given(words, words)
def test_a_slip_is_one_step_of_the_four_and_the_same_from_both_sides(one, other):
    steps = {one[:at] + one[at + 1 :] for at in range(len(one))}
    steps |= {one[:at] + letter + one[at:] for at in range(len(one) + 1) for letter in "abc"}
    steps |= {one[:at] + letter + one[at + 1 :] for at in range(len(one)) for letter in "abc"}
    steps |= {one[:at] + one[at + 1] + one[at] + one[at + 2 :] for at in range(len(one) - 1)}

    assert is_one_typo(one, other) == is_one_typo(other, one) == (other in steps - {one})
