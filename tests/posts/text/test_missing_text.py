"""Whatever an author types, a reader is shown it, or somebody is told: texts made by chance, of what is hard."""

from random import Random

import pytest
from django.utils import translation

from newsletter.mail.plaintext import text_from_html
from newsletter.posts.markdown.render import render, render_mail
from newsletter.posts.text.missing_text import find_missing_text, visible_text
from tests.support.exhaustive import first_of
from tests.support.typed import random_post, visible

BASE = "https://news.example.org"


def forms(source: str) -> dict[str, str]:
    mail = render_mail(source, base_url=BASE)
    return {"page": visible_text(render(source)), "mail": visible_text(mail), "text": text_from_html(mail)}


@pytest.mark.parametrize("seed", [*range(9), *first_of(*range(9, 150))])
def test_no_sentence_is_lost_unnoticed(seed):
    """The generator knows each sentence that it typed: a judge of its own, beside the comparison."""
    source, sentences = random_post(Random(seed))

    for form, shown in forms(source).items():
        seen = visible(shown)
        lost = [sentence for sentence in sentences if sentence not in seen]
        assert not lost or find_missing_text(source, shown), (form, lost, source)
        assert not set("\x02\x03") & set(shown)


@pytest.mark.parametrize(
    ("source", "shown", "line"),
    [
        ("甲。\n\n乙丙。", "甲。", 3),
        ("甲 **乙** 丙", "甲 丙", 1),
        ("- 一\n- 二\n- 三", "一 三", 2),
        ("甲。\n\n甲。", "甲。", 3),
        ("[甲](https://a.tw) 乙", "甲", 1),
        ("![圖說](/a.jpg)", "", 1),
        ("甲1乙", "甲乙", 1),
        ("甲，「乙」", "甲「乙」", 1),
        ("甲🙂乙", "甲乙", 1),
        ("漲 5%", "漲 5", 1),
        ('甲\n\n<abbr title="丙">乙</abbr>', "甲乙", 3),
        ('甲\n\n[a]: /b "丙"', "甲", 3),
        ("甲\n\n[a]: <丙乙>", "甲", 3),
        ("`<!--` 甲\n乙 `-->`", "甲", 2),
    ],
)
def test_what_is_missing_is_found_with_its_line(source, shown, line):
    assert [one.line for one in find_missing_text(source, shown)] == [line]


@pytest.mark.parametrize(
    "source",
    [
        "# 標題 #\n\n1. 一\n2. 二\n   - [x] 三\n\n> 引 **用**\n\n> [!NOTE] 說明\n> 內文",
        "甲[^1]乙。\n\n[^1]: 註解。",
        "| 甲 | 乙 |\n|---|---|\n| 1 | 2 |",
        "```python\nprint('中')\n```\n\n    <div>[a](b)</div>",
        "[字][a] 和 [字](https://a.tw/中_(b))\n\n[a]: https://a.tw",
        "https://youtu.be/dQw4w9WgXcQ",
        "<!-- 藏 -->甲 &amp; 乙 &copy; <b>丙</b><br>丁 H<sub>2</sub>O",
        '詞\n: 定義\n\n[TOC]\n\n![圖](/a.jpg "說明")',
        "~~刪~~ ==記== `碼` *斜* \\*字\\*",
        '<abbr title="全名">縮</abbr> ![圖](/a.jpg "說明") 字 ![圖](/b.jpg "另一句") [字][a]\n\n[a]: /中文/路徑 "題"',
        "「甲」，乙……丙——丁？！ 5% @人 $5 a/b; c++ {d} & e 🙂👩‍💻①",
        "零\u200b寬\u2060與\u202e方向\u202c",
        "[!基本架構](https://a.tw/b.png)",
    ],
)
def test_marks_are_no_loss(source):
    with translation.override("zh-hant"):
        assert [form for form, shown in forms(source).items() if find_missing_text(source, shown)] == []
