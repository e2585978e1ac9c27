"""Two programs that have seen the same state change it at the same time: the second overwrites nothing."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from newsletter.operation.accounts.roles import EDITOR
from newsletter.posts.models import Image, Tag
from tests.api.conftest import Program
from tests.delivery.readers.test_quoting import somebody_waits_for_a_lock
from tests.factories import make_helper, make_publication
from tests.support.waiting import wait_until


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
@pytest.mark.parametrize(("kind", "field"), [(Tag, "name"), (Image, "alt")])
def test_who_comes_second_with_the_same_etag_is_refused(kind, field):
    make_publication()
    program = Program(make_helper(EDITOR))
    row = _row(kind)
    path = f"/tags/{row.pk}" if kind is Tag else f"/pictures/{row.digest}"
    etag = program.get(path).headers["ETag"]

    def second() -> int:
        try:
            return program.patch(path, {field: "second"}, match=etag).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            kind.objects.filter(pk=row.pk).update(**{field: "first"})
            answer = thread.submit(second)
            wait_until(somebody_waits_for_a_lock)
        status = answer.result(20)

    assert status == 412
    assert getattr(kind.objects.get(), field) == "first"


def _row(kind):
    if kind is Tag:
        return Tag.objects.create(name="old", slug="old")
    return Image.objects.create(name="x.png", alt="old", digest="0123456789abcdef", width=1, height=1)
