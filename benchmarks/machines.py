"""One machine, two and four: how much sooner a mailing is through, and how long confirmations wait meanwhile.

    uv run --dev python -m benchmarks.machines [--by smtp,api] [--machines 1,2,4] [--readers 20000] [--ms 20]
    uv run --dev python -m benchmarks.machines --alone [--readers 20000] [--ms 20]

A machine is a DATA_DIR of its own with `run_worker --hands 2`; they share PostgreSQL, Redis and beat. The provider
needs `--ms` for a message and takes as many at once as there are connections, so that machines are the limit:

smtp  benchmarks/fast_sink.py, four connections a machine (`?lines=4`): 200 messages a second at 20 ms
api   Brevo's batches of 200 readers, answered after 200 times `--ms`, four calls at once a machine (`?lines=4`)

Meanwhile somebody signs up every second; what counts is the time until a hand takes his mail. Fails unless two
machines are 1.9 times as fast as one, four 3.5 times, and no confirmation waits longer than five seconds.

--alone: one machine and no option at all, against a server each of whose replies takes `--ms`, and against one that
needs `--ms` for a message; fails below 1,000 messages a second.
"""

import argparse
import json
import multiprocessing
import shutil
import socketserver
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.batch_api import LENGTH, said
from benchmarks.end_to_end import FACTS, ISSUE, READERS, Server
from benchmarks.installation import PARAGRAPH, PARAGRAPHS, free_port, machine
from tests.support.postgres import Postgres
from tests.support.processes import end, is_listening
from tests.support.product import Product
from tests.support.redis import Redis
from tests.support.waiting import wait_until

WANTED = {1: 1.0, 2: 1.9, 4: 3.5}  # times the rate of one machine
LONGEST_WAIT = 5.0  # seconds of a confirmation
ALONE = 1000.0  # messages a second
REPLIES = 4  # of a server to a message: to the dot, and to MAIL, RCPT and DATA for the next
PATIENCE_WITH_MAIL = 70.0  # seconds: a lost wake-up costs 20, a dead worker 35
SIGN_UPS = """
import signal
from threading import Event
from django.utils import timezone
from newsletter.publication.task_queue import enqueue
from subscribers import tasks
from subscribers import signup
from subscribers.models.consents import ConsentDetails

is_over, number = Event(), 0
signal.signal(signal.SIGTERM, lambda *_: is_over.set())  # else a kill may lose a wake-up
while not is_over.is_set():
    signup.sign_up(f"newcomer-{round}-{{number}}@example.com", ConsentDetails("benchmark"), timezone.now())
    enqueue(tasks.send_confirmations)
    number += 1
    is_over.wait(1)  # the pace of the sign-ups that are measured
"""
WAITS = """
from subscribers.models import Subscriber
asked = Subscriber.objects.filter(email__startswith="newcomer-{round}-").values_list("asked_at", "confirmation_sent_at")
answer = [sent and (sent - at).total_seconds() for at, sent in asked]
"""


@dataclass(frozen=True)
class Run:
    """What one mailing took."""

    rate: float  # messages a second, from the approval to the closed mailing
    waits: list[float]  # seconds of the confirmations meanwhile, the longest last
    missing: int  # confirmations that never left

    def __str__(self) -> str:
        longest = f"{self.waits[-1]:.1f} s at the longest" if self.waits else "nobody signed up"
        middle = f"{self.waits[len(self.waits) // 2]:.2f} s in the middle, " if self.waits else ""
        missing = f", {self.missing} NEVER LEFT" if self.missing else ""
        return f"{self.rate:7.0f} messages/s   {len(self.waits):3} confirmations waited {middle}{longest}{missing}"


def serve_api(port: int, seconds: float) -> None:
    """Answer every call of Brevo's API after so many seconds for each of its readers."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while path := self.rfile.readline().split(b" ")[1:2]:
                head = b"".join(iter(self.rfile.readline, b"\r\n"))
                found = LENGTH.search(head)
                body = self.rfile.read(int(found[1]) if found else 0)
                answer = json.dumps(said("Brevo", path[0], body)).encode()
                time.sleep(seconds * body.count(b'"to": '))  # what the provider needs for so many readers
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))

    socketserver.ThreadingTCPServer.daemon_threads = True
    socketserver.ThreadingTCPServer(("127.0.0.1", port), Handler).serve_forever()


@contextmanager
def provider(by: str, ms: float, folder: Path, *, query: str = "?lines=4") -> Iterator[str]:
    """Yield the URL of a provider that needs `ms` for a message."""
    if by == "smtp":
        server = Server("fast", folder, ms / REPLIES)
        yield f"smtp://127.0.0.1:{server.port}{query}"
        server.stop()
        return
    port = free_port()
    api = multiprocessing.get_context("spawn").Process(target=serve_api, args=(port, ms / 1000), daemon=True)
    api.start()
    wait_until(lambda: is_listening(port), 60, what="the API")
    yield f"brevo://key@{query or '?'}&api_url=http://127.0.0.1:{port}/".replace("?&", "?")
    api.terminate()


class Machines:
    """Installations that share database, queue and secret."""

    def __init__(self, count: int, folder: Path, stack: ExitStack, **urls: str) -> None:
        redis, postgres = Redis(), Postgres(fsync=True)
        for server in (redis, postgres):
            stack.callback(server.stop)
            server.start()
        bulk = urls.pop("bulk_mail_url")
        shared = {"database_url": postgres.new_database(), "redis_url": redis.url, **urls}
        self.all = [Product(folder / f"machine{number}", **shared) for number in range(count)]
        for one in self.all:
            one.env |= {"SITE_URL": "https://news.example.org", "SECRET_KEY": "machines" * 8, "BULK_MAIL_URL": bulk}
            stack.callback(one.kill)
        self.first, self.rounds = self.all[0], 0
        self.first.migrate()
        self.first.start_beat()

    def run(self, count: int, patience: float) -> Run:
        """Send a new issue to all readers with the workers of so many machines."""
        self.rounds += 1
        for one in self.all[:count]:
            lock = one.data / "locks" / "slot-0"
            lock.unlink(missing_ok=True)
            one.start_worker(processes=2)
            wait_until(lock.exists, 60, what=one.log_tails)
        self.first.shell(ISSUE.format(number=self.rounds, body="\n\n".join([PARAGRAPH] * PARAGRAPHS)))
        visitors = self.first.manage_in_background("shell", "--no-imports", "-c", SIGN_UPS.format(round=self.rounds))
        self.first.manage("send_issue", str(self.rounds), "--wait", "--no-hold", seconds=patience)
        end(visitors)
        waits, facts = self._waits(), self.first.shell(FACTS)
        for one in self.all[:count]:
            one.stop_worker()
        assert facts["sent"] == facts["total"], facts
        came = sorted(wait for wait in waits if wait is not None)
        return Run(facts["total"] / facts["seconds"], came, len(waits) - len(came))

    def _waits(self) -> list[float | None]:
        """Seconds of each confirmation of this round; None for one that has not left within PATIENCE_WITH_MAIL."""
        until = time.monotonic() + PATIENCE_WITH_MAIL
        while None in (waits := self.first.shell(WAITS.format(round=self.rounds))) and time.monotonic() < until:
            time.sleep(1)  # between two looks
        found: list[float | None] = waits
        return found


def compare(by: str, counts: list[int], options: argparse.Namespace, folder: Path) -> list[str]:
    """Print a line for each number of machines; return what is not as it should be."""
    failures: list[str] = []
    rates: dict[int, float] = {}
    with ExitStack() as stack:
        bulk = stack.enter_context(provider(by, options.ms, folder))
        others = stack.enter_context(provider("smtp", 0, folder))
        machines = Machines(max(counts), folder / by, stack, mail_url=others, bulk_mail_url=bulk)
        machines.first.shell(READERS.format(readers=options.readers))
        for count in counts:
            run = machines.run(count, options.patience)
            rates[count] = run.rate
            ratio = run.rate / rates[counts[0]]
            print(f"{by:4}  {count} machines  {run}   {ratio:.2f} times", flush=True)
            failures += verdict(by, count, run, ratio)
    return failures


def verdict(by: str, count: int, run: Run, ratio: float) -> Iterator[str]:
    if ratio < WANTED.get(count, 0.0):
        yield f"{by}: {count} machines are {ratio:.2f} times as fast, not {WANTED[count]}"
    if run.missing:
        yield f"{by}: with {count} machines {run.missing} confirmations never left"
    if run.waits and run.waits[-1] > LONGEST_WAIT:
        yield f"{by}: with {count} machines a confirmation waited {run.waits[-1]:.1f} s"


def alone(options: argparse.Namespace, folder: Path) -> list[str]:
    """Measure one machine with default settings."""
    failures = []
    for what, ms in (("a reply", options.ms * REPLIES), ("a message", options.ms)):
        with ExitStack() as stack:
            bulk = stack.enter_context(provider("smtp", ms, folder, query=""))
            others = stack.enter_context(provider("smtp", 0, folder))
            machines = Machines(1, folder / what.split()[1], stack, mail_url=others, bulk_mail_url=bulk)
            machines.first.shell(READERS.format(readers=options.readers))
            run = machines.run(1, options.patience)
            print(f"alone, {options.ms:g} ms {what:9}  {run}", flush=True)
            if run.rate < ALONE:
                failures.append(f"alone, {options.ms:g} ms {what}: {run.rate:.0f} messages/s, not {ALONE:.0f}")
    return failures


def measure(options: argparse.Namespace, folder: Path) -> list[str]:
    if options.alone:
        return alone(options, folder)
    counts = [int(count) for count in options.machines.split(",")]
    return [failure for by in options.by.split(",") for failure in compare(by, counts, options, folder)]


def main() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--by", default="smtp,api")
    parser.add_argument("--machines", default="1,2,4")
    parser.add_argument("--readers", type=int, default=20_000)
    parser.add_argument("--ms", type=float, default=20)
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--patience", type=float, default=900, help="seconds for one mailing")
    options = parser.parse_args()
    print(machine())
    folder = Path(tempfile.mkdtemp(prefix="newsletter-benchmark-"))
    try:
        failures = measure(options, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("\n".join(failures) or "as it should be")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
