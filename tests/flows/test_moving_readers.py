"""Death in the middle of an import: a real process, a real `kill -9`, and the same file once more."""

import csv
import json
import random
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest

from subscribers.importers.chunks import BATCH_SIZE
from tests.support.processes import kill
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.exhaustive]
ROWS = 3 * BATCH_SIZE
COUNT = "SELECT count(*) FROM subscribers_subscriber"
EVERYTHING = """
from subscribers.models import Consent, Note, Subscriber, Suppression
from subscribers.models.tags import Tagging

def rows(model, *fields):
    return sorted(map(list, model.objects.order_by().values_list(*fields)), key=str)

found = [
    rows(Subscriber, "email", "name", "state", "confirmed_at", "unsubscribed_at", "paused_until", "signup_round"),
    rows(Consent, "subscriber__email", "kind", "at"), rows(Tagging, "subscriber__email", "tag__name"),
    rows(Note, "subscriber__email", "text"), rows(Suppression, "email", "reason"),
]
from hashlib import sha256
answer = [[len(one) for one in found], sha256(str(found).encode()).hexdigest()]
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    """Readers of all kinds; some stand in it twice, far apart, and with other states."""
    path, dice = tmp_path_factory.mktemp("moving") / "readers.csv", random.Random(7)
    states = ["active"] * 20 + ["unsubscribed", "bounced", "complained", "pending", "paused"]
    with path.open("w", encoding="utf-8", newline="") as written:
        lines = csv.writer(written)
        lines.writerow(["email", "name", "status", "created_at", "unsubscribed_at", "paused_until", "tags", "note"])
        for number in range(ROWS):
            state = dice.choice(states)
            address = f"r{number if number % 50 else number // 7}@example.org"
            left, until = ("2025-01-02T03:04:05Z" if state == other else "" for other in ("unsubscribed", "paused"))
            tags, note = ("a,b" if number % 10 == 0 else ""), (f"note {number}" if number % 30 == 0 else "")
            lines.writerow([address, f"讀者 {number}", state, "2024-05-01T08:00:00Z", left, until, tags, note])
    return path


@pytest.fixture(params=["embedded", "servers"])
def product(request, make_product):
    """An installation on each database; a queue is not needed."""
    if request.param == "embedded":
        return make_product()
    return make_product(database_url=request.getfixturevalue("migrated_postgres_url"))


@pytest.fixture(scope="module")
def uninterrupted() -> dict[str, object]:
    """What an import without an interruption has written, once it has been asked for."""
    return {}


def count(product) -> int:
    """Return how many readers there are, asked by another connection; 0 as long as none can be asked."""
    with suppress(sqlite3.OperationalError, psycopg.OperationalError):
        if url := product.env["DATABASE_URL"]:
            with psycopg.connect(url) as connection:
                return connection.execute(COUNT).fetchone()[0]
        with closing(sqlite3.connect(product.data / "newsletter.sqlite3", timeout=0.1)) as connection:
            return connection.execute(COUNT).fetchone()[0]
    return 0


def bring(product, file: Path) -> dict[str, int]:
    return json.loads(product.command("import_subscribers", str(file)).stdout.splitlines()[-1])


def test_an_import_that_was_killed_ends_like_one_that_was_not(product, make_product, file, uninterrupted):
    if not uninterrupted:
        other = make_product()
        uninterrupted.update(summary=bring(other, file), everything=other.shell(EVERYTHING))
        other.kill()

    process = product.manage_in_background("import_subscribers", str(file))
    killed_at = wait_until(lambda: count(product), 60, what=product.log_tails, every=0.005)
    kill(process)
    left = count(product)
    assert killed_at <= left < ROWS * 0.8, "the kill came too late to prove anything"

    again = bring(product, file)

    assert product.shell(EVERYTHING) == uninterrupted["everything"]
    assert again["rows"] == uninterrupted["summary"]["rows"] == ROWS
    assert again["created"] == uninterrupted["summary"]["created"] - left
