"""No text of 100 KB takes an author, or a page that is rendered anew, longer than the same number of words."""

from collections.abc import Callable

import pytest

from newsletter.posts.markdown import figures
from newsletter.posts.markdown.render import render, render_mail
from newsletter.posts.proofreading.check import check_text
from newsletter.posts.proofreading.masking import merge_fields
from newsletter.posts.text.missing_text import find_missing_text
from tests.support.cpu import is_parsed_within, is_within

pytestmark = pytest.mark.exhaustive

LENGTH = 100_000  # characters
SECONDS = 3.0  # of CPU time, by a Python that is built without optimisation; one that is not takes a third
UNITS = (
    *("[", "![", "[a](", "](", "[]", "[^a]", "*", "_", "**a*", "`", "~", "=", "#", "<", "<a ", "<img ", "<!--"),
    *("<pre>", "<div>", "&", "&#", ">", "> ", "- ", "1. a\n", "|", "a|b\n", ": a\n", "\\", "\n", " ", " \n"),
    *("\u3000", "a", "a.", "1", "中", "中 a", "http://", "「", "」", "（", '"', "+", "@", "$", "{", "    a\n"),
    *("```\n", "---\n", "*a _b ", "![](", "(中"),
)
NOVEL = 500_000  # characters: BODY_MAX
WHOLE = {
    "definitions of nothing": "[a]:\n" * 19_000,
    "definitions of links": "".join(f"[a{number}]: /b\n\n" for number in range(9_000)),
    "footnotes that name each other": "".join(f"[^{number}]: a[^{number + 1}]\n\n" for number in range(9_000)),
    "a footnote of many paragraphs": "a[^a]\n\n[^a]: a\n\n" + "    a\n\n" * (NOVEL // 7),
    "a heading and spaces": "# a" + " " * 20_000 + "b",
    "a heading and wide spaces": "## a" + "\u3000" * 20_000 + "b",
    "a heading and hashes": "# a" + " #" * 10_000 + "b",
    "5,000 brackets": "[" * 5_000,
    "5,000 pictures": "![" * 5_000,
    "4,000 links": "[a](" * 4_000,
    "paragraphs of brackets": ("![" * 290 + "\n\n") * 13,
    "a line under a table and spaces": "a|b\n-" + " " * 50_000 + "|!",
    "an address and brackets": ("http://a" + ")" * 9_000 + "\n\n") * 10,
    "an address and full stops": ("http://a" + "." * 9_000 + "\n\n") * 10,
    "a frame of many sources": "<iframe " + "src=" * 20_000,
    "a bracket that is never closed": "(" + "中" * 50_000,
    "brackets that do not fit": "「" * 20_000 + "』" * 20_000,
    "an empty link and spaces": "[](" + " " * 50_000,
    "quotes in quotes": ">" * 50_000 + "a",
    "lists in lists": "- " * 50_000 + "a",
}


def reads_in_no_time(read: Callable[[str], object], unit: str) -> bool:
    """Return whether a long text of nothing but `unit` is read within SECONDS.

    Its parts say enough: no rule minds how long a text is, and the limits of the renderer leave more as it was typed.
    """
    return is_parsed_within(SECONDS, read, lambda length: unit * (length // len(unit)), length=LENGTH)


@pytest.mark.parametrize("unit", UNITS)
def test_a_long_text_is_rendered_in_no_time(unit):
    assert reads_in_no_time(render, unit)


@pytest.mark.parametrize("name", WHOLE)
def test_a_text_that_is_long_in_its_own_way_is_rendered_in_no_time(name):
    assert is_within(SECONDS, lambda: render(WHOLE[name]))


@pytest.mark.parametrize("unit", UNITS)
def test_a_long_text_is_checked_in_no_time(unit):
    assert reads_in_no_time(lambda text: check_text(text, terms={}), unit)


@pytest.mark.parametrize("name", WHOLE)
def test_a_text_that_is_long_in_its_own_way_is_checked_in_no_time(name):
    assert is_within(SECONDS, lambda: check_text(WHOLE[name], terms={}))


@pytest.mark.parametrize(
    "unit", ["](", "](a(", "](甲(b)", "[a]: <", "<b title='", "`<!--", "[^a", "*|a", "%%a", "{{ a"]
)
def test_a_long_text_is_compared_in_no_time(unit):
    assert reads_in_no_time(lambda text: (find_missing_text(text, "x"), merge_fields(text)), unit)


@pytest.mark.parametrize("name", WHOLE)
def test_a_long_text_is_rendered_for_mail_in_no_time(name):
    assert is_within(SECONDS, lambda: render_mail(WHOLE[name], base_url="https://news.example.org"))


@pytest.mark.parametrize(
    "text",
    ["*" * 2000 + "a" + "*" * 2000, "_" * 4900 + "a" + "_" * 4900, "*a " * 1600 + "a* " * 1600, "=" * 4000 + "a"],
    ids=["stars", "lines", "many stars", "equal signs"],
)
def test_marks_inside_marks_keep_their_words(text):
    html = render(text)

    assert html.count("a") >= text.count("a")
    assert html.count("<em>") + html.count("<strong>") < 200


def test_what_people_nest_stays_as_marked():
    html = render("> - **a *b ~~c~~ `d`***")

    assert "<strong>a <em>b <del>c</del> <code>d</code></em></strong>" in html


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("# C#", "C#"),
        ("# a #", "a"),
        ("# a ##   ", "a"),
        ("# a # #", "a #"),
        ("# a\u3000#", "a"),
        ("# a#b", "a#b"),
        ("## #", ""),
    ],
)
def test_hashes_behind_a_heading_are_no_words_of_it(typed, shown):
    assert (f">{shown}</h" in render(typed)) is bool(shown)


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("http://a.tw/b).", "http://a.tw/b"),
        ("http://a.tw/b_(c)", "http://a.tw/b_(c)"),
        ("http://a.tw/b_(c)).", "http://a.tw/b_(c)"),
        ("http://a.tw/b==。", "http://a.tw/b"),
        ("http://a.tw/b=", "http://a.tw/b="),
        ('http://a.tw/b!?";', "http://a.tw/b"),
    ],
)
def test_an_address_ends_before_what_belongs_to_the_sentence(typed, address):
    assert f'href="{address}"' in render(typed)


def test_a_film_is_an_address_and_no_essay():
    assert figures.parse_video("https://youtu.be/dQw4w9WgXcQ")
    assert figures.parse_video("https://youtu.be/dQw4w9WgXcQ?" + "a" * 2000) is None
