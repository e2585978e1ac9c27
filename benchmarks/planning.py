"""How long planning takes: the audience, its batches and the commit, on SQLite and on PostgreSQL.

    uv run --dev python -m benchmarks.planning [--readers 1000000]

Readers are written by one SQL statement; a tenth has the tags "paid" and "course". Each engine runs in a process of its
own: Django is set up for one database. `count` is the time the send screen needs to count everybody who is mailable,
`rehearse` what the click on "rehearse" waits for.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import timedelta

from benchmarks.installation import ROOT, machine

COLUMNS = (
    "email, address_hash, name, state, token_salt, signup_round, asked_times,"
    " confirmation_tries, confirmed_at, created_at"
)
VALUES = (
    "'reader' || n || '@example.org', {digest}, '', 'active',"
    " 'benchmark', 1, 0, 0, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP"
)
NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, default=1_000_000)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        measure(given.readers)
        return
    print(machine())
    run("", given.readers)
    from tests.support.postgres import Postgres

    server = Postgres(fsync=True)
    try:
        server.start()
        run(server.new_database(), given.readers)
    finally:
        server.stop()


def run(database_url: str, readers: int) -> None:
    """Measure one engine in a new process, whose peak of memory is then its own."""
    with tempfile.TemporaryDirectory(prefix="newsletter-planning-") as folder:
        own = {"DATABASE_URL": database_url, "DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "newsletter.settings"}
        mail = {"MAIL_URL": "smtp://127.0.0.1:25", "BULK_MAIL_URL": ""}  # planned, not sent
        rest = {"REDIS_URL": "", "SITE_URL": "https://news.example.org"} | mail
        command = [sys.executable, "-m", "benchmarks.planning", "--here", "--readers", str(readers)]
        subprocess.run(command, cwd=ROOT, env=os.environ | own | rest, check=True)


def measure(readers: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.utils import timezone

    from subscribers.models import Subscriber
    from subscribers.models.tags import ReaderTag
    from tests import factories

    call_command("migrate", verbosity=0)
    factories.make_publication(name="Gipi電子報")
    fill(readers)
    now = timezone.now()
    print(f"{connection.vendor}: {readers} readers")
    issue = factories.make_issue(factories.make_post())
    timed("count", lambda: Subscriber.objects.mailable(now).count())
    timed("count a tag", lambda: Subscriber.objects.mailable(now).tagged("course").count())
    timed("tags", ReaderTag.objects.in_use)
    timed("rehearse", lambda: rehearsed(issue))
    planned(issue, "plan +course", "+course")
    planned(issue, "plan the rest", "")
    planned(factories.make_issue(factories.make_post()), "plan -paid", "-paid")
    planned(factories.make_issue(factories.make_post()), "plan everybody", "")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  peak {peak:.0f} MB, load {os.getloadavg()[0]:.1f}", flush=True)


def rehearsed(issue: object) -> None:
    from django.utils import timezone

    from newsletter.delivery.rehearsal import rehearse, unsaved_mailing
    from newsletter.desk.auto_rehearsal import audience_remarks

    now = timezone.now()
    rehearse(unsaved_mailing(issue, "", now), now)
    list(audience_remarks(issue, "", now))


def planned(issue: object, name: str, segment: str) -> None:
    from django.utils import timezone

    from newsletter.delivery.models import Mailing
    from newsletter.delivery.planning import approving, beginning

    now = timezone.now()
    mailing = approving.approve(issue, send_at=None, now=now, hold=timedelta(), segment=segment)
    timed(name, lambda: beginning.plan_mailing(mailing, now))
    Mailing.objects.filter(pk=mailing.pk).update(state=Mailing.State.SENT)
    mailing.refresh_from_db()
    print(f"    {mailing.total} copies, {mailing.batches.count()} batches")


def timed(name: str, step: object) -> None:
    began = time.perf_counter()
    step()
    print(f"  {name:<16}{time.perf_counter() - began:6.2f} s", flush=True)


def fill(readers: int) -> None:
    """Write active readers by one statement, and let PostgreSQL look at them as its autovacuum would."""
    from django.db import connection

    digest = "md5(n::text)" if connection.vendor == "postgresql" else "printf('%%032x', n)"
    select = f"SELECT {VALUES.format(digest=digest)} FROM numbers"
    insert = f"INSERT INTO subscribers_subscriber ({COLUMNS})"
    head, tail = (NUMBERS + insert, select) if connection.vendor == "postgresql" else (insert + NUMBERS, select)
    head = head.replace(")INSERT", ") INSERT").replace(")WITH", ") WITH")
    with connection.cursor() as cursor:
        cursor.execute(f"{head} {tail}", [readers])
        cursor.execute("INSERT INTO subscribers_tag (name) VALUES ('paid'), ('course')")
        cursor.execute(
            "INSERT INTO subscribers_tagging (subscriber_id, tag_id) SELECT s.id, t.id"
            " FROM subscribers_subscriber AS s CROSS JOIN subscribers_tag AS t WHERE s.id % 10 = 0"
        )
        cursor.execute("ANALYZE")


if __name__ == "__main__":
    main()
