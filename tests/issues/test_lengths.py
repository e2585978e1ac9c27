import pytest

from newsletter.issues.lengths import lengths, with_contents, with_minutes
from newsletter.issues.models import Issue
from newsletter.posts.models import Post
from tests.factories import PUBLISHED_AT, make_issue, make_post, make_publication

pytestmark = pytest.mark.django_db


def listed():
    return with_minutes(Issue.objects.archived().listed(PUBLISHED_AT))


def test_an_issue_takes_as_long_as_all_its_posts():
    make_publication(han_per_minute=100, words_per_minute=50)
    make_issue(make_post(body="字" * 250), make_post(body="word " * 100), sent_at=PUBLISHED_AT)

    [issue] = listed()

    assert issue.reading_minutes == 5  # 2.5 and 2, rounded


def test_a_post_that_readers_do_not_see_takes_no_time():
    make_publication(han_per_minute=100)
    make_issue(make_post(body="字" * 300), make_post(body="字" * 900, published_at=None), sent_at=PUBLISHED_AT)

    assert [issue.reading_minutes for issue in listed()] == [3]


def test_a_text_that_was_changed_is_measured_again():
    make_publication()
    post = make_post(body="字" * 10)
    assert lengths({42: [(post.pk, post.updated_at)]}) == {42: (10, 0)}

    post.body = "字" * 20
    post.save(update_fields=["body", "updated_at"])

    assert lengths({42: Post.objects.values_list("pk", "updated_at")}) == {42: (20, 0)}


def test_the_contents_of_a_list_are_one_query_and_only_what_readers_see(django_assert_num_queries):
    make_publication(han_per_minute=100)
    second, first = make_post("後", words="after", body="字" * 300), make_post("先", body="字" * 200)
    issue = make_issue(first, second, make_post("藏", published_at=None), sent_at=PUBLISHED_AT)
    make_issue(sent_at=PUBLISHED_AT)
    with_contents([issue], PUBLISHED_AT)  # the texts are measured once

    with django_assert_num_queries(2):
        empty, full = with_contents(Issue.objects.archived(), PUBLISHED_AT)

    assert full.contents == [(first.get_absolute_url(), "先"), (second.get_absolute_url(), "後")]
    assert (full.post_count, full.reading_minutes) == (2, 5)
    assert (empty.contents, empty.post_count) == ([], 0)
