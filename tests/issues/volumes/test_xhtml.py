from xml.etree import ElementTree

import pytest

from newsletter.issues.volumes.epub import BookPicture, to_xhtml
from newsletter.posts.markdown.render import render

BRIDGE = "/media/0123456789abcdef/bridge.jpg"


def book(html: str) -> str:
    return to_xhtml(
        html,
        link=lambda address: address if address.startswith(("#", "https://")) else None,
        picture=lambda address: BookPicture("bridge.jpg", 9, 6) if address == BRIDGE else None,
        absent="picture",
        film="film",
    )


@pytest.mark.parametrize(
    ("html", "xhtml"),
    [
        ("<p>a<br>b&nbsp;c &amp; d</p>", "<p>a<br/>b\u00a0c &amp; d</p>"),
        ("<center>中</center>", "<div>中</div>"),
        ("<details open><summary>問</summary>答</details>", "<div><div>問</div>答</div>"),
        ('<label><input type="checkbox" checked disabled> 做了</label>', "<span>☑ 做了</span>"),
        ('<ol reversed type="x" start="3"><li value="3">三</li></ol>', None),
        ('<div><li value="3">散</li></div>', "<div><div>散</div></div>"),
        ("<table><thead><tr></tr></thead><thead><tr></tr></thead></table>", None),
        ('<p lang="ja">日</p>', '<p lang="ja" xml:lang="ja">日</p>'),
        ('<p lang="x">日</p>', "<p>日</p>"),
        ('<p id="a">一</p><p id="a">二</p><p id="1">三</p>', '<p id="a">一</p><p>二</p><p>三</p>'),
        ('<a href="#a">去</a><p id="a">到</p>', '<a href="#a">去</a><p id="a">到</p>'),
        ('<a href="#b">去</a>', "<a>去</a>"),
        ('<a href="javascript:x">去</a>', "<a>去</a>"),
        (f'<img src="{BRIDGE}" alt="橋" loading="lazy">', '<img src="bridge.jpg" alt="橋" width="9" height="6"/>'),
        ('<img src="https://e.x/a.png">', '<a href="https://e.x/a.png">［picture］</a>'),
        (
            '<a href="https://e.x/"><img src="https://e.x/a.png" alt="橋"></a>',
            '<a href="https://e.x/"><span>［橋］</span></a>',
        ),
        ('<iframe src="https://e.x/film"></iframe>', '<a href="https://e.x/film">［film］</a>'),
        ("<td colspan='0' align='left' rowspan='2'>格</td>", '<td rowspan="2">格</td>'),
        ("壞\ufffe字\x0b", "壞字"),
    ],
)
def test_html_becomes_what_a_book_may_have(html, xhtml):
    translation = book(html)

    ElementTree.fromstring(f"<body>{translation}</body>")
    if xhtml is not None:
        assert translation == xhtml


def test_a_table_has_one_head_and_its_neighbour_one_too():
    one = "<table><thead><tr><th>a</th></tr></thead></table>"

    assert book(one + one).count("<thead>") == 2
    assert book(one.replace("</table>", "<thead></thead></table>")).count("<thead>") == 1


@pytest.mark.parametrize(
    "markdown", ["- [ ] 未\n- [x] 已", "一[^1]\n\n[^1]: 註", "> [!TIP]\n> 記得", "`a<b`\n\n    code"]
)
def test_what_markdown_becomes_is_well_formed(markdown):
    ElementTree.fromstring(f"<body>{book(render(markdown))}</body>")
