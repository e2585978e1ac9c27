"""A webhook receiver, and hooks that call it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from newsletter.api.hooks.models import Hook, HookEventType
from tests.factories import make_publication
from tests.support.hook_receiver import hook_receiver


@pytest.fixture
def receiver(settings):
    settings.WEBHOOKS_TO_LOOPBACK = True
    with hook_receiver() as found:
        yield found


@pytest.fixture
def make_hook():
    """A factory of hooks, subscribed for an hour to `events`, by default to all."""

    def make(url="https://hooks.example.org/in", *events, **fields):
        now = timezone.now()
        hook = Hook.objects.create(url=url, created_at=now, **fields)
        hook.subscribe_to(events or HookEventType.values, now - timedelta(hours=1))
        return hook

    return make


@pytest.fixture(autouse=True)
def _publication(db):
    make_publication()
