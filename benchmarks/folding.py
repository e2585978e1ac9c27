"""What history costs: copies of old mailings are packed while a mailing goes out.

    uv run --dev python -m benchmarks.folding [--engine sqlite|servers] [--copies 20000000] [--readers 500000]
                                        [--at-once 20000000] [--rounds 2]

Old mailings are written by SQL, each to all readers, with the replies of a Postfix; one copy in 500 was refused, one
in 900 is uncertain, one in 200 was skipped. The product sends a mailing to a server that only counts: first with
nothing to pack, then while another process calls `compaction.pack_some` again and again (beat
calls it for one second in five). A third process writes one row again and again, as a lane does: the longest that
it waits.

More copies than --at-once are written and packed in turns, so that the disk suffices; each turn is told by itself.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.end_to_end import READERS, Server, cpu_seconds, database, product, send_ours
from benchmarks.installation import ROOT, machine
from tests.support.product import Product

REPLY = """CASE WHEN {n} % 500 = 3 THEN '550 5.1.1 <reader' || {n} || '@example.org>: Recipient address rejected'
    WHEN {n} % 900 = 7 THEN 'the worker died before the answer was written down'
    WHEN {n} % 200 = 9 THEN 'left, paused or suppressed since the issue was begun'
    ELSE '250 2.0.0 Ok: queued as ' || {digest} END"""
STATE = "CASE WHEN {n} % 500 = 3 THEN 2 WHEN {n} % 900 = 7 THEN 4 WHEN {n} % 200 = 9 THEN 5 ELSE 1 END"
DIGEST = {"sqlite": "hex(randomblob(5))", "postgresql": "upper(substr(md5(random()::text), 1, 10))"}
MOMENT = {  # a window of a hundred has one
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now', '-100 days', '+' || ({n} / 100 * 0.04) || ' seconds') || '000'",
    "postgresql": "now() - interval '100 days' + ({n} / 100) * interval '40 milliseconds'",
}
BATCH = 4000
NEVER = "36500"  # days
PART = "--part"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=["sqlite", "servers"], default="sqlite")
    parser.add_argument("--copies", type=int, default=20_000_000)
    parser.add_argument("--at-once", type=int, default=20_000_000, help="copies on the disk at the same time")
    parser.add_argument("--readers", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=2, help="mailings without and with packing beside them")
    parser.add_argument(PART, choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        import django

        django.setup()
        print(json.dumps(PARTS[options.part](options)), flush=True)
        return
    print(machine(), flush=True)
    folder = Path(tempfile.mkdtemp(prefix="newsletter-folding-"))
    try:
        play(options, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def play(options: argparse.Namespace, folder: Path) -> None:
    server = Server("fast", folder, 0)
    try:
        with product(options.engine, folder, server.port, 0, PACK_AFTER_DAYS=NEVER) as (made, databases):
            made.shell(READERS.format(readers=options.readers))
            alone = [rate_of(made, databases, server, number) for number in range(1, options.rounds + 1)]
            left, turn = options.copies, 0
            while left > 0:
                now, turn = min(left, options.at_once), turn + 1
                play_turn(options, made, databases, server, copies=now, rates=alone if turn == 1 else [])
                left -= now
            print(f"in the end: {told(ask(made, options, 'sizes'))}", flush=True)
    finally:
        server.stop()


def play_turn(
    options: argparse.Namespace, made: Product, databases: Any, server: Server, *, copies: int, rates: list[float]
) -> None:
    """Write old copies, pack them and say what it took; rates: of mailings without packing, to send others beside."""
    empty = ask(made, options, "sizes")
    written = ask(made, options, "fill", copies)
    full = ask(made, options, "sizes")
    print(f"{copies} copies written in {written['seconds']:.0f} s: {per_copy(empty, full, copies)}", flush=True)
    before = cpu_seconds(database(databases))
    others, packing = begin(made, options, "others"), begin(made, options, "pack", copies)
    beside = [rate_of(made, databases, server, 100 + number) for number in range(len(rates))]
    is_beside = packing.poll() is None
    spent = answer_of(packing)
    waited = answer_of(others, stop=True)
    served = cpu_seconds(database(databases)) - before
    ask(made, options, "settle")
    after = ask(made, options, "sizes")
    print(f"  packed in {spent['seconds']:.0f} s, {spent['copies'] / spent['seconds']:.0f} copies/s, {told_cpu(spent)}")
    print(f"  database CPU meanwhile {served:.0f} s, mailings included; {told_steps(spent)}")
    print(f"  another writer waited {waited['longest']:.2f} s at most, {waited['median'] * 1000:.1f} ms in the median")
    print(f"  packs and batches: {after['packs'] / spent['copies']:.2f} bytes a copy of this turn; {told(after)}")
    if rates:
        ratio = median(beside) / median(rates)
        told_rates = f"{[round(rate) for rate in rates]} alone, {[round(rate) for rate in beside]} beside packing"
        print(f"  messages/s: {told_rates}; ratio of the medians {ratio:.2f}; packing outlasted them: {is_beside}")
    sys.stdout.flush()


def rate_of(made: Product, databases: Any, server: Server, number: int) -> float:
    return send_ours(made, databases, server, number, 1800).rate


def told_cpu(spent: dict[str, Any]) -> str:
    return f"CPU {spent['cpu']:.0f} s ({spent['cpu'] / spent['copies'] * 1e6:.1f} µs a copy), {spent['memory']:.0f} MB"


def told_steps(spent: dict[str, Any]) -> str:
    return (
        f"a step {spent['median']:.3f} s in the median, {spent['p99']:.3f} s p99, {spent['longest']:.2f} s at most,"
        f" when {spent['longest_at']:.0%} were done"
    )


def per_copy(before: dict[str, Any], after: dict[str, Any], copies: int) -> str:
    sizes = {name: (after[name] - before[name]) / copies for name in ("table", "indexes")}
    return f"{sum(sizes.values()):.0f} bytes a copy ({sizes['table']:.0f} table, {sizes['indexes']:.0f} indexes)"


def told(sizes: dict[str, Any]) -> str:
    return ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in sizes.items())


# --- Parts: each in a process of its own, with the installation's environment ---


def begin(made: Product, options: argparse.Namespace, part: str, copies: int = 0) -> "subprocess.Popen[str]":
    words = [PART, part, "--copies", str(copies), "--readers", str(options.readers)]
    env = made.env | {"DJANGO_SETTINGS_MODULE": "newsletter.settings", "PACK_AFTER_DAYS": "90"}
    command = [sys.executable, "-m", "benchmarks.folding", *words]
    return subprocess.Popen(command, cwd=ROOT, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def answer_of(part: "subprocess.Popen[str]", *, stop: bool = False) -> dict[str, Any]:
    """Return what a part says in the end; stop: let it end."""
    said, _errors = part.communicate("" if stop else None)
    assert part.returncode == 0, said
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def ask(made: Product, options: argparse.Namespace, part: str, copies: int = 0) -> dict[str, Any]:
    return answer_of(begin(made, options, part, copies))


def fill(options: argparse.Namespace) -> dict[str, Any]:
    """Write mailings that ended a hundred days ago, with their copies and batches."""
    from django.db import connection

    began = time.perf_counter()
    for _ in range(options.copies // options.readers):
        _old_mailing(options.readers)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return {"seconds": time.perf_counter() - began}


def _old_mailing(readers: int) -> None:
    from datetime import timedelta

    from django.db import connection, transaction
    from django.utils import timezone

    from newsletter.delivery.models import Batch, Delivery, Mailing
    from newsletter.delivery.models.deliveries import COUNTER_OF
    from newsletter.issues.models import Issue

    then, kind = timezone.now() - timedelta(days=100), connection.vendor
    last = Issue.objects.order_by("-number").first()
    issue = Issue.objects.create(number=max(1000, last.number if last else 0) + 1, subject="第一期")
    times = dict.fromkeys(("approved_at", "send_at", "planned_at", "finished_at", "counted_at"), then)
    words = {"sender_name": "Gipi", "sender_email": "gipi@example.org", "subject": "第一期", "html": "", "text": ""}
    mailing = Mailing.objects.create(issue=issue, state="sent", total=readers, content_hash="", **words, **times)
    columns = "mailing_id, seq, subscriber_id, state, attempts, sent_at, provider_id, reply"
    numbers = {"n": "id", "digest": DIGEST[kind]}
    state, reply, moment = (text.format(**numbers) for text in (STATE, REPLY, MOMENT[kind]))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO delivery_delivery ({columns}) SELECT {mailing.pk}, id - 1, id, {state}, 1,"
            f" CASE WHEN {state} IN (1, 4) THEN {moment} END, '', {reply} FROM subscribers_subscriber"
            f" WHERE id <= {readers} ORDER BY id"
        )
    for no, lo in enumerate(range(0, readers, BATCH)):
        hi = min(lo + BATCH, readers)
        states = Delivery.objects.filter(mailing=mailing, seq__gte=lo, seq__lt=hi).values_list("state", flat=True)
        found = list(states)
        counted = {name: found.count(one) for one, name in COUNTER_OF.items()}
        Batch.objects.create(mailing=mailing, no=no, lo=lo, hi=hi, cursor=hi, state="done", token=1, **counted)


def pack(options: argparse.Namespace) -> dict[str, Any]:
    """Pack until nothing is left; check each mailing's figures before and after."""
    import resource

    from django.utils import timezone

    from newsletter.delivery.ledger import compaction

    now, packed, steps = timezone.now(), 0, list[float]()
    cpu, began = time.process_time(), time.perf_counter()
    own = compaction._pack

    def timed(*args: Any) -> int:
        step = time.perf_counter()
        copies: int = own(*args)
        steps.append(time.perf_counter() - step)
        return copies

    compaction._pack = timed
    while copies := compaction.pack_some(now, 1.0):
        packed += copies
    seconds, spent = time.perf_counter() - began, time.process_time() - cpu
    assert packed == options.copies, packed
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    spread = {"median": median(steps), "p99": quantiles(steps, n=100)[-1], "longest": max(steps)}
    spread["longest_at"] = steps.index(spread["longest"]) / len(steps)
    return {"seconds": seconds, "cpu": spent, "memory": memory, "copies": packed} | spread


def others(options: argparse.Namespace) -> dict[str, Any]:
    """Write one row again and again until the standard input ends; return how long that took."""
    import threading

    from newsletter.delivery.models import Pace

    is_over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), is_over.set()), daemon=True).start()
    Pace.objects.get_or_create(key="benchmark")
    waits = []
    while not is_over.wait(0.02):
        began = time.perf_counter()
        Pace.objects.filter(key="benchmark").update(free_at=began)
        waits.append(time.perf_counter() - began)
    return {"longest": max(waits), "median": median(waits)}


def settle(options: argparse.Namespace) -> dict[str, Any]:
    """Wait for PostgreSQL's autovacuum, at most three minutes."""
    from django.db import connection

    began = time.perf_counter()
    while connection.vendor == "postgresql" and time.perf_counter() - began < 180:
        with connection.cursor() as cursor:
            cursor.execute("SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'delivery_delivery'")
            if cursor.fetchone()[0] < 100_000:
                break
        time.sleep(2)  # autovacuum tells nobody when it is through
    return {"seconds": time.perf_counter() - began}


def sizes(options: argparse.Namespace) -> dict[str, Any]:
    """Return the bytes of the ledger's table and indexes, of packs with batches, and of what can be used anew."""
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("CHECKPOINT")
            cursor.execute(
                "SELECT pg_table_size('delivery_delivery'), pg_indexes_size('delivery_delivery'),"
                " pg_total_relation_size('delivery_pack') + pg_total_relation_size('delivery_batch')"
            )
            return dict(zip(("table", "indexes", "packs"), cursor.fetchone(), strict=True))
        cursor.execute(
            "SELECT CASE WHEN tbl_name = 'delivery_delivery' THEN type WHEN tbl_name IN ('delivery_pack',"
            " 'delivery_batch') THEN 'packs' END AS what, SUM(pgsize) FROM dbstat JOIN sqlite_schema USING (name)"
            " GROUP BY what"
        )
        found = dict(cursor.fetchall())
        cursor.execute("SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size")
        free = cursor.fetchone()[0]
    return {
        "table": found.get("table", 0),
        "indexes": found.get("index", 0),
        "packs": found.get("packs", 0),
        "free": free,
    }


PARTS = {"fill": fill, "pack": pack, "others": others, "settle": settle, "sizes": sizes}

if __name__ == "__main__":
    main()
