from datetime import UTC, datetime

import pytest
from django.db import connection
from django.utils import timezone

from subscribers import reader_lists
from subscribers.models import Consent, Subscriber, SubscriberQuerySet
from subscribers.models.consents import ConsentDetails
from tests.factories import make_subscriber

pytestmark = pytest.mark.django_db


def by_part(term: str) -> SubscriberQuerySet:
    everybody = Subscriber.objects.all()
    return reader_lists.SearchTerm.parse(everybody, term).narrow(everybody)


def names(found) -> list[str]:
    return sorted(str(one) for one in found)


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("ann", ["ann@example.org", "joanne@example.org"]),
        ("ANN@example.ORG", ["ann@example.org"]),
        ("小明", ["bob@example.org"]),
        ("EXAMPLE", ["ann@example.org", "bob@example.org", "joanne@example.org"]),
        ("50%_", []),
    ],
)
def test_a_reader_is_found_by_any_part_of_address_or_name(term, found):
    for email, name in (("ann@example.org", ""), ("joanne@example.org", ""), ("bob@example.org", "王小明")):
        make_subscriber(email, name=name)

    assert names(by_part(term)) == found


def test_in_a_long_list_parts_are_looked_for_among_the_newest_and_beginnings_among_all(monkeypatch):
    old, _middle, new = (make_subscriber(f"{name}.lin@example.org") for name in ("old", "middle", "new"))
    monkeypatch.setattr(reader_lists, "SEARCHED_MAX", 2)

    by_beginning = by_part("old")
    found_by_part = by_part("lin")

    assert list(by_beginning) == [old]
    assert new in found_by_part
    assert old not in found_by_part


@pytest.mark.parametrize("term", ["lin", "LIN", "王", "old", "new.lin@example.org", "nobody"])
def test_what_is_read_step_by_step_is_what_the_list_holds(monkeypatch, term):
    for number in range(9):
        make_subscriber(f"{'old' if number < 2 else 'new'}{number}.lin@example.org", name="王" * (number % 2))
    Subscriber.objects.filter(email__startswith="new4").delete()  # a gap in the numbers
    monkeypatch.setattr(reader_lists, "SEARCHED_MAX", 5)
    readers = Subscriber.objects.order_by("-pk")

    understood = reader_lists.SearchTerm.parse(readers, term)

    assert [one for part in understood.parts(readers) for one in part] == list(understood.narrow(readers))


def test_a_list_that_is_just_as_long_is_looked_through_whole(monkeypatch):
    make_subscriber()
    make_subscriber()
    monkeypatch.setattr(reader_lists, "SEARCHED_MAX", 2)

    assert reader_lists.oldest_searched() == 0


def test_the_beginning_of_an_address_is_asked_of_the_index():
    plan = reader_lists.by_address(Subscriber.objects.order_by(), "ann").explain()

    assert ("subscribers_subscriber_email" in plan) or connection.vendor != "sqlite"


def test_a_suppressed_reader_is_in_no_other_state():
    make_subscriber("active@example.org")
    make_subscriber("gone@example.org").suppress("bounced")
    readers = Subscriber.objects.all()

    assert names(reader_lists.in_state(readers, "active")) == ["active@example.org"]
    assert names(reader_lists.in_state(readers, "suppressed")) == ["gone@example.org"]
    assert not reader_lists.in_state(readers, "nonsense")


def test_readers_are_found_by_how_they_came():
    web, hand = make_subscriber("web@example.org"), make_subscriber("hand@example.org")
    Consent.objects.add(web, Consent.Kind.ASKED, ConsentDetails("web:page"), timezone.now())
    Consent.objects.add(hand, Consent.Kind.IMPORTED, ConsentDetails("by hand: at the fair"), timezone.now())
    Consent.objects.add(hand, Consent.Kind.WITHDREW, ConsentDetails("web:page"), timezone.now())
    readers = Subscriber.objects.all()

    assert [names(reader_lists.from_source(readers, one)) for one in ("web", "hand", "import", "?")] == [
        ["web@example.org"],
        ["hand@example.org"],
        [],
        [],
    ]


def test_readers_are_found_by_the_days_between_which_they_joined(settings):
    settings.TIME_ZONE = "Asia/Taipei"
    make_subscriber("late@example.org", confirmed_at=datetime(2026, 3, 2, 15, 59, tzinfo=UTC))  # 23:59 in Taipei
    make_subscriber("next@example.org", confirmed_at=datetime(2026, 3, 2, 16, 0, tzinfo=UTC))
    readers = Subscriber.objects.all()

    with timezone.override("Asia/Taipei"):
        until, since = reader_lists.joined_to(readers, "2026-03-02"), reader_lists.joined_from(readers, "2026-03-03")

        assert (names(until), names(since)) == (["late@example.org"], ["next@example.org"])
        assert not reader_lists.joined_from(readers, "soon")
        assert not reader_lists.joined_from(readers, "0001-01-01")
        assert not reader_lists.joined_to(readers, "9999-12-31")
        assert not reader_lists.joined_to(readers, "9999-12-31")
