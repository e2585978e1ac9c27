"""A Redis that is full, read-only, silent or away stops no page, no sign-up and no mailing; PostgreSQL says so."""

import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from newsletter.operation.programs import WEB_PROCESSES
from tests.flows.seeds import compose_issue_1, send_issue_1
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.exhaustive]
READERS = 60
PATIENCE_SECONDS = 120  # of which a quiet machine needs a fifth
AWAY_SECONDS = 58  # after so long Celery itself waits for 14 seconds until it asks Redis again, later for 30
BACK_SECONDS = 10  # of which a quiet machine needs six
LONGER_SECONDS = 300  # that the heartbeats say that it was
CLIENTS, MOST_CONNECTIONS = 150, 100  # at once; PostgreSQL takes 100, and a few are others'
LIMIT_SECONDS = 30  # of an answer while the database is silent; a busy machine needs 12
PATIENCE_WITH_THE_DEAD = """
import os, socket
from django.db import connection
connection.ensure_connection()
with socket.socket(fileno=os.dup(connection.connection.fileno())) as line:
    answer = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
"""
WAKE_UP = """
from newsletter.delivery import tasks
answer = tasks.dispatch.apply_async().id
"""
PROMPT_SECONDS = 5  # longer than before, for an answer; test_limits and test_wakeups know what silence itself costs


@pytest.fixture
def product(make_product, smtp, redis, redis_url):
    """The whole product with Redis, which works again after the test."""
    yield make_product(mail_url=smtp.url, redis_url=redis_url)
    redis.mend()


def get(product, path):
    """Return the status of a page and the seconds that it took."""
    return _answer(urllib.request.Request(product.url + path))


def search(product, words):
    """Do what is counted by the rate limits."""
    return get(product, "/search/?" + urllib.parse.urlencode({"q": words}))


def _answer(request):
    began = time.monotonic()
    try:
        with urllib.request.urlopen(request) as response:
            response.read()
    except urllib.error.HTTPError as error:
        return error.code, time.monotonic() - began
    return response.status, time.monotonic() - began


def wait_until_sent(product, smtp):
    """Wait for the end of the mailing; it is not asked for before all mails have arrived: that takes a process."""
    wait_until(lambda: len(smtp.received()) >= READERS, PATIENCE_SECONDS, what=product.log_tails)
    told = lambda: f"the mailing, it is {product.status(1)}:\n{product.log_tails()}"  # noqa: E731
    wait_until(lambda: product.status(1)["status"] == "sent", PATIENCE_SECONDS, what=told, every=0.5)


@pytest.mark.parametrize("fault", ["fill", "stop_for_now"])
def test_a_mailing_begins_and_ends_and_pages_are_shown_while_redis_fails(product, smtp, redis, fault):
    readers = {f"reader{number}@example.org" for number in range(READERS)}
    compose_issue_1(product, readers)
    product.start()

    paths = ("/", "/posts/", "/search/?q=warm")
    for path in paths:  # the first answers of a process take long
        get(product, path)
    before = max(get(product, path)[1] for path in paths)  # long on a busy machine

    getattr(redis, fault)()
    answers = [get(product, "/"), get(product, "/posts/"), search(product, "x"), search(product, "y")]
    more = {search(product, "x")[0] for _search in range(30 * WEB_PROCESSES)}
    send_issue_1(product)
    wait_until_sent(product, smtp)

    assert [status for status, _seconds in answers] == [200] * 4
    assert max(seconds for _status, seconds in answers) < PROMPT_SECONDS + 3 * before
    assert 429 in more, "the limits hold in each process"
    assert smtp.readers() == readers
    assert smtp.copies_per_reader() == {1}


def test_a_mailing_under_way_goes_on_while_redis_takes_no_writes(product, smtp, redis):
    """The workers of Redis end again and again meanwhile: they have nothing to take tasks from."""
    readers = {f"reader{number}@example.org" for number in range(READERS)}
    product.env["SEND_RATE"] = "10"
    compose_issue_1(product, readers)
    product.start()
    send_issue_1(product)
    wait_until(lambda: len(smtp.received()) >= 5, PATIENCE_SECONDS, what=product.log_tails)

    redis.make_read_only()
    wait_until_sent(product, smtp)

    assert smtp.readers() == readers
    assert smtp.copies_per_reader() == {1}
    assert (product.status(1)["sent"], product.status(1)["uncertain"]) == (READERS, 0)


def test_redis_away_for_minutes_ends_no_process_and_its_tasks_are_done_soon_after(make_product, redis, redis_url):
    product = make_product(redis_url=redis_url)
    product._start("worker", [sys.executable, "manage.py", "run_worker", "--clock"])
    wait_until(lambda: "ready." in product.output("worker"), 60, what=product.log_tails)
    before = product.pids()

    redis.kill()
    time.sleep(AWAY_SECONDS)  # what waits for Redis cannot be had to wait faster
    for heartbeat in (product.data / "heartbeats").iterdir():
        at = heartbeat.stat().st_mtime - LONGER_SECONDS
        os.utime(heartbeat, (at, at))
    redis.start()
    back = time.monotonic()
    done = f"[{product.shell(WAKE_UP)}] succeeded"
    wait_until(lambda: done in product.output("worker"), BACK_SECONDS, what=product.log_tails)

    assert time.monotonic() - back < BACK_SECONDS
    assert set(before) <= set(product.pids())
    assert "ending it" not in product.output("worker")


def page(product, number):
    """Return the status of a page and when it may be asked for again. It is of a post that is not there: none is kept.

    Raises TimeoutError.
    """
    try:
        with urllib.request.urlopen(f"{product.url}/posts/none-{number}/", timeout=LIMIT_SECONDS) as response:
            return response.status, ""
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Retry-After", "")


def asked_by_many(product, wire):
    """Return what CLIENTS get that ask at once, and how many connections the database was asked for meanwhile."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        asked = [clients.submit(page, product, number) for number in range(CLIENTS)]
        most = 0
        while wait(asked, 0.2).not_done:
            most = max(most, wire.connections())
    return {one.result() for one in asked}, most


def test_a_silent_postgresql_is_asked_for_no_more_than_it_has_and_pages_say_that_it_is_away(
    make_product, migrated_postgres, migrated_postgres_url, redis_url, wire_to
):
    wire = wire_to(migrated_postgres.port)
    product = make_product(database_url=wire.through(migrated_postgres_url), redis_url=redis_url)
    product.start()
    assert {page(product, number) for number in range(20)} == {(404, "")}

    wire.cut()
    answers, most = asked_by_many(product, wire)
    wire.mend()
    wait_until(lambda: page(product, 0) == (404, ""), what=product.log_tails)

    assert answers == {(503, "120")}
    assert most < MOST_CONNECTIONS


def test_a_connection_to_a_postgresql_that_cannot_be_reached_any_more_ends_in_time(make_product, migrated_postgres_url):
    product = make_product(database_url=migrated_postgres_url)

    assert product.shell(PATIENCE_WITH_THE_DEAD) == 20_000
