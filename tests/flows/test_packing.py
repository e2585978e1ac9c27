"""Copies are packed by a process that is killed again and again: none is lost, none is there twice."""

import subprocess
import sys

import pytest

from tests.support.product import ROOT

pytestmark = [pytest.mark.servers, pytest.mark.exhaustive]

SEED = """
from datetime import timedelta
from django.utils import timezone
from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.issues.models import Issue
then = timezone.now() - timedelta(days=100)
times = dict.fromkeys(("approved_at", "send_at", "planned_at", "finished_at", "certified_at"), then)
mailing = Mailing.objects.create(
    issue=Issue.objects.create(number=1), state="sent", total=8000, html="", text="", content_hash="", **times
)
Delivery.objects.bulk_create(
    Delivery(
        mailing=mailing, seq=seq, subscriber_id=seq + 1, state=2 if seq % 50 == 7 else 1, attempts=1, sent_at=then,
        reply=f"550 5.1.1 <reader{seq}@example.org>: no such user" if seq % 50 == 7 else f"250 Ok: queued as {seq}",
    )
    for seq in range(8000)
)
Batch.objects.bulk_create(
    Batch(mailing=mailing, no=lo // 200, lo=lo, hi=lo + 200, cursor=lo + 200, state="done", sent=196, failed=4)
    for lo in range(0, 8000, 200)
)
"""
PACK = """
from django.utils import timezone
from newsletter.delivery.ledger import compaction
while copies := compaction.pack_some(timezone.now(), 0):
    print(copies, flush=True)
"""
COPIES = """
from newsletter.delivery.models import Delivery, Mailing, Pack
rows = [*Delivery.objects.values_list("seq", "subscriber_id", "state", "attempts", "sent_at", "reply")]
packed = [(*copy[:5], copy.reply) for pack in Pack.objects.all() for copy in pack.copies()]
plain = [(*row[:5], "" if row[2] == 1 else row[5]) for row in rows + packed]
answer = {
    "steps": globals().get("steps"),
    "rows": len(rows), "packs": Pack.objects.count(), "copies": sorted(map(str, plain)),
    "closed": Mailing.objects.get().packed_at is not None,
}
"""


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_packing_is_killed_again_and_again(make_product, engine, request):
    database_url = request.getfixturevalue("migrated_postgres_url") if engine == "postgresql" else ""
    product = make_product(database_url=database_url)
    before = product.shell(SEED + COPIES)
    assert (before["rows"], before["packs"]) == (8000, 0)

    killed = [kill_after(product, steps) for steps in (1, 6, 3)]
    after = product.shell("steps = []" + PACK.replace("print(copies, flush=True)", "steps.append(copies)") + COPIES)

    assert killed == [True] * 3
    assert 1 <= len(after["steps"]) <= 30
    assert after["copies"] == before["copies"]
    assert (after["rows"], after["packs"], after["closed"]) == (0, 40, True)


def command():
    return [sys.executable, "manage.py", "shell", "--no-imports", "-v", "0", "-c", PACK]


def kill_after(product, steps):
    """Let packing do so many steps and kill it, most likely in the middle of the next one; return whether it lived."""
    with subprocess.Popen(command(), cwd=ROOT, env=product.env, stdout=subprocess.PIPE, text=True) as packing:
        for _ in range(steps):
            packing.stdout.readline()
        is_alive = packing.poll() is None
        packing.kill()
    return is_alive
