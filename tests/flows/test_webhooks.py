"""Death in the middle of a call: the product's own queue, clock and worker, and a real `kill -9`."""

import threading

import pytest

from tests.support.hook_receiver import has_valid_signature, hook_receiver
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.exhaustive]
READERS = 6
MADE = """
from django.utils import timezone
from newsletter.api.hooks.models import Hook
from newsletter.publication.models import Publication
from subscribers.models import Subscriber, address_hash

now = timezone.now()
Publication.objects.current()
hook = Hook.objects.create(url={url!r}, created_at=now)
hook.subscribe_to(["reader.left"], now)
readers = []
for n in range({readers}):
    email = f"r{{n}}@example.org"
    reader = Subscriber.objects.create(
        email=email, address_hash=address_hash(email), state="active", confirmed_at=now)
    reader.unsubscribe(timezone.now())
    readers.append(reader.pk)
answer = {{"secret": hook.secret, "readers": readers}}
"""
STATE = """
from newsletter.api.hooks.models import Call
answer = sorted(Call.objects.values_list("state", flat=True))
"""
MINUTE_LATER = """
from datetime import timedelta
from django.utils import timezone
from newsletter.api.hooks.models import Hook
answer = Hook.objects.filter(lease_until__isnull=False).update(lease_until=timezone.now() - timedelta(seconds=1))
"""


def test_a_worker_killed_in_a_call_loses_none_and_repeats_one_with_its_id(make_product):
    with hook_receiver() as receiver:
        receiver.hold, receiver.held_after = threading.Event(), 2
        product = make_product()
        product.env["WEBHOOKS_TO_LOOPBACK"] = "1"
        made = product.shell(
            "from django.core.management import call_command; call_command('migrate', verbosity=0)\n"
            + MADE.format(url=receiver.url, readers=READERS)
        )
        product.start_beat()
        product.start_worker()
        wait_until(lambda: receiver.arrived == 3, 60, what=product.log_tails)
        product.kill_worker()
        receiver.hold.set()
        assert product.shell(STATE) == ["sent"] * 2 + ["waiting"] * 4
        assert product.shell(MINUTE_LATER) == 1, "the kill came too late to prove anything"
        product.start_worker()
        wait_until(lambda: product.shell(STATE) == ["sent"] * READERS, 60, what=product.log_tails, every=0.2)

    said = [call.said["data"]["id"] for call in receiver.took()]
    assert said == [*made["readers"][:3], *made["readers"][2:]]
    assert receiver.calls[2].id == receiver.calls[3].id
    assert len({call.id for call in receiver.calls}) == READERS
    assert all(has_valid_signature(made["secret"], call) for call in receiver.calls)
