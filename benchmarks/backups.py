"""What a backup costs, and a restore: of a large newsletter, with a web server that reads beside it.

    uv run --dev python -m benchmarks.backups [--engine sqlite|servers] [--readers 100000] [--copies 2000000]
                                        [--issues 100] [--posts 2000] [--replies 20000]

The newsletter is that of benchmarks.desk. `backup`, `check_backup` and `restore --replace` run one after the other,
each in a process of its own. Printed are their seconds, the highest resident memory of the process (what it starts is
not in it), and the octets of the file; and the longest that a writer of one row waits while the backup is made.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.desk import add_sizes, fill
from benchmarks.installation import ROOT, machine, product
from tests.support.postgres import Postgres
from tests.support.product import Product

WRITE = """
import time
from django.db import connection

with connection.cursor() as cursor:
    longest = 0.0
    until = time.monotonic() + {seconds}
    while time.monotonic() < until:
        began = time.monotonic()
        cursor.execute("UPDATE publication_publication SET updated_at = CURRENT_TIMESTAMP")
        longest = max(longest, time.monotonic() - began)
        time.sleep(0.01)  # as often as a lane writes
answer = longest
"""


@dataclass(frozen=True)
class Cost:
    """A command, from its start to its end. memory_mb: the highest resident size of the process itself."""

    seconds: float
    memory_mb: float
    output: str


def run(made: Product, *words: str) -> Cost:
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        command = [sys.executable, "manage.py", *words]
        process = subprocess.Popen(command, cwd=ROOT, env=made.env, stdout=out, stderr=out)
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        output = out.read().strip()
    if process.returncode:
        raise SystemExit(output)
    return Cost(time.perf_counter() - began, usage.ru_maxrss / 1000, output)


def measure(made: Product, folder: Path) -> None:
    path = folder / "one.tar"
    alone = made.shell(WRITE.format(seconds=5))
    waits: list[float] = []
    writer = threading.Thread(target=lambda: waits.append(made.shell(WRITE.format(seconds=5))))
    writer.start()
    cost = run(made, "backup", str(path))
    writer.join()
    print(f"{'command':24} {'seconds':>8} {'MB':>6}")
    print(f"{'backup':24} {cost.seconds:8.1f} {cost.memory_mb:6.0f}   {path.stat().st_size / 1e6:,.0f} MB of file")
    print(f"  a writer waited {waits[0] * 1000:.0f} ms at most in its first 5 s, {alone * 1000:.0f} ms alone")
    for words in (["check_backup", str(path)], ["restore", "--replace", str(path)]):
        cost = run(made, *words)
        print(f"{words[0]:24} {cost.seconds:8.1f} {cost.memory_mb:6.0f}   {cost.output.splitlines()[0]}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=["sqlite", "servers"], default="sqlite")
    add_sizes(parser, issues=100, posts=2000)
    options = parser.parse_args()
    print(machine(), flush=True)
    folder = Path(tempfile.mkdtemp(prefix="newsletter-backups-"))
    try:
        with product(options.engine, folder) as (made, databases):
            _find_programs(made, databases)
            fill(made, options)
            measure(made, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _find_programs(made: Product, databases: list[Postgres]) -> None:
    for server in databases:
        made.env["PATH"] = f"{server.programs}:{made.env['PATH']}"


if __name__ == "__main__":
    main()
