"""Death in the middle of work on many readers: PostgreSQL, a worker of its own, and a real `kill -9`."""

import psycopg
import pytest

from newsletter.desk.jobs.readers import BATCH_READERS
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.exhaustive]
READERS = 3 * BATCH_READERS + 500
MADE = f"""
from datetime import UTC, datetime
from django.contrib.auth.models import User
from newsletter.desk.jobs import readers
from newsletter.desk.jobs.selection import Selection
from newsletter.publication.models import Publication
from subscribers.models import Subscriber

now = datetime.now(UTC)
Publication.objects.current()
Subscriber.objects.bulk_create(
    Subscriber(email=f"r{{{{n}}}}@example.org", address_hash=f"hash{{{{n}}}}", state="active", confirmed_at=now)
    for n in range({READERS}))
everybody = Selection.of_all({{{{}}}})
user = User.objects.create_superuser("gipi", "gipi@example.org", "pw")
made = readers.begin({{kind!r}}, everybody, {{options!r}}, about="x", count={READERS}, user=user, now=now)
answer = {{{{"errand": made.pk, "readers": sorted(Subscriber.objects.values_list("pk", flat=True))}}}}
"""
STATE = """
from newsletter.desk.models import Errand
found = Errand.objects.get()
answer = [found.state, found.position, found.counts]
"""
MINUTE_LATER = """
from datetime import timedelta
from django.utils import timezone
from newsletter.desk.models import Errand
Errand.objects.filter(lease_until__isnull=False).update(lease_until=timezone.now() - timedelta(seconds=1))
"""
TAGGED = """
from collections import Counter
from subscribers.models import Act, Subscriber
tagged, acts = Subscriber.objects.tagged("new"), Counter(Act.objects.values_list("subscriber", flat=True))
answer = [tagged.count(), len(acts), max(acts.values())]
"""
WRITTEN = """
import csv
from newsletter.desk.jobs import files
from newsletter.desk.models import Errand
with files.path_of(Errand.objects.get(), files.READERS).open(encoding="utf-8-sig", newline="") as file:
    answer = [row[0] for row in csv.reader(file)][1:]
"""
# One process that looks often takes a tenth of what a process for each look would take.
WRITES = """
import time
from newsletter.desk.jobs import files
from newsletter.desk.models import Errand

path, until = files.path_of(Errand.objects.get(), files.READERS), time.monotonic() + 120
while not (answer := path.stat().st_size if path.exists() else 0) and time.monotonic() < until:
    time.sleep(0.005)  # the file is being written for some hundredths of a second: that is when to kill
"""
WAITING = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted"


@pytest.fixture
def product(make_product, migrated_postgres_url, redis_url):
    return make_product(database_url=migrated_postgres_url, redis_url=redis_url)


def begin(product, kind: str, **options: str) -> list[int]:
    """Begin an errand about all readers, which nobody works on yet; return their keys."""
    return product.shell(MADE.format(kind=kind, options=options))["readers"]


def work_to_its_end(product) -> dict[str, int]:
    """Let another worker take it up, as it would a minute later; return what became of the readers."""
    product.shell(MINUTE_LATER)
    product.start_worker()
    found = wait_until(
        lambda: state if (state := product.shell(STATE))[0] != "running" else None,
        60,
        what=product.log_tails,
        every=0.2,
    )
    assert found[:2] == ["done", READERS]
    return found[2]


def test_a_worker_killed_inside_a_step_tags_nobody_twice_and_forgets_nobody(product, migrated_postgres_url):
    readers = begin(product, "tag", tag="new")
    product.start_beat()

    with psycopg.connect(migrated_postgres_url) as other:  # holds up the second step, whose first rows are written
        other.execute("SELECT 1 FROM subscribers_subscriber WHERE id = %s FOR UPDATE", [readers[BATCH_READERS + 700]])
        product.start_worker()
        wait_until(lambda: other.execute(WAITING).fetchone() == (True,), 60, what=product.log_tails, every=0.1)
        product.kill_worker()

    assert product.shell(STATE)[:2] == ["running", BATCH_READERS], "the kill came too late to prove anything"
    assert work_to_its_end(product) == {"done": READERS}
    assert product.shell(TAGGED) == [READERS, READERS, 1]


def test_a_worker_killed_while_it_writes_leaves_a_file_with_each_reader_once(product):
    begin(product, "export")
    product.start_beat()
    product.start_worker()

    assert product.shell(WRITES), product.log_tails()
    product.kill_worker()

    assert product.shell(STATE)[0] == "running", "the kill came too late to prove anything"
    assert work_to_its_end(product) == {"done": READERS}
    assert sorted(product.shell(WRITTEN)) == sorted(f"r{number}@example.org" for number in range(READERS))
