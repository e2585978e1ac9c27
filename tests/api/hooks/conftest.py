"""A program of somebody else, and the hooks that tell it what happens."""

from datetime import timedelta

import pytest
from django.utils import timezone

from newsletter.api.hooks.models import Event, Hook
from tests.factories import make_publication
from tests.support.hook_receiver import receiving


@pytest.fixture
def receiver(settings):
    settings.WEBHOOKS_TO_LOOPBACK = True
    with receiving() as found:
        yield found


@pytest.fixture
def make_hook():
    """Return a function that makes a hook which has wanted these events (all, unless some are named) for an hour."""

    def make(url="https://hooks.example.org/in", *events, **fields):
        now = timezone.now()
        hook = Hook.objects.create(url=url, created_at=now, **fields)
        hook.listen(events or Event.values, now - timedelta(hours=1))
        return hook

    return make


@pytest.fixture(autouse=True)
def _publication(db):
    make_publication()
