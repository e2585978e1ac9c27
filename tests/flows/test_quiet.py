"""While a server is away the log says so in a few lines, whatever fails because of it."""

import time
import urllib.error
import urllib.request
from contextlib import suppress

import pytest

from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers
AWAY_SECONDS = 12.0  # every task of the clock comes at least once, most of them six times
LINES_MAX = 10


def status(product, path):
    try:
        with urllib.request.urlopen(product.url + path, timeout=5) as response:
            return response.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def lines_of(product, *, from_line=0):
    """Return what `up` has written, without Celery's warning about who runs it: in a container tests run as root."""
    lines = product.output("up").splitlines()[from_line:]
    begins = [number for number, line in enumerate(lines) if "SecurityWarning" in line]
    warned = {number for first in begins for number in range(first, first + 9)}
    return [line for number, line in enumerate(lines) if number not in warned and line.strip()]


def test_an_outage_is_told_by_its_beginning_and_its_end(
    make_product, smtp, redis, redis_url, postgres, migrated_postgres_url
):
    product = make_product(mail_url=smtp.url, redis_url=redis_url, database_url=migrated_postgres_url)
    product.start()
    wait_until(lambda: status(product, "/readyz") == 200, 60, what=product.told)
    wait_until(lambda: "Ctrl-C stops it" in product.output("up"), what=product.told)  # pages are answered before that

    for server, away, back in (
        ("the database", postgres.kill, postgres.serve),
        ("Redis", redis.kill, redis.start),
    ):
        begin = len(product.output("up").splitlines())
        away()
        until = time.monotonic() + AWAY_SECONDS
        while time.monotonic() < until:
            for path in ("/", "/posts/", "/subscribe/"):
                with suppress(OSError):
                    status(product, path)
            time.sleep(0.5)  # as readers come, not as fast as one can ask
        back()
        wait_until(lambda server=server: f"{server} answers again" in product.output("up"), 60, what=product.told)
        wait_until(lambda: status(product, "/readyz") == 200, 60, what=product.told)

        # A process that looks seldom may say only now that the other one is back.
        told = [line for line in lines_of(product, from_line=begin) if server in line or "answers again" not in line]
        assert len(told) <= LINES_MAX, "\n".join(told)
        assert any(f"{server} is away" in line for line in told)
        assert not any("Traceback" in line for line in told)
