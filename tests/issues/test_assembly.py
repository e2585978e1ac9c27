"""What a new issue begins with, and the draft that is made of it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from newsletter.issues.assembly import ProposedPost, create_proposed_issue, proposed_posts
from newsletter.issues.models import IssueItem
from tests.factories import PUBLISHED_AT, make_issue, make_post

pytestmark = pytest.mark.django_db
FULL, EXCERPT = IssueItem.Form.FULL, IssueItem.Form.EXCERPT


def test_posts_that_wait_are_proposed_oldest_first_and_the_first_one_in_full():
    newer = make_post("乙")
    older = make_post("甲", published_at=PUBLISHED_AT - timedelta(days=3))

    assert proposed_posts(timezone.now()) == [ProposedPost(older.pk, 1, FULL), ProposedPost(newer.pk, 2, EXCERPT)]


def test_what_was_mailed_or_will_not_be_public_is_not_proposed():
    make_issue(make_post(), sent_at=PUBLISHED_AT)
    make_post(published_at=None)
    make_post(published_at=timezone.now() + timedelta(days=20))
    soon = make_post(published_at=timezone.now() + timedelta(days=1))

    assert [row.post for row in proposed_posts(timezone.now() + timedelta(days=14))] == [soon.pk]


def test_an_imported_archive_waits_for_nothing():
    make_post(source="ghost", published_at=datetime(2019, 1, 1, tzinfo=UTC))

    assert proposed_posts(timezone.now()) == []


def test_of_many_posts_only_the_newest_are_proposed():
    posts = [make_post(published_at=PUBLISHED_AT + timedelta(hours=hour)) for hour in range(12)]

    assert [row.post for row in proposed_posts(timezone.now())] == [post.pk for post in posts[2:]]


def test_the_draft_has_the_next_number_the_posts_in_order_and_no_subject():
    make_issue(number=6, sent_at=PUBLISHED_AT)
    newer = make_post("乙")
    older = make_post("甲", published_at=PUBLISHED_AT - timedelta(days=3))

    issue = create_proposed_issue(timezone.now())

    assert (issue.number, issue.subject, str(issue)) == (7, "", "第 7 期")
    assert list(issue.items.values_list("post", "position", "form")) == [
        (older.pk, 1, "full"),
        (newer.pk, 2, "excerpt"),
    ]
