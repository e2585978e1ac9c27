"""The whole product against smtp-source: same SMTP server, same message, same run.

    uv run --dev python -m benchmarks.end_to_end [--engine sqlite|servers] [--readers 50000] [--rounds 5]
                                           [--server smtp-sink|fast] [--delay-ms 0] [--rate 0] [--lines 0]

ours         `manage.py send_issue --no-hold`, a Celery worker and beat, as real processes: from the approval to
             the closed mailing, every intent durable before its message leaves, every result recorded.
             sqlite: the embedded default; servers: PostgreSQL (fsync on) and Redis
smtp-source  Postfix's own test client, written in C: four kept connections (-d -s 4), the same bytes every
             time, no ledger. Debian: postfix
smtp-sink    Postfix's own test server. fast: benchmarks/fast_sink.py, where smtp-sink would be the limit

Rounds alternate and the ratio is the median over them. CPU is of the worker and of the database together
(not of beat, Redis and the SMTP server), memory the highest of the process that runs the lane.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import fast_sink, installation
from benchmarks.installation import PARAGRAPH, PARAGRAPHS, free_port, machine, wait_for
from tests.support.postgres import Postgres
from tests.support.processes import pids_with_variable
from tests.support.product import Product

LINES = 4
TICKS = os.sysconf("SC_CLK_TCK")
FAST_SINK = Path(fast_sink.__file__)

READERS = """
from django.db import connection
sqlite = connection.vendor == "sqlite"
numbers = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {readers}) SELECT i FROM n"
    if sqlite else "SELECT i FROM generate_series(1, {readers}) AS s(i)"
)
values = {{
    "email": "'reader' || i || '@example.org'",
    "address_hash": "'benchmark' || i",
    "name": "CASE WHEN i % 2 = 0 THEN '王小明' ELSE '' END",
    "state": "'active'", "token_salt": "'benchmark'",
    "signup_round": "1", "asked_times": "0", "confirmation_tries": "0",
    "confirmed_at": "CURRENT_TIMESTAMP", "welcomed_at": "CURRENT_TIMESTAMP", "created_at": "CURRENT_TIMESTAMP",
}}
with connection.cursor() as cursor:
    cursor.execute(
        f"INSERT INTO subscribers_subscriber ({{', '.join(values)}}) "
        f"SELECT {{', '.join(values.values())}} FROM ({{numbers}}) AS numbers"
    )
    cursor.execute("ANALYZE" if sqlite else "VACUUM ANALYZE")  # as PostgreSQL does by itself, a minute later
"""
ISSUE = """
from django.utils import timezone
from newsletter.issues.models import Issue, IssueItem
from newsletter.posts.models import Post

post = Post.objects.create(title="管理槓桿", words="round{number}", body={body!r}, published_at=timezone.now())
issue = Issue.objects.create(number={number}, subject="第 {number} 期：管理槓桿", introduction="大家好。")
IssueItem.objects.create(issue=issue, post=post)
"""
TASK_A_SECOND = """
import time
from subscribers.tasks import send_confirmations
while True:
    send_confirmations.delay()
    time.sleep(1)  # the pace that --task-a-second names
"""
SPECIMEN = """
from email.policy import SMTP
from newsletter.delivery.models import Mailing
from newsletter.delivery.letter.rendering import build_copy
from subscribers.models import Subscriber

reader = Subscriber.objects.order_by("pk").first()
copy = build_copy(Mailing.objects.order_by("-pk").first(), reader, ids=(1, 1))
answer = copy.message(policy=SMTP).as_bytes().decode().replace("\\r\\n", "\\n")
"""
FACTS = """
from newsletter.delivery.models import Mailing
one = Mailing.objects.order_by("-pk").first()
answer = {"total": one.total, "sent": one.counts().sent, "seconds": (one.finished_at - one.approved_at).total_seconds(),
          "begun": one.approved_at.timestamp(), "state": one.state}
"""


@dataclass(frozen=True)
class Cost:
    """What one way of sending took."""

    messages: int
    seconds: float
    worker_cpu: float = 0.0  # seconds
    database_cpu: float = 0.0  # seconds
    memory_mb: float = 0.0  # of the lane's process, at its highest
    first_after: float = 0.0  # seconds from the approval to the first message

    @property
    def rate(self) -> float:
        return self.messages / self.seconds


class Server:
    """The SMTP server that everybody sends to."""

    def __init__(self, kind: str, folder: Path, delay_ms: float) -> None:
        self.port, self.count = free_port(), folder / "count"
        command = (
            ["/usr/sbin/smtp-sink", f"127.0.0.1:{self.port}", "1000"]
            if kind == "smtp-sink"
            else [sys.executable, str(FAST_SINK), str(self.count), str(self.port), str(delay_ms)]
        )
        if kind == "smtp-sink" and os.geteuid() == 0:
            command[1:1] = ["-u", "nobody"]
        self.process = subprocess.Popen(command)
        wait_for(self.port)

    def first_at(self) -> float:
        """Return when the first message of all was accepted (Unix time); 0 where the server does not tell."""
        return fast_sink.read(self.count)[1] if self.count.exists() else 0.0

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def product(
    engine: str, folder: Path, port: int | str, rate: float, **variables: str
) -> Iterator[tuple[Product, list[Postgres]]]:
    """Yield an installation with a worker and beat, and its database server if it has one; variables: its own.

    port: of the SMTP server, with the parameters of the mail URL, if any.
    """
    with installation.product(engine, folder, mail_url=f"smtp://127.0.0.1:{port}") as (made, databases):
        made.env |= {"SITE_URL": "https://news.example.org"} | variables
        if rate:
            made.env["SEND_RATE"] = str(rate)
        made.start_worker()
        made.start_beat()
        yield made, databases


def workers(made: Product) -> list[int]:
    return [pid for pid in pids_with_variable("DATA_DIR", str(made.data)) if b"worker" in _command(pid)]


def database(servers: list[Postgres]) -> list[int]:
    return [pid for server in servers for pid in [server.process.pid, *children(server.process.pid)]]


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cpu_seconds(pids: list[int]) -> float:
    """Return the CPU of processes and of those of their children that have ended."""
    spent = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):  # it has ended
            continue
        spent += sum(int(field) for field in fields[11:15])
    return spent / TICKS


def memory_mb(made: Product) -> float:
    """Return the highest resident size that the process of the lane has had."""
    output = [Path(f"/proc/{pid}/status").read_text() for pid in workers(made)]
    sizes = [int(status.partition("VmHWM:")[2].split()[0]) / 1000 for status in output if "Name:\tlane-" in status]
    return max(sizes)


def send_ours(made: Product, databases: list[Postgres], server: Server, number: int, patience: float) -> Cost:
    made.shell(ISSUE.format(number=number, body="\n\n".join([PARAGRAPH] * PARAGRAPHS)))
    before = cpu_seconds(workers(made)), cpu_seconds(database(databases))
    made.manage("send_issue", str(number), "--wait", "--no-hold", seconds=patience)
    after = cpu_seconds(workers(made)), cpu_seconds(database(databases))
    facts = made.shell(FACTS)
    assert facts["sent"] == facts["total"], facts
    first_at = server.first_at()
    return Cost(
        facts["total"],
        facts["seconds"],
        worker_cpu=after[0] - before[0],
        database_cpu=after[1] - before[1],
        memory_mb=memory_mb(made),
        first_after=first_at - facts["begun"] if first_at else 0.0,
    )


def send_source(message: Path, port: int, messages: int) -> Cost:
    command = ["/usr/sbin/smtp-source", "-d", "-s", str(LINES), "-m", str(messages), "-F", str(message)]
    begun = time.perf_counter()
    subprocess.run(
        [*command, "-f", "gipi@news.example.org", "-t", "reader@example.org", f"127.0.0.1:{port}"], check=True
    )
    return Cost(messages, time.perf_counter() - begun)


def compare(options: argparse.Namespace, folder: Path) -> None:
    server = Server(options.server, folder, options.delay_ms)
    try:
        lines = f"?lines={options.lines}" if options.lines else ""
        with product(options.engine, folder, f"{server.port}{lines}", options.rate) as (made, databases):
            begun = time.perf_counter()
            made.shell(READERS.format(readers=options.readers))
            print(f"{options.readers} readers written in {time.perf_counter() - begun:.1f} s")
            rounds(options, folder, made, databases, server)
    finally:
        server.stop()


def rounds(options: argparse.Namespace, folder: Path, made: Product, databases: list[Postgres], server: Server) -> None:
    message, ratios = folder / "message", []
    if options.task_a_second:
        made.manage_in_background("shell", "-v", "0", "-c", TASK_A_SECOND)
    for number in range(1, options.rounds + 1):
        ours = send_ours(made, databases, server, number, options.patience)
        worker, served = (cpu / ours.messages * 1e5 for cpu in (ours.worker_cpu, ours.database_cpu))
        print(
            f"round {number}  ours         {ours.rate:7.0f} messages/s  {ours.seconds:6.1f} s"
            f"  {worker + served:5.2f} CPU s per 100,000 (worker {worker:.2f}, database {served:.2f})"
            f"  {ours.memory_mb:4.0f} MB"
            + (f"  first after {ours.first_after:.2f} s" if number == 1 and ours.first_after else ""),
            flush=True,
        )
        if options.peer:
            message.write_text(made.shell(SPECIMEN))
            peer = send_source(message, server.port, options.readers)
            ratios.append(ours.rate / peer.rate)
            print(f"round {number}  smtp-source  {peer.rate:7.0f} messages/s  ratio {ratios[-1]:.2f}", flush=True)
    if ratios:
        print(f"ratio, median: {median(ratios):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=["sqlite", "servers"], default="sqlite")
    parser.add_argument("--server", choices=["smtp-sink", "fast"], default="smtp-sink")
    parser.add_argument("--readers", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--delay-ms", type=float, default=0, help="time of each reply of the fast server")
    parser.add_argument("--rate", type=float, default=0, help="SEND_RATE")
    parser.add_argument("--lines", type=int, default=0, help="connections, instead of as many as the lane finds best")
    parser.add_argument("--patience", type=float, default=900, help="seconds for one round")
    parser.add_argument("--task-a-second", action="store_true", help="the worker runs one each second meanwhile")
    parser.add_argument("--no-peer", dest="peer", action="store_false", help="leave smtp-source out")
    options = parser.parse_args()
    print(machine())
    folder = Path(tempfile.mkdtemp(prefix="newsletter-benchmark-"))
    try:
        compare(options, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
