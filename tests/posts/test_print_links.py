import pytest
from django.conf import settings

from newsletter.posts.markdown.render import render
from newsletter.posts.templatetags.print_links import NumberedLinks, noted, printed_addresses


def addresses(markdown: str) -> list[str]:
    notes = NumberedLinks()
    noted(render(markdown), notes)
    return notes.addresses


def test_links_are_numbered_and_an_address_that_comes_again_keeps_its_number():
    notes = NumberedLinks()

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
    assert printed_addresses(NumberedLinks()) == ""
