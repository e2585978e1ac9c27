from datetime import timedelta

import pytest

from newsletter.posts.neighbours import company
from tests.factories import PUBLISHED_AT, make_post

pytestmark = pytest.mark.django_db


def beside(post):
    found = company(post.pk, PUBLISHED_AT)
    assert found.post == post
    return found.older, found.newer


def test_the_neighbours_are_those_in_time_and_the_ends_have_one():
    old, new, middle = (make_post(published_at=PUBLISHED_AT - timedelta(days=days)) for days in (9, 1, 5))

    assert (beside(old), beside(middle), beside(new)) == ((None, middle), (old, new), (middle, None))


def test_drafts_and_what_is_to_come_are_no_neighbours():
    post = make_post()
    make_post(published_at=None)
    make_post(published_at=PUBLISHED_AT + timedelta(seconds=1))

    assert beside(post) == (None, None)


def test_a_post_comes_with_its_company_by_one_query(django_assert_num_queries):
    posts = [make_post(published_at=PUBLISHED_AT - timedelta(days=n)) for n in range(9)]
    draft = make_post(published_at=None)

    with django_assert_num_queries(1):
        found = company(posts[4].pk, PUBLISHED_AT, [posts[8].pk, draft.pk, posts[5].pk])

    assert (found.post, found.older, found.newer) == (posts[4], posts[5], posts[3])
    assert found.others == [posts[8], posts[5]]


def test_what_readers_may_not_see_has_no_company():
    post, draft = make_post(), make_post(published_at=None)

    assert company(draft.pk, PUBLISHED_AT, [post.pk]) is None
    assert company(10**17, PUBLISHED_AT) is None
