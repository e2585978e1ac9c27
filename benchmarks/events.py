"""A storm of provider events: taken in over HTTP, applied by the product's own worker, with a mailing beside it.

    uv run --dev python -m benchmarks.events [--engine sqlite|servers] [--events 1000000] [--each 500]
                                       [--connections 8] [--readers 0] [--rate 0] [--rounds 3]

An old mailing has a copy for each event. Its reports come as SendGrid writes them, --each in one request, over
kept connections, as fast as they are taken: delivered, but for one in 50 that bounces (mailbox full). One in 1,000
copies was uncertain. A request counts as taken when its answer is there. Beat wakes the worker as always.

With --readers mailings go out to so many, --rounds times three: alone, beside requests of --rate events a second to a
server that does nothing, and beside the same requests to the product. Making and sending requests takes a part of this
machine that a provider has elsewhere; so the product's own share is the third against the second. Beside a mailing
an answer's time counts from when its request was due, so that one which waits for its turn is seen.
"""

import argparse
import base64
import http.client
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from queue import Empty, SimpleQueue
from statistics import median, quantiles
from typing import Any

from benchmarks.empty_site import EmptySite
from benchmarks.end_to_end import READERS, Server, cpu_seconds, database, memory_mb, product, send_ours, workers
from benchmarks.installation import machine
from benchmarks.reading import Site
from tests.support.product import Product

PROMPT_MS = 50
SECRET = "hook:benchmark"
AUTHORIZATION = "Basic " + base64.b64encode(SECRET.encode()).decode()
COPIES = """
from datetime import timedelta
from django.db import connection
from django.utils import timezone
from newsletter.delivery.letter.compiled import copy_token_maker
from newsletter.delivery.models import Batch, Mailing
from newsletter.issues.models import Issue

then, copies = timezone.now() - timedelta(hours=1), {copies}
issue = Issue.objects.create(number={number}, subject="第一期")
times = dict.fromkeys(("approved_at", "send_at", "planned_at", "finished_at", "counted_at"), then)
words = {{"sender_name": "Gipi", "sender_email": "gipi@example.org", "subject": "第一期", "html": "", "text": ""}}
mailing = Mailing.objects.create(issue=issue, state="sent", total=copies, content_hash="", **words, **times)
numbers = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %s - 1)"
with connection.cursor() as cursor:
    cursor.execute(
        "INSERT INTO delivery_delivery (mailing_id, seq, state, attempts, sent_at, provider_id, reply)"
        f" {{numbers}} SELECT %s, i, CASE WHEN i % 1000 = 7 THEN 4 ELSE 1 END, 1, CURRENT_TIMESTAMP, '', '' FROM n"
        .replace("% 1000", "%% 1000"),
        [copies, mailing.pk],
    )
for no, lo in enumerate(range(0, copies, 4000)):
    hi = min(lo + 4000, copies)
    uncertain = sum(one % 1000 == 7 for one in range(lo, hi))
    Batch.objects.create(
        mailing=mailing, no=no, lo=lo, hi=hi, cursor=hi, state="done", token=1,
        sent=hi - lo - uncertain, uncertain=uncertain,
    )
token = copy_token_maker(mailing)
with open({tokens!r}, "w") as file:
    file.writelines(token(seq) + "\\n" for seq in range(copies))
answer = mailing.pk
"""
LEFT = """
from newsletter.delivery.models import InboundMessage, Delivery, Event
answer = {
    "waiting": InboundMessage.objects.waiting().count(),
    "unreadable": InboundMessage.objects.filter(what="unknown").count(),
    "events": Event.objects.count(),
    "uncertain": Delivery.objects.filter(state=4).count(),
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=["sqlite", "servers"], default="servers")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--each", type=int, default=500, help="events in a request")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--readers", type=int, default=0, help="of a mailing beside another storm")
    parser.add_argument("--rate", type=int, default=0, help="events a second beside a mailing; 0: as fast as it goes")
    parser.add_argument("--rounds", type=int, default=3, help="of mailings alone, beside nothing and beside a storm")
    options = parser.parse_args()
    print(machine(), flush=True)
    folder = Path(tempfile.mkdtemp(prefix="newsletter-events-"))
    try:
        play(options, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def play(options: argparse.Namespace, folder: Path) -> None:
    server = Server("fast", folder, 0)
    try:
        with product(options.engine, folder, server.port, 0, WEBHOOK_SECRET=SECRET) as (made, databases):
            site = Site(made, "newsletter.rsgi:application")
            if options.readers:
                made.shell(READERS.format(readers=options.readers))
            storm = Storm(options, made, site, folder)
            storm.prepare(1001)
            output(storm, made, databases)
            if options.readers:
                beside(storm, made, databases, server)
    finally:
        server.stop()


def output(storm: "Storm", made: Product, databases: Any) -> None:
    """Let a storm come, and say how it was taken and applied."""
    before = cpu_seconds(workers(made)), cpu_seconds(database(databases)), storm.site.cpu()
    storm.begin()
    storm.end()
    taken = time.perf_counter() - storm.began
    peak = storm.wait_until_applied()
    seconds = time.perf_counter() - storm.began
    spent = cpu_seconds(workers(made)) - before[0], cpu_seconds(database(databases)) - before[1]
    events, waits = storm.options.events, [wait * 1000 for wait in storm.waits]
    print(f"{events} events in {len(waits)} requests: taken in {taken:.1f} s, {events / taken:.0f} events/s")
    spread = f"{median(waits):.1f} ms, p99 {quantiles(waits, n=100)[-1]:.1f} ms, at most {max(waits):.0f} ms"
    print(f"  an answer after {spread}")
    print(f"  all applied {seconds:.1f} s after the first, {events / seconds:.0f} events/s; none lost, none twice")
    cpu = f"worker {spent[0]:.0f} s, database {spent[1]:.0f} s, web {storm.site.cpu() - before[2]:.0f} s"
    print(f"  CPU: {cpu}; memory of the worker {memory_mb(made):.0f} MB, at most {peak} requests waited", flush=True)


def beside(storm: "Storm", made: Product, databases: Any, server: Server) -> None:
    """Say how much slower mailings are beside a storm, and how much of that is the product's."""
    numbers, empty = count(1), EmptySite()
    rates: dict[str, list[float]] = {"alone": [], "beside nothing": [], "beside the storm": []}
    waits, has_outlasted = list[float](), True

    def send(name: str) -> None:
        rates[name].append(send_ours(made, databases, server, next(numbers), 1800).rate)

    try:
        for number in range(storm.options.rounds):
            storm.prepare(1002 + number)
            send("alone")
            storm.begin(storm.options.rate, port=empty.port)
            send("beside nothing")
            storm.stop()
            storm.begin(storm.options.rate)
            send("beside the storm")
            has_outlasted &= storm.is_on()
            storm.end()
            waits += storm.waits
            storm.wait_until_applied()
    finally:
        empty.stop()
    middle = {name: median(some) for name, some in rates.items()}
    output = ", ".join(f"{[round(rate) for rate in some]} {name}" for name, some in rates.items())
    print(f"messages/s: {output}; each storm outlasted its mailing: {has_outlasted}")
    ratio = middle["beside the storm"] / middle["beside nothing"]
    whole = middle["beside the storm"] / middle["alone"]
    print(f"  the product's share: {ratio:.2f} of the rate beside nothing; with the maker of requests: {whole:.2f}")
    late = sorted(wait * 1000 for wait in waits)
    within = sum(wait <= PROMPT_MS for wait in late) / len(late)
    spread = f"{median(late):.1f} ms, p99 {quantiles(late, n=100)[-1]:.1f} ms, at most {late[-1]:.0f} ms"
    print(f"  an answer after {spread}; within {PROMPT_MS} ms: {within:.1%}", flush=True)


class Storm:
    """Requests that are made before, and sent over some connections at once."""

    def __init__(self, options: argparse.Namespace, made: Product, site: Site, folder: Path) -> None:
        self.options, self.made, self.site, self.tokens = options, made, site, folder / "tokens"
        self.waits: list[float] = []
        self.rounds = 0

    def prepare(self, number: int) -> None:
        self.rounds += 1
        self.made.shell(COPIES.format(copies=self.options.events, number=number, tokens=str(self.tokens)))
        self.made_bodies = list(self._bodies())

    def _bodies(self) -> Iterator[bytes]:
        now, events = int(time.time()), list[dict[str, Any]]()
        with self.tokens.open() as lines:
            for seq, line in enumerate(lines):
                full = {"event": "bounce", "reason": "552 5.2.2 mailbox full", "status": "5.2.2"}
                kind = full if seq % 50 == 9 else {"event": "delivered", "response": "250 2.0.0 OK 1765432100 queued"}
                name = {"sg_event_id": f"{self.rounds}-{seq}", "sg_message_id": f"{seq}.filter", "timestamp": now}
                events.append({"email": f"reader{seq + 1}@example.org", "delivery": line.strip()} | name | kind)
                if len(events) == self.options.each:
                    yield json.dumps(events).encode()
                    events = []
        if events:
            yield json.dumps(events).encode()

    def begin(self, rate: int = 0, *, port: int = 0) -> None:
        """Send what was prepared; rate: events a second at the most, 0 for as many as are taken. port: of another."""
        self.bodies: SimpleQueue[bytes] = SimpleQueue()
        for body in self.made_bodies:
            self.bodies.put(body)
        self.waits, self.began, self.rate, self.sent = [], time.perf_counter(), rate, count()
        self.port = port or self.site.port
        self.threads = [threading.Thread(target=self._post) for _ in range(self.options.connections)]
        for thread in self.threads:
            thread.start()

    def is_on(self) -> bool:
        return any(thread.is_alive() for thread in self.threads)

    def end(self) -> None:
        for thread in self.threads:
            thread.join()

    def stop(self) -> None:
        """Send no more of what was prepared."""
        with suppress(Empty):
            while True:
                self.bodies.get_nowait()
        self.end()

    def _post(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Content-Type": "application/json", "Authorization": AUTHORIZATION}
        while True:
            try:
                body = self.bodies.get_nowait()
            except Empty:
                return
            due = self.began + next(self.sent) * self.options.each / self.rate if self.rate else time.perf_counter()
            time.sleep(max(0, due - time.perf_counter()))  # until its turn
            connection.request("POST", "/webhooks/sendgrid/tracking/", body, headers)
            response = connection.getresponse()
            response.read()
            assert response.status == 200, response.status
            self.waits.append(time.perf_counter() - due)

    def wait_until_applied(self) -> int:
        """Wait until nothing waits, check that every event is there once; return how many requests waited at most."""
        most = 0
        while waiting := (left := self.made.shell(LEFT))["waiting"]:
            most = max(most, waiting)
            time.sleep(1)  # it is another process that works
        expected = {"unreadable": 0, "events": self.options.events * self.rounds, "uncertain": 0}
        assert left == expected | {"waiting": 0}, left
        return most


if __name__ == "__main__":
    main()
