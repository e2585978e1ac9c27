"""Tags as readers and authors type them, and the readers that they find."""

import pytest

from subscribers.models import Subscriber
from subscribers.models.tags import ReaderTag, Tagging, split_tags
from tests.factories import make_subscriber

pytestmark = pytest.mark.django_db


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

    assert ReaderTag.objects.in_use() == ["course", "paid", "課程學員"]


# --- Having ---


def test_tags_keep_the_order_in_which_they_were_typed():
    reader = make_subscriber(tags="b,c,a")

    reader.set_tags(["d", "a", "c"])

    assert reader.tag_names == ["d", "a", "c"]


def test_one_name_is_one_tag_whoever_has_it():
    make_subscriber(tags="paid,course")
    make_subscriber(tags="course,new")

    assert sorted(ReaderTag.objects.values_list("name", flat=True)) == ["course", "new", "paid"]


def test_who_is_erased_takes_the_tags_along():
    make_subscriber(tags="paid")
    make_subscriber(tags="paid,course").erase()

    assert Tagging.objects.count() == 1
    assert ReaderTag.objects.in_use() == ["paid"]
