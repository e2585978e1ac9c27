"""A worker that is asked to stop: within five seconds, and with everything written down, whatever its provider does.

SIGTERM reaches the worker alone, as `up`, systemd with KillMode=mixed and a container's stop send it.
"""

import time

import pytest

from newsletter.delivery.sending.couriers import FIRST_CONNECTIONS as LINES
from tests.flows.seeds import compose_issue_1, send_issue_1
from tests.support.smtp import Smtp
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.exhaustive]

SECONDS = 5
WAIT_SECONDS = 3.5  # of them at the most for answers
READERS = {f"reader{number}@example.org" for number in range(300)}
LEDGER = """
from newsletter.delivery.models import Batch, Delivery, Mailing
def readers(state):
    return list(Delivery.objects.filter(state=state).values_list("subscriber__email", flat=True))
leased = Batch.objects.filter(state="leased").count()
answer = {"sent": readers(1), "uncertain": readers(4), "leased": leased, "state": Mailing.objects.get().state}
"""


class Server:
    """An SMTP server that changes its mind about how long it thinks, and remembers what it accepted."""

    def __init__(self, folder):
        folder.mkdir()
        self.smtp = Smtp(folder)

    def start(self, reply_seconds):
        self.smtp.reply_seconds = reply_seconds
        self.smtp.start()


@pytest.fixture
def server(tmp_path):
    made = Server(tmp_path / "smtp")
    yield made
    made.smtp.kill()


def stop_in_the_middle(product, server, *, reply_seconds, mails):
    """Let a worker send until there are `mails` more, stop it, and return how long that took and what is written."""
    server.start(reply_seconds)
    begun = len(server.smtp.received())
    product.start_worker()
    wait_until(lambda: len(server.smtp.received()) >= begun + mails, 60, what=product.log_tails)

    asked_at = time.monotonic()
    product.stop_worker()
    took = time.monotonic() - asked_at

    server.smtp.kill()
    return took, product.shell(LEDGER)


def test_a_worker_stops_within_five_seconds_with_everything_written_down(make_product, server):
    product = make_product(mail_url=server.smtp.url)
    compose_issue_1(product, READERS)
    send_issue_1(product)
    product.start_beat()

    # A lane that sleeps until its next message may leave: what is measured is a worker with nothing to wait for.
    product.env["SEND_RATE"] = "2"
    at_once, ledger = stop_in_the_middle(product, server, reply_seconds=0, mails=3)
    allowed = max(SECONDS, at_once + WAIT_SECONDS)  # on a busy machine the program itself takes long to end
    assert set(ledger["sent"]) == server.smtp.readers()
    assert (ledger["uncertain"], ledger["leased"], ledger["state"]) == ([], 0, "sending")

    # Two seconds a message.
    del product.env["SEND_RATE"]
    took, ledger = stop_in_the_middle(product, server, reply_seconds=2, mails=6)
    assert took < allowed
    assert set(ledger["sent"]) == server.smtp.readers()
    assert (ledger["uncertain"], ledger["leased"], ledger["state"]) == ([], 0, "sending")

    # Not a word after any message.
    took, ledger = stop_in_the_middle(product, server, reply_seconds=600, mails=LINES)
    assert took < allowed
    assert set(ledger["sent"]) | set(ledger["uncertain"]) == server.smtp.readers()
    assert (len(ledger["uncertain"]), ledger["leased"], ledger["state"]) == (LINES, 0, "sending")
    assert server.smtp.copies_per_reader() == {1}
