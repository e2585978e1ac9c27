"""`kill -9` in the middle of a mailing, with the SMTP server's own log as the witness."""

import pytest

from tests.flows.seeds import compose_issue_1, import_readers
from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers

READERS = {f"reader{number}@example.org" for number in range(2_000)}
CONNECTIONS = 1  # the worker has one process, and that one connection
OUTCOMES = ("queued", "sending", "sent", "failed", "uncertain", "skipped")
UNCERTAIN = """
from newsletter.delivery.models import Delivery
answer = list(Delivery.objects.filter(state=Delivery.State.UNCERTAIN).values_list("subscriber__email", flat=True))
"""


@pytest.fixture
def mailing(product, smtp):
    """A mailing of 2,000 that is being sent."""
    product.migrate()
    import_readers(product, READERS)
    compose_issue_1(product)
    product.start_worker()
    product.start_beat()
    product.manage("send_issue", "1", "--no-hold")
    wait_for_mails(product, smtp, 400)


def wait_for_mails(product, smtp, count):
    wait_until(lambda: len(smtp.received()) >= count, 60, what=lambda: f"{count} mails:\n{product.told()}")


def wait_until_sent(product):
    """Return the last answer of mailing_status."""
    return wait_until(
        lambda: status if (status := product.status(1))["status"] == "sent" else None,
        60,
        what=lambda: f"the mailing to be sent, it is {product.status(1)}:\n{product.told()}",
        every=0.5,
    )


def test_a_killed_worker_mails_nobody_twice_and_forgets_nobody(product, mailing, smtp):
    product.kill_worker()
    accepted = len(smtp.received())
    product.start_worker()
    status = wait_until_sent(product)
    uncertain = set(product.shell(UNCERTAIN))

    assert 400 <= accepted < len(READERS), "the kill came too late to prove anything"
    assert smtp.copies_per_reader() == {1}
    assert READERS - smtp.readers() <= uncertain
    assert len(uncertain) <= CONNECTIONS
    assert status["uncertain"] == len(uncertain)
    assert status["sent"] == len(READERS) - len(uncertain)
    assert sum(status[outcome] for outcome in OUTCOMES) == status["total"] == len(READERS)


def test_a_worker_killed_again_and_again_still_mails_everybody_once(product, mailing, smtp):
    for count in (500, 800, 1_200):
        wait_for_mails(product, smtp, count)
        product.kill_worker()
        product.start_worker()
    status = wait_until_sent(product)
    uncertain = set(product.shell(UNCERTAIN))

    assert smtp.copies_per_reader() == {1}
    assert READERS - smtp.readers() <= uncertain
    assert len(uncertain) <= 3 * CONNECTIONS
    assert status["sent"] + status["uncertain"] == status["total"] == len(READERS)


def test_a_worker_asked_to_stop_leaves_nobody_uncertain(product, mailing, smtp):
    product.stop_worker()
    accepted = len(smtp.received())
    product.start_worker()
    status = wait_until_sent(product)

    assert accepted < len(READERS), "the signal came too late to prove anything"
    assert smtp.copies_per_reader() == {1}
    assert smtp.readers() == READERS
    assert (status["sent"], status["uncertain"]) == (len(READERS), 0)
