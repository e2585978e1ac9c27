"""Reports that come twice, out of order, and to a worker that is killed: none is lost, none counts twice.

By webhooks, and by a mailbox whose server breaks off in the middle.
"""

import base64
import http.client
import json
import random

import pytest

from benchmarks.events import COPIES
from tests.delivery.events.mails import dsn
from tests.support.imap import Mailbox, imap_server
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.exhaustive]
COUNT, EACH, DEAD = 12_000, 300, 20
SECRET = "hook:a-long-word"
KILLS = 3
MAILS = 60
CUTS = ["FETCH half", "MOVE done", "MOVE", "FETCH done"]
FETCH = """
from newsletter.delivery.tasks import read_mailbox
read_mailbox.delay()
answer = True
"""
# One process that looks often takes a tenth of what a process for each look would take.
APPLIES = """
import time
from newsletter.delivery.models import InboundMessage, Event

until = time.monotonic() + 120
while Event.objects.count() <= {before} and InboundMessage.objects.waiting().exists() and time.monotonic() < until:
    time.sleep(0.02)  # between two looks at a table that another process fills: nothing tells of it
answer = time.monotonic() < until
"""
READERS = """
from datetime import timedelta
from django.utils import timezone
from newsletter.delivery.models import Delivery
from subscribers.models import Subscriber, address_hash

for number in range({dead}):
    address = f"reader{{number}}@example.org"
    facts = {{"state": "active", "confirmed_at": timezone.now(), "address_hash": address_hash(address)}}
    reader = Subscriber.objects.create(email=address, **facts)
    Delivery.objects.filter(mailing_id={mailing}, seq=number).update(subscriber=reader)
Subscriber.objects.update(created_at=timezone.now() - timedelta(days=90))
"""
COUNTED = """
from newsletter.delivery.models import InboundMessage, Delivery, Event
from subscribers.models import Suppression
answer = {
    "arrivals": InboundMessage.objects.count(),
    "waiting": InboundMessage.objects.waiting().count(),
    "events": Event.objects.count(),
    "uncertain": Delivery.objects.filter(state=4).count(),
    "suppressed": sorted(Suppression.objects.values_list("email", flat=True)),
}
"""


def bodies(tokens):
    """Return requests with an event for each copy: those of the first are hard bounces."""
    events = []
    for seq, token in enumerate(tokens):
        gone = {"event": "bounce", "status": "5.1.1", "reason": "550 5.1.1 User unknown", "type": "bounce"}
        told = gone if seq < DEAD else {"event": "delivered", "response": "250 ok"}
        name = {"email": f"reader{seq}@example.org", "timestamp": 1793664000, "sg_event_id": str(seq)}
        events.append(name | told | {"delivery": token})
    random.Random(7).shuffle(events)
    return [json.dumps(events[start : start + EACH]).encode() for start in range(0, COUNT, EACH)]


def post(product, body):
    connection = http.client.HTTPConnection("127.0.0.1", product.port, timeout=30)
    headers = {"Authorization": "Basic " + base64.b64encode(SECRET.encode()).decode()}
    connection.request("POST", "/webhooks/sendgrid/tracking/", body, headers | {"Content-Type": "application/json"})
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize("product", ["servers"], indirect=True)
def test_a_worker_killed_between_storing_and_applying_loses_no_event_and_applies_none_twice(product, tmp_path):
    tokens = tmp_path / "tokens"
    product.env["WEBHOOK_SECRET"] = SECRET
    mailing = product.shell(COPIES.format(copies=COUNT, number=1, tokens=str(tokens)))
    product.shell(READERS.format(dead=DEAD, mailing=mailing))
    product.start_web()
    product.start_worker()
    product.start_beat()
    some = bodies(tokens.read_text().split())

    half = len(some) // 2
    assert {post(product, body) for body in some[:half] + some[:half]} == {200}
    for _ in range(KILLS):
        before = product.shell(COUNTED)["events"]
        assert product.shell(APPLIES.format(before=before)), f"no events were applied:\n{product.log_tails()}"
        product.kill_worker()
        assert {post(product, body) for body in some[half:][::-1]} == {200}
        product.start_worker()
    left = wait_until(
        lambda: found if not (found := product.shell(COUNTED))["waiting"] else None,
        120,
        what=lambda: f"all events to be applied:\n{product.log_tails()}",
        every=0.5,
    )

    assert left["arrivals"] == len(some)
    assert left["events"] == COUNT
    assert left["uncertain"] == 0
    assert left["suppressed"] == sorted(f"reader{number}@example.org" for number in range(DEAD))


def returned(tokens):
    """Return a report for each copy, from servers that call the first ones unknown and the others full."""
    gone = {"status": "5.1.1", "words": "smtp; 550 5.1.1 User unknown"}
    full = {"status": "5.2.2", "words": "smtp; 552 5.2.2 Mailbox full"}
    return [
        dsn(
            f"bounces+{token}@news.example.org",
            recipient=f"reader{seq}@example.org",
            name=f"<{seq}@mx.example.org>",
            **(gone if seq < DEAD else full),
        )
        for seq, token in enumerate(tokens[:MAILS])
    ]


@pytest.mark.parametrize("product", ["embedded"], indirect=True)
def test_a_mailbox_that_breaks_off_and_a_worker_that_is_killed_lose_no_mail_and_apply_none_twice(product, tmp_path):
    tokens, mailbox = tmp_path / "tokens", Mailbox()
    with imap_server(mailbox) as product.env["MAILBOX_URL"]:
        mailing = product.shell(COPIES.format(copies=MAILS, number=1, tokens=str(tokens)))
        product.shell(READERS.format(dead=DEAD, mailing=mailing))
        mailbox.deliver(*returned(tokens.read_text().split()))
        mailbox.cut, mailbox.pause = list(CUTS), 0.05
        product.start_worker()
        product.start_beat()

        for _ in range(2):
            left = len(mailbox.held())
            wait_until(
                lambda left=left: len(mailbox.held()) < left or (product.shell(FETCH) and None),
                60,
                what=lambda: f"a mail to be moved:\n{product.log_tails()}",
                every=0.3,
            )
            product.kill_worker()
            product.start_worker()
        mailbox.pause = 0
        wait_until(
            lambda: not mailbox.held() or (product.shell(FETCH) and None),
            120,
            what=lambda: f"the mailbox to be read, {len(mailbox.held())} are left:\n{product.log_tails()}",
            every=1,
        )
        left = wait_until(
            lambda: found if not (found := product.shell(COUNTED))["waiting"] else None,
            120,
            what=lambda: f"all mails to be applied:\n{product.log_tails()}",
            every=0.5,
        )

    assert mailbox.cut == []
    assert len(mailbox.held("Processed")) == MAILS
    assert (left["arrivals"], left["events"]) == (MAILS, MAILS)
    assert left["suppressed"] == sorted(f"reader{number}@example.org" for number in range(DEAD))
