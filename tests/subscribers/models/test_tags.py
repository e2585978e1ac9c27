"""Tags as readers and authors type them, and the readers that they find."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from subscribers.models import Subscriber
from subscribers.models.tags import Tag, Tagging, split_tags
from tests.factories import make_subscriber

pytestmark = pytest.mark.django_db
READERS = 5000


def test_tags_are_typed_with_any_comma():
    assert split_tags(" 課程學員，paid、 old  friend,, paid ") == ["課程學員", "paid", "old friend"]


def test_nothing_is_no_tag():
    assert split_tags(" , ，") == []


# --- Finding ---


@pytest.mark.parametrize("tags", ["course", "paid,course", "course,paid", "paid，course", "paid 、course ,old"])
def test_a_whole_tag_is_found_wherever_it_stands(tags):
    reader = make_subscriber(tags=tags)

    assert list(Subscriber.objects.tagged("course")) == [reader]
    assert not Subscriber.objects.untagged("course").exists()


@pytest.mark.parametrize("tags", ["", "courses", "a course", "Course", "cours", "%", "c_urse"])
def test_what_only_looks_like_a_tag_is_another(tags):
    reader = make_subscriber(tags=tags)

    assert not Subscriber.objects.tagged("course").exists()
    assert list(Subscriber.objects.untagged("course")) == [reader]


def test_the_tags_in_use_are_those_that_a_reader_has():
    make_subscriber(tags="paid,course")
    make_subscriber(tags="課程學員, paid")
    make_subscriber(tags="old").set_tags([])
    make_subscriber()

    assert Tag.objects.in_use() == ["course", "paid", "課程學員"]


# --- Having ---


def test_tags_keep_the_order_in_which_they_were_typed():
    reader = make_subscriber(tags="b,c,a")

    reader.set_tags(["d", "a", "c"])

    assert reader.tag_names == ["d", "a", "c"]


def test_one_name_is_one_tag_whoever_has_it():
    make_subscriber(tags="paid,course")
    make_subscriber(tags="course,new")

    assert sorted(Tag.objects.values_list("name", flat=True)) == ["course", "new", "paid"]


def test_who_is_erased_takes_the_tags_along():
    make_subscriber(tags="paid")
    make_subscriber(tags="paid,course").erase()

    assert Tagging.objects.count() == 1
    assert Tag.objects.in_use() == ["paid"]


# --- A million readers ---


@pytest.fixture
def many():
    """Readers of whom a half has one tag, and each has one of a hundred, with what the database knows of its tables."""
    Subscriber.objects.bulk_create(
        Subscriber(email=f"r{n}@example.org", address_hash=f"hash{n}") for n in range(READERS)
    )
    pks = Subscriber.objects.order_by("pk").values_list("pk", flat=True)
    Tagging.objects.give({pk: [f"rare{n % 100}", *(["common"] if n % 2 else [])] for n, pk in enumerate(pks)})
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def plan_of(queryset) -> str:
    return queryset.order_by().values("pk").explain()


def test_the_readers_of_a_rare_tag_are_found_without_reading_the_others(many):
    plan = plan_of(Subscriber.objects.tagged("rare7"))

    assert "readers_by_tag" in plan
    assert "SCAN" not in plan, plan
    assert "Seq Scan on subscribers_tagging" not in plan, plan


def test_no_reader_is_compared_with_every_row_of_a_tag(many):
    for readers in (Subscriber.objects.tagged("common"), Subscriber.objects.untagged("common")):
        plan = plan_of(readers)
        assert "SCAN subscribers_tagging" not in plan, plan
        assert "Join Filter" not in plan, plan


def test_the_names_in_use_are_read_without_counting_their_readers(many):
    with CaptureQueriesContext(connection) as queries:
        assert len(Tag.objects.in_use()) == 101

    (query,) = queries
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {'QUERY PLAN' if connection.vendor == 'sqlite' else ''} {query['sql']}")
        plan = str(cursor.fetchall())
    assert "readers_by_tag" in plan, plan
    assert "SCAN U0" not in plan, plan
