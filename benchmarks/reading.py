"""The readers' pages under load, against what the same server can do at all. Needs wrk (Debian: wrk).

    uv run --dev python -m benchmarks.reading [--engine sqlite|servers] [--posts 5000] [--seconds 5] [--connections 16]

page      a post of 2,500 characters, and the home page, archive and search, warm
one line  a view that returns one word, through the same server and the same middleware
static    the script of the pages, a file that the same server serves

What a page costs that is made anew: benchmarks.anew. The server is one process, of
which docs/deploy.md runs several. Rates are requests a second of CPU of the web process, so that a second process
on the machine does not count; p99 is in milliseconds of wall time. A Ghost 6 post page takes 84 requests per CPU
second.
"""

import argparse
import gzip
import re
import shutil
import subprocess
import tempfile
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from benchmarks.end_to_end import children, cpu_seconds
from benchmarks.installation import PARAGRAPH, machine
from newsletter import server
from tests.support.postgres import Postgres
from tests.support.processes import free_port, pids_with_variable, start, wait_for_port
from tests.support.product import ROOT, Product
from tests.support.redis import Redis

GHOST = 84  # requests per CPU second of a post page

POSTS = """
from datetime import timedelta
from django.utils import timezone
from newsletter.issues.models import Issue, IssueItem
from newsletter.posts.models import Post, Tag

now = timezone.now()
tags = [Tag.objects.create(name=f"標籤{{n}}", slug=f"tag{{n}}") for n in range(50)]
posts = Post.objects.bulk_create(
    Post(title=f"第 {{n}} 篇：管理槓桿", words="leverage", body={body!r}, published_at=now - timedelta(hours=n + 1))
    for n in range({posts})
)
Post.tags.through.objects.bulk_create(
    Post.tags.through(post=post, tag=tags[(n + k) % 50]) for n, post in enumerate(posts) for k in (0, 7)
)
issues = Issue.objects.bulk_create(
    Issue(number=n + 1, subject=f"第 {{n + 1}} 期", introduction="大家好。", sent_at=now - timedelta(days=14 * n))
    for n in range({posts} // 10)
)
IssueItem.objects.bulk_create(
    IssueItem(issue=issue, post=posts[n * 10 + k]) for n, issue in enumerate(issues) for k in range(3)
)
answer = posts[0].get_absolute_url()
"""


def wrk(url: str, *, seconds: int, connections: int) -> tuple[int, float]:
    """Return requests answered and the 99th percentile of their times in milliseconds."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-H", "Accept-Encoding: gzip", url]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "Non-2xx" not in output, output
    done, p99 = re.search(r"(\d+) requests in", output), re.search(r"99%\s+([\d.]+)(us|ms|s)", output)
    assert done, output
    assert p99, output
    return int(done[1]), float(p99[1]) * {"us": 0.001, "ms": 1, "s": 1000}[p99[2]]


class Site:
    """A web server process of an installation, and what it has spent."""

    def __init__(self, made: Product, application: str) -> None:
        self.made, self.port = made, free_port()
        log = made.logs / f"{application}.log"
        env = made.env | {"SITE_URL": f"http://127.0.0.1:{self.port}"}
        command = server.command("127.0.0.1", self.port, application=application)
        self.process = start(command, log=log, env=env, cwd=ROOT)
        wait_for_port(self.port, self.process, log=log)
        made.running[application] = self.process

    def pids(self) -> list[int]:
        ours = pids_with_variable("DATA_DIR", str(self.made.data))
        return [pid for pid in ours if str(self.port).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()] + [
            child for child in children(self.process.pid) if child in ours
        ]

    def get(self, path: str) -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers={"Accept-Encoding": "gzip"})
        with urllib.request.urlopen(request) as response:
            octets: bytes = response.read()
        return octets

    def cpu(self) -> float:
        return cpu_seconds(list(dict.fromkeys(self.pids())))

    def load(self, path: str, *, seconds: int, connections: int) -> tuple[float, float]:
        """Return requests per CPU second and the 99th percentile in milliseconds, when warm."""
        self.get(path)
        before = self.cpu()
        done, p99 = wrk(f"http://127.0.0.1:{self.port}{path}", seconds=seconds, connections=connections)
        return done / (self.cpu() - before), p99


def measure(options: argparse.Namespace, made: Product) -> None:
    post: str = made.shell(POSTS.format(posts=options.posts, body="\n\n".join([PARAGRAPH] * 25)))
    made.manage("rebuild_search")
    made.manage("collectstatic", "--no-input", "-v", "0")
    limits = {"seconds": options.seconds, "connections": options.connections}
    bare = Site(made, "benchmarks.one_line:application")
    ceiling, p99 = bare.load("/one-line/", **limits)
    print(f"{'one line':14}  {ceiling:7.0f} requests per CPU s  p99 {p99:6.2f} ms")
    site = Site(made, "newsletter.rsgi:application")
    script = re.search(rb'data-src="(/static/[^"]*)"', _plain(site.get(post)))
    assert script
    pages = {"post": post, "home": "/", "archive": "/issues/", "posts": "/posts/", "feed": "/feed.xml"}
    for name, path in (pages | {"static": script[1].decode()}).items():
        rate, p99 = site.load(path, **limits)
        size = len(site.get(path)) / 1000
        print(
            f"{name:14}  {rate:7.0f} requests per CPU s  p99 {p99:6.2f} ms  {size:5.1f} KB"
            f"  {rate / ceiling:4.2f} of one line  {rate / GHOST:5.1f} x Ghost"
        )


def _plain(octets: bytes) -> bytes:
    return gzip.decompress(octets) if octets[:2] == b"\x1f\x8b" else octets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=["sqlite", "servers"], default="sqlite")
    parser.add_argument("--posts", type=int, default=5000)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    print(machine())
    folder = Path(tempfile.mkdtemp(prefix="newsletter-benchmark-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        urls: dict[str, str] = {}
        if options.engine == "servers":
            redis, postgres = Redis(), Postgres()
            for server in (redis, postgres):
                stack.callback(server.stop)
                server.start()
            urls = {"database_url": postgres.new_database(), "redis_url": redis.url}
        made = Product(folder / "product", **urls)
        stack.callback(made.kill)
        made.migrate()
        measure(options, made)


if __name__ == "__main__":
    main()
