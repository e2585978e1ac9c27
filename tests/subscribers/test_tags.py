"""One column of tags, as readers and authors type them."""

import pytest

from subscribers.models import Subscriber
from subscribers.tags import has_tag, split_tags, tally
from tests.factories import make_subscriber


def test_tags_are_typed_with_any_comma():
    assert split_tags(" 課程學員，paid、 old  friend,, paid ") == ["課程學員", "paid", "old friend"]


def test_nothing_is_no_tag():
    assert split_tags(" , ，") == []


def test_rows_are_counted_by_tag_whatever_stands_beside_it():
    assert tally([("paid,course", 3), ("course", 2), ("course, course", 1)]) == {"course": 6, "paid": 3}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("typed", "is_found"),
    [("ab", True), ("x, ab", True), ("ab ,x", True), ("AB", False), ("abc", False), ("x ab", False), ("", False)],
)
def test_a_tag_is_found_as_a_whole_and_letter_by_letter(typed, is_found):
    make_subscriber(tags=typed)

    assert Subscriber.objects.filter(has_tag("ab")).exists() == is_found
