"""The mail server of the desk is entered and changed while the product runs: its processes see it by themselves."""

import pytest

from tests.flows.seeds import compose_issue_1
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300), pytest.mark.exhaustive]
ENTER = """
from newsletter.publication.mail_server import MailServer

MailServer.objects.keep({url!r})
"""
FAILURES = """
from newsletter.delivery.models import Mailing

answer = list(Mailing.objects.values_list("provider_failures", flat=True))
"""


def test_an_issue_that_waits_for_a_wrong_server_goes_on_by_the_right_one(make_product, smtp):
    product = make_product()
    product.env["PRIVATE_MAIL_SERVERS"] = "1"
    compose_issue_1(product, {"a@example.org", "b@example.org"})
    product.shell(ENTER.format(url="smtp://127.0.0.1:1"))
    product.start_beat()
    product.start_worker()

    product.command("send_issue", "1", "--no-hold")
    wait_until(lambda: any(product.shell(FAILURES)), 60, what=product.log_tails)
    product.shell(ENTER.format(url=smtp.url))
    wait_until(lambda: len(smtp.received()) == 2, 60, what=product.log_tails)

    assert smtp.copies() == {"a@example.org": 1, "b@example.org": 1}
    assert not list((product.data / "outbox").glob("*.eml"))
