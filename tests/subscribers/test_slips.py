"""Addresses whose domain was mistyped: what is asked about, and what is left alone."""

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from subscribers.addresses import MEANT, OFTEN, REAL, is_one_slip, suggested_address

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
        *sorted(REAL),
        *("ms1.hinet.net", "msa.hinet.net", "tpts4.seed.net.tw", "ntu.edu.tw", "g.ntu.edu.tw", "mail.moe.gov.tw"),
        *("mit.edu", "example.org", "hotmail.de", "outlook.cl", "yahoo.co.jp", "yahoo.com.vn", "yahoo.fr"),
        *("web.de", "t-online.de", "naver.com", "small.com", "a.co", "xn--fsqu00a.com"),
    ],
)
def test_what_is_real_is_left_alone(domain):
    assert suggested_address(f"gipi@{domain}") == ""


@given(domain=st.sampled_from(OFTEN), place=st.integers(0, 40), letter=st.sampled_from(LETTERS), kind=st.integers(0, 3))
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

    assert typed in REAL if not found else found.removeprefix("gipi@") in OFTEN


@given(st.emails())
@example("gipi@gmail.com.tw")
def test_what_was_taken_is_asked_about_no_more(email):
    local = email.rpartition("@")[0]

    found = suggested_address(email)

    assert not found or (found.startswith(f"{local}@") and suggested_address(found) == "")


def test_every_correction_by_hand_leads_to_a_domain_that_is_real():
    assert set(MEANT.values()) <= REAL


@given(words, words)
def test_a_slip_is_one_step_of_the_four_and_the_same_from_both_sides(one, other):
    steps = {one[:at] + one[at + 1 :] for at in range(len(one))}
    steps |= {one[:at] + letter + one[at:] for at in range(len(one) + 1) for letter in "abc"}
    steps |= {one[:at] + letter + one[at + 1 :] for at in range(len(one)) for letter in "abc"}
    steps |= {one[:at] + one[at + 1] + one[at] + one[at + 2 :] for at in range(len(one) - 1)}

    assert is_one_slip(one, other) == is_one_slip(other, one) == (other in steps - {one})
