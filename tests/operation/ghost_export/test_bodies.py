"""What Ghost's editor makes of a text: blocks where they say the same, cards of HTML for all else."""

import pytest

from newsletter.operation.ghost_export.bodies import BEGIN, END, body
from newsletter.posts.importers.account import compared
from newsletter.posts.importers.html.converting import converted, measured, shown
from newsletter.posts.importers.html.tree import parse
from newsletter.posts.models.renderings import rendered_anew

pytestmark = pytest.mark.django_db


def of(markdown):
    return body(rendered_anew(markdown), lambda url: url)


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("段落 **粗** *斜* `碼` [連](https://e.org/)", None),
        ("## 小題", "<h2>小題</h2>"),
        ("~~刪~~", "<p><s>刪</s></p>"),
        ("H<sub>2</sub>O", "<p>H<sub>2</sub>O</p>"),
        ("- 一\n- 二\n  - 三", None),
        ("1. 一\n2. 二", None),
        ("> 引", "<blockquote>\n<p>引</p>\n</blockquote>"),
        ("---", "<hr>"),
        ("![圖](/media/abababababababab/a.png)", None),
        ('```python\nif a < b:\n\n    print("x")\n```', None),
    ],
)
def test_what_ghosts_editor_has_a_block_for_can_be_edited_there(markdown, html):
    made = of(markdown)

    assert BEGIN not in made
    assert html is None or made == html


def test_a_listing_keeps_its_words_its_blank_lines_and_its_language_and_no_colours():
    made = of("```python\nif a < b:\n\n    print(1)\n```")

    assert made == '<pre><code class="language-python">if a &lt; b:\n\n    print(1)\n</code></pre>'


@pytest.mark.parametrize(
    ("markdown", "kept"),
    [
        ("| 甲 | 乙 |\n|---|---|\n| 1 | 2 |", "<td>2</td>"),
        ("> 引一\n>\n> 引二", "<p>引二</p>"),
        ("1. a\n\n   b\n2. c", "<p>b</p>"),
        ("3. 三\n4. 四", '<ol start="3">'),
        ("- [ ] 待辦", 'type="checkbox"'),
        ("==標==", "<mark>標</mark>"),
        ("<kbd>Ctrl</kbd>", "<kbd>"),
        ("文中 ![小](/media/abababababababab/a.png) 圖", "<img"),
        ("<ruby>漢<rt>ㄏㄢˋ</rt></ruby>", "<rt>"),
    ],
)
def test_what_it_would_make_less_of_is_a_card_of_html(markdown, kept):
    made = of(markdown)

    assert made.startswith(f"{BEGIN}\n")
    assert made.endswith(f"\n{END}")
    assert kept in made


def test_a_link_within_the_text_keeps_its_end_and_what_stands_between_can_be_edited():
    made = of("一[^1]\n\n二\n\n[^1]: 註腳")

    first, middle, last = made.partition("<p>二</p>")
    assert 'href="#fn-1"' in first
    assert 'id="fnref-1"' in first
    assert middle
    assert 'id="fn-1"' in last
    assert made.count(BEGIN) == made.count(END) == 2


def test_a_heading_that_a_link_leads_to_keeps_its_id_and_another_has_none():
    html = '<h2 id="a">甲</h2><p><a href="#a">往上</a></p><h2 id="b">乙</h2>'

    made = body(html, lambda url: url)

    assert '<h2 id="a">' in made
    assert "<h2>乙</h2>" in made


def test_a_card_holds_elements_alone():
    """Ghost's importer takes of a card the elements, and drops words that stand between them."""
    html = "裸字 <table><tr><td>1</td></tr></table>"

    made = body(html, lambda url: url)

    assert made.startswith("<p>裸字</p>\n" + BEGIN)


EVERYTHING = """段落 **粗** *斜* `碼` ~~刪~~ [連](https://e.org/) 註[^1]

## 小題

![圖說](https://e.org/a.png "標題")

- 一
- 二
  - 三

> 引一
>
> 引二

| 甲 | 乙 |
|---|--:|
| 1 | 2 |

```python
print(1)

print(2)
```

==標== H<sub>2</sub>O

[^1]: 註腳
"""


def test_our_own_importer_reads_the_same_out_of_it():
    made = of(EVERYTHING)

    again = converted(made)

    assert compared(measured(parse(made)), shown(again.markdown), again.remarks) == ()
    assert compared(shown(EVERYTHING), shown(again.markdown), ()) == ()
