"""Pasting from Google Docs, Word and pages of the web: Markdown, and by one undo the plain text."""

from hashlib import sha256
from pathlib import Path

import pytest

from newsletter.posts.markdown.render import render

pytestmark = pytest.mark.browser
FOLDER = Path(__file__).parents[3] / "newsletter" / "static" / "turndown-7.2.5"
VENDORED = {  # SHA-256 of the files in turndown-7.2.5.tgz and turndown-plugin-gfm-1.0.2.tgz of the npm registry
    "turndown.js": "f46330e27d6009ecc3b001237e735cf58293772d2a465436a61de6f536b59a81",
    "turndown-plugin-gfm.js": "cf744cc1b7580f06d64ce236a4ff2630a53d389eccf2133a09d71ca443511912",
}
PASTE = """([html, text]) => {
    const data = new DataTransfer();
    if (html) data.setData('text/html', html);
    data.setData('text/plain', text);
    const event = new ClipboardEvent('paste', {clipboardData: data, cancelable: true, bubbles: true});
    const field = document.querySelector('#id_body');
    field.focus();
    return field.dispatchEvent(event);
}"""
DOCS = """<meta charset="utf-8"><b style="font-weight:normal;" id="docs-internal-guid-1">
<h1 dir="ltr"><span style="font-weight:700">大標</span></h1><br />
<p dir="ltr"><span style="font-weight:400">先寫</span><span style="font-weight:700">一頁</span><span
 style="font-style:italic">再</span><a href="https://www.google.com/url?q=https://example.org/a&amp;sa=D"><span
 style="text-decoration:underline">開會</span></a>。</p><br />
<ul><li dir="ltr" aria-level="1"><p dir="ltr"><span>甲</span></p></li>
<li dir="ltr" aria-level="1"><p dir="ltr"><span>乙</span></p></li></ul></b>"""
DOCS_MARKDOWN = "## 大標\n\n先寫**一頁***再*[開會](https://example.org/a)。\n\n- 甲\n- 乙"
WORD = """<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><style>p.MsoNormal {margin:0}</style></head>
<body><!--StartFragment--><p class=MsoNormal>第一段<b>重點</b><o:p></o:p></p>
<p class=MsoListParagraph style='mso-list:l0 level1 lfo1'><![if !supportLists]><span
 style='mso-list:Ignore'>·<span>&nbsp;&nbsp; </span></span><![endif]>甲<o:p></o:p></p>
<p class=MsoListParagraph style='mso-list:l0 level2 lfo1'><![if !supportLists]><span
 style='mso-list:Ignore'>o<span>&nbsp;&nbsp; </span></span><![endif]>甲之一<o:p></o:p></p>
<p class=MsoListParagraph style='mso-list:l0 level1 lfo1'><![if !supportLists]><span
 style='mso-list:Ignore'>·<span>&nbsp;&nbsp; </span></span><![endif]>乙<o:p></o:p></p>
<table class=MsoTableGrid><tr><td><p class=MsoNormal>月份</p></td><td><p class=MsoNormal>人數</p></td></tr>
<tr><td><p class=MsoNormal>一月</p></td><td><p class=MsoNormal>12</p></td></tr></table>
<!--EndFragment--></body></html>"""
WORD_MARKDOWN = "第一段**重點**\n\n- 甲\n  - 甲之一\n- 乙\n\n| 月份 | 人數 |\n| --- | --- |\n| 一月 | 12 |"
NESTED = """<b style="font-weight:normal" id="docs-internal-guid-2"><ul><li aria-level="1"><p><span>甲</span></p></li>
<ul><li aria-level="2"><p><span>甲之一</span></p></li>
<ol><li><p>深</p></li></ol></ul><li aria-level="1"><p>乙</p></li></ul></b>"""
NESTED_MARKDOWN = "- 甲\n  - 甲之一\n    1. 深\n- 乙"
WORD_ONLINE = """<div><p role="heading" aria-level="2" class="Paragraph"><span>標題</span></p></div>
<div><p class="Paragraph"><span>水是 H</span><span
 style="vertical-align:sub;font-size:10px">2</span>O，見<sup>1</sup>。</p></div>"""
WORD_ONLINE_MARKDOWN = "## 標題\n\n水是 H<sub>2</sub>O，見<sup>1</sup>。"
FILMS = """<p>看：</p><iframe src="https://www.youtube.com/embed/dQw4w9WgXcQ?rel=0"></iframe>
<figure><iframe src="//player.vimeo.com/video/76979871"></iframe></figure><p>完。</p>"""
FILMS_MARKDOWN = "看：\n\nhttps://www.youtube.com/watch?v=dQw4w9WgXcQ\n\nhttps://vimeo.com/76979871\n\n完。"
WEB = """<h2>標題</h2><p>他說 1. 好 snake_case <code>a*b</code></p><blockquote><p>引言</p></blockquote>
<p><a href="javascript:alert(1)">壞</a><img src="https://tracker.example/x.gif"></p><pre><code>x = 1
y = 2</code></pre><script>alert(1)</script>"""
WEB_MARKDOWN = "## 標題\n\n他說 1. 好 snake_case `a*b`\n\n> 引言\n\n壞\n\n```\nx = 1\ny = 2\n```"


@pytest.mark.parametrize("name", VENDORED)
def test_the_scripts_of_others_are_as_they_were_published(name):
    assert sha256((FOLDER / name).read_bytes()).hexdigest() == VENDORED[name]
    assert "MIT License" in (FOLDER / "LICENSE.txt").read_text()


@pytest.fixture
def empty(editor):
    editor.locator("#id_body").fill("")
    return editor


def value(editor) -> str:
    return editor.input_value("#id_body")


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        (DOCS, DOCS_MARKDOWN),
        (NESTED, NESTED_MARKDOWN),
        (WORD, WORD_MARKDOWN),
        (WORD_ONLINE, WORD_ONLINE_MARKDOWN),
        (WEB, WEB_MARKDOWN),
        (FILMS, FILMS_MARKDOWN),
    ],
    ids=["Google Docs", "a list in a list", "Word", "Word of the web", "a page of the web", "films"],
)
def test_what_is_pasted_becomes_markdown_and_undo_gives_the_plain_text(empty, html, markdown):
    assert empty.evaluate(PASTE, [html, "純文字\r\n第二行"]) is False

    assert value(empty) == markdown
    empty.keyboard.press("Control+z")
    assert value(empty) == "純文字\n第二行"
    empty.keyboard.press("Control+z")
    assert value(empty) == ""


def test_it_says_how_many_pictures_did_not_come_along(empty):
    picture = '<img src="https://example.org/a.jpg">'
    state = empty.locator(".editor-state")

    empty.evaluate(PASTE, [f'<p>圖{picture}</p><img width="1" src="https://example.org/count.gif">', "圖"])
    assert state.inner_text() == "1 picture did not come along"
    empty.evaluate(PASTE, [f"<p><b>圖</b>{picture * 2}</p>", "圖"])
    assert state.inner_text() == "2 pictures did not come along"
    empty.evaluate(PASTE, ["<p><b>字</b></p>", "字"])
    assert state.inner_text() == ""


def test_a_thousand_lines_go_in_at_once(empty):
    html = "".join(f"<p>第 <b>{number}</b> 行</p>" for number in range(1_000))
    plain = "\n\n".join(f"第 {number} 行" for number in range(1_000))

    began = empty.evaluate("performance.now()")
    empty.evaluate(PASTE, [html, plain])
    took = empty.evaluate("performance.now()") - began

    assert value(empty) == "\n\n".join(f"第 **{number}** 行" for number in range(1_000))
    assert took < 4_000  # ms; by insertText alone a minute


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("rows", "markdown"),
    [
        (
            '<tr><th rowspan="2">月</th><th colspan="2">人數</th></tr><tr><td>新</td><td>舊</td></tr>',
            "| 月 | 人數 | 人數 |\n| --- | --- | --- |\n| 月 | 新 | 舊 |",
        ),
        (
            '<tr><td>一</td><td>二</td></tr><tr><td rowspan="0">三</td></tr><tr><td><b>四</b></td></tr>',
            "| 一 | 二 |\n| --- | --- |\n| 三 |  |\n| 三 | **四** |",
        ),
        (
            '<tr><td>一<td>二<td>三</tr><tr><td rowspan="2" colspan="2">四<td>五</tr><tr><td>六</tr>',
            "| 一 | 二 | 三 |\n| --- | --- | --- |\n| 四 | 四 | 五 |\n| 四 | 四 | 六 |",
        ),
    ],
    ids=["a head of two lines", "down to the end, and a row too short", "over both"],
)
def test_a_cell_over_several_columns_or_rows_stands_in_each(empty, rows, markdown):
    empty.evaluate(PASTE, [f"<table>{rows}</table>", "表格"])

    assert [line.split() for line in value(empty).splitlines()] == [line.split() for line in markdown.splitlines()]


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("cell", "markdown", "shown"),
    [
        ("cat a | wc", r"cat a \| wc", "cat a | wc"),
        ("<code>cat a | wc</code>", r"`cat a \| wc`", "<code>cat a | wc</code>"),
        (r"a\|b", r"a\\\|b", r"a\|b"),
        (r"<code>a\|b</code>", r"`a\\|b`", r"<code>a\|b</code>"),
        ("`a | b", r"\`a \| b", "`a | b"),
        (
            '<a href="https://example.org/?a|b">甲|乙</a>',
            r"[甲\|乙](https://example.org/?a\|b)",
            '<a href="https://example.org/?a%7Cb">甲|乙</a>',
        ),
    ],
)
def test_a_stroke_in_a_cell_does_not_end_it(empty, cell, markdown, shown):
    empty.evaluate(PASTE, [f"<table><tr><td>指令<td>用途</tr><tr><td>{cell}<td>數行數</tr></table>", "表格"])

    assert value(empty) == f"| 指令 | 用途 |\n| --- | --- |\n| {markdown} | 數行數 |"
    assert f"<td>{shown}</td>\n<td>數行數</td>" in render(value(empty))


def test_it_takes_the_place_of_what_is_chosen(empty):
    empty.locator("#id_body").fill("前中後")
    empty.evaluate("document.querySelector('#id_body').setSelectionRange(1, 2)")

    empty.evaluate(PASTE, ["<p><b>粗</b></p>", "粗"])

    assert value(empty) == "前**粗**後"
