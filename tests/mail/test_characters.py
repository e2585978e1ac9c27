"""Normal forms of text that anybody may have typed, and what is left out of it."""

import sys
import unicodedata

import pytest

from newsletter.mail import characters
from newsletter.mail.characters import MARKS_MAX, nfc, nfkc, nfkd, without_hidden
from tests.support.cpu import cpu_seconds

ABOVE, BELOW = "\u0315", "\u0316"  # in Unicode's order the second stands first: all of them must be sorted


@pytest.mark.parametrize("form", [nfc, nfkc, nfkd])
@pytest.mark.parametrize(
    "text",
    [
        "a" + ABOVE * 25_000 + BELOW * 25_000,
        (ABOVE * 1000 + BELOW * 1000) * 25,
        "\u0f73" * 50_000,  # no mark by its class, and two that are out of order once it is taken apart
    ],
    ids=["one run", "many runs", "marks inside marks"],
)
def test_fifty_thousand_marks_are_normalised_in_no_time(form, text):
    assert cpu_seconds(lambda: form(text)) < 0.3


@pytest.mark.parametrize(("form", "name"), [(nfc, "NFC"), (nfkc, "NFKC"), (nfkd, "NFKD")], ids=["nfc", "nfkc", "nfkd"])
@pytest.mark.parametrize(
    "text",
    [
        "管理槓桿 Leverage",
        "Ti\u1ebfng Vi\u1ec7t, e\u0301\u0302\u0323, ｆｕｌｌ　ｗｉｄｔｈ ﾊﾟﾊﾞ",
        "हिन्दी में ज़्यादा, สวัสดี น้ำ, བོད་སྐད་ཀྱི, עִבְרִית, العَرَبِيَّة",
        "z" + ABOVE * (MARKS_MAX - 10) + BELOW * 10 + "y",
    ],
)
def test_what_people_write_has_unicodes_own_normal_form(form, name, text):
    assert form(text) == unicodedata.normalize(name, text)


def test_no_mark_is_passed_over():
    """The fast way round holds only ranges in which nothing is ever sorted."""
    every = map(chr, range(sys.maxunicode + 1))
    marks = [char for char in every if unicodedata.combining(unicodedata.normalize("NFKD", char)[0])]

    missed = [char for char in marks if not characters._PERHAPS_MARKS.search(char * (MARKS_MAX + 1))]

    assert missed == []
    assert len(marks) > 900


@pytest.mark.parametrize("sign", [*"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"])
def test_what_turns_a_line_is_left_out(sign):
    assert without_hidden(f"小{sign}明") == "小明"
