"""A drill: a backup in mid-mailing, departures after it, a crash or a stop, and a restore as docs/deploy.md has it.

And what is done without a backup: a data folder that is put back, or copied and started beside its original.
"""

import os
import shutil
import signal
from pathlib import Path

import pytest

from newsletter.delivery.sending.couriers import FIRST_CONNECTIONS as LINES
from tests.flows.seeds import compose_issue_1, schedule_issue_1
from tests.flows.test_kill import begin_mailing, wait_for_mails, wait_until_sent
from tests.support.documented_backup import back_up, environment, restore
from tests.support.product import Product
from tests.support.smtp import Smtp
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.exhaustive]
REPLY_SECONDS = 0.05  # for each message: some 80 in a second, so that the acts of a process fall into the mailing
READERS = 600
HOLD_AT = 400  # where the mailing waits for its end, which comes late on a busy machine

DEPARTURES = """
from django.utils import timezone
from subscribers.models import Subscriber, address_hash
erased, left = Subscriber.objects.order_by("-pk")[:2]
new = Subscriber.objects.create(email="new@example.org", address_hash=address_hash("new@example.org"))
answer = [[erased.email, left.email], new.pk, new.token("unsubscribe")]
left.unsubscribe(timezone.now())
erased.erase()
"""
FINDINGS = """
from django.utils import timezone
from newsletter.operation.diagnosis import editor_findings
answer = [finding.id for finding in editor_findings(timezone.now())]
"""
DECISION = """
from django.utils import timezone
from newsletter.delivery.ledger import restore_detection
restore_detection.count_as_sent(timezone.now())
"""
END = """
from subscribers.models import Subscriber, address_hash
from newsletter.delivery.models import Delivery
uncertain = Delivery.objects.filter(state=Delivery.State.UNCERTAIN)
other = Subscriber.objects.create(email="other@example.org", address_hash=address_hash("other@example.org"))
opens = Subscriber.objects.for_token({token!r}, "unsubscribe")
answer = [list(uncertain.values_list("subscriber__email", flat=True)), other.pk, opens is not None]
"""


@pytest.fixture
def smtp(tmp_path):
    folder = tmp_path / "smtp"
    folder.mkdir()
    server = Smtp(folder, reply_seconds=REPLY_SECONDS)
    server.url += f"?lines={LINES}"  # a kill costs a copy for each connection at the most
    server.start()
    yield server
    server.stop()


@pytest.fixture
def on_sqlite(make_product, smtp):
    return make_product(mail_url=smtp.url)


@pytest.fixture
def on_postgresql(make_product, smtp, named_postgres_url, redis_url):
    made = make_product(mail_url=smtp.url, database_url=named_postgres_url, redis_url=redis_url)
    made.env["PATH"] = environment(made)["PATH"]
    return made


def back_up_by_command(product: Product, folder: Path) -> None:
    product.command("backup", str(folder / "one.tar"))


def restore_by_command(product: Product, folder: Path) -> None:
    product.command("restore", "--replace", str(folder / "one.tar"))


@pytest.mark.parametrize(
    ("engine", "end", "back_up", "restore"),
    [
        ("on_sqlite", Product.kill, back_up_by_command, restore_by_command),
        ("on_postgresql", Product.stop, back_up, restore),
    ],
    ids=["crash, by command", "stop, by hand"],
)
def test_after_a_restore_nobody_who_left_gets_mail_and_nobody_gets_it_twice(
    request, smtp, tmp_path, engine, end, back_up, restore
):
    product = request.getfixturevalue(engine)
    smtp.hold_at(HOLD_AT)
    readers = begin_mailing(product, READERS, hands=2)
    wait_for_mails(product, smtp, 30)
    back_up(product, tmp_path)
    gone, lost_pk, lost_token = product.shell(DEPARTURES)
    end(product)
    smtp.let_go()
    before = len(smtp.received())
    assert 30 < before < READERS - 50, "the end came at a moment that proves nothing"

    restore(product, tmp_path)
    product.start_worker(processes=2)
    product.start_beat()
    wait_until(lambda: "was put back, copied or moved" in product.output("worker"), 60, what=product.log_tails)
    assert "database.restored" in product.shell(FINDINGS)
    assert len(smtp.received()) == before  # the clock has ticked meanwhile
    product.shell(DECISION)
    wait_until_sent(product, smtp, READERS - len(gone) - LINES)
    uncertain, other_pk, opens = product.shell(END.format(token=lost_token))

    assert smtp.copies_per_reader() == {1}
    assert not smtp.readers() & set(gone)
    assert readers - set(gone) - smtp.readers() <= set(uncertain)
    assert len(uncertain) <= LINES
    assert (other_pk, opens) == (lost_pk, False)


FOLDER_READERS = 120
DUE = """
from django.utils import timezone
from newsletter.delivery.models import Mailing
from newsletter.delivery.planning import approving
answer = approving.end_hold(Mailing.objects.get(), now=timezone.now())
"""
NOBODY_ELSE = """
from django.utils import timezone
from newsletter.delivery.ledger import restore_detection
restore_detection.cancel_open_mailings(timezone.now())
"""


def run(product: Product) -> None:
    """Start it, and wait until its dispatcher has looked at the ledger."""
    heartbeat = product.data / "heartbeats" / "dispatcher"
    heartbeat.unlink(missing_ok=True)
    product.start_worker()
    product.start_beat()
    wait_until(heartbeat.exists, 60, what=product.log_tails)


def copy_folder(product: Product, to: Path) -> None:
    """Copy the data folder in one moment, as a snapshot of its volume does."""
    for pid in product.pids():
        os.kill(pid, signal.SIGSTOP)
    shutil.copytree(product.data, to)
    for pid in product.pids():
        os.kill(pid, signal.SIGCONT)


def put_back(product: Product, copy: Path) -> None:
    product.kill()
    shutil.rmtree(product.data)
    shutil.copytree(copy, product.data)


def test_a_data_folder_that_was_put_back_or_copied_sends_nothing_before_its_author_has_decided(
    on_sqlite, make_product, smtp, tmp_path
):
    original, clone = on_sqlite, make_product(mail_url=smtp.url)
    compose_issue_1(original, {f"reader{number}@example.org" for number in range(FOLDER_READERS)})
    run(original)
    schedule_issue_1(original)
    copy_folder(original, tmp_path / "scheduled")
    assert original.shell(DUE)
    smtp.hold_at(FOLDER_READERS // 2)
    wait_for_mails(original, smtp, FOLDER_READERS // 2)
    copy_folder(original, tmp_path / "sending")

    def sends_nothing(product: Product, copy: str, *, asked: int = 1) -> None:
        before = len(smtp.received())
        put_back(product, tmp_path / copy)
        run(product)
        assert product.output("worker").count("was put back, copied or moved") == asked, product.log_tails()
        assert "database.restored" in product.shell(FINDINGS)
        if copy == "scheduled":
            assert product.shell(DUE)
        run_again = product.data / "heartbeats" / "dispatcher"
        run_again.unlink()
        wait_until(run_again.exists, 60, what=product.log_tails)
        assert product is clone or len(smtp.received()) == before

    sends_nothing(clone, "scheduled")  # beside the original, which sends
    smtp.let_go()
    wait_until_sent(original, smtp, FOLDER_READERS)
    sends_nothing(original, "scheduled")
    sends_nothing(original, "sending", asked=2)
    original.shell(NOBODY_ELSE)

    wait_until(lambda: original.status(1)["queued"] == 0, 60, what=original.log_tails)
    assert smtp.copies_per_reader() == {1}
    assert len(smtp.received()) == FOLDER_READERS
