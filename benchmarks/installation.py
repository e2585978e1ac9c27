"""A throw-away installation to measure in: a folder, a database and an SMTP server of its own.

By itself it measures one at rest, as the one command runs it on SQLite: memory (PSS: what processes share counts once),
wake-ups (voluntary switches of all threads), CPU, and octets written; after a first start, which migrates, and after a
second one. Nobody asks for a page meanwhile.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.postgres import Postgres
from tests.support.product import Product
from tests.support.redis import Redis

ROOT = Path(__file__).resolve().parent.parent
SINK = ROOT / "tests" / "support" / "sink.py"
PARAGRAPH = (
    "管理者最常犯的錯，是把時間花在**看得見的事**上：會議、報表與訊息，而不是真正決定成果的那一兩件事。"
    "每天早上先問自己：[如果今天只能做一件事](https://news.example.org/p/1/)，會是哪一件？然後先做那一件。"
)
PARAGRAPHS = 23  # make a message of about 41 KB
DAY = 24 * 3600
BARS = "220 MB, 1 % of a processor"


@contextmanager
def scratch(**variables: str) -> Iterator[Path]:
    """Set Django up on SQLite in a folder that ends with it; yield the folder. Once a process.

    variables: of the environment, such as SITE_URL; the others are as they are, but for the database, queue and secret.
    """
    folder = Path(tempfile.mkdtemp(prefix="newsletter-benchmark-"))
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY"):
        os.environ[name] = ""
    os.environ.pop("SEND_RATE", None)
    os.environ |= {"DJANGO_SETTINGS_MODULE": "newsletter.settings", "DATA_DIR": str(folder / "data")} | variables
    try:
        _set_up()
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def installation() -> Iterator[Path]:
    """Set Django up as `scratch` does, with an SMTP server on a free port; yield the server's folder."""
    port = free_port()
    own = {"SITE_URL": "https://news.example.org", "MAIL_URL": f"smtp://127.0.0.1:{port}", "BULK_MAIL_URL": ""}
    with scratch(**own) as folder:
        (folder / "sink").mkdir()
        sink = subprocess.Popen([sys.executable, str(SINK), str(folder / "sink"), str(port)])
        try:
            wait_for(port)
            yield folder / "sink"
        finally:
            sink.kill()
            sink.wait()


@contextmanager
def product(engine: str, folder: Path, **of_product: str) -> Iterator[tuple[Product, list[Postgres]]]:
    """Yield a product whose database is migrated and nothing of which runs, and its database server if it has one.

    engine: "sqlite", or "servers" for PostgreSQL (fsync on) and Redis; of_product: such as mail_url.
    """
    with ExitStack() as stack:
        urls: dict[str, str] = {}
        databases: list[Postgres] = []
        if engine == "servers":
            redis, postgres = Redis(), Postgres(fsync=True)
            for server in (redis, postgres):
                stack.callback(server.stop)
                server.start()
            urls = {"database_url": postgres.new_database(), "redis_url": redis.url}
            databases = [postgres]
        made = Product(folder / "product", **urls, **of_product)
        stack.callback(made.kill)
        made.migrate()
        yield made, databases


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)  # until another process listens
    raise TimeoutError(f"no SMTP server on port {port}")


def _set_up() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from newsletter.publication.models import Publication

    call_command("migrate", verbosity=0)
    Publication.objects.create(name="Gipi電子報")  # its pages are closed until it has a name


def machine() -> str:
    """Return in one line what the numbers were measured on."""
    cpuinfo = Path("/proc/cpuinfo")
    models = (
        [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")] if cpuinfo.exists() else []
    )
    name = models[0].partition(": ")[2] if models else "unknown processor"
    return f"{os.cpu_count()} x {name}, Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}"


# --- At rest ---


@dataclass(frozen=True)
class Spent:
    """What a process has spent since it was started."""

    name: str
    wakeups: int
    seconds: float  # of a processor, those of threads that have ended too
    octets: int  # written to files, without those that were deleted before they reached the disk


def spent(pid: int) -> Spent:
    process = Path(f"/proc/{pid}")
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    written = dict(line.split(": ") for line in (process / "io").read_text().splitlines())
    return Spent(
        (process / "comm").read_text().strip(),
        sum(_switches(thread) for thread in (process / "task").iterdir()),
        sum(int(field) for field in fields[11:13]) / os.sysconf("SC_CLK_TCK"),
        int(written["write_bytes"]) - int(written["cancelled_write_bytes"]),
    )


def _switches(thread: Path) -> int:
    with suppress(OSError):  # it has ended
        return int((thread / "status").read_text().partition("\nvoluntary_ctxt_switches:")[2].split()[0])
    return 0


def pss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return int(dict(line.split(":", 1) for line in lines)["Pss"].split()[0]) / 1000


def at_rest(made: Product, *, settled: float, seconds: float) -> None:
    """Print what the processes of an installation take while nothing happens, one line each and one for all."""
    made.start()
    time.sleep(settled)  # what is done once after a start is no rest
    before, began = {pid: spent(pid) for pid in made.pids()}, time.monotonic()
    time.sleep(seconds)  # the time that is measured
    after, lasted = {pid: spent(pid) for pid in made.pids()}, time.monotonic() - began
    rows = []
    for pid in sorted(after.keys() & before.keys()):
        was, now = before[pid], after[pid]
        wakeups, busy = (now.wakeups - was.wakeups) / lasted, (now.seconds - was.seconds) / lasted * 100
        rows.append((pss_mb(pid), wakeups, busy, (now.octets - was.octets) / lasted * DAY / 1e6))
        print(_row(now.name, *rows[-1]), flush=True)
    print(_row(f"all, bars: {BARS}", *map(sum, zip(*rows, strict=True))), flush=True)


def _row(name: str, memory: float, wakeups: float, busy: float, written: float) -> str:
    return f"| {name:60} | {memory:6.1f} MB | {wakeups:6.2f} /s | {busy:6.3f} % | {written:6.1f} MB/day |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="measured after each start (default: 10)")
    parser.add_argument("--settled", type=float, default=90, help="seconds after the start before that (default: 90)")
    parser.add_argument("--starts", type=int, default=2)
    options = parser.parse_args()
    print(machine())
    folder = Path(tempfile.mkdtemp(prefix="newsletter-rest-"))
    made = Product(folder / "product")
    try:
        for number in range(1, options.starts + 1):
            print(f"start {number}, measured for {options.minutes:g} minutes")
            at_rest(made, settled=options.settled, seconds=options.minutes * 60)
            made.stop()
    finally:
        made.kill()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
