"""Death in the middle of a mailing, with the SMTP server's own log as the witness."""

import pytest

from newsletter.delivery.sending.couriers import FIRST_CONNECTIONS as LINES
from tests.flows.seeds import compose_issue_1, send_issue_1
from tests.support.smtp import Smtp
from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers
REPLY_SECONDS = 0.005  # the server thinks about each message: a second for every 800, so that a signal is in time

CONNECTIONS = LINES  # the worker has one lane
OUTCOMES = ("queued", "sending", "sent", "failed", "uncertain", "skipped")
PATIENCE_SECONDS = 240  # of which a quiet machine needs a tenth

UNCERTAIN = """
from newsletter.delivery.models import Delivery
answer = list(Delivery.objects.filter(state=Delivery.State.UNCERTAIN).values_list("subscriber__email", flat=True))
"""


@pytest.fixture
def smtp(tmp_path):
    """A server that takes its time."""
    folder = tmp_path / "smtp"
    folder.mkdir()
    server = Smtp(folder, reply_seconds=REPLY_SECONDS)
    server.url += f"?lines={LINES}"  # a kill costs a copy for each connection at the most
    server.start()
    yield server
    server.stop()


def begin_mailing(product, count, *, hands=1):
    """Have an issue sent by a worker and the clock; return the addresses of its readers."""
    readers = {f"reader{number}@example.org" for number in range(count)}
    compose_issue_1(product, readers)
    product.start_worker(processes=hands)
    product.start_beat()
    send_issue_1(product)
    return readers


def wait_for_mails(product, smtp, count):
    """Return how many mails there are as soon as there are `count`."""
    return wait_until(
        lambda: n if (n := len(smtp.received())) >= count else 0,
        PATIENCE_SECONDS,
        what=lambda: f"{count} mails:\n{product.log_tails()}",
    )


def wait_until_sent(product, smtp, count):
    """Return what mailing_status says of the mailing when it is over; not asked before `count` mails have arrived."""
    wait_for_mails(product, smtp, count)
    return wait_until(
        lambda: status if (status := product.status(1))["status"] == "sent" else None,
        PATIENCE_SECONDS,
        what=lambda: f"the mailing to be sent, it is {product.status(1)}:\n{product.log_tails()}",
        every=0.5,
    )


def test_a_killed_worker_mails_nobody_twice_and_forgets_nobody(product, smtp):
    smtp.hold_at(1_500)  # on a busy machine the kill comes late
    readers = begin_mailing(product, 2_000)

    wait_for_mails(product, smtp, 600)
    product.kill_worker()
    smtp.let_go()
    accepted = len(smtp.received())
    product.start_worker()
    status = wait_until_sent(product, smtp, len(readers) - CONNECTIONS)

    uncertain = set(product.shell(UNCERTAIN))
    assert accepted < len(readers), "the kill came too late to prove anything"
    assert smtp.copies_per_reader() == {1}
    assert readers - smtp.readers() <= uncertain
    assert len(uncertain) <= CONNECTIONS
    assert status["uncertain"] == len(uncertain)
    assert status["sent"] == len(readers) - len(uncertain)
    assert sum(status[outcome] for outcome in OUTCOMES) == status["total"] == len(readers)


@pytest.mark.exhaustive
def test_a_lock_file_that_is_deleted_in_mid_mailing_doubles_nothing(product, smtp):
    readers = begin_mailing(product, 1_500, hands=2)

    lock = product.data / "locks" / "slot-0"
    for count in (150, 500):
        wait_for_mails(product, smtp, count)
        lock.unlink(missing_ok=count > 150)  # a quick lane has not looked since the first time
    status = wait_until_sent(product, smtp, len(readers))

    assert smtp.copies_per_reader() == {1}
    assert smtp.readers() == readers
    assert (status["sent"], status["uncertain"]) == (len(readers), 0)
