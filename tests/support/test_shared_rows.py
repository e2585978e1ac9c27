import pytest
from django.db import connection, transaction
from django.utils import translation

from newsletter.posts.models import Tag

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def tag(shared_rows):
    with shared_rows(lambda: Tag.objects.create(name="題", slug="t")) as made:
        yield made


@pytest.mark.parametrize("_time", [1, 2])
def test_each_test_finds_the_rows_as_they_were_written(tag, _time):
    assert list(Tag.objects.values_list("slug")) == [("t",)]

    Tag.objects.create(name="又", slug="u")
    Tag.objects.filter(slug="t").delete()


def test_what_must_be_outermost_may_begin(tag):
    with transaction.atomic(durable=True):
        assert Tag.objects.count() == 1


def test_they_are_gone_when_the_module_is_over(shared_rows):
    with shared_rows(lambda: Tag.objects.create(name="又", slug="u")):
        assert Tag.objects.filter(slug="u").exists()

    assert not Tag.objects.filter(slug="u").exists()


def test_nor_is_anything_left_of_rows_that_could_not_be_written(shared_rows):
    def fail():
        Tag.objects.create(name="又", slug="u")
        raise LookupError

    before = len(connection.savepoint_ids)
    with pytest.raises(LookupError), shared_rows(fail):
        pass

    assert not Tag.objects.filter(slug="u").exists()
    assert len(connection.savepoint_ids) == before


def test_they_are_written_in_english_whatever_the_test_before_spoke(shared_rows):
    with translation.override("zh-hant"), shared_rows(translation.get_language) as spoken:
        assert spoken == "en"
