from datetime import UTC, datetime, timedelta

import pytest

from newsletter.posts.models import Post, SearchDocument
from newsletter.posts.search.related import COMMON, related
from tests.factories import PUBLISHED_AT, make_findable_post

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def test_related_posts_share_tags_first_and_then_rare_words():
    post = make_findable_post("混合專家架構", body="混合專家讓模型省力。", tags=("ai",))
    words = make_findable_post("談混合專家", body="模型的混合專家。")
    tagged = make_findable_post("別的", tags=("ai",))
    other = make_findable_post("無關", published_at=PUBLISHED_AT - timedelta(days=1))
    make_findable_post("混合專家草稿", published_at=None)

    assert related(post, now=NOW) == [tagged.pk, words.pk, other.pk]
    assert related(post, now=NOW, limit=1) == [tagged.pk]


def test_more_shared_tags_come_first_and_then_what_is_newer():
    post = make_findable_post("甲", body="一", tags=("ai", "work"))
    older, newer = (
        make_findable_post("乙", body="二", tags=("ai",), published_at=PUBLISHED_AT - timedelta(days=n)) for n in (2, 1)
    )
    both = make_findable_post("丙", body="三", tags=("ai", "work"), published_at=PUBLISHED_AT - timedelta(days=3))
    make_findable_post("丁", body="四", tags=("ai", "work"), published_at=NOW + timedelta(days=1))

    assert related(post, now=NOW, limit=9) == [both.pk, newer.pk, older.pk]


@pytest.mark.parametrize(("holders", "is_first"), [(COMMON - 2, True), (COMMON - 1, False)])
def test_a_word_that_many_have_makes_none_of_them_alike(holders, is_first):
    """Beside the post itself; the older of two others has the word, so that the newest comes first without it."""
    post = make_findable_post("混合", body="。")
    old = make_findable_post("混合", body="。", published_at=PUBLISHED_AT - timedelta(days=2))
    new = make_findable_post("題", body="。", published_at=PUBLISHED_AT - timedelta(days=1))
    later = [Post(title="混合", published_at=NOW + timedelta(days=1)) for _ in range(holders - 1)]
    SearchDocument.objects.bulk_create(
        SearchDocument(kind="post", key=other.pk, post=other, tokens="混合")
        for other in Post.objects.bulk_create(later)
    )

    assert related(post, now=NOW) == ([old.pk, new.pk] if is_first else [new.pk, old.pk])


def test_relatives_are_found_by_one_query(django_assert_num_queries):
    post = make_findable_post("混合專家架構", tags=("ai",))
    for number in range(9):
        make_findable_post(f"談混合專家 {number}", tags=("ai",))

    with django_assert_num_queries(1):
        assert len(related(post, now=NOW)) == 3
