"""What a page has is counted in the original by a pass of its own, over HTML or over Markdown."""

from collections import Counter

import pytest

from newsletter.moving.counting import count_changes, count_html, count_markdown
from newsletter.posts.markdown.render import render


def numbers(counts):
    return {name: count for name, count in counts.numbers.items() if count}


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>前</p><object><p>後 Word</p>", {"words": 1, "han": 2, "embeds": 1}),
        ("<p>Li<b>ne</b>s<br>end</p>", {"words": 2, "bold runs": 1}),
        ("<b>甲</b><b>乙</b> <b>丙</b>", {"han": 3, "bold runs": 1}),
        ("<b><p>甲</p><p>乙</p></b>", {"han": 2, "bold runs": 2}),
        ('<span style="font-weight:700">甲</span><b style="font-weight:normal">乙</b>', {"han": 2, "bold runs": 1}),
        (
            '<a href="/a">甲</a>乙<a href="/a"><img src="x" alt="圖"></a><a href="#x">丙</a>',
            {"han": 3, "links": 2, "pictures": 1, "alt texts": 1},
        ),
        ('<a href="https://e.org/">https://e.org/</a> https://e.org/b', {"links": 2}),
        (
            "<p>https://youtu.be/dQw4w9WgXcQ</p><p>看 https://youtu.be/dQw4w9WgXcQ</p>",
            {"han": 1, "links": 1, "embeds": 1},
        ),
        ("<h2>題</h2><h3><img src=x></h3>", {"han": 1, "headings": 1, "pictures": 1}),
        ("<ul><li>甲<ul><li>乙</li></ul></li></ul>", {"han": 2, "lists": 2}),
        ("<pre><code>x = y</code></pre><p><code>z</code></p>", {"words": 3, "code blocks": 1, "code in lines": 1}),
        ('<pre lang="php"><b>甲</b> $x < 3</pre>', {"words": 3, "han": 1, "code blocks": 1}),
        (
            '<p>甲<sup><a href="#n1" id="r1">1</a></sup></p><ol><li id="n1">註 <a href="#r1">↩</a></li></ol>',
            {"han": 2, "footnotes": 1},
        ),
        (
            '<p>甲<a href="#_f" name="_r">[1]</a></p><p><a href="#_r" name="_f">[1]</a> 註</p>',
            {"han": 2, "footnotes": 1},
        ),
    ],
)
def test_what_is_in_html_is_counted_as_readers_see_it(html, expected):
    assert numbers(count_html(html)) == expected


@pytest.mark.parametrize(
    "html",
    [
        "<script>let a = '<p>b</p>'</script><style>p { color: red }</style>",
        '<!-- wp:paragraph {"a":"b"} --><!-- <p>c</p> -->',
        "<noscript><img><p>a</p></noscript>",
        '[caption id="a" align="b"][/caption][gallery ids="1,2"]',
        "<sup>1</sup> 12 123",
        "&nbsp;&hellip;&#8212;",
    ],
)
def test_what_readers_never_saw_as_words_is_none(html):
    assert numbers(count_html(html)) == {}


def test_what_never_ends_is_seen():
    assert count_html("<p>a</p><video><p>b</p><!-- c").words == Counter("abc")


def test_a_page_full_of_beginnings_is_read_in_its_own_time():
    assert count_html("<video><!--<a '" * 20_000).numbers["embeds"] == 1


MARKDOWN = """# 題

段落 **粗** 與 *斜*、`碼`、[連](https://e.org/a)、https://e.org/b 與 ![圖](a.png)。句[^1]。

> 引 **文**

- 甲
- 乙
  1. 丙

| a | b |
|---|---|
| 1 | c |

```py
x = "[不是](連)"
```

https://www.youtube.com/watch?v=dQw4w9WgXcQ

另一題
---

\\*字\\*

[^1]: 註 [腳](https://e.org/n)
"""


def test_markdown_is_counted_as_its_page_is():
    assert count_changes(count_markdown(MARKDOWN), count_html(render(MARKDOWN))) == {}


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("[[筆記|那篇]] ![[圖.png]]", {"han": 2, "links": 1, "pictures": 1}),
        ('{{< figure src="a.png" caption="說明" >}} {% note info %}文{% endnote %}', {"han": 3}),
        ("前%%藏%%後<!-- 藏 -->", {"han": 2}),
        ("段落{: .lead}", {"han": 2}),
        ("> [!tip] 題\n> 文", {"han": 2}),
        ('!!! note "題"\n    文', {"han": 2}),
        ("句^[註]", {"han": 2, "footnotes": 1}),
        ("一個 ` 號。\n\n![圖](a.png) `碼`", {"han": 4, "pictures": 1, "alt texts": 1, "code in lines": 1}),
        ("- [x] 做 `__a__`\n- [ ] A__b__C", {"words": 4, "han": 1, "lists": 2, "code in lines": 1}),
        ("<td>c:\\</td>", {"words": 1}),
    ],
)
def test_marks_of_other_programs_are_no_words(typed, expected):
    assert numbers(count_markdown(typed)) == expected
