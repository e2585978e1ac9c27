"""Our batches against Anymail message by message, to an API that always says yes: same readers, same run.

    uv run --dev python -m benchmarks.batch_api [--readers 4000] [--rounds 3] [--provider Mailgun]

ours     newsletter.delivery.lane_process.run_lane as a worker runs it: SQLite, real ledger, every intent committed to
         the disk before its call, flight recorder, 200 readers a call (Resend: 100)
Anymail  a message for each reader, built as ours are, handed to send_messages over one kept connection; no ledger

The API is a process of its own that reads a call and gives the provider's answer without looking inside. CPU is
of the client's process alone; the seconds are of a provider that needs no time, so that only the CPU tells.
"""

import argparse
import json
import logging
import multiprocessing
import re
import socketserver
from statistics import median
from typing import Any

from benchmarks.installation import free_port, installation, machine, wait_for
from benchmarks.throughput import Cost, make_mailing, send_ours

LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
ONE = {
    "Mailgun": {"id": "<1@example.org>", "message": "Queued. Thank you."},
    "Brevo": {"messageId": "<1@example.org>"},
    "Postmark": {"ErrorCode": 0, "Message": "OK", "To": "a@example.org", "MessageID": "1", "SubmittedAt": ""},
    "Resend": {"id": "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"},
}
READERS_IN = {"Brevo": b'"to": ', "Postmark": b'"To": ', "Resend": b'"to": '}


def said(provider: str, path: bytes, body: bytes) -> Any:
    """Return the answer, as long as the provider would make it."""
    count = body.count(READERS_IN[provider]) if provider in READERS_IN else 1
    if provider == "Brevo" and b"messageVersions" in body:
        return {"messageIds": [ONE["Brevo"]["messageId"]] * count}
    if provider == "Postmark" and path.endswith(b"batch"):
        return [ONE["Postmark"]] * count
    if provider == "Resend" and path.endswith(b"batch"):
        return {"data": [ONE["Resend"]] * count}
    return ONE[provider]


def serve(provider: str, port: int) -> None:
    """Answer every POST."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while path := self.rfile.readline().split(b" ")[1:2]:
                head = b"".join(iter(self.rfile.readline, b"\r\n"))
                found = LENGTH.search(head)
                body = self.rfile.read(int(found[1]) if found else 0)
                answer = json.dumps(said(provider, path[0], body)).encode()
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))

    socketserver.ThreadingTCPServer.daemon_threads = True
    socketserver.ThreadingTCPServer(("127.0.0.1", port), Handler).serve_forever()


def send_anymail(mailing: Any) -> Cost:
    """Send the same content to the same readers, a call each."""
    from django.core.mail import mailers

    from newsletter.delivery.letter.rendering import build_copy
    from subscribers.models import Subscriber

    readers = list(Subscriber.objects.order_by("pk"))
    cost = Cost(len(readers))
    with cost.measured():
        messages = [build_copy(mailing, reader, ids=(mailing.pk, seq)) for seq, reader in enumerate(readers)]
        assert mailers["bulk"].send_messages(messages) == len(readers)
    return cost


def compare(readers: int, rounds: int) -> None:
    """Print one line for each round and way, and the medians."""
    costs: dict[str, list[Cost]] = {"Anymail": [], "ours": []}
    for number in range(1, rounds + 1):
        mailing = make_mailing(readers)
        for name, send in (("Anymail", send_anymail), ("ours", send_ours)):
            costs[name].append(cost := send(mailing))
            print(f"round {number}  {name:7}  {cost.rate:7.0f} readers/s  {cost.cpu_us:7.1f} us CPU a reader")
    for name, some in costs.items():
        print(f"{name:7}  median: {median(cost.cpu_us for cost in some):.1f} us CPU a reader")
    print(f"ratio of CPU: {median(a.cpu_us / b.cpu_us for a, b in zip(*costs.values(), strict=True)):.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--provider", choices=ONE, default="Mailgun")
    options = parser.parse_args()
    port = free_port()
    api = multiprocessing.get_context("spawn").Process(target=serve, args=(options.provider, port), daemon=True)
    api.start()
    print(machine(), options.provider)
    with installation():
        from django.conf import settings

        from tests.support.http_provider import Provider, mailer

        logging.getLogger("newsletter").setLevel(logging.WARNING)
        wait_for(port)
        bulk = mailer(Provider(options.provider, url=f"http://127.0.0.1:{port}/"))
        settings.MAILERS = {**settings.MAILERS, "bulk": bulk}
        compare(options.readers, options.rounds)
    api.terminate()


if __name__ == "__main__":
    main()
