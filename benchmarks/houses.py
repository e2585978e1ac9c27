"""What a move of the whole site costs: `export_site` out of one house, `import_site` into another.

    uv run --dev python -m benchmarks.houses [--old sqlite|servers] [--new servers|sqlite] [--readers 100000]
                                             [--copies 2000000] [--issues 100] [--posts 2000] [--replies 20000]

The newsletter is that of benchmarks.desk. Each command runs in a process of its own. Printed are its seconds, the
seconds of a processor that it took itself (those of a database server are not in it), and its highest resident memory.
At the end every count of the export is compared with that of the new house.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.desk import add_sizes, fill
from benchmarks.installation import ROOT, machine, product
from tests.support.product import Product

COUNTS = """
from newsletter.delivery.models import Mailing
from newsletter.issues.models import Issue
from newsletter.posts.models import Post
from subscribers.models import Subscriber
models = {"posts": Post, "issues": Issue, "readers": Subscriber, "mailings": Mailing}
answer = {name: model.objects.count() for name, model in models.items()}
"""


@dataclass(frozen=True)
class Cost:
    """A command, from its start to its end. memory_mb: the highest resident size of the process itself."""

    seconds: float
    cpu_seconds: float
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
    return Cost(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000, output)


def tell(name: str, cost: Cost) -> None:
    figures = f"{cost.seconds:8.1f} {cost.cpu_seconds:8.1f} {cost.memory_mb:6.0f}"
    print(f"{name:24} {figures}   {cost.output.splitlines()[0]}", flush=True)


def measure(old: Product, new: Product, folder: Path) -> None:
    print(f"load {os.getloadavg()[0]:.1f}")
    print(f"{'command':24} {'seconds':>8} {'CPU s':>8} {'MB':>6}")
    tell("export_site", run(old, "export_site", str(folder / "export"), "--with-keys"))
    tell("import_site", run(new, "import_site", str(folder / "export")))
    output = json.loads((folder / "export" / "manifest.json").read_text())["counts"]
    found = new.shell(COUNTS)
    print("equal" if found == {name: output[name] for name in found} else f"DIFFERENT: {found}, not {output}")
    print(f"load {os.getloadavg()[0]:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--old", dest="engine", choices=["sqlite", "servers"], default="sqlite")
    parser.add_argument("--new", choices=["sqlite", "servers"], default="servers")
    add_sizes(parser, issues=100, posts=2000)
    options = parser.parse_args()
    print(machine(), flush=True)
    folder = Path(tempfile.mkdtemp(prefix="newsletter-houses-"))
    try:
        with (
            product(options.engine, folder / "old") as (old, _databases),
            product(options.new, folder / "new") as (new, _others),
        ):
            fill(old, options)
            measure(old, new, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
