import pytest
from django.template import engines

from newsletter.posts.markdown.render import render
from newsletter.posts.search.snippets import SnippetPart
from newsletter.posts.templatetags.reading import highlighted, outline, phrases


@pytest.mark.parametrize(
    ("title", "classes"),
    [
        ("短", "short phrases"),
        ("先問，再做。", "short phrases"),
        ("用來檢查版面的節奏，守不守", "short phrases"),  # nine and three
        ("想把複雜的事情說得簡單，不容易", "phrases"),  # eleven: a phone's line would break it before the comma
        ("我們總是低估了最後剩下的百分之十", ""),  # sixteen: so would a wide one
        ("Working Backwards", "short phrases"),
        ("", "short phrases"),
    ],
)
def test_a_title_breaks_behind_its_punctuation_only_where_its_phrases_fit_a_line(title, classes):
    assert phrases(title) == classes


def written(source, **context):
    """Return what a template makes of its own variables."""
    return engines["django"].from_string("{% load structured_data reading %}" + source).render(context)


def test_hits_are_marked_and_nothing_in_a_text_is_markup():
    pieces = [SnippetPart("<i>"), SnippetPart("A & B", is_hit=True), SnippetPart("'\"")]
    shown = "{% if piece.is_hit %}<mark>{{ piece.text }}</mark>{% else %}{{ piece.text }}{% endif %}"
    loop = f"{{% for piece in pieces %}}{shown}{{% endfor %}}"

    assert highlighted(pieces) == written(loop, pieces=pieces)


def test_the_two_highest_levels_make_the_contents():
    html = render("## 甲\n\n### 乙\n\n#### 丙\n\n## 丁\n")

    assert [(heading.level, heading.text) for heading in outline(html)] == [(1, "甲"), (2, "乙"), (1, "丁")]
    assert all(f'id="{heading.id}"' in html for heading in outline(html))


def test_a_short_post_needs_no_contents():
    assert outline(render("## 甲\n\n字\n\n## 乙\n")) == []
    assert outline(render("字")) == []
