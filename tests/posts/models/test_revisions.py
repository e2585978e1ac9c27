"""Every saved state of a text is there, grows rarer with age, and what readers saw is never lost."""

from datetime import timedelta

import pytest
from django.utils import timezone

from newsletter.posts import tasks
from newsletter.posts.models import Post, Revision
from newsletter.publication.changes import Via, acting_as
from tests.factories import make_post

pytestmark = pytest.mark.django_db
NOW = timezone.now().replace(hour=12, minute=30, second=30, microsecond=0)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def post() -> Post:
    return make_post("槓桿", body="第一段。", published_at=None)


def record(post: Post, body: str, at=NOW) -> Revision:
    post.body = body
    return Revision.objects.record(post.pk, post, at=at)


def bodies(post: Post) -> list[str]:
    return [one.body for one in Revision.objects.saved_for(post.pk)]


def test_a_version_says_when_by_whom_and_how_much(post):
    record(post, "會議少了四成。")
    with acting_as("gipi", Via.DESK):
        record(post, "會議少了將近一半。", NOW + SECOND)

    newest = Revision.objects.saved_for(post.pk)[0]
    assert (newest.by, newest.via, newest.saved_at) == ("gipi", "desk", NOW + SECOND)
    assert (newest.added, newest.removed) == (4, 2)


def test_the_same_text_twice_in_a_row_is_one_version_and_an_older_one_comes_again(post):
    for second, body in enumerate(("一", "一", "二", "一")):
        record(post, body, NOW + second * SECOND)

    assert bodies(post) == ["一", "二", "一"]


def test_what_nothing_has_written_down_is_written_down_once_in_its_place(post):
    record(post, "二", NOW)
    post.body = "一"
    for _ in range(2):
        Revision.objects.ensure_recorded(post.pk, post, saved_at=NOW - HOUR)

    assert bodies(post) == ["二", "一"]


def test_old_versions_are_thinned_and_what_readers_saw_and_the_newest_are_not(post):
    for second in range(5):
        record(post, f"一{second}", NOW + second * SECOND)
    Revision.objects.filter(pk=Revision.objects.saved_for(post.pk)[3].pk).update(published_at=NOW)
    Revision.objects.filter(pk=Revision.objects.saved_for(post.pk)[2].pk).update(mailed_at=NOW)

    assert Revision.objects.due(NOW + HOUR - SECOND) == []
    assert Revision.objects.due(NOW + HOUR + 5 * SECOND) == [post.pk]
    assert Revision.objects.thin(post.pk, NOW + HOUR + 5 * SECOND) == 2
    assert bodies(post) == ["一4", "一2", "一1"]
    assert Revision.objects.due(NOW + HOUR + 5 * SECOND) == []
    assert Revision.objects.due(NOW + DAY + 5 * SECOND) == [post.pk]


@pytest.mark.exhaustive
def test_a_year_of_writing_is_few_versions_at_last(post):
    for number in range(400):
        record(post, str(number), NOW + number * 6 * HOUR)
    end = NOW + 400 * 6 * HOUR

    for days in range(0, 800, 50):
        Revision.objects.thin(post.pk, end + days * DAY)

    assert len(bodies(post)) <= 5
    assert bodies(post)[0] == "399"
    assert Revision.objects.filter(thin_at=None).count() == len(bodies(post))


def test_the_task_thins_what_is_due(post):
    for second in range(3):
        record(post, str(second), NOW - 9 * DAY + second * SECOND)

    tasks.thin_versions()

    assert bodies(post) == ["2"]
