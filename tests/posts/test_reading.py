import pytest
from django.template import engines

from newsletter.posts.markdown.render import render
from newsletter.posts.models import Tag
from newsletter.posts.search.snippets import Piece
from newsletter.posts.templatetags.reading import counted, highlighted, linked, outline, phrases, post_byline
from tests.factories import make_post, make_publication


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
    return engines["django"].from_string("{% load findable reading %}" + source).render(context)


HARD = [Tag(name="<b>甲</b> & 'O\"Neill'", slug="a"), Tag(name="管理", slug="b")]


def test_links_to_tags_are_what_a_template_would_write():
    loop = '{% for tag in tags %}<a href="{{ tag.get_absolute_url }}">#{{ tag }}</a>{% endfor %}'

    assert linked(HARD) == written(loop, tags=HARD)
    assert "<b>" not in linked(HARD)
    assert linked([]) == ""


def test_a_tag_with_its_number_is_what_a_template_would_write():
    one = '<a href="{{ tag.get_absolute_url }}">{{ tag }} <span class="tags-count">{{ tag.post_count }}</span></a>'
    HARD[0].post_count = 1234

    assert counted(HARD[0]) == written(one, tag=HARD[0])


def test_hits_are_marked_and_nothing_in_a_text_is_markup():
    pieces = [Piece("<i>"), Piece("A & B", is_hit=True), Piece("'\"")]
    shown = "{% if piece.is_hit %}<mark>{{ piece.text }}</mark>{% else %}{{ piece.text }}{% endif %}"
    loop = f"{{% for piece in pieces %}}{shown}{{% endfor %}}"

    assert highlighted(pieces) == written(loop, pieces=pieces)


@pytest.mark.django_db
def test_the_line_under_a_title_is_what_a_template_would_write():
    post, publication = make_post(body="字" * 2000), make_publication()
    line = (
        '<time datetime="{{ post.published_at|moment }}">{{ post.published_at|date }}</time>\n'
        "<span>{% reading_minutes post %}</span>\n"
    )

    shown = post_byline({"publication": publication}, post)

    assert shown == written(line, post=post, publication=publication)
    assert "<span>閱讀約 5 分鐘</span>" in shown


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
