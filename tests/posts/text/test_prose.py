"""Measures of Chinese text, where words have no spaces between them."""

import pytest

from newsletter.posts.markdown.render import render
from newsletter.posts.text.prose import excerpt, han_count, minutes_to_read, slug_from_title, word_count
from newsletter.publication.models import Publication


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("第一句。第二句！第三句？", "第一句。第二句！第三句？"),
        ("他說：「我不同意。」然後走了。", "他說：「我不同意。」然後走了。"),
        ("是的……「好」。", "是的……「好」。"),
        (
            '# 標題\n\n> 引言。\n\n- 清單。\n\n![圖](a.png "圖說。")\n\n第一段。\n\n## 小標\n\n第二段！',
            "第一段。第二段！",
        ),
        ("> [!NOTE]\n> 提醒。\n\n正文。", "正文。"),
        ("| a | b |\n|---|---|\n| 一。 | 二。 |\n\n正文。", "正文。"),
        ("正文。\n\n---\n\n我是 Gipi，歡迎訂閱。", "正文。"),
        ("---\n\n只有後面。", "只有後面。"),
        ("一共三點：\n\n- 甲\n\n正文。", "一共三點……正文。"),
        ("Three things:\n\n- one\n\nThe text.", "Three things… The text."),
        ("正文。\n\n一共三點：\n\n- 甲\n\n再說。", "正文。再說。"),
        ("正文[^1]。\n\n[^1]: 註解。", "正文。"),
        ("I met Ann at 3.5 p.m. today. She said “No.” Then v1.2 came out.",) * 2,
        ("用 Node.js 寫。\n\n再說 OK。", "用 Node.js 寫。再說 OK。"),
        ("It works.\n\nIt lasts.", "It works. It lasts."),
        ("一句。\n\n沒有句點的片段\n\n下一句。", "一句。"),
        ("只有片段", "只有片段"),
        ("", ""),
    ],
)
def test_an_excerpt_is_whole_sentences_of_prose(source, expected):
    assert excerpt(render(source)) == expected


def test_counts_leave_out_what_is_not_read():
    html = render(
        '中文 two words。`程式碼`[^1]\n\n```\n程式碼 code\n```\n\n![替代文字](a.png "圖說")\n\n[^1]: 註解 note'
    )

    assert han_count(html) == 2
    assert word_count(html) == 2


@pytest.mark.parametrize(
    ("html", "words"), [("<p>GPT-4 與 C#、don't、3.5</p>", 4), ("<p>HAI-LLM 框架 １６</p>", 1), ("<p>純中文</p>", 0)]
)
def test_a_latin_word_may_have_signs_in_it(html, words):
    assert word_count(html) == words


@pytest.mark.parametrize(
    ("html", "minutes"),
    [
        ("", 1),
        (f"<p>{'字' * 400}</p>", 1),
        (f"<p>{'字' * 2544} {'word ' * 126}</p>", 7),
        (f"<p>{'word ' * 714}</p>", 3),
    ],
)
def test_reading_takes_400_han_or_238_words_a_minute(html, minutes):
    assert minutes_to_read(han_count(html), word_count(html), Publication()) == minutes


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("管理槓桿，讓管理變省力的 4 個重要技巧", ""),
        ("DeepSeek 的創新：GPT-4 與 K8s", "deepseek-gpt-4-k8s"),
        ("iPhone 15 開箱", "iphone-15"),
        ("C# 與 .NET，還有 C++", "csharp-dotnet-cpp"),
        ("A/B 測試", "a-b"),
        ("Café 的 O'Reilly", "cafe-oreilly"),
        ("ＡＩ 時代", "ai"),
        ("word " * 30, "word-word-word-word-word-word-word-word-word-word-word-word"),
        ("x" * 80, "x" * 60),
    ],
)
def test_words_for_an_address_are_the_latin_ones(title, words):
    assert slug_from_title(title) == words
