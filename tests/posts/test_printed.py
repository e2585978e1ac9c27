import pytest
from django.conf import settings

from newsletter.posts.markdown.render import render
from newsletter.posts.templatetags.printed import Notes, note, noted, printed_addresses


def addresses(markdown: str) -> list[str]:
    notes = Notes()
    noted(render(markdown), notes)
    return notes.addresses


def test_links_are_numbered_and_an_address_that_comes_again_keeps_its_number():
    notes = Notes()

    html = noted(render("[一](https://a.example/?x=1&y=2)、[二](/p/5/)、[三](https://a.example/?x=1&y=2)"), notes)

    assert html.count('data-note="1"') == 2
    assert html.count('data-note="2"') == 1
    assert notes.addresses == ["https://a.example/?x=1&y=2", f"{settings.SITE_URL}/p/5/"]
    assert "<li>https://a.example/?x=1&amp;y=2</li>" in printed_addresses(notes)


@pytest.mark.parametrize(
    "markdown",
    [
        "[這裡](#s1)",
        "註[^1]\n\n[^1]: 註。",
        "https://a.example/path/",
        "<me@a.example>",
        "[a.example/path](https://www.a.example/path/)",
        "沒有連結",
    ],
)
def test_what_leads_nowhere_else_or_shows_its_address_needs_no_number(markdown):
    assert addresses(markdown) == []
    assert printed_addresses(Notes()) == ""


def test_a_link_around_a_picture_and_one_to_a_mailbox_are_told():
    assert addresses("[![圖](/media/0123456789abcdef/a.png)](https://a.example/)") == ["https://a.example/"]
    assert addresses("[寫信](mailto:me@a.example)") == ["me@a.example"]


def test_only_the_link_is_changed():
    html = render('<a class="x" href="https://a.example/" title="t">**字**</a> &amp; `<a href="no">`')

    assert noted(html, Notes()).replace(' data-note="1"', "") == html


def test_a_link_of_a_template_can_have_a_number_too():
    notes = Notes()

    assert note(notes, "/p/5/") == ' data-note="1"'
    assert notes.addresses == [f"{settings.SITE_URL}/p/5/"]
