"""Numbers and words as the templates of the desk write them."""

from html import unescape

import pytest
from django.utils.html import conditional_escape
from django.utils.translation import override

from newsletter.desk.templatetags.figures import breaks, broken_well, octets, thousands


def test_a_number_has_a_comma_after_each_thousand():
    assert [thousands(count) for count in (999, 1204, 1_000_000)] == ["999", "1,204", "1,000,000"]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("see https://example.org/help/550", "see https://<wbr>example.org/<wbr>help/<wbr>550"),
        ("250 2.0.0 Ok", "250 2.0.0 Ok"),
        ("<b>a/b</b>", "&lt;b&gt;a/<wbr>b&lt;/<wbr>b&gt;"),
        ("", ""),
    ],
)
def test_the_words_of_a_server_break_behind_slashes_and_stay_words(said, shown):
    assert breaks(said) == shown


@pytest.mark.parametrize(
    ("size", "shown"), [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1023, "1,023 bytes"), (1024, "1.0 KB")]
)
def test_a_size_below_a_kilobyte_has_its_comma_too(size, shown):
    with override("en"):
        assert octets(size).replace("\xa0", " ") == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "evening.of.a.long.day@mail.example.com.tw",
            "evening<wbr>.of<wbr>.a<wbr>.long<wbr>.day@<wbr>mail<wbr>.example<wbr>.com<wbr>.tw",
        ),
        ("write to <evening.of.a.day@mail.example.org> now", None),
        ("ann@example.org", "ann@example.org"),
        ("a sentence without an address, long enough to break anywhere", None),
    ],
)
def test_a_long_address_breaks_at_its_dots_and_stays_an_address(text, shown):
    broken = conditional_escape(broken_well(text))

    assert shown is None or broken == shown
    assert unescape(broken.replace("<wbr>", "")) == text
