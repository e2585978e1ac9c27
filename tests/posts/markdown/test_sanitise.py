"""What is done to HTML after it was sanitised is safe by how the sanitiser writes it."""

from itertools import product

import html5lib
import pytest

from newsletter.posts.markdown.sanitise import for_mail, for_web

TRICKS = (
    *(
        'a> align="right" onclick="x',
        "a> align=&quot;right&quot; x",
        "<b>",
        "</td><script>alert(1)</script>",
        "<td align=",
    ),
    *(
        '"',
        "'",
        "&quot;&gt;",
        "&#34;>",
        "`",
        "\x00>",
        "a\n>\nalign='left'",
        '" class="x',
        "&lt;td align=&quot;left&quot;",
    ),
)


def tags(html: str) -> list[tuple[str, dict[str, str]]]:
    """Return each element that a browser makes of it, with its attributes."""
    tree = html5lib.parseFragment(html, treebuilder="etree", namespaceHTMLElements=False)
    return [(element.tag, dict(element.attrib)) for element in tree.iter() if isinstance(element.tag, str)]


@pytest.mark.parametrize("sanitised", [for_web, lambda html: for_mail(html, base_url="https://a.tw")])
@pytest.mark.parametrize(("name", "trick"), list(product(("title", "class", "lang", "colspan"), TRICKS)))
def test_no_value_leaves_its_attribute(sanitised, name, trick):
    """`_CELL` takes the next ">" for the end of a tag: inside an attribute the sanitiser writes it as an entity."""
    value = trick.replace('"', "&quot;")

    html = sanitised(f'<table><tbody><tr><td {name}="{value}" align="left">b</td></tr></tbody></table>')

    found = [attributes for tag, attributes in tags(html) if tag not in {"DOCUMENT_FRAGMENT", "table", "tbody", "tr"}]
    assert len(found) == 1, html
    assert set(found[0]) <= {"title", "class", "lang", "colspan", "align"}
    for part in html.split('"')[1::2]:
        assert not set("<>") & set(part), html


def test_a_cell_has_its_side_as_a_class_whatever_else_it_has():
    html = for_web('<table><tr><th title="a > b" class="c" align="right" scope="col">d</th></tr></table>')

    assert '<th class="c align-right" title="a &gt; b" scope="col">d</th>' in html


def test_each_site_has_its_own_addresses_in_its_mails():
    sites = ("https://a.tw", "https://b.tw", "https://a.tw")

    found = [for_mail('<p id="x"><a href="/posts/1/">讀</a> <a href="#x">上</a></p>', base_url=site) for site in sites]

    assert found == [f'<p><a href="{site}/posts/1/">讀</a> <a>上</a></p>' for site in sites]
