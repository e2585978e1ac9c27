from datetime import timedelta

import pytest

from newsletter.posts.models import Image, Post, Tag
from tests.factories import PUBLISHED_AT, make_post

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def test_published_posts_are_those_with_a_date_that_has_come_newest_first():
    old, new = make_post("舊"), make_post("新", published_at=PUBLISHED_AT + DAY)
    make_post("草稿", published_at=None)
    make_post("未來", published_at=PUBLISHED_AT + 3 * DAY)

    assert list(Post.objects.published(PUBLISHED_AT + 2 * DAY)) == [new, old]


def test_a_post_is_published_at_its_very_moment():
    post = make_post()

    assert post.is_published(PUBLISHED_AT)
    assert not post.is_published(PUBLISHED_AT - timedelta(microseconds=1))


def test_tags_in_use_are_counted_by_what_readers_see():
    make_post(tags=("ai", "work"))
    make_post(tags=("ai",))
    make_post(published_at=None, tags=("work", "secret"))

    tags = Tag.objects.in_use(PUBLISHED_AT)

    assert [(tag.slug, tag.post_count) for tag in tags] == [("ai", 2), ("work", 1)]


def test_html_from_an_author_is_sanitised():
    post = make_post(body="<script>alert(1)</script><b onclick='x()'>好</b>")

    assert "<script" not in post.html
    assert "onclick" not in post.html


def test_a_picture_of_ours_is_shown_with_its_size():
    Image.objects.create(digest="0123456789abcdef", name="a.png", alt="圖", width=800, height=450)
    post = make_post(body="![圖](/media/0123456789abcdef/a.png)")

    assert 'width="800"' in post.html
    assert 'height="450"' in post.html


def test_an_excerpt_is_the_summary_or_the_first_sentences():
    body = "第一句話。第二句話。\n\n- 清單"

    assert make_post(body=body, summary="摘要。").excerpt == "摘要。"
    assert make_post(body=body).excerpt == "第一句話。第二句話。"


def test_a_changed_text_has_another_rendering():
    post = make_post(body="甲")
    assert post.html == "<p>甲</p>"

    post.body = "乙"

    assert post.html == "<p>乙</p>"
