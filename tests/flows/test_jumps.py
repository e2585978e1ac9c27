"""The clock of the whole machine jumps ahead and back, in the middle of a mailing and between two."""

from pathlib import Path

import pytest

from tests.flows.seeds import compose_issue_1
from tests.flows.test_life import sign_up
from tests.support.missing_parts import skip_missing
from tests.support.smtp import Smtp
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.exhaustive]
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)  # Debian: faketime
HOUR, THREE_DAYS = 3600, 3 * 86_400
READERS = 600
ALLOWED_SECONDS = 45


@pytest.fixture
def smtp(tmp_path):
    folder = tmp_path / "smtp"
    folder.mkdir()
    server = Smtp(folder, reply_seconds=0.2)
    server.url += "?lines=4"  # twenty messages a second
    server.start()
    yield server
    server.kill()


class Clock:
    """What all processes of a product take for the time."""

    def __init__(self, file, product):
        self.file = file
        self.ahead(0)
        product.env |= {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
        }

    def ahead(self, seconds):
        draft = self.file.with_suffix(".draft")
        draft.write_text(f"{seconds:+d}\n")
        draft.replace(self.file)


def issue_mails(smtp):
    return [mail.rcpt for mail in smtp.received() if mail.rcpt.startswith("reader")]


def goes_on(product, smtp, names):
    """Wait until a reader's sign-up is answered, and until the mailing has gone on."""
    address, before = next(names), len(issue_mails(smtp))
    wait_until(lambda: sign_up(product, address), ALLOWED_SECONDS, what=product.log_tails, every=0.5)
    wait_until(lambda: smtp.to(address), ALLOWED_SECONDS, what=product.log_tails)
    if 0 < before < READERS:
        wait_until(lambda: len(issue_mails(smtp)) >= min(before + 20, READERS), ALLOWED_SECONDS, what=product.log_tails)


def test_a_clock_that_jumps_stops_neither_a_mailing_nor_a_confirmation(make_product, smtp, tmp_path):
    if FAKETIME is None:
        skip_missing("faketime is missing: apt-get install --no-install-recommends faketime")
    product = make_product(mail_url=smtp.url)
    clock = Clock(tmp_path / "clock", product)
    compose_issue_1(product, {f"reader{number}@example.org" for number in range(READERS)})
    product.start()
    names = iter(f"newcomer{number}@example.com" for number in range(20))

    clock.ahead(THREE_DAYS)  # between two mailings
    goes_on(product, smtp, names)
    clock.ahead(0)
    goes_on(product, smtp, names)

    product.manage("send_issue", "1", "--no-hold")
    wait_until(lambda: issue_mails(smtp), ALLOWED_SECONDS, what=product.log_tails)
    for seconds in (HOUR, THREE_DAYS, -THREE_DAYS):
        clock.ahead(seconds)
        goes_on(product, smtp, names)
        clock.ahead(0)
    wait_until(lambda: len(issue_mails(smtp)) == READERS, 60, what=product.log_tails)

    mailed = issue_mails(smtp)
    assert len(mailed) == len(set(mailed))
    assert "has not done its work" not in product.output("up")
