"""A mailing whose copies came back, shared by the tests of a module."""

import pytest

from newsletter.delivery.models import Mailing
from subscribers.models import Suppression


@pytest.fixture(scope="module")
def _shared(request, shared_rows):
    with shared_rows(request.module.write) as mailing:
        yield mailing.pk


@pytest.fixture
def mailing(_shared, db):
    """What the module's `write` makes."""
    return Mailing.objects.get(pk=_shared)


def seq_of(mailing, name="a"):
    return mailing.deliveries.get(subscriber__email=f"{name}@example.org").seq


def suppressed():
    return set(Suppression.objects.values_list("email", "reason"))
