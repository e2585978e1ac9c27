"""How readers came: the same ones, whether they are few or many."""

import pytest
from django.utils import timezone

from subscribers import reader_lists
from subscribers.models import Consent, Subscriber
from subscribers.models.consents import ConsentDetails
from tests.factories import make_subscriber

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("few", [0, 100])
def test_who_came_by_a_source_is_found(monkeypatch, few):
    monkeypatch.setattr(reader_lists, "FEW_ROWS", few)
    for kind, source in (("asked", "web:page"), ("imported", "import on 2026-01-01"), ("withdrew", "web:page")):
        reader = make_subscriber(f"{kind}@example.org")
        Consent.objects.add(reader, kind, ConsentDetails(source), timezone.now())

    found = reader_lists.from_source(Subscriber.objects.all(), "web")

    assert [str(reader) for reader in found] == ["asked@example.org"]
    assert not reader_lists.from_source(Subscriber.objects.all(), "hand").exists()
