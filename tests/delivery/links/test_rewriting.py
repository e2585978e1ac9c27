"""Which links are counted, and that both parts of a letter lead to the same places."""

import pytest

from newsletter.delivery.links.rewriting import countable_links, rewrite_html, rewrite_links
from newsletter.delivery.rehearsal import find_references

SITE = "https://news.example.org"
FRAME = {f"{SITE}/", f"{SITE}/issues/7/"}


def of(html):
    return countable_links(html, site_url=SITE, own_pages=FRAME)


def link(url, words="words"):
    return f'<p><a class="x" href="{url}">{words}</a></p>'


def test_links_of_the_text_are_counted_each_once_with_their_words():
    html = link("https://a.example/?a=1&amp;b=2", '<img src="x.png">') + link("https://b.example/", "B")
    html += link("https://a.example/?a=1&amp;b=2", "A <b>bold</b>")

    assert of(html) == {"https://a.example/?a=1&b=2": "A bold", "https://b.example/": "B"}
    assert list(of(html)) == ["https://a.example/?a=1&b=2", "https://b.example/"]


@pytest.mark.parametrize(
    "url",
    [
        "mailto:?subject=x",
        "tel:+886",
        "#footnote",
        "\x02unsubscribe_url\x03",
        "https://news.example.org/feedback/\x02feedback\x03/7/helpful/",
        f"{SITE}/",
        f"{SITE}/issues/7/",
        f"{SITE}/issues/7/#part",
        f"{SITE}/unsubscribe/1abcdefghijklmnop/",
        f"{SITE}/r/1abcdefghijklmnop/",
        "https://[broken/",
        "https://",
        f"https://a.example/{'x' * 2_000}",
    ],
)
def test_what_is_a_readers_own_or_no_page_is_not_counted(url):
    assert of(link(url)) == {}


def test_an_address_that_is_shown_leads_where_it_says():
    html = link("https://a.example/x", "https://a.example/x") + link("https://b.example/", "b.example/")
    html += link("https://a.example/x", "again, in words") + link(f"{SITE}/posts/1/", f"{SITE}/posts/1/")

    assert list(of(html)) == [f"{SITE}/posts/1/"]


def test_both_parts_are_rewritten_alike():
    urls = ["https://a.example/", "https://a.example/b?x=1&y=2", "https://a.example/bc", "https://c.example/"]
    html = "".join(link(url.replace("&", "&amp;")) for url in urls)
    text = "\n".join(f"words （{url}）" for url in urls) + "\nhttps://a.example/b?x=1&y=2, https://a.example/."
    here = {url: f"{SITE}/r/{number}/" for number, url in enumerate(urls[:3])}

    page, plain = rewrite_links(html, text, here)

    assert find_references(page).links == [*here.values(), "https://c.example/"]
    assert all(address in plain for address in (*here.values(), "https://c.example/"))
    assert plain.endswith(f"\n{SITE}/r/1/, {SITE}/r/0/.")


def test_what_only_begins_like_a_counted_address_stays():
    page, plain = rewrite_links(
        link("https://a.example/b"),
        "https://a.example/b https://a.example/b/c",
        {
            "https://a.example/b": f"{SITE}/r/x/",
        },
    )

    assert plain == f"{SITE}/r/x/ https://a.example/b/c"
    assert f'href="{SITE}/r/x/"' in page


def test_nothing_else_of_a_letter_changes():
    html = (
        link("https://a.example/")
        + '<link href="https://a.example/"><p title="https://a.example/">https://a.example/</p>'
    )

    assert rewrite_html(html, {"https://a.example/": "https://n/"}) == html.replace(
        '<a class="x" href="https://a.example/">', '<a class="x" href="https://n/">'
    )
    assert rewrite_links(html, "text", {}) == (html, "text")
