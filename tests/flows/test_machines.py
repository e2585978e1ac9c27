"""Two machines send together: each looks for its own work, and whoever signs up meanwhile does not wait."""

from collections import Counter

import pytest

from newsletter.delivery.ledger import flight_recorder
from newsletter.delivery.ledger.flight_recorder import RowMark
from tests.flows.seeds import compose_issue_1
from tests.support.smtp import Smtp
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300), pytest.mark.exhaustive]
READERS = 800
REPLY_SECONDS = 0.1  # four connections of each machine: forty messages a second
SIGN_UP = """
from django.utils import timezone
from newsletter.publication.task_queue import enqueue
from subscribers import tasks
from subscribers import signup
from subscribers.models.consents import ConsentDetails

signup.sign_up("newcomer@example.com", ConsentDetails("test"), timezone.now())
enqueue(tasks.send_confirmations)
"""


@pytest.fixture
def slow(tmp_path):
    folder = tmp_path / "slow"
    folder.mkdir()
    server = Smtp(folder, reply_seconds=REPLY_SECONDS)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def machines(make_product, smtp, slow, migrated_postgres_url, redis_url):
    """Two installations with one hand each, which share everything but their folders."""
    made = [make_product(mail_url=smtp.url, database_url=migrated_postgres_url, redis_url=redis_url) for _ in range(2)]
    for one in made:
        one.env |= {"SITE_URL": made[0].url, "SECRET_KEY": "machines" * 8, "BULK_MAIL_URL": f"{slow.url}?lines=4"}
    return made


def sent(product):
    """Return the readers whose copies left from this machine, as its recorders know."""
    records = flight_recorder.all_records(product.data / "locks")
    return {seq for record in records for seq, mark in record.rows() if mark == RowMark.SENT}


def test_two_machines_share_a_mailing_and_nobody_waits_for_a_confirmation(machines, smtp, slow):
    first, second = machines
    compose_issue_1(first, {f"reader{number}@example.org" for number in range(READERS)})
    first.start_beat()
    for one in machines:
        one.start_worker()
    for one in machines:
        wait_until((one.data / "locks" / "slot-0").exists, 60, what=one.log_tails)

    slow.hold_at(READERS - 100)  # so that it is not over, on a busy machine too, before the newcomer has signed up
    first.command("send_issue", "1", "--no-hold")
    wait_until(slow.received, 60, what=first.log_tails)
    first.shell(SIGN_UP)
    smtp.wait_for("newcomer@example.com")
    on_the_way = len(slow.received())
    slow.let_go()
    wait_until(
        lambda: len(slow.received()) == READERS, 240, what=lambda: first.log_tails() + second.log_tails(), every=0.5
    )

    assert on_the_way < READERS
    assert set(slow.copies().values()) == {1}
    shares = Counter({name: len(sent(one)) for name, one in [("first", first), ("second", second)]})
    assert min(shares.values()) > READERS // 4
