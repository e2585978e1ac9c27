"""What the list of readers costs when a program takes it away: is the memory flat, and how long does it take?

    uv run --dev python -m benchmarks.api [--engine sqlite|servers] [--readers 1000000] [--formats ndjson csv]

Readers are written by SQL. The web server runs as `up` starts it and has answered a program before. The table has the
highest resident size of its largest process before and after the stream, and the CPU of web server and database.
"""

import argparse
import http.client
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.end_to_end import READERS, cpu_seconds, database
from benchmarks.installation import machine, product
from tests.support.product import Product

PIECE = 1 << 16
TOKEN = """
from django.contrib.auth.models import User
from newsletter.api.models import Token
from newsletter.api.tokens import set_scopes_and_secret

token = Token(user=User.objects.create_superuser("gipi"), name="benchmark")
answer = set_scopes_and_secret(token, ["readers:export", "readers:read"])
token.save()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--engine", choices=["sqlite", "servers"], default="sqlite")
    parser.add_argument("--readers", type=int, default=1_000_000)
    parser.add_argument("--formats", nargs="+", choices=["ndjson", "csv"], default=["ndjson", "csv"])
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder, product(options.engine, Path(folder)) as (made, databases):
        made.shell(READERS.format(readers=options.readers))
        secret = made.shell(TOKEN)
        made.start_web()
        fetch(made, secret, "/api/v1/readers?limit=100")
        print("format   readers     seconds   MB sent   peak MB before   after   CPU s")
        for name in options.formats:
            pids = [*made.pids(), *database(databases)]
            before, spent, began = peak_mb(made), cpu_seconds(pids), time.monotonic()
            lines, octets = fetch(made, secret, f"/api/v1/readers/export?format={name}")
            took, cpu, after = time.monotonic() - began, cpu_seconds(pids) - spent, peak_mb(made)
            sizes = f"{octets / 1e6:7.1f}   {before:14.1f}   {after:5.1f}"
            print(f"{name:6} {lines:10,} {took:11.1f}   {sizes}   {cpu:5.1f}")


def fetch(made: Product, secret: str, path: str) -> tuple[int, int]:
    """Return how many lines and bytes an answer has; nothing of it is kept."""
    connection = http.client.HTTPConnection(str(urlsplit(made.url).netloc), timeout=600)
    connection.request("GET", path, headers={"Authorization": f"Bearer {secret}"})
    answer = connection.getresponse()
    if answer.status != http.HTTPStatus.OK:
        raise SystemExit(f"{path}: {answer.status} {answer.read()[:300]!r}")
    lines = octets = 0
    while piece := answer.read(PIECE):
        lines, octets = lines + piece.count(b"\n"), octets + len(piece)
    return lines, octets


def peak_mb(made: Product) -> float:
    """Return the highest resident size that a process of the product has had."""
    statuses = [Path(f"/proc/{pid}/status").read_text() for pid in made.pids()]
    return max(int(status.partition("VmHWM:")[2].split()[0]) / 1000 for status in statuses)


if __name__ == "__main__":
    main()
