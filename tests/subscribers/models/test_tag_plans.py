"""How the database finds readers by their tags, when there are a million of them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from subscribers.models import Subscriber
from subscribers.models.tags import ReaderTag, Tagging

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_many"), pytest.mark.exhaustive]
READERS = 5000


@pytest.fixture(scope="module")
def _many(shared_rows):
    """Readers of whom a half has one tag, and each has one of a hundred, with what the database knows of its tables."""
    with shared_rows(_write):
        yield


def _write():
    Subscriber.objects.bulk_create(
        Subscriber(email=f"r{n}@example.org", address_hash=f"hash{n}") for n in range(READERS)
    )
    pks = Subscriber.objects.order_by("pk").values_list("pk", flat=True)
    Tagging.objects.give({pk: [f"rare{n % 100}", *(["common"] if n % 2 else [])] for n, pk in enumerate(pks)})
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def plan_of(queryset) -> str:
    return queryset.order_by().values("pk").explain()


def test_the_readers_of_a_rare_tag_are_found_without_reading_the_others():
    plan = plan_of(Subscriber.objects.tagged("rare7"))

    assert "readers_by_tag" in plan
    assert "SCAN" not in plan, plan
    assert "Seq Scan on subscribers_tagging" not in plan, plan


def test_no_reader_is_compared_with_every_row_of_a_tag():
    for readers in (Subscriber.objects.tagged("common"), Subscriber.objects.untagged("common")):
        plan = plan_of(readers)
        assert "SCAN subscribers_tagging" not in plan, plan
        assert "Join Filter" not in plan, plan


def test_the_names_in_use_are_read_without_counting_their_readers():
    with CaptureQueriesContext(connection) as queries:
        assert len(ReaderTag.objects.in_use()) == 101

    (query,) = queries
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {'QUERY PLAN' if connection.vendor == 'sqlite' else ''} {query['sql']}")
        plan = str(cursor.fetchall())
    assert "readers_by_tag" in plan, plan
    assert "SCAN U0" not in plan, plan
