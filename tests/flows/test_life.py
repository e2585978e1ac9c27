"""Every process of `up` is killed, one after the other, at rest and at work, and the product goes on by itself."""

import os
import re
import signal
import time
import urllib.parse
import urllib.request
from contextlib import suppress
from html import unescape
from http.client import HTTPException
from itertools import count
from pathlib import Path

import pytest

from tests.flows.seeds import compose_issue_1, send_issue_1
from tests.support.smtp import Smtp
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.exhaustive]
REPLY_SECONDS = 0.2  # twenty messages a second: the mailing is under way throughout
READERS = 3_000
ALLOWED_SECONDS = 30


@pytest.fixture
def smtp(tmp_path):
    folder = tmp_path / "smtp"
    folder.mkdir()
    server = Smtp(folder, reply_seconds=REPLY_SECONDS)
    server.url += "?lines=4"
    server.start()
    yield server
    server.kill()


def children(product):
    """Return the processes of the product but `up` itself: each before its parent, which may take it along."""
    up = product.running["up"].pid
    return [pid for pid in sorted(product.pids(), reverse=True) if pid != up]


def sign_up(product, address):
    """Ask for the newsletter, by the button of the page that is shown to machines; return whether it was taken."""
    page = post(product, email=address)
    person = re.search(r'name="person" value="([^"]+)"', page)
    answer = post(product, email=address, person=unescape(person[1])) if person else ""
    return address in answer and 'name="person"' not in answer


def post(product, **form):
    """Return the page that answers a sign-up, empty if there is none."""
    with suppress(OSError, HTTPException):
        body = urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(product.url + "/subscribe/", body, timeout=5) as answer:
            return answer.read().decode()
    return ""


def kill_each(product, smtp, names):
    """Kill each process that there is now, and see each time that a reader gets the mail that confirms a sign-up."""
    for pid in children(product):
        command = Path(f"/proc/{pid}/cmdline")
        what = command.read_bytes() if command.exists() else b"(its parent took it along)"
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        killed_at = time.monotonic()
        address = f"newcomer{next(names)}@example.com"
        told = lambda what=what: f"a confirmation after a kill of {what!r}:\n{product.log_tails()}"  # noqa: E731
        wait_until(lambda address=address: sign_up(product, address), ALLOWED_SECONDS, what=told, every=0.5)
        left = ALLOWED_SECONDS - (time.monotonic() - killed_at)
        wait_until(lambda address=address: smtp.to(address), left, what=told)


def test_whatever_process_is_killed_idle_or_busy_a_confirmation_leaves_within_half_a_minute(make_product, smtp):
    product = make_product(mail_url=smtp.url)
    compose_issue_1(product, {f"reader{number}@example.org" for number in range(READERS)})
    product.start()
    names = count()

    kill_each(product, smtp, names)
    send_issue_1(product)
    begun = wait_until(
        lambda: sum(mail.rcpt.startswith("reader") for mail in smtp.received()), 60, what=product.log_tails
    )
    kill_each(product, smtp, names)

    wait_until(lambda: len(smtp.readers()) > begun + 40, ALLOWED_SECONDS, what=product.log_tails)
    mailed = [mail.rcpt for mail in smtp.received() if mail.rcpt.startswith("reader")]
    assert len(mailed) == len(set(mailed)) < READERS
