"""One renderer for web and mail: Chinese first, and nothing that could harm a reader."""

import re
import time
from pathlib import Path

import html5lib
import pytest
from pygments.formatters import HtmlFormatter
from pygments.token import Token

from newsletter.mail.colours import palette
from newsletter.posts.markdown.code_highlighting import DARK_COLOURS, LightStyle
from newsletter.posts.markdown.render import render, render_mail

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs" / "writing.md").read_text()
EXAMPLES = re.findall(r"^````markdown\n(.*?)\n````\n\n````html\n(.*?)\n````$", GUIDE, re.DOTALL | re.MULTILINE)

pytestmark = pytest.mark.usefixtures("english")


def mail(source: str) -> str:
    return render_mail(source, base_url="https://news.example.org")


def marks_of(html: str) -> str:
    """Return what a browser takes for tags and attributes of `html`; words, and the link to a frame, are none."""
    tree = html5lib.parseFragment(html, treebuilder="etree", namespaceHTMLElements=False)
    elements = [one for one in tree.iter() if isinstance(one.tag, str) and one.get("class") != "embed"]
    attributes = [f' {name}="{value}"' for one in elements for name, value in one.attrib.items()]
    return " ".join([f"<{one.tag}" for one in elements] + attributes)


@pytest.mark.parametrize(("source", "html"), EXAMPLES, ids=[source[:30] for source, _html in EXAMPLES])
def test_every_example_of_the_guide_is_true(source, html):
    assert render(source) == html


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("**混合專家（MoE）架構：**DeepSeek-V3", "<strong>混合專家（MoE）架構：</strong>DeepSeek-V3"),
        ("提出**「創新即借用與連結」**這樣", "提出<strong>「創新即借用與連結」</strong>這樣"),
        ("發展的速度**…非常慢。**ChatGPT", "發展的速度<strong>…非常慢。</strong>ChatGPT"),
        ("成長**50%**以上", "成長<strong>50%</strong>以上"),
        ("使用**`pip`**安裝", "使用<strong><code>pip</code></strong>安裝"),
        ("***「粗斜」***字", "<strong><em>「粗斜」</em></strong>字"),
        ("他說**「你好。」**然後**（括號）**：", "他說<strong>「你好。」</strong>然後<strong>（括號）</strong>："),
        ("==**「粗」**==字，a==b", "<mark><strong>「粗」</strong></mark>字，a==b"),
        ("~~「刪」~~這樣，好~喔~", "<del>「刪」</del>這樣，好~喔~"),
        ("snake_case_name 與 2*n+3*m", "snake_case_name 與 2*n+3*m"),
    ],
)
def test_marks_may_touch_full_width_punctuation(source, html):
    assert render(source) == f"<p>{html}</p>" or render(source) == f"<p>{html}</p>".replace(
        "<strong><em>「粗斜」</em></strong>", "<em><strong>「粗斜」</strong></em>"
    )


@pytest.mark.parametrize(
    ("source", "links"),
    [
        ("詳見 https://e.x/a。再見", ["https://e.x/a"]),
        ("網址https://e.x/a?b=1，請看 https://x.tw/（說明）。", ["https://e.x/a?b=1", "https://x.tw/"]),
        ("見 (https://x.tw/a_(b)).", ["https://x.tw/a_(b)"]),
        ("「https://x.tw/a」、https://x.tw！", ["https://x.tw/a", "https://x.tw"]),
        ("**https://x.tw/a**，中文", ["https://x.tw/a"]),
        ("中文https://x.tw中文", ["https://x.tw"]),
        ("https://zh.wikipedia.org/wiki/台灣，是", ["https://zh.wikipedia.org/wiki/%E5%8F%B0%E7%81%A3"]),
        ("[https://x.tw/a](https://x.tw/a)", ["https://x.tw/a"]),
        ("`https://x.tw`", []),
        ('<a href="https://x.tw/q">https://x.tw/q</a>', ["https://x.tw/q"]),
        ("[書](https://x.tw/《紅樓夢》。)", ["https://x.tw/%E3%80%8A%E7%B4%85%E6%A8%93%E5%A4%A2%E3%80%8B%E3%80%82"]),
    ],
)
def test_an_address_ends_where_chinese_begins(source, links):
    assert re.findall(r'href="([^"]*)"', render(source)) == links


@pytest.mark.parametrize("indent", [2, 3, 4])
@pytest.mark.parametrize("marker", ["-", "*", "1."])
def test_lists_nest_by_two_three_or_four_spaces(indent, marker):
    source = "\n".join(f"{' ' * indent * level}{marker} 第{level}層" for level in range(3))

    html = render(source)

    tag = "ol" if marker == "1." else "ul"
    assert html.count(f"<{tag}>") == 3
    assert html.startswith(f"<{tag}>\n<li>第0層<{tag}>\n<li>第1層<{tag}>\n<li>第2層</li>")


@pytest.mark.parametrize(
    ("source", "pieces"),
    [
        ("前言：\n1. 一\n2. 二", ["<p>前言：</p>", "<ol>\n<li>一</li>\n<li>二</li>\n</ol>"]),
        ("前言\n  - 一", ["<p>前言</p>", "<li>一</li>"]),
        ("前言\n    - 一", ["<p>前言</p>", "<li>一</li>"]),
        ("1. 步驟：\n   ```sh\n   ls\n\n   pwd\n   ```\n2. 完成", ["<li>步驟：", "ls", "<li>完成</li>"]),
        ("1. 步驟：\n    ```\ncode\n    ```\n2. 完成", ["<li>步驟：", "<code>code\n</code>", "<li>完成</li>\n</ol>"]),
        ("1. 步驟\n```\nls\n```\n2. 完成", ['<ol start="2">\n<li>完成</li>']),
        ("- 一\n\n  續\n- 二", ["<li>\n<p>一</p>\n<p>續</p>\n</li>", "<p>二</p>"]),
        ("1. 一\n\n  續\n2. 二", ["<p>續</p>\n</li>\n<li>"]),
        ("- 一\n> 引\n\n文", ["</ul>\n<blockquote>"]),
        ("文字\n```\n- 不是\n```\n文字", ["<p>文字</p>\n<pre", "- 不是"]),
        ("如下表：\n| a | b |\n|---|---|\n| 1 | 2 |\n", ['<p>如下表：</p>\n<div class="scrolls"', "<td>2</td>"]),
        ("> - 一\n> - 二\n>\n> 文", ["<blockquote>\n<ul>\n<li>一</li>\n<li>二</li>\n</ul>\n<p>文</p>"]),
        ("the year\n1984. It was", ["<p>the year\n1984. It was</p>"]),
        ("- 一\n---\n文", ["</ul>\n<hr>\n<p>文</p>"]),
        ("* * *", ["<hr>"]),
        ("1. 一\n   1. 甲\n   2. 乙\n2. 二", ["<li>一<ol>\n<li>甲</li>\n<li>乙</li>\n</ol>\n</li>\n<li>二</li>"]),
    ],
)
def test_blocks_need_no_empty_line_before_them(source, pieces):
    html = render(source)

    assert [piece for piece in pieces if piece not in html] == []


ROWS = "| 甲 | 乙 |\n|---|---|\n| 1 | 2 |\n"
TYPED = "<table>\n<tr><td>1</td></tr>\n</table>\n"


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (ROWS, ["Table"]),
        (f"## 各區營收\n\n{ROWS}", ["各區營收"]),
        (f'## A & **B** "C"\n\n{ROWS}', ["A &amp; B &quot;C&quot;"]),
        (f"{ROWS}\n## 之後\n", ["Table"]),
        (f"## 一\n\n{ROWS}\n文字\n\n{ROWS}\n### 二\n\n{TYPED}", ["一", "一", "二"]),
        ("<table>\n<caption>表一：<b>營收</b></caption>\n<tr><td>1</td></tr>\n</table>\n", ["表一：營收"]),
        (f"<table>\n<tr><td>\n{TYPED}</td></tr>\n</table>\n\n{TYPED}", ["Table", "Table"]),
        (f"## {'長' * 200}\n\n{ROWS}", ["長" * 80]),
        ("`<table>`", []),
    ],
)
def test_a_table_stands_in_a_box_that_keys_can_scroll(source, names):
    html = render(source)

    assert re.findall(r'<div class="scrolls" role="group" tabindex="0" aria-label="([^"]*)">\s*<table', html) == names
    assert html.count("<div") == html.count("</div>") == len(names)
    html5lib.HTMLParser(strict=True).parseFragment(html)


def test_heading_ids_are_words_or_an_order_and_never_collide():
    html = render("## AI 時代\n\n## 管理\n\n## AI\n\n## S1\n\n## 產品\n\n## 2024\n\n## content")

    assert re.findall(r'id="([^"]*)"', html) == ["ai", "s1", "ai-2", "s1-2", "s2", "s3", "content-2"]


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "文<script>alert(1)</script>字",
        '<img src="x" onerror="alert(1)">',
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        '<a href="java&#10;script:alert(1)">x</a>',
        "![x](data:text/html;base64,PHNjcmlwdD4=)",
        '<p style="position:fixed">x</p>',
        "<style>body{display:none}</style>",
        '<iframe src="https://evil.example/"></iframe>',
        '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
        '<form action="https://evil.example/"><input type="password" name="p"></form>',
        '<svg onload="alert(1)"><script>alert(1)</script></svg>',
        '<object data="x"></object><embed src="x"><base href="//evil.example">',
        '<input type="text" onfocus="alert(1)" autofocus>',
        '```"onload=alert(1)\nx\n```',
        '<span class="x" style="color: #8F2D56;background:url(//evil.example)">x</span>',
    ],
)
@pytest.mark.parametrize("make", [render, mail])
def test_nothing_runs_and_nothing_is_fetched_from_elsewhere(source, make):
    html = marks_of(make(source).lower())

    for bad in (
        "<script",
        "javascript:",
        "data:",
        "onerror",
        'onload="',
        "onfocus",
        "<style",
        "evil",
        "position",
        "<form",
    ):
        assert bad not in html
    assert 'type="text"' not in html
    assert 'type="password"' not in html


def test_a_film_keeps_its_start_and_forgets_the_rest():
    html = render("https://www.youtube.com/watch?v=dQw4w9WgXcQ&list=PL1&t=42s")

    assert 'src="https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ?start=42"' in html
    assert "list=PL1" not in html


def test_a_picture_that_is_known_has_its_size():
    html = render("![圖](/media/0123456789abcdef/a.png)", sizes={"/media/0123456789abcdef/a.png": (640, 480)})

    assert 'height="480"' in html
    assert 'width="640"' in html


def test_mail_has_absolute_addresses_and_no_ways_within_it():
    html = mail("## 標題\n\n[頁](/p/1/) [這](#s1) ![圖](/media/a.png)\n\n[TOC]\n\n有註[^1]。\n\n[^1]: 說明")

    assert re.findall(r'(?:href|src)="([^"]*)"', html) == [
        "https://news.example.org/p/1/",
        "https://news.example.org/media/a.png",
    ]
    assert " id=" not in html
    assert "TOC" not in html
    assert "有註<sup><span>[1]</span></sup>。" in html
    assert "<p>說明</p>" in html


def test_a_task_is_the_label_of_its_box():
    html = render("- [x] 寫**好**\n- [ ] 寄 [信](https://example.org)\n  - [ ] 再看")

    assert '<label><input checked disabled type="checkbox"> 寫<strong>好</strong></label>' in html
    assert 'type="checkbox"> 寄 <a href="https://example.org">信</a></label><ul>' in html
    assert html.count("<label>") == html.count("</label>") == 3


def test_mail_shows_films_as_links_and_tasks_as_signs():
    html = mail("https://vimeo.com/123456789\n\n- [x] 好\n- [ ] 未")

    assert '<p class="embed"><a href="https://vimeo.com/123456789">▶ Watch on Vimeo</a></p>' in html
    assert "☑ 好" in html
    assert "☐ 未" in html
    assert "<i" not in html


def test_mail_carries_the_colours_of_code_itself():
    html = mail("```python\nimport this\n```")

    assert '<span style="color: #8F2D56">import</span>' in html
    assert "class=" not in html


def test_footnotes_are_numbered_whatever_they_are_called():
    html = render("甲[^註：一]乙[^b]\n\n[^註：一]: 一\n[^b]: 二")

    assert re.findall(r'href="([^"]*)"', html) == ["#fn-1", "#fn-2", "#fnref-1", "#fnref-2"]


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "piece",
    [
        "[", "![", "[a](", "*", "**a *a ", "_a __b ", "`", "``a `", "<a ", "<!--", "- ", ">", "> - ", "1. a\n", "# a\n",
        "a\n---\n", "a: b\n: c\n", "| a | b |\n", "- ```\n", "https://x.y/((", "<div>\n\n",
        "**「中」**", "[^1]: a\n", "==a", "\\\n",
    ],
)  # fmt: skip
def test_no_input_takes_long(piece):
    started = time.process_time()

    render(piece * (50_000 // len(piece)))

    assert time.process_time() - started < 2  # seconds; a fortieth of a second a kilobyte, on a machine that is busy


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(("ground", "inks"), [("light", DARK_COLOURS.keys()), ("dark", DARK_COLOURS.values())])
def test_every_colour_of_code_can_be_read(ground, inks):
    below = luminance(getattr(palette()["code"], ground))
    for ink in map(luminance, inks):
        assert (max(ink, below) + 0.05) / (min(ink, below) + 0.05) >= 4.5


def test_code_in_an_unknown_language_is_shown_as_typed():
    source = "```brainwave\n<b>&amp;</b>\n```"

    assert "<code>&lt;b&gt;&amp;amp;&lt;/b&gt;\n</code>" in render(source)
    assert "<code>&lt;b&gt;&amp;amp;&lt;/b&gt;\n</code>" in mail(source)


def test_every_class_of_the_highlighter_has_the_colours_of_its_style_by_day_and_night():
    sheet = (ROOT / "newsletter" / "static" / "code.css").read_text()
    rules = re.findall(r"^\.code :is\((.*)\) \{ (.*) \}$", sheet, re.MULTILINE)
    declared = {name: look for names, look in rules for name in names.split(", ")}
    plain = re.findall(
        r"^\.code (\.\w+) \{ color: (#\w+)", HtmlFormatter(style=LightStyle).get_style_defs(".code"), re.MULTILINE
    )

    for name, day in ((name, colour.lower()) for name, colour in plain):
        is_as_text = day == LightStyle.styles[Token]
        assert is_as_text or f"color: light-dark({day}, {DARK_COLOURS[day]})" in declared[name], name


@pytest.mark.parametrize(
    ("source", "html"),
    [
        (r"\~~甲\~~ 和 \==乙\==", "<p>~~甲~~ 和 ==乙==</p>"),
        (r"\$5 \"引\" \' \< \> \% \@", '<p>$5 "引" \' &lt; &gt; % @</p>'),
        (r"\&amp; 和 \&", "<p>&amp;amp; 和 &amp;</p>"),
        (r"\<b>甲\</b>", "<p>&lt;b&gt;甲&lt;/b&gt;</p>"),
        (r"C:\Users\小明", r"<p>C:\Users\小明</p>"),
        ("[1] [2]\n\n[1]: /a\n[2]: /b", '<p><a href="/a">1</a> <a href="/b">2</a></p>'),
        ("[甲]\n[乙]\n\n[甲]: /a", '<p><a href="/a">甲</a>\n[乙]</p>'),
        ("[甲][乙]\n\n[乙]: /b", '<p><a href="/b">甲</a></p>'),
        ("甲 ![**粗** *斜* ~~刪~~ 2*3](/a.png)", '<p>甲 <img alt="粗 斜 刪 2*3" src="/a.png" loading="lazy"></p>'),
        (r"甲 ![\*字\*](/a.png)", '<p>甲 <img alt="*字*" src="/a.png" loading="lazy"></p>'),
    ],
)
def test_a_mark_is_a_mark_only_where_it_is_meant(source, html):
    assert render(source) == html


def test_code_in_a_table_has_a_bar_without_its_backslash():
    html = render("| 甲 \\| 乙 |\n|---|\n| `a\\|b` |")

    assert "<th>甲 | 乙</th>" in html
    assert "<code>a|b</code>" in html


@pytest.mark.parametrize(
    ("typed", "strong"),
    [
        ("__（一）旅行。__如果", ["（一）旅行。"]),
        ("他說__「好」__了", ["「好」"]),
        ("字__重點 A__字__B 點__", ["重點 A", "B 點"]),
        ("用__init__寫", []),
        ("snake__中文__name", []),
        ("甲__ 乙 __丙", []),
        ("\\__（一）旅行。__如果", []),
        ("`__（一）__`", []),
    ],
)
def test_underscores_beside_chinese_make_words_strong_and_parts_of_names_do_not(typed, strong):
    assert re.findall(r"<strong>(.*?)</strong>", render(typed)) == strong
