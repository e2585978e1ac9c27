"""Clients that are silent or slow, straight at the web server, and what they cost everybody else. Needs wrk.

    uv run --dev python -m benchmarks.slow_clients [--connections 200] [--rounds 5] [--servers ours,wsgi-2,…]

For each server: requests for a kept post page per second of its CPU, by 16 connections of wrk that ask as fast as
they can, in turns with the other servers (median of the rounds). Then so many connections of each kind, added one kind
after the other: no byte, half a head, half a form, a picture of 9 MB that is not read. After each, the median of twenty
tries of another client for /healthz and the post; "-" where it has waited for three seconds.
gunicorn and waitress are compared where they are installed.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPException
from importlib.util import find_spec
from pathlib import Path

from benchmarks.installation import PARAGRAPH, machine
from benchmarks.reading import POSTS, Site, wrk
from newsletter import server
from tests.support.processes import end, free_port, start, wait_for_port
from tests.support.product import ROOT, Product
from tests.support.sockets import open_connections, request_head

WSGI = "newsletter.wsgi:application"
FORM = request_head("POST", "/subscribe/", "Content-Type: application/x-www-form-urlencoded", "Content-Length: 1000")
PICTURE = "/media/abc/picture.png"
KINDS = {
    "no byte": b"",
    "half a head": b"GET / HTTP/1.1\r\nHo",
    "half a form": FORM + b"email=a",
    "unread picture": request_head("GET", PICTURE),
}


def commands(port: int) -> dict[str, list[str]]:
    granian = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port), "--no-ws"]
    gunicorn = [sys.executable, "-m", "gunicorn", "--no-control-socket", "-b", f"127.0.0.1:{port}", "-k", "gthread"]
    waitress = [sys.executable, "-m", "waitress", f"--listen=127.0.0.1:{port}", "--connection-limit=5000"]
    found = {"ours": server.command("127.0.0.1", port)}
    found |= {f"wsgi-{threads}": [*granian, "--blocking-threads", str(threads), WSGI] for threads in (1, 2, 32, 256)}
    if find_spec("gunicorn"):
        found["gunicorn-256"] = [*gunicorn, "--threads", "256", WSGI]
    if find_spec("waitress"):
        found["waitress-2"] = [*waitress, "--threads", "2", WSGI]
    return found


class Server(Site):
    """One of the servers, in front of the same installation."""

    def __init__(self, made: Product, name: str) -> None:
        self.made, self.port, self.name = made, free_port(), name
        log = made.logs / f"{name}.log"
        env = made.env | {"SITE_URL": f"http://127.0.0.1:{self.port}"}
        self.process = start(commands(self.port)[name], log=log, env=env, cwd=ROOT)
        made.running[name] = self.process
        wait_for_port(self.port, self.process, log=log)

    def rate(self, path: str) -> float:
        before = self.cpu()
        done, _ = wrk(f"http://127.0.0.1:{self.port}{path}", seconds=1, connections=16)
        return done / (self.cpu() - before)

    def memory_mb(self) -> float:
        texts = [Path(f"/proc/{pid}/status").read_text() for pid in dict.fromkeys(self.pids())]
        return sum(int(line.split()[1]) for text in texts for line in text.splitlines() if "VmRSS" in line) / 1024

    def wait_ms(self, path: str) -> float | None:
        """Return the median of twenty tries; None as soon as one fails."""
        times = []
        for _ in range(20):
            began = time.perf_counter()
            line = HTTPConnection("127.0.0.1", self.port, timeout=3)
            try:
                line.request("GET", path, headers={"Host": "localhost"})
                line.getresponse().read()
            except (OSError, HTTPException):
                return None
            finally:
                line.close()
            times.append(time.perf_counter() - began)
        return statistics.median(times) * 1000


@contextmanager
def installation() -> Iterator[tuple[Product, str]]:
    folder = Path(tempfile.mkdtemp(prefix="newsletter-benchmark-"))
    made = Product(folder / "product")
    try:
        made.migrate()
        post: str = made.shell(POSTS.format(posts=50, body="\n\n".join([PARAGRAPH] * 25)))
        made.manage("collectstatic", "--no-input", "-v", "0")
        picture = made.data / PICTURE.lstrip("/")
        picture.parent.mkdir(parents=True)
        picture.write_bytes(os.urandom(9_000_000))
        yield made, post
    finally:
        made.kill()
        shutil.rmtree(folder, ignore_errors=True)


def measure_rates(made: Product, names: list[str], post: str, rounds: int) -> None:
    servers = [Server(made, name) for name in names]
    rates: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds + 1):
        for one in servers:
            rate = one.rate(post)
            rates[one.name] += [rate] if number else []  # the first one warms it up
    for name in names:
        print(f"{name:13}  {statistics.median(rates[name]):6.0f} requests per CPU s")
    made.kill()


def measure_silence(made: Product, name: str, post: str, connections: int) -> None:
    one = Server(made, name)
    one.wait_ms(post)
    with ExitStack() as stack:
        for kind, sent in {"": None, **KINDS}.items():
            if sent is not None:
                stack.enter_context(open_connections(connections, one.port, sent, window_bytes=4096))
            waits = [one.wait_ms(path) for path in ("/healthz", post)]
            output = "  ".join(f"{wait:6.1f} ms" if wait else "        -" for wait in waits)
            print(f"{name:13}  {kind:15}  {output}  {one.memory_mb():4.0f} MB", flush=True)
        began = time.monotonic()
        end(made.running.pop(name))
        print(f"{name:13}  stopped after {time.monotonic() - began:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--servers", default=",".join(commands(0)))
    options = parser.parse_args()
    names = options.servers.split(",")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536), most))
    print(machine())
    with installation() as (made, post):
        if options.rounds:
            measure_rates(made, names, post, options.rounds)
        for name in names:
            try:
                measure_silence(made, name, post, options.connections)
            except (OSError, subprocess.SubprocessError) as error:
                print(f"{name:13}  takes no more connections: {error}")


if __name__ == "__main__":
    main()
