"""How long the end of a mailing takes: its count by domain, and the author's decision about all uncertain copies.

    uv run --dev python -m benchmarks.closing [--copies 1000000] [--postgres]

Copies and batches are written by SQL: one in 50 failed, one in 70 skipped, three of each 500 uncertain. The wait of
others is measured beside the count: the longest time in which a step of a lane, a small write, did not come
through. Then every copy is made uncertain, which is the worst that a decision can meet.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable

from benchmarks.installation import ROOT, machine

NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s - 1)"
STATE = "CASE WHEN n %% 500 < 3 THEN 4 WHEN n %% 50 = 7 THEN 2 WHEN n %% 70 = 9 THEN 5 ELSE 1 END"
REPLY = """CASE WHEN n %% 500 < 3 THEN 'no answer after the message'
    WHEN n %% 50 = 7 THEN '550 5.1.1 <reader' || n || '@example.org>: no such user'
    WHEN n %% 70 = 9 THEN 'left, paused or suppressed since the issue was begun'
    ELSE '250 2.0.0 Ok: queued as 4F' || n END"""
COPIES = (
    "INSERT INTO delivery_delivery (mailing_id, seq, state, attempts, sent_at, provider_id, reply)"
    f" {NUMBERS} SELECT %s, n, {STATE}, 1, CURRENT_TIMESTAMP, '', {REPLY} FROM numbers"
)
BATCHES = (
    "INSERT INTO delivery_batch (mailing_id, no, lo, hi, cursor, pass_no, state, token, worker, in_flight,"
    " sent, failed, uncertain, skipped) SELECT mailing_id, seq / 500, MIN(seq), MAX(seq) + 1, MIN(seq), 1, 'done', 1,"
    " '', 0, SUM(CASE WHEN state = 1 THEN 1 ELSE 0 END), SUM(CASE WHEN state = 2 THEN 1 ELSE 0 END),"
    " SUM(CASE WHEN state = 4 THEN 1 ELSE 0 END), SUM(CASE WHEN state = 5 THEN 1 ELSE 0 END)"
    " FROM delivery_delivery WHERE mailing_id = %s GROUP BY mailing_id, seq / 500"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copies", type=int, default=1_000_000)
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL of its own")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        measure(given.copies)
        return
    print(machine())
    if not given.postgres:
        run("", given.copies)
        return
    from tests.support.postgres import Postgres

    server = Postgres(fsync=True)
    try:
        server.start()
        run(server.new_database(), given.copies)
    finally:
        server.stop()


def run(database_url: str, copies: int) -> None:
    """Measure in a new process, whose peak of memory is then its own."""
    with tempfile.TemporaryDirectory(prefix="newsletter-closing-") as folder:
        own = {"DATABASE_URL": database_url, "DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "newsletter.settings"}
        rest = {"REDIS_URL": "", "MAIL_URL": "", "BULK_MAIL_URL": "", "SITE_URL": "https://news.example.org"}
        command = [sys.executable, "-m", "benchmarks.closing", "--here", "--copies", str(copies)]
        subprocess.run(command, cwd=ROOT, env=os.environ | own | rest, check=True)


def measure(copies: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.utils import timezone

    from newsletter.delivery.ledger import breakdown, uncertain
    from newsletter.delivery.ledger.uncertain import DeliveryReport, Resolution

    call_command("migrate", verbosity=0)
    mailing = fill(copies)
    print(f"{connection.vendor}: {copies} copies, {mailing.batches.count()} batches, {peak():.0f} MB")
    now = timezone.now()
    with Others() as others:
        timed("count by domain", lambda: breakdown.count_next_mailing(now))
    assert sum(map(sum, mailing.breakdown.by_domain.values())) == copies
    print(f"  others waited {others.longest:6.2f} s at the most, {peak():.0f} MB")
    timed(
        "3 of each batch again",
        lambda: uncertain.decide_all(mailing, DeliveryReport(Resolution.SEND_AGAIN, now), seen=0),
    )
    mailing.deliveries.update(state=4)
    mailing.batches.update(state="done", sent=0, failed=0, skipped=0, uncertain=500)
    seen, all_of_them = uncertain.last_decision(mailing), DeliveryReport(Resolution.COUNT_AS_SENT, now, "counted")
    with Others() as others:
        timed("count all as sent", lambda: uncertain.decide_all(mailing, all_of_them, seen=seen))
    assert mailing.counts().sent == copies
    print(f"  others waited {others.longest:6.2f} s at the most, {peak():.0f} MB, load {os.getloadavg()[0]:.1f}")


class Others:
    """Another thread that writes one row again and again, as a lane does, and the longest that it had to wait."""

    longest = 0.0

    def __enter__(self) -> "Others":
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._write)
        self.thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.is_over.set()
        self.thread.join()

    def _write(self) -> None:
        from django.db import connection

        from newsletter.delivery.models import RateLimitState

        RateLimitState.objects.get_or_create(key="benchmark")
        while not self.is_over.wait(0.01):
            began = time.perf_counter()
            RateLimitState.objects.filter(key="benchmark").update(free_at=began)
            self.longest = max(self.longest, time.perf_counter() - began)
        connection.close()


def fill(copies: int):
    """Write a mailing that is over, with its copies and batches."""
    from django.db import connection
    from django.utils import timezone

    from newsletter.delivery.models import Mailing
    from tests import factories

    factories.make_publication(name="Gipi電子報")
    now, issue = timezone.now(), factories.make_issue(factories.make_post())
    times = {"approved_at": now, "send_at": now, "planned_at": now, "finished_at": now}
    mailing = Mailing.objects.create(issue=issue, state="sent", total=copies, **times)
    with connection.cursor() as cursor:
        cursor.execute(COPIES, [copies, mailing.pk])
        cursor.execute(BATCHES, [mailing.pk])
        cursor.execute("ANALYZE")
    return mailing


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(name: str, step: Callable[[], object]) -> None:
    began = time.perf_counter()
    step()
    print(f"  {name:<22}{time.perf_counter() - began:6.2f} s", flush=True)


if __name__ == "__main__":
    main()
