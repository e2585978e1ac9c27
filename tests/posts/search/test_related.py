from datetime import UTC, datetime, timedelta

import pytest

from newsletter.posts.search.related import related
from tests.factories import PUBLISHED_AT, make_findable_post

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def test_related_posts_share_tags_and_then_come_the_newest():
    post = make_findable_post("混合專家架構", tags=("ai",))
    tagged = make_findable_post("別的", tags=("ai",), published_at=PUBLISHED_AT - timedelta(days=2))
    other = make_findable_post("無關", published_at=PUBLISHED_AT - timedelta(days=1))
    make_findable_post("草稿", tags=("ai",), published_at=None)
    make_findable_post("不公開", tags=("ai",), is_unlisted=True)

    assert related(post, now=NOW) == [tagged.pk, other.pk]
    assert related(post, now=NOW, limit=1) == [tagged.pk]


def test_more_shared_tags_come_first_and_then_what_is_newer():
    post = make_findable_post("甲", body="一", tags=("ai", "work"))
    older, newer = (
        make_findable_post("乙", body="二", tags=("ai",), published_at=PUBLISHED_AT - timedelta(days=n)) for n in (2, 1)
    )
    both = make_findable_post("丙", body="三", tags=("ai", "work"), published_at=PUBLISHED_AT - timedelta(days=3))
    make_findable_post("丁", body="四", tags=("ai", "work"), published_at=NOW + timedelta(days=1))

    assert related(post, now=NOW, limit=9) == [both.pk, newer.pk, older.pk]


def test_a_post_without_tags_has_the_newest_beside_it():
    post = make_findable_post("！", body="。")
    old, new = (make_findable_post("題", published_at=PUBLISHED_AT - timedelta(days=n)) for n in (2, 1))

    assert related(post, now=NOW) == [new.pk, old.pk]


def test_relatives_are_found_by_two_queries(django_assert_num_queries):
    post = make_findable_post("混合專家架構", tags=("ai",))
    for number in range(9):
        make_findable_post(f"談混合專家 {number}", tags=("ai",))

    with django_assert_num_queries(2):
        assert len(related(post, now=NOW)) == 3
