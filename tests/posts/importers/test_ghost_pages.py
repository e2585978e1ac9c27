"""Pages as Ghost's renderers since 5 write them: nothing is lost, and nothing that few saw is shown to all."""

import pytest

from newsletter.posts.importers.account import compared
from newsletter.posts.importers.ghost import body_of
from newsletter.posts.importers.html.converting import shown
from newsletter.posts.markdown.render import render


def of_page(html):
    return body_of({"html": f"<p>前</p>{html}<p>後</p>"})


def unnamed(body):
    return compared(body.before, shown(body.markdown), body.remarks)


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        (
            (
                '<div class="kg-card kg-callout-card"><div class="kg-callout-text"><b>'
                '<strong style="white-space: pre-wrap;">'
                "粗</strong></b>與<i><em>斜</em></i></div></div>"
            ),
            "> **粗**與*斜*",
        ),
        (
            (
                '<div class="kg-card kg-audio-card"><audio src="/content/media/a.mp3"></audio>'
                '<div class="kg-audio-title"></div></div>'
            ),
            "[a.mp3](/content/media/a.mp3)",
        ),
        (
            '<div class="kg-card kg-header-card" data-kg-background-image="/content/images/b.jpg"><h2>大</h2></div>',
            "![](/content/images/b.jpg)\n\n## 大",
        ),
        (
            (
                '<div class="kg-card kg-signup-card"><h2>訂閱</h2><form class="kg-signup-card-form"><button>Subscribe'
                "</button><div>Email sent!</div></form><p>不寄廣告</p></div>"
            ),
            "## 訂閱\n\n不寄廣告",
        ),
        ("<!--kg-card-begin: html-->\n<p>原樣</p>\n<!--kg-card-end: html-->", "原樣"),
        ('<p>請<a href="#/portal/signup">加入</a></p>', "請加入"),
        ('<p>請<a href="https://old.example.org/#/portal/account">看</a></p>', "請看"),
        (
            '<img src="data:image/gif;base64,R0lGODlhAQAB" data-src="/content/images/a.jpg" alt="圖">',
            "![圖](/content/images/a.jpg)",
        ),
        (
            '<!--kg-gated-block:begin nonMember:true memberSegment:"" --><p>大家</p><!--kg-gated-block:end-->',
            "大家",
        ),
    ],
)
def test_a_page_is_markdown_with_nothing_unnamed(html, markdown):
    body = of_page(html)

    assert body.markdown == f"前\n\n{markdown}\n\n後"
    assert unnamed(body) == ()


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (
            of_page(
                '<!--kg-gated-block:begin nonMember:false memberSegment:"status:-free" --><p>祕密</p>'
                "<!--kg-gated-block:end-->"
            ),
            "what only members saw is kept as a comment",
        ),
    ],
)
def test_what_not_everybody_saw_is_shown_to_nobody(body, what):
    assert "祕密" in body.markdown
    assert "祕密" not in render(body.markdown)
    assert [one.what for one in body.remarks] == [what]
    assert unnamed(body) == ()


def test_a_box_of_podcasts_that_only_ghost_fills_is_named():
    body = of_page(
        '<iframe data-src="https://partner.transistor.fm/ghost/embed/x" data-kg-transistor-embed=""></iframe>'
    )

    assert [one.what for one in body.remarks] == ["a box that is not known here (transistor) is kept as a comment"]
    assert unnamed(body) == ()
