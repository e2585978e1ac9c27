"""What stands upright in a line from top to bottom, as a book typeset in Taipei has it."""

import re

import pytest

from newsletter.issues.volumes.upright import set_upright


@pytest.mark.parametrize(
    ("text", "one", "each"),
    [
        ("2026年11月28日", ["11", "28"], ["2026"]),
        ("第 6 期，共 41 人", ["6", "41"], []),
        ("成長50%以上，共128人", ["50%"], ["128"]),
        ("AI與PM的CEO", [], ["AI", "PM", "CEO"]),
        ("用 AI 寫", [], ["AI"]),
        ("版本3.5、1,200元、08:00、12345", [], []),
        ("iPhone 15 與 GPT-4、GPT 4", [], []),
        ("the AI team", [], []),
        ("Strathern 1997 年的文章，Goodhart 5月", ["5"], ["1997"]),
        ("DeepSeek、a/b、(AI)、A&amp;B、&#39;一&#39;", [], []),
        ("（AI）、「12」、２０２６", ["12"], ["AI"]),
        ("<b>12</b>月<em>AI</em>", ["12"], ["AI"]),
        ("", [], []),
    ],
)
def test_what_stands_alone_stands_upright(text, one, each):
    html = set_upright(f"<p>{text}</p>")

    assert re.findall(r'<span class="one">([^<]*)</span>', html) == one
    assert re.findall(r'<span class="each">([^<]*)</span>', html) == each
    assert re.sub(r'<span class="(?:one|each)">([^<]*)</span>', r"\1", html) == f"<p>{text}</p>"


@pytest.mark.parametrize(
    "html",
    [
        "<pre><code>x = 12\nAI</code></pre>",
        "<table><tr><td>12</td></tr></table>",
        "<code>AI</code>",
        "<head><title>第 12 期</title></head>",
        '<img src="12" alt="12 AI"/>',
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<!DOCTYPE html>",
    ],
)
def test_code_tables_and_what_is_no_text_stay_as_they_are(html):
    assert set_upright(html) == html
