from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from newsletter.issues.models import Issue, StartingPoint, in_no_issue, neighbours, not_yet_mailed, sent_with_neighbours
from newsletter.posts.models import Post
from tests.factories import PUBLISHED_AT, make_issue, make_post

pytestmark = pytest.mark.django_db


def test_an_issue_is_sent_once():
    issue = make_issue()

    assert issue.mark_sent(PUBLISHED_AT)
    assert not issue.mark_sent(PUBLISHED_AT + timedelta(days=1))
    assert issue.sent_at == PUBLISHED_AT


def test_the_archive_is_in_the_order_of_sending_and_numbers_decide_only_within_a_moment(django_assert_num_queries):
    day = timedelta(days=1)
    sent = {1: PUBLISHED_AT, 2: PUBLISHED_AT + day, 3: PUBLISHED_AT + day, 9: PUBLISHED_AT - day}
    issues = {number: make_issue(number=number, sent_at=at) for number, at in sent.items()}

    assert [issue.number for issue in Issue.objects.archived()] == [3, 2, 1, 9]
    for place in ([None, 9, 1], [9, 1, 2], [1, 2, 3], [2, 3, None]):
        with django_assert_num_queries(3):
            line = sent_with_neighbours(place[1])
        assert [one and one.number for one in line] == place
        with django_assert_num_queries(0):  # nothing that a link needs is read later
            assert [one and (str(one), one.get_absolute_url()) for one in line]
        assert neighbours(issues[place[1]]) == (line[0], line[2])
    assert sent_with_neighbours(7) == (None, None, None)


def test_a_post_is_mailed_when_an_issue_that_carries_it_was_sent():
    mailed, waiting, new = make_post("寄過"), make_post("等待"), make_post("新")
    make_issue(mailed, sent_at=PUBLISHED_AT)
    make_issue(mailed, waiting)

    assert set(not_yet_mailed(Post.objects.published(PUBLISHED_AT))) == {waiting, new}


def test_a_list_of_issues_has_the_posts_that_readers_find_without_their_texts(django_assert_num_queries):
    make_issue(make_post("甲"), make_post("乙"), make_post(published_at=None))

    with django_assert_num_queries(2):
        [issue] = Issue.objects.for_listing(PUBLISHED_AT)
        titles = [item.post.title for item in issue.items.all()]

    assert titles == ["甲", "乙"]
    assert "body" in issue.items.all()[0].post.get_deferred_fields()


def test_years_are_those_of_the_local_calendar():
    make_issue(number=1, sent_at=datetime(2025, 12, 31, 15, 59, tzinfo=UTC))
    make_issue(number=2, sent_at=datetime(2025, 12, 31, 16, 1, tzinfo=UTC))  # 2026 in Taipei
    make_issue(number=3, sent_at=datetime(2026, 3, 1, tzinfo=UTC))

    with timezone.override("Asia/Taipei"):
        years = list(Issue.objects.archived().years())
        in_2026 = [issue.number for issue in Issue.objects.in_year(2026)]

    assert years == [(2026, 2), (2025, 1)]
    assert in_2026 == [2, 3]


def test_a_starting_point_is_public_with_its_post():
    for position, post in enumerate([make_post("後", published_at=None), make_post("先")]):
        StartingPoint.objects.create(post=post, reason="因為。", position=position)

    assert [str(point) for point in StartingPoint.objects.public(PUBLISHED_AT)] == ["先"]


def test_a_post_from_elsewhere_waits_for_an_issue_if_it_was_published_here():
    made_at = timezone.now()
    make_post("舊文", source="ghost:1", published_at=made_at - timedelta(days=900))  # its readers have had it there
    here = make_post("新文", source="folder:2", published_at=made_at + timedelta(hours=1))

    assert set(in_no_issue(Post.objects.all())) == {here}
