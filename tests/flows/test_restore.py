"""A drill: a backup in mid-mailing, departures after it, a crash or a stop, and a restore as docs/deploy.md has it."""

from pathlib import Path

import pytest

from newsletter.delivery.sending.couriers import FIRST_CONNECTIONS as LINES
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
