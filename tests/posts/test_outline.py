from newsletter.posts.markdown.render import render
from newsletter.posts.templatetags.outline import outline


def test_the_two_highest_levels_make_the_contents():
    html = render("## 甲\n\n### 乙\n\n#### 丙\n\n## 丁\n")

    assert [(heading.level, heading.text) for heading in outline(html)] == [(1, "甲"), (2, "乙"), (1, "丁")]
    assert all(f'id="{heading.id}"' in html for heading in outline(html))


def test_a_short_post_needs_no_contents():
    assert outline(render("## 甲\n\n字\n\n## 乙\n")) == []
    assert outline(render("字")) == []
