""""""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.mail.spacing import autospace_html, autospace_text

NAMES = ("Gipi電子報", "LINE購物")
WRITTEN = st.text(st.sampled_from("中文期的報aZ5é%+#@&/.:，。「」（） \n\x02\x03_-"), max_size=40)
PIECES = st.lists(
    st.one_of(
        WRITTEN.map(lambda text: text.replace("&", "&amp;")),
        st.sampled_from(
            ["<b>", "</b>", "<a href='a>中'>", "</a>", "<p>", "</p>", "<br>", "<code>", "</code>", "<sup>", "</sup>"]
        ),
        st.sampled_from(
            ["https://a.tw/中文b ", "Gipi電子報", "LINE購物", "<pre>中a</pre>", '<img alt="中a">', "<!--中a-->"]
        ),
    ),
    max_size=12,
).map("".join)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("訂閱Gipi電子報", "訂閱 Gipi電子報"),
        ("第5期寫AI時代", "第 5 期寫 AI 時代"),
        ("2026年11月26日", "2026 年 11 月 26 日"),
        ("用C++和C#寫A/B測試", "用 C++ 和 C# 寫 A/B 測試"),
        ("省下50%的時間", "省下 50% 的時間"),
        ("按Alt+數字鍵", "按 Alt+數字鍵"),
        ("已經 有 space 的句子", "已經 有 space 的句子"),
        ("說「AI」，再說（PM）。", "說「AI」，再說（PM）。"),
        ("カナABC", "カナ ABC"),
        ("𠮷A堃", "𠮷 A 堃"),
        ("no Han at all, 100%", "no Han at all, 100%"),
        ("穿T恤去唱卡拉OK，看EBOOK歌單", "穿 T恤去唱卡拉OK，看 EBOOK 歌單"),
        ("謝謝 (A小) 群組，見表A的A欄", "謝謝 (A小) 群組，見表 A 的 A 欄"),
    ],
)
def test_chinese_and_latin_stand_apart(typed, read):
    assert autospace_text(typed, NAMES) == read


@pytest.mark.parametrize(
    "typed",
    [
        "https://example.tw/中文abc路徑?q=第5期",
        "example.tw/posts/第5期AI",
        "#AI讀書會",
        "@小明abc",
        "LINE購物",
    ],
)
def test_no_space_comes_into_addresses_tags_and_names(typed):
    assert autospace_text(typed, NAMES) == typed


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("用<b>AI</b>做事", "用 <b>AI</b> 做事"),
        ("<b>用</b>AI<i>做</i>", "<b>用</b> AI <i>做</i>"),
        ('<b>AI</b><a href="/中a/">助理</a>', '<b>AI</b> <a href="/中a/">助理</a>'),
        ("<b><i>中</i></b><u>A</u>", "<b><i>中</i></b> <u>A</u>"),
        ("用<code>git中a</code>看", "用 <code>git中a</code> 看"),
        ("<p>中</p><p>A</p>中<br>A", "<p>中</p><p>A</p>中<br>A"),
        ("Lindy效應<sup>1</sup>與AI", "Lindy 效應<sup>1</sup>與 AI"),
        ("<pre>中a<b>中</b>a</pre>中a", "<pre>中a<b>中</b>a</pre>中 a"),
        ('<img src="/中a.png" alt="第5期">', '<img src="/中a.png" alt="第 5 期">'),
        ("<style>.中a{}</style><title>中a</title>", "<style>.中a{}</style><title>中a</title>"),
        ("產品&amp;設計，R&amp;D部門", "產品&amp;設計，R&amp;D 部門"),
    ],
)
def test_in_html_the_space_stands_outside_of_tags_and_never_in_code(typed, read):
    assert autospace_html(typed, NAMES) == read


@given(WRITTEN)
def test_a_second_time_changes_nothing_and_only_spaces_come_in(text):
    once = autospace_text(text, NAMES)

    assert autospace_text(once, NAMES) == once
    assert once.replace(" ", "") == text.replace(" ", "")


@given(WRITTEN)
def test_each_space_that_comes_in_stands_between_the_two(text):
    unspaced = text.replace(" ", "")

    around = re.findall("(?=(.) (.))", autospace_text(unspaced), re.DOTALL)

    assert all(len(re.findall("[中文期的報]", left + right)) == 1 for left, right in around)
    assert not any(re.search("[，。：「」（）@&/.\\s]", left + right) for left, right in around)


@given(PIECES)
def test_html_keeps_its_tags_and_a_second_time_changes_nothing(html):
    once = autospace_html(html, NAMES)

    assert autospace_html(once, NAMES) == once
    assert once.replace(" ", "") == html.replace(" ", "")
    assert re.findall(
        "<pre>.*?</pre>|<!--.*?-->|</?[a-z][^>]*>", once.replace("第 5", "第5").replace('"中 a"', '"中a"')
    ) == (re.findall("<pre>.*?</pre>|<!--.*?-->|</?[a-z][^>]*>", html))
