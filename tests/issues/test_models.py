from datetime import timedelta

import pytest

from newsletter.issues.models import Issue, not_yet_mailed
from newsletter.posts.models import Post
from tests.factories import PUBLISHED_AT, make_issue, make_post

pytestmark = pytest.mark.django_db


def test_the_archive_holds_sent_issues_newest_first():
    first, third = make_issue(number=1, sent_at=PUBLISHED_AT), make_issue(number=3, sent_at=PUBLISHED_AT)
    make_issue(number=2)

    assert list(Issue.objects.archived()) == [third, first]


def test_unsent_issues_come_in_the_order_of_their_sending():
    later, sooner = make_issue(number=5), make_issue(number=4)
    make_issue(number=3, sent_at=PUBLISHED_AT)

    assert list(Issue.objects.unsent()) == [sooner, later]


def test_an_issue_is_sent_once():
    issue = make_issue()

    assert issue.mark_sent(PUBLISHED_AT)
    assert not issue.mark_sent(PUBLISHED_AT + timedelta(days=1))
    assert issue.sent_at == PUBLISHED_AT


def test_the_neighbours_of_an_issue_are_those_in_the_archive():
    first, last = make_issue(number=1, sent_at=PUBLISHED_AT), make_issue(number=9, sent_at=PUBLISHED_AT)
    make_issue(number=4)

    assert Issue.objects.archived().around(make_issue(number=5)) == (first, last)
    assert Issue.objects.archived().around(first) == (None, last)
    assert Issue.objects.archived().around(last) == (first, None)


def test_a_post_is_mailed_when_an_issue_that_carries_it_was_sent():
    mailed, waiting, new = make_post("寄過"), make_post("等待"), make_post("新")
    make_issue(mailed, sent_at=PUBLISHED_AT)
    make_issue(mailed, waiting)

    assert set(not_yet_mailed(Post.objects.published(PUBLISHED_AT))) == {waiting, new}


def test_an_issue_counts_the_posts_that_readers_find():
    make_issue(make_post(), make_post(), make_post(published_at=None))

    assert Issue.objects.counted(PUBLISHED_AT).get().post_count == 2
