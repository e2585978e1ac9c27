"""All that match: exactly those whom the author saw, whatever happens after."""

from datetime import timedelta

import pytest
from django.utils import timezone

from newsletter.desk.jobs.selection import Selection
from subscribers import reader_lists
from subscribers.models import Subscriber
from tests.desk.readers.test_list import make_sent
from tests.factories import make_subscriber

READERS = "/admin/subscribers/subscriber/"


def selected(selection: Selection) -> set[str]:
    """Return whom a selection means once it was kept and read again, and walked through in steps of two."""
    kept = Selection.from_json(selection.to_json())
    found, cursor = [], 0
    while step := kept.after(cursor, 2):
        found += step
        cursor = step[-1]
    assert set(found) == set(kept.readers().values_list("pk", flat=True))
    return set(Subscriber.objects.filter(pk__in=found).values_list("email", flat=True))


@pytest.fixture
def readers() -> None:
    make_subscriber("amy@example.org", name="小明", tags="vip")
    make_subscriber("bob@example.org", tags="vip", state="unsubscribed")
    make_subscriber("cat@other.org", tags="course")
    make_subscriber("dan@other.org").suppress("bounced")
    make_sent(subject="第 42 期")
    make_subscriber("eve@example.org", confirmed_at=timezone.now() - timedelta(days=400))


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"state": "active"},
        {"state": "suppressed"},
        {"tag": "vip"},
        {"q": "example"},
        {"q": "AMY@example.org"},
        {"q": "小明"},
        {"tag": "vip", "state": "active", "q": "example"},
        {"copies": "none-of-last"},
        {"joined_to": f"{timezone.now() - timedelta(days=200):%Y-%m-%d}"},
        {"state": "nonsense"},
        {"joined_from": "soon"},
    ],
)
def test_it_means_whom_the_list_shows(admin_client, readers, query):
    shown = admin_client.get(READERS, query).context["cl"].queryset

    selection = Selection.of_all(query)

    assert selected(selection) == set(shown.values_list("email", flat=True))
    assert selection.readers().count() == len(selected(selection))


def test_who_joins_later_is_none_of_them():
    make_subscriber("early@example.org")
    selection = Selection.of_all({})

    make_subscriber("late@example.org")

    assert selected(selection) == {"early@example.org"}


def test_a_search_for_one_address_never_becomes_one_for_a_part_of_it():
    """The reader leaves the filter by what is done to them; the others whose address contains theirs are not next."""
    reader = make_subscriber("an@example.org", tags="vip")
    make_subscriber("susan@example.org", tags="vip")
    selection = Selection.of_all({"q": "an@example.org", "tag": "vip"})

    reader.set_tags([])

    assert selected(selection) == set()


def test_a_search_looks_at_the_same_newest_readers_however_many_come(monkeypatch):
    monkeypatch.setattr(reader_lists, "SEARCHED_MAX", 2)
    for name in ("x-old", "x-second", "x-third"):
        make_subscriber(f"{name}@example.org")
    selection = Selection.of_all({"q": "-"})

    make_subscriber("new@example.org")

    assert selected(selection) == {"x-second@example.org", "x-third@example.org"}


def test_the_last_issue_stays_the_one_that_was_last(readers):
    selection = Selection.of_all({"copies": "none-of-last"})

    make_sent(subject="第 43 期", number=43)

    assert "eve@example.org" in selected(selection)
    assert "eve@example.org" not in selected(Selection.of_all({"copies": "none-of-last"}))


def test_those_who_were_ticked_are_meant_and_no_others(readers):
    numbers = list(Subscriber.objects.order_by("pk").values_list("pk", flat=True)[1:3])

    selection = Selection.of_ticked([*numbers, numbers[0], 999_999])

    assert selected(selection) == {"bob@example.org", "cat@other.org"}
