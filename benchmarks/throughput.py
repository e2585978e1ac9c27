"""Our lane against Django's own send_messages: same messages, same SMTP server, same run.

    uv run --dev python -m benchmarks.throughput [--messages 2000] [--rounds 3]

ours    newsletter.delivery.lane_process.run_lane as a worker's lane runs it: SQLite, real ledger, every intent
        committed to the disk before its message leaves, flight recorder, four connections
Django  an EmailMultiAlternatives for each reader, handed to send_messages over one kept connection; no ledger

The rounds alternate, and the ratio is the median over rounds: a machine that is busy with something else
slows both. The server is tests/support/sink.py, in a process of its own; it writes each message to a file and
shares the machine, so messages a second are the server's limit too. CPU is of the client's process alone.
"""

import argparse
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.installation import PARAGRAPH, PARAGRAPHS, installation, machine


@dataclass
class Cost:
    """What it took to send some messages."""

    messages: int
    wall: float = 0.0  # seconds
    cpu: float = 0.0  # seconds of this process

    @property
    def rate(self) -> float:
        return self.messages / self.wall

    @property
    def cpu_us(self) -> float:
        return self.cpu / self.messages * 1e6

    @contextmanager
    def measured(self) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall, self.cpu = time.perf_counter() - wall, time.process_time() - cpu


def make_mailing(readers: int) -> Any:
    """Return a planned mailing of a new issue to `readers` new readers, ready for a lane."""
    from django.utils import timezone

    from newsletter.delivery.planning import approving, beginning
    from subscribers.models import Subscriber
    from tests import factories

    now = timezone.now()
    Subscriber.objects.all().delete()
    for number in range(readers):
        factories.make_subscriber(f"reader{number}@example.org", name="王小明" if number % 2 else "")
    post = factories.make_post(body="\n\n".join([PARAGRAPH] * PARAGRAPHS))
    mailing = approving.approve(factories.make_issue(post), send_at=None, now=now, hold=timedelta())
    assert beginning.plan_mailing(mailing, now)
    return mailing


def send_ours(mailing: Any) -> Cost:
    """Have a lane send the mailing, from the claim to the last recorded answer."""
    from newsletter.delivery import lane_process

    cost = Cost(mailing.total)
    with cost.measured():
        while mailing.counts().queued:
            lane_process.run_lane(0)
    assert mailing.counts().sent == mailing.total, mailing.counts()
    return cost


def send_django(mailing: Any) -> Cost:
    """Send the same content to the same readers as Django's documentation does."""
    from django.core.mail import EmailMultiAlternatives, mailers

    from newsletter.delivery.letter.rendering import fill, html_and_text, reader_values
    from subscribers.models import Subscriber

    readers = list(Subscriber.objects.order_by("pk"))
    cost = Cost(len(readers))
    with cost.measured():
        messages = []
        html, text = html_and_text(mailing)
        for reader in readers:
            values = reader_values(reader)
            message = EmailMultiAlternatives(
                mailing.subject, fill(text, values, escaped=False), mailing.sender_email, [reader.email]
            )
            message.attach_alternative(fill(html, values, escaped=True), "text/html")
            messages.append(message)
        assert mailers["bulk"].send_messages(messages) == len(readers)
    return cost


def accepted(sink: Path) -> tuple[int, int]:
    """Return how many messages the server has accepted, and their bytes."""
    return len((sink / "log").read_bytes().splitlines()), (sink / "raw").stat().st_size


def run(send: Callable[[Any], Cost], mailing: Any, sink: Path) -> tuple[Cost, float]:
    """Return the cost of sending the mailing, and the bytes of a message on the wire."""
    messages, octets = accepted(sink)
    cost = send(mailing)
    arrived, size = accepted(sink)
    assert arrived - messages == cost.messages, f"{arrived - messages} of {cost.messages} arrived"
    return cost, (size - octets) / cost.messages


def compare(messages: int, rounds: int, sink: Path) -> None:
    """Print one line for each round and way, and the medians."""
    costs: dict[str, list[Cost]] = {"ours": [], "Django": []}
    for number in range(1, rounds + 1):
        mailing = make_mailing(messages)
        for name, send in (("Django", send_django), ("ours", send_ours)):
            cost, size = run(send, mailing, sink)
            costs[name].append(cost)
            print(
                f"round {number}  {name:6}  {cost.rate:7.0f} messages/s  {cost.cpu_us:7.0f} us CPU a message"
                f"  {size / 1000:5.1f} KB on the wire"
            )
    pairs = list(zip(costs["ours"], costs["Django"], strict=True))
    print(f"ratio of messages/s, median: {median(ours.rate / other.rate for ours, other in pairs):.1f}")
    print(f"ratio of CPU, median:        {median(other.cpu_us / ours.cpu_us for ours, other in pairs):.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(machine())
    with installation() as sink:
        logging.getLogger("newsletter").setLevel(logging.WARNING)
        compare(options.messages, options.rounds, sink)


if __name__ == "__main__":
    main()
