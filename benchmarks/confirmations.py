"""How long a confirmation waits when many sign up at once and each reply of the mail server takes its time.

    uv run --dev python -m benchmarks.confirmations [--engine sqlite] [--readers 255] [--seconds 200] [--ms 100]

The readers sign up evenly over so many seconds; the server is benchmarks/fast_sink.py, whose every reply takes `--ms`.
What counts is the time from a sign-up until its mail is handed over. Fails if one waits longer than a minute.
"""

import argparse
import shutil
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.end_to_end import Server
from benchmarks.installation import machine, product
from tests.support.product import Product
from tests.support.waiting import wait_until

LONGEST_WAIT = 60.0  # seconds
PATIENCE = 600.0  # seconds after the last sign-up
SIGN_UPS = """
import time
from django.utils import timezone
from newsletter.publication.task_queue import enqueue
from subscribers import signup, tasks
from subscribers.models.consents import ConsentDetails

began = time.monotonic()
for number in range({readers}):
    signup.sign_up(f"newcomer-{{number}}@example.com", ConsentDetails("benchmark"), timezone.now())
    enqueue(tasks.send_confirmations)
    time.sleep(max(0, began + (number + 1) * {seconds} / {readers} - time.monotonic()))  # the pace that is measured
"""
WAITING = """
from subscribers.models import Subscriber
answer = Subscriber.objects.filter(confirmation_sent_at=None).count()
"""
WAITS = """
from subscribers.models import Subscriber
rows = Subscriber.objects.order_by("asked_at").values_list("asked_at", "confirmation_sent_at")
answer = [[asked_at.timestamp(), sent_at.timestamp()] for asked_at, sent_at in rows]
"""


def waits(made: Product, options: argparse.Namespace) -> tuple[list[float], int]:
    """Seconds of each confirmation, the longest last; and how many left before one that was asked for earlier."""
    made.start_worker()
    made.start_beat()
    code = SIGN_UPS.format(readers=options.readers, seconds=options.seconds)
    made.manage("shell", "--no-imports", "-v", "0", "-c", code, seconds=options.seconds + 120)
    wait_until(lambda: made.shell(WAITING) == 0, PATIENCE, what=made.log_tails)
    rows: list[list[float]] = made.shell(WAITS)
    overtaking = sum(later[1] < earlier[1] for earlier, later in pairwise(rows))
    return sorted(sent_at - asked_at for asked_at, sent_at in rows), overtaking


def main() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="sqlite", choices=["sqlite", "servers"])
    parser.add_argument("--readers", type=int, default=255)
    parser.add_argument("--seconds", type=float, default=200)
    parser.add_argument("--ms", type=float, default=100)
    options = parser.parse_args()
    print(machine())
    folder = Path(tempfile.mkdtemp(prefix="newsletter-benchmark-"))
    server = Server("fast", folder, options.ms)
    try:
        with product(options.engine, folder, mail_url=f"smtp://127.0.0.1:{server.port}") as (made, _databases):
            found, overtaking = waits(made, options)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    middle, longest = found[len(found) // 2], found[-1]
    print(f"{len(found)} confirmations waited {middle:.1f} s in the middle, {longest:.1f} s at the longest;", end=" ")
    print(f"{overtaking} left before an earlier one")
    sys.exit(longest > LONGEST_WAIT)


if __name__ == "__main__":
    main()
