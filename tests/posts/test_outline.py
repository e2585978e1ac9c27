from newsletter.posts.markdown.render import render
from newsletter.posts.templatetags.reading import outline


def test_the_two_highest_levels_make_the_contents():
    html = render("## 甲\n\n### 乙\n\n#### 丙\n\n## 丁\n")

    assert [(heading.level, heading.text) for heading in outline(html)] == [(1, "甲"), (2, "乙"), (1, "丁")]
    assert all(f'id="{heading.id}"' in html for heading in outline(html))


def test_a_short_post_needs_no_contents():
    assert outline(render("## 甲\n\n字\n\n## 乙\n")) == []
    assert outline(render("字")) == []


def test_the_words_of_a_heading_are_plain():
    html = render("## **A** & `b`[^1]\n\n## 乙\n\n## 丙\n\n[^1]: 註。\n")

    assert outline(html)[0].text == "A & b"


def test_contents_that_the_author_has_set_stand_alone():
    assert outline('<div class="toc"></div><h2 id="a">A</h2><h2 id="b">B</h2><h2 id="c">C</h2>') == []
