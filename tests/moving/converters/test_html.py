"""HTML becomes Markdown that shows the same: words, links, pictures, marks, tables, code and footnotes."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.moving.converters.files import Rejected
from newsletter.moving.converters.html.converting import NOWHERE, convert_html, lead_anchors
from newsletter.moving.converters.html.tree import parse
from newsletter.moving.converters.markdown.marks import as_markdown
from newsletter.moving.counting import count_html
from newsletter.posts.markdown.render import render
from tests.moving.converters.support import markdown

# ruff: noqa: E501, ISC004 - HTML as Ghost writes it


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>提出<strong>「這樣」</strong>的，<b> 空白 </b>字<em>，</em></p>", "提出**「這樣」**的， **空白** 字*，*"),
        ("<p><b>a</b><b>b</b></p>", "**ab**"),
        ("<p><em>a</em><strong>b</strong></p>", "*a***b**"),
        ("<b><p>a</p><p>b</p></b>", "**a**\n\n**b**"),
        ("<a href='/x'><h2>t</h2><p>d</p></a>", "## [t](/x)\n\n[d](/x)"),
        ("<p>H<sub>2</sub>O<u>線</u><mark>標</mark><s>刪</s></p>", "H<sub>2</sub>O<u>線</u>==標==~~刪~~"),
        ('<p><span style="font-weight:700">粗</span><b style="font-weight:normal">不粗</b></p>', "**粗**不粗"),
        ("<p>a<br>b<br></p>", "a\\\nb"),
        ("<p>&nbsp;</p><p>a</p><p><br></p>", "a"),
        ("<h2>題<br>目</h2>", "## 題<br>目"),
        ("<h2># 題 #</h2>", "## \\# 題 \\#"),
        ("<ul><li>a<ol><li>b</li></ol></li><li>c</li></ul>", "- a\n  1. b\n- c"),
        (
            "<ul><li>a<ol start=3><li>b</li></ol></li></ul>",
            '<ul><li>a<ol start="3"><li>b</li></ol></li></ul>',
        ),
        ("<ul><li>a</li><ul><li>b</li></ul></ul>", "- a\n  - b"),
        ("<ul><li><p>a</p><pre>c\n\nd</pre></li></ul>", "- a\n\n  ```\n  c\n\n  d\n  ```"),
        ('<ul><li><input type="checkbox" checked>好</li><li><input type="checkbox">未</li></ul>', "- [x] 好\n- [ ] 未"),
        ("<ul><li>a</li></ul><ul><li>b</li></ul>", "- a\n\n<!-- -->\n\n- b"),
        ("<blockquote><p>a</p><blockquote>b</blockquote></blockquote>", "> a\n>\n> > b"),
        ('<pre><code class="language-py">x = "`"\n\ny</code></pre>', '```py\nx = "`"\n\ny\n```'),
        ("<pre>```\nx\n```</pre>", "````\n```\nx\n```\n````"),
        ("<p><code>a`b</code></p>", "``a`b``"),
        (
            "<table><tr><th>a|b</th><th align=right>c</th></tr><tr><td><code>x|y</code></td><td>l<br>m</td></tr></table>",
            "| a\\|b | c |\n| --- | --: |\n| `x\\|y` | l<br>m |",
        ),
        ("<table><tr><td>1</td></tr></table>", "<table><tbody><tr><td>1</td></tr></tbody></table>"),
        ('<p><img src="a.png" alt="圖 [1]"></p>', "![圖 \\[1\\]](a.png)"),
        ('<figure><img src="a.png"><figcaption>說"明</figcaption></figure>', '![](a.png "說&quot;明")'),
        (
            '<figure><img src="a.png"><figcaption>by <a href="/u">X</a></figcaption></figure>',
            '<figure><img src="a.png"><figcaption>by <a href="/u">X</a></figcaption></figure>',
        ),
        ('<a href="/big"><img src="a.png"></a>', "[![](a.png)](/big)"),
        ('<p><a href="https://e.org/a_(b)" title="t">[z]</a></p>', '[\\[z\\]](https://e.org/a_(b) "t")'),
        ('<p><a href="https://e.org/(">q</a></p>', "[q](<https://e.org/(>)"),
        ('<p>見 <a href="https://e.org/a">https://e.org/a</a></p>', "見 https://e.org/a"),
        ('<iframe src="//www.youtube.com/embed/dQw4w9WgXcQ"></iframe>', "https://www.youtube.com/watch?v=dQw4w9WgXcQ"),
        ('<iframe src="https://e.org/x"></iframe>', '<iframe src="https://e.org/x"></iframe>'),
        ("<p># a</p><p>1. b</p><p>- c</p><p>&gt; d</p>", "\\# a\n\n1\\. b\n\n\\- c\n\n\\> d"),
        (
            "<p>**a** `b` [c](d) ~~e~~ &amp;lt; &lt;b&gt; [TOC]</p>",
            "\\*\\*a\\*\\* \\`b\\` \\[c](d) \\~~e\\~~ &amp;lt; \\<b> [TOC]",
        ),
        ("<p>[TOC]</p>", "\\[TOC]"),
        ("<p>title<br>---</p>", "title\\\n\\---"),
        ("<p>a_b __init__ 3*4 [1] a:b</p>", "a_b \\_\\_init\\_\\_ 3\\*4 [1] a:b"),
        ("<dl><dt>a</dt><dd>b</dd></dl>", "<dl><dt>a</dt><dd>b</dd></dl>"),
        ("<ruby>漢<rt>ㄏㄢˋ</rt></ruby>", "<ruby>漢<rt>ㄏㄢˋ</rt></ruby>"),
        ("<p>a</p><!--more--><p>b</p>", "a\n\n<!--more-->\n\nb"),
        ("<div><div><p>a</p>b</div></div>", "a\n\nb"),
    ],
)
def test_each_mark_has_its_markdown(html, expected):
    assert markdown(html) == expected


NOTES = (
    '<p>甲<sup id="fnref:1"><a href="#fn:1" class="footnote">1</a></sup>。</p><div class="footnotes"><ol><li id="fn:1">'
    '<p>註 <a href="#fnref:1" class="reversefootnote">&#8617;</a></p></li></ol></div>',
    '<p>甲<sup class="footnote-ref"><a href="#fn1" id="fnref1">[1]</a></sup>。</p><hr class="footnotes-sep"><section '
    'class="footnotes"><ol class="footnotes-list"><li id="fn1" class="footnote-item"><p>註 <a href="#fnref1" '
    'class="footnote-backref">↩︎</a></p></li></ol></section>',
    '<p>甲<a href="#_ftn1" name="_ftnref1">[1]</a>。</p><p><a href="#_ftnref1" name="_ftn1">[1]</a> 註</p>',
)


@pytest.mark.parametrize("html", NOTES, ids=["kramdown", "markdown-it", "word processor"])
def test_footnotes_of_every_kind_are_footnotes(html):
    assert markdown(html) == "甲[^1]。\n\n[^1]: 註"


@pytest.mark.parametrize(
    "html",
    [
        '<p><a href="#part">下面</a></p><h2 id="part">題</h2>',
        '<ul><li><a id="t1" href="#s1">一</a></li></ul><h2 id="s1">一 <a href="#t1">↑</a></h2><p>內文</p>',
    ],
)
def test_a_list_of_contents_is_no_footnote(html):
    assert "[^1]" not in convert_html(html).markdown


# What Ghost's own renderer makes of its cards (kg-default-nodes).
CARDS = {
    "bookmark": (
        '<figure class="kg-card kg-bookmark-card"><a class="kg-bookmark-container" href="https://e.org/"><div class="kg-bookmark-content">'
        '<div class="kg-bookmark-title">題</div><div class="kg-bookmark-description">述</div><div class="kg-bookmark-metadata">'
        '<img class="kg-bookmark-icon" src="i.png" alt=""><span class="kg-bookmark-author">人</span><span class="kg-bookmark-publisher">社</span>'
        '</div></div><div class="kg-bookmark-thumbnail"><img src="t.png" alt=""></div></a></figure>',
        "> [題](https://e.org/)\n>\n> 述\n>\n> 人 · 社",
    ),
    "callout": (
        '<div class="kg-card kg-callout-card kg-callout-card-blue"><div class="kg-callout-emoji">💡</div>'
        '<div class="kg-callout-text">記得<strong>存檔</strong></div></div>',
        "> [!NOTE] 💡\n> 記得**存檔**",
    ),
    "callout without a sign": (
        '<div class="kg-card kg-callout-card"><div class="kg-callout-text">記得</div></div>',
        "> 記得",
    ),
    "toggle": (
        '<div class="kg-card kg-toggle-card" data-kg-toggle-state="close"><div class="kg-toggle-heading"><h4 class="kg-toggle-heading-text">'
        '<span>問</span></h4><button class="kg-toggle-card-icon"><svg><path d="M1"/></svg></button></div><div class="kg-toggle-content"><p>答</p></div></div>',
        "<details><summary><span>問</span></summary><p>答</p></details>",
    ),
    "gallery": (
        '<figure class="kg-card kg-gallery-card kg-width-wide"><div class="kg-gallery-container"><div class="kg-gallery-row"><div class="kg-gallery-image">'
        '<img src="a.png" alt="甲"></div><div class="kg-gallery-image"><a href="/x"><img src="b.png" alt=""></a></div></div></div><figcaption>說明</figcaption></figure>',
        "![甲](a.png)\n\n[![](b.png)](/x)\n\n說明",
    ),
    "audio": (
        '<div class="kg-card kg-audio-card"><img src="" alt="x" class="kg-audio-thumbnail kg-audio-hide"><div class="kg-audio-player-container">'
        '<audio src="/content/media/a.mp3" preload="metadata"></audio><div class="kg-audio-title">歌</div><div class="kg-audio-player"><button>'
        '<svg></svg></button><span class="kg-audio-current-time">0:00</span><span>/<span class="kg-audio-duration">120</span></span></div></div></div>',
        "[歌](/content/media/a.mp3)",
    ),
    "video": (
        '<figure class="kg-card kg-video-card"><div class="kg-video-container"><video src="/content/media/v.mp4" poster="p.png"></video>'
        '<div class="kg-video-overlay"><button>play</button></div><span>0:00</span></div><figcaption>片</figcaption></figure>',
        "[v.mp4](/content/media/v.mp4)\n\n片",
    ),
    "file": (
        '<div class="kg-card kg-file-card"><a class="kg-file-card-container" href="/content/files/a.pdf" title="Download"><div class="kg-file-card-contents">'
        '<div class="kg-file-card-title">檔</div><div class="kg-file-card-caption">註</div><div class="kg-file-card-metadata"><div class="kg-file-card-filename">a.pdf</div>'
        '<div class="kg-file-card-filesize">1 KB</div></div></div><div class="kg-file-card-icon"><svg></svg></div></a></div>',
        "[檔](/content/files/a.pdf)\n\n註",
    ),
    "button": (
        '<div class="kg-card kg-button-card kg-align-center"><a href="https://e.org/s" class="kg-btn kg-btn-accent">訂閱</a></div>',
        "[訂閱](https://e.org/s)",
    ),
    "header": (
        '<div class="kg-card kg-header-card kg-v2"><div class="kg-header-card-content"><h2 class="kg-header-card-heading">大</h2>'
        '<p class="kg-header-card-subheading">小</p><a href="/x" class="kg-header-card-button">去</a></div></div>',
        "## 大\n\n小\n\n[去](/x)",
    ),
    "tweet": (
        '<figure class="kg-card kg-embed-card"><blockquote class="twitter-tweet"><p>推文</p>&mdash; 人 <a href="https://twitter.com/a/status/1">日</a></blockquote>\n'
        '<script async src="https://platform.twitter.com/widgets.js"></script></figure>',
        "> 推文\n>\n> — 人 [日](https://twitter.com/a/status/1)",
    ),
}


@pytest.mark.parametrize("name", CARDS)
def test_a_card_as_ghosts_pages_have_it_is_markdown_with_nothing_unnamed(name):
    html, expected = CARDS[name]

    assert markdown(html) == expected


@pytest.mark.parametrize(
    ("html", "what"),
    [
        ("<script>alert(1)</script>", "a script is kept as a comment"),
        ("<form><input></form>", "a form is kept as a comment"),
        ("<svg><text>x</text></svg>", "a drawing (SVG) is kept as a comment"),
        ('<p><a href="obsidian://open">x</a></p>', "a link that opens a program is words"),
    ],
)
def test_what_no_page_shows_is_named(html, what):
    assert [one.what for one in convert_html(f"<p>前</p>{html}").remarks] == [what]


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 5000 + "x" + "</div>" * 5000,
        "<b><i>" * 3000 + "x",
        "<ul><li>" * 500 + "x",
        "<blockquote>" * 300 + "x",
        "<p>" + "[a] " * 8000 + "</p>",
        "<p>" + "*a " * 8000 + "</p>",
        "<p>x<textarea>b<p>c",
        "x<plaintext>b<p>c",
        "<p>a<table><tr><td>1<td>2</table>b",
        "<p>a\x08b\u2028c\x00</p>",
        "",
        "  \n ",
    ],
)
def test_nothing_that_somebody_may_have_written_breaks_it(html):
    made = convert_html(html)

    assert "x" not in html or "x" in made.markdown


TEXT = st.text(alphabet="中文a1 *_`[]()<>&#|~=\\-+.:!\n\"'$^{}", max_size=12)
INLINE = st.recursive(
    TEXT.map(lambda text: text.replace("&", "&amp;").replace("<", "&lt;")),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["b", "em", "code", "s", "mark", "u"]), inner).map(
            lambda pair: f"<{pair[0]}>{pair[1]}</{pair[0]}>"
        ),
        inner.map(lambda text: f'<a href="https://e.org/a">{text}</a>'),
        st.lists(inner, max_size=3).map("".join),
    ),
    max_leaves=6,
)
BLOCKS = st.lists(
    st.tuples(
        st.sampled_from(["<p>{}</p>", "<h3>{}</h3>", "<ul><li>{}</li></ul>", "<blockquote>{}</blockquote>"]), INLINE
    ).map(lambda pair: pair[0].format(pair[1].replace("{", "&#123;").replace("}", "&#125;"))),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(BLOCKS)
def test_whatever_signs_stand_in_a_text_its_words_are_there_afterwards(blocks):
    html = "".join(blocks)

    assert count_html(render(convert_html(html).markdown)).words == count_html(html).words


def ends(markdown):
    """Return what each link within the page leads to: the words of the heading."""
    root = parse(render(markdown))
    named = {node.attrs["id"]: node.text for node in root.walk() if node.attrs.get("id")}
    return [named.get(link.attrs["href"][1:]) for link in root.all("a") if link.attrs.get("href", "").startswith("#")]


@pytest.mark.parametrize(
    ("link", "heading"),
    [
        ("第一章-開始", "第一章 開始"),  # GitHub, Hugo
        ("第一章、開始！", "第一章、開始！"),  # Hexo
        ("%E7%AC%AC%E4%B8%80%E7%AB%A0", "第一章"),
        ("_1-安裝-node-js", "1. 安裝 Node.js"),  # VuePress
        ("What-s-New", "What's new?"),
        ("用-code-寫", "用 `code` 寫"),
        ("連結-甲", "[連結](https://e.org) **甲**"),
    ],
)
def test_a_link_finds_its_heading_by_letters_and_digits(link, heading):
    text, remarks = lead_anchors(f"- [去](#{link})\n\n## 另一\n\n## {heading}\n\n## 又一", {})

    assert remarks == []
    assert ends(text) == [parse(render(f"## {heading}")).text.strip()]


def test_the_second_heading_of_the_same_words_has_a_number():
    text, _remarks = lead_anchors("[一](#甲) [二](#甲-1)\n\n## 甲\n\n## 乙\n\n## 甲", {})

    assert text.startswith("[一](#s1) [二](#s3)")


@pytest.mark.parametrize(
    "heading",
    [
        "## 標題 {#own}",
        "## 標題 {: #own .x}",
        "## 標題\n{: #own}",
    ],
)
def test_a_name_that_was_given_by_hand_is_known(heading):
    text, remarks = as_markdown(f"[去](#own)\n\n## 別的\n\n{heading}\n\n文")

    assert ends(text) == ["標題"]
    assert not [remark for remark in remarks if remark.is_loss]


def test_a_link_that_leads_nowhere_is_named():
    text, remarks = lead_anchors(
        '[甲](#nowhere) <a href="#top">上</a>\n\n## 題\n\n`[乙](#no)`\n\n```\n[丙](#no)\n```', {}
    )

    assert text.startswith("[甲](#nowhere)")
    assert [(one.what, one.detail, one.is_loss) for one in remarks] == [(NOWHERE, "#nowhere", True)]


def test_notes_and_links_that_lead_here_stay():
    text = "[甲](#intro) 註[^1] [乙](/p/1#x)\n\n## Intro\n\n[^1]: 註"

    assert lead_anchors(text, {}) == (text, [])


def test_names_of_html_are_those_of_its_headings():
    made = convert_html(
        '<p><a href="#h-abc">甲</a> <a href="#ez-toc-1">乙</a> <a href="#p">丙</a></p><h2 id="h-abc">第一</h2>'
        '<h3><span id="ez-toc-1"></span>第二</h3><p id="p">段</p>'
    )

    assert ends(made.markdown)[:2] == ["第一", "第二"]
    assert [(one.what, one.detail) for one in made.remarks] == [(NOWHERE, "#p")]


def test_a_mark_in_a_mark_around_a_block_ends():
    assert convert_html("<code><strong><pre>a = 1</pre></strong></code>").markdown == "```\na = 1\n```"
    assert convert_html("<b><i><div>甲<p>乙</p></div></i></b>").markdown == "***甲***\n\n***乙***"


@pytest.mark.parametrize("tag", ["<pre>", "<table>", "<ul><li>", "<div>a"])
def test_a_text_of_too_many_tags_is_refused(tag):
    with pytest.raises(Rejected, match="it has too many tags"):
        convert_html(tag * 20_001)
