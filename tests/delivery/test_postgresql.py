"""What is promised of ledger and doors holds on PostgreSQL too: the same tests, run there by a process of their own."""

import os
import subprocess
import sys

import psycopg
import pytest

from tests.support.migrated import TEMPLATE
from tests.support.processes import kill, start
from tests.support.product import ROOT

pytestmark = [pytest.mark.servers, pytest.mark.exhaustive]

FILES = {  # in two parts of about the same length, for two processes: each loads the product and collects once
    "ledger": (
        "delivery/ledger/test_uncertain",
        "delivery/test_interleavings",
        "delivery/ledger/test_claims",
        "delivery/ledger/test_restored",
        "delivery/ledger/test_downtime",
        "delivery/ledger/test_recovery",
        "delivery/test_rate",
        "delivery/test_planning",
        "delivery/events/test_rules",
        "delivery/events/test_applying",
        "delivery/events/test_receivers",
        "delivery/ledger/test_retention",
        "delivery/models/test_mailing",
        "delivery/models/test_replies",
        "issues/test_models",
        "delivery/readers/test_quoting",
    ),
    "doors": (
        "delivery/sending/test_lane",
        "delivery/test_tasks",
        "api/test_changed_at_once",
        "api/test_idempotency",
        "api/test_posts",
        "api/hooks/test_triggers",
        "api/hooks/test_worker",
        "desk/accounts/test_login_attempts",
        "mail/test_mail_queue",
        "moving/site/test_site",
        "subscribers/models/test_consents",
        "subscribers/models/test_mail_budget",
        "subscribers/test_merging",
        "subscribers/test_replay_departures",
        "subscribers/models/test_tags",
        "subscribers/test_pending_unsubscribes",
    ),
}

BOTH = "exhaustive or not exhaustive"


@pytest.mark.timeout(500)
@pytest.mark.parametrize("part", FILES)
def test_the_ledger_and_the_doors_keep_their_promises_on_postgresql(migrated_postgres, tmp_path, part):
    """Django looks for a database whose name begins with "test_", and finds one in which every migration has run."""
    url = migrated_postgres.new_database(f"test_{part}", template=TEMPLATE)
    env = os.environ | {"TEST_DATABASE_URL": migrated_postgres.url(part), "COLUMNS": "120"}
    # With settings named from outside they would be read before conftest.py has its say.
    for name in ("DJANGO_SETTINGS_MODULE", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_CURRENT_TEST"):
        env.pop(name, None)
    files = [f"tests/{name}.py" for name in FILES[part]]
    command = [sys.executable, "-m", "pytest", "-v", "-n", "0", "-p", "no:randomly", "-m", BOTH, *files]

    process = start(command, log=tmp_path / "log", env=env, cwd=ROOT)
    try:
        code = process.wait()
    finally:
        kill(process)
        migrated_postgres.drop(url)

    said = (tmp_path / "log").read_text()
    assert code == 0, said[-8000:]
    assert "database: postgresql" in said


def test_a_window_reads_the_readers_that_it_has_and_no_others(migrated_postgres_url):
    """A plan that reads every reader for each hundred makes the cost of a mailing the square of its size."""
    code = """
import django; django.setup()
from django.db import connection
from newsletter.delivery.ledger import claims
from benchmarks.end_to_end import READERS
exec(READERS.format(readers=5000))
sql, holders = claims._waiting_sql("postgresql", 100)
with connection.cursor() as cursor:
    cursor.execute(
        "INSERT INTO issues_issue (number, subject, preheader, introduction, closing, version, created_at, updated_at,"
        " question, question_choices, shows_result, question_salt) VALUES (1, '', '', '', '', 1, now(), now(),"
        " '', '', false, '')"
    )
    cursor.execute(
        "INSERT INTO delivery_delivery (mailing_id, seq, subscriber_id, state, attempts, provider_id, reply)"
        " SELECT 1, id, id, 0, 0, '', '' FROM subscribers_subscriber"
    )
    cursor.execute("ANALYZE")
    cursor.execute("EXPLAIN " + sql, holders)
    print(*(line for (line,) in cursor.fetchall()), sep="\\n")
"""
    env = os.environ | {"DATABASE_URL": migrated_postgres_url}

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "Seq Scan on subscribers_subscriber" not in done.stdout, done.stdout
    assert "hashed SubPlan" not in done.stdout, done.stdout


def test_tables_that_are_written_most_are_kept_as_that_needs(migrated_postgres_url):
    """Copies have room to be updated in place, and no index of readers is written that nobody asks."""
    with psycopg.connect(migrated_postgres_url) as database:
        (options,) = database.execute("SELECT reloptions FROM pg_class WHERE relname = 'delivery_delivery'").fetchone()
        indexes = database.execute(
            "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename LIKE 'subscribers_%'"
        ).fetchall()

    assert options == ["fillfactor=50"]
    assert [table for table, words in indexes if "pattern_ops" in words] == ["subscribers_subscriber"]
    assert [words for table, words in indexes if table == "subscribers_subscriber" and "(email)" in words] == []
