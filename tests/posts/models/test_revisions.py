"""Every saved state of a text is there, grows rarer with age, and what readers saw is never lost."""

from datetime import timedelta

import pytest
from django.utils import timezone

from newsletter.posts import tasks
from newsletter.posts.models import Post, Revision
from newsletter.posts.models import revisions as module
from newsletter.publication.changes import Via, acting
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
    return [one.body for one in Revision.objects.of(post.pk)]


def test_a_version_says_when_by_whom_and_how_much(post):
    record(post, "會議少了四成。")
    with acting("gipi", Via.DESK):
        record(post, "會議少了將近一半。", NOW + SECOND)

    newest = Revision.objects.of(post.pk)[0]
    assert (newest.by, newest.via, newest.saved_at) == ("gipi", "desk", NOW + SECOND)
    assert (newest.added, newest.removed, newest.characters) == (4, 2, 9)


def test_the_same_text_twice_in_a_row_is_one_version_and_an_older_one_comes_again(post):
    for second, body in enumerate(("一", "一", "二", "一")):
        record(post, body, NOW + second * SECOND)

    assert bodies(post) == ["一", "二", "一"]


def test_what_nothing_has_written_down_is_written_down_once_in_its_place(post):
    record(post, "二", NOW)
    post.body = "一"
    for _ in range(2):
        Revision.objects.make_sure(post.pk, post, saved_at=NOW - HOUR)

    assert bodies(post) == ["二", "一"]


def test_marking_many_posts_costs_the_same(django_assert_num_queries):
    posts = [make_post(str(number)) for number in range(12)]
    record(posts[0], posts[0].body)

    with django_assert_num_queries(3):
        Revision.objects.mark(posts, what="published", at=NOW)

    assert Revision.objects.filter(published_at=NOW).count() == 12


def test_a_mark_stays_that_of_the_first_time(post):
    for hours in (0, 1):
        Revision.objects.mark([post], what="mailed", at=NOW + hours * HOUR)

    assert [one.mailed_at for one in Revision.objects.of(post.pk)] == [NOW]


def test_old_versions_are_thinned_and_what_readers_saw_and_the_newest_are_not(post):
    for second in range(5):
        record(post, f"一{second}", NOW + second * SECOND)
    Revision.objects.filter(pk=Revision.objects.of(post.pk)[3].pk).update(published_at=NOW)
    Revision.objects.filter(pk=Revision.objects.of(post.pk)[2].pk).update(mailed_at=NOW)

    assert Revision.objects.due(NOW + HOUR - SECOND) == []
    assert Revision.objects.due(NOW + HOUR + 5 * SECOND) == [post.pk]
    assert Revision.objects.thin(post.pk, NOW + HOUR + 5 * SECOND) == 2
    assert bodies(post) == ["一4", "一2", "一1"]
    assert Revision.objects.due(NOW + HOUR + 5 * SECOND) == []
    assert Revision.objects.due(NOW + DAY + 5 * SECOND) == [post.pk]


def test_after_thinning_a_version_is_compared_with_the_one_before_it_now(post):
    for second, body in enumerate(("一", "一二", "一二三", "一二三四")):
        record(post, body, NOW + second * SECOND)
    record(post, "新的一天", NOW + DAY)

    Revision.objects.thin(post.pk, NOW + DAY + HOUR)

    assert [(one.body, one.added, one.removed) for one in Revision.objects.of(post.pk)] == [
        ("新的一天", 4, 4),
        ("一二三四", len("槓桿") + 4, 0),
    ]


@pytest.mark.slow("writes for a year")
def test_a_year_of_writing_is_few_versions_at_last(post):
    for number in range(400):
        record(post, str(number), NOW + number * 6 * HOUR)
    end = NOW + 400 * 6 * HOUR

    for days in range(0, 800, 50):
        Revision.objects.thin(post.pk, end + days * DAY)

    assert len(bodies(post)) <= 5
    assert bodies(post)[0] == "399"
    assert Revision.objects.filter(thin_at=None).count() == len(bodies(post))


def test_versions_that_are_very_long_together_are_thinned_earlier(post, monkeypatch):
    monkeypatch.setattr(module, "SIZE_MAX", 500)
    for second in range(10):
        record(post, str(second) * 100, NOW + second * SECOND)

    Revision.objects.thin(post.pk, NOW + 10 * SECOND)

    assert bodies(post) == ["9" * 100]


def test_the_task_thins_what_is_due(post):
    for second in range(3):
        record(post, str(second), NOW - 9 * DAY + second * SECOND)

    tasks.thin_versions()

    assert bodies(post) == ["2"]


def test_nothing_is_looked_at_twice(post, django_assert_num_queries):
    record(post, "一")

    tasks.thin_versions()
    with django_assert_num_queries(1):
        tasks.thin_versions()
