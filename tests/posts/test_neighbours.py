from datetime import timedelta

import pytest

from newsletter.posts.models import Post
from tests.factories import PUBLISHED_AT, make_post

pytestmark = pytest.mark.django_db


def beside(post):
    return Post.objects.listed(PUBLISHED_AT).beside(post)


def test_the_neighbours_are_those_in_time_and_the_ends_have_one():
    old, new, middle = (make_post(published_at=PUBLISHED_AT - timedelta(days=days)) for days in (9, 1, 5))

    assert (beside(old), beside(middle), beside(new)) == ((None, middle), (old, new), (middle, None))


def test_drafts_and_what_is_to_come_are_no_neighbours():
    post = make_post()
    make_post(published_at=None)
    make_post(published_at=PUBLISHED_AT + timedelta(seconds=1))

    assert beside(post) == (None, None)
