"""A statement that is written once finds what the queryset finds that it was written from."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, models
from django.db.models import Count, Q
from django.test.utils import CaptureQueriesContext

from newsletter.issues.models import Issue
from newsletter.posts.models import Post
from newsletter.statements import Statement, given
from tests.factories import PUBLISHED_AT, make_issue, make_post

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def test_it_is_asked_with_other_values_each_time_and_written_once():
    built = []

    def before():
        built.append("built")
        return Post.objects.filter(published_at__lt=given("at", models.DateTimeField)).order_by("pk")

    statement = Statement(before)
    old, new = make_post("舊", published_at=PUBLISHED_AT - DAY), make_post("新", published_at=PUBLISHED_AT)

    found = [statement.rows(at=at) for at in (PUBLISHED_AT - DAY, PUBLISHED_AT, PUBLISHED_AT + DAY)]

    assert found == [[], [old], [old, new]]
    assert built == ["built"]


def test_a_row_is_whole_and_one_question():
    statement = Statement(lambda: Post.objects.filter(pk=given("number", models.BigIntegerField)))
    post = Post.objects.get(pk=make_post("談提問", is_unlisted=True).pk)

    with CaptureQueriesContext(connection) as asked:
        found = statement.first(number=post.pk)
        told = [getattr(found, field.attname) for field in Post._meta.concrete_fields]

    assert told == [getattr(post, field.attname) for field in Post._meta.concrete_fields]
    assert len(asked) == 1
    assert statement.first(number=post.pk + 1) is None


def test_a_time_is_the_same_instant_in_whichever_zone_it_is_given():
    statement = Statement(lambda: Post.objects.filter(published_at=given("at", models.DateTimeField)))
    at = datetime(2026, 11, 29, 23, 30, 0, 123456, tzinfo=UTC)
    post = make_post(published_at=at)

    assert [statement.rows(at=one) for one in (at, at.astimezone(), at + DAY)] == [[post], [post], []]


def test_what_is_deferred_is_not_read_and_what_is_counted_is_there():
    statement = Statement(lambda: Issue.objects.defer("introduction").annotate(amount=Count("items")).order_by("pk"))
    issues = make_issue(make_post(), make_post(), introduction="大家好。"), make_issue(number=2)

    found = statement.rows()

    assert [(issue, issue.amount) for issue in found] == [(issues[0], 2), (issues[1], 0)]
    assert found[0].get_deferred_fields() == {"introduction"}


def test_one_value_stands_in_several_places_and_in_a_list():
    number = given("number", models.BigIntegerField)
    statement = Statement(
        lambda: Post.objects.filter(
            Q(pk__in=[number, given("other", models.BigIntegerField)]), ~Q(title="無"), pk=number
        )
    )
    post, other = make_post("有"), make_post("無")

    assert statement.rows(number=post.pk, other=other.pk) == [post]
    assert statement.rows(number=other.pk, other=post.pk) == []


def test_texts_and_numbers_come_without_objects_from_several_tables():
    statement = Statement(
        lambda: Post.objects.filter(title=given("title", models.CharField)).values_list("tags__slug", "words", "pk")
    )
    post = make_post("有標籤", tags=("a",))
    make_post("另一篇", tags=("b",))

    assert statement.tuples(title="有標籤") == [("a", post.words, post.pk)]
    assert statement.tuples(title="無") == []


def test_a_value_that_is_missing_or_no_such_value_is_an_error():
    statement = Statement(lambda: Post.objects.filter(published_at=given("at", models.DateTimeField)))

    with pytest.raises(KeyError):
        statement.rows()
    with pytest.raises(TypeError):
        statement.rows(at=object())
